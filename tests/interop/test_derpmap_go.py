"""Maps and policies, as programs of the original take them (Tailscale's HuJSON parser, Headscale), and of a derper."""

from __future__ import annotations

import base64
import json
import os
import random
import subprocess
import urllib.request
from pathlib import Path

import pytest

from support import require
from support.headscale import running_headscale
from support.made_maps import POLICY
from support.ports import free_ports
from support.relay_process import until
from support.server_process import ServerProcess
from tailhub.cli.app import run
from tailhub.tailcfg.hujson import HuJSONError, parse

pytestmark = pytest.mark.go

SOURCE = Path(__file__).parent / "gohujson"
BUILD_LIMIT_S = 600.0
LIMIT_S = 60.0
VARIANTS = 6000

# fmt: off
TEXTS = [
    "", " ", "{}", "[]", "{,}", "[,]", "[1,]", "[1,,]", '{"a":1,}', '{"a":1,,}', '{"a":1 "b":2}', "{}{}", "{} //",
    "{} //\n", "/* a */ {} /* b */", "/* a", "/*/ {}", "{} /**/", "// a\n{}", "//\r\n{}", "{}//\r", "{'a': 1}",
    "{a: 1}", '{"a": \'b\'}', "0", "-0", "01", "1.", ".5", "+1", "1e3", "1E+3", "1e", "0x10", "1_000", "-", "--1",
    "NaN", "Infinity", "-Infinity", "true", "True", "nul", "null", "truefalse", "undefined", '"a\\u00e9"', '"a\\x41"',
    '"\\ud800"', '"\\u12"', '"\t"', '"a\nb"', "\ufeff{}", "{}\ufeff", "\u00a0{}", "{\u3000}", "\u2028{}", "\x0b{}",
    "\x0c{}", "{}\x00", '{"a": 1; }', "{“a”: 1}", '{"a"： 1}', '{"a": 1， }', "[1, 2", '{"a"', '{"a":', '{"a": }',
    "{1: 2}", "{null: 1}", '{"a": 1}}', "]", '"a" "b"', "# a\n{}", '{"a": 1, "a": 2}', '{"a": "\\/"}', '{"a": `b`}',
    "[1 /* x */, // y\n]", "[/* x */]", "{/* x */}", "[1,/* x */]", "/**//**/1", "1/", "1 /", '"\x7f"',
]
# fmt: on
BYTES = [b'"\xff"', b'{"\xff": 1}', b"// \xff\n{}", b"/* \xff */{}", b"\xff{}", b'"\xed\xa0\x80"', b'"\xc3"', b"{}\xff"]
PIECES = [*"{}[]:,\"\\/*'\t\r\n 019-.eE", "//", "/*", "*/", "true", "null", "“", "，", "\u00a0", "\ufeff", "中", "\x00"]


@pytest.fixture(scope="module")
def gohujson(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, built outside the source tree."""
    go = require.go()
    program = tmp_path_factory.mktemp("gohujson") / "gohujson"
    built = subprocess.run(
        (go, "build", "-o", str(program), "."),
        cwd=SOURCE,
        env=os.environ | {"GOFLAGS": "-mod=readonly", "GOWORK": "off"},
        capture_output=True,
        text=True,
        timeout=BUILD_LIMIT_S,
        check=False,
    )
    if built.returncode:
        require.missing("go", f"Go or the module of gohujson cannot be had: {built.stderr.strip()[-300:]}")
    return program


def variants() -> list[bytes]:
    """The policy of the specification with a few small changes each, the same ones every time."""
    choose = random.Random(8)
    found = []
    for _ in range(VARIANTS):
        text = POLICY
        for _ in range(choose.choice((1, 1, 1, 2, 3))):
            at = choose.randrange(len(text))
            text = text[:at] + choose.choice(("", *PIECES)) + text[at + choose.choice((0, 1, 1, 2)) :]
        found.append(text.encode("utf-8", "surrogateescape"))
    return found


def ours(data: bytes) -> tuple[bool, object]:
    """Do we take it, and what does it mean?"""
    try:
        return True, parse(data).plain()
    except HuJSONError:
        return False, None


def test_exactly_hujson_is_taken(gohujson: Path) -> None:
    """What Tailscale's parser takes means the same here, and what it refuses is refused, so nothing of JSON5."""
    documents = [*(text.encode("utf-8", "surrogateescape") for text in TEXTS), *BYTES, *variants()]
    given = b"".join(base64.b64encode(one) + b"\n" for one in documents)
    done = subprocess.run((str(gohujson),), input=given, capture_output=True, timeout=LIMIT_S, check=True)
    answers = done.stdout.decode().splitlines()
    assert len(answers) == len(documents)
    taken = 0
    for data, answer in zip(documents, answers, strict=True):
        is_taken, value = ours(data)
        assert is_taken is answer.startswith("ok"), (data, answer)
        if is_taken:
            plain = base64.b64decode(answer.removeprefix("ok "))
            assert value == json.loads(plain.decode("utf-8", "surrogateescape")), data
            taken += 1
    assert VARIANTS // 4 < taken < VARIANTS  # else the changes are too many or too few to tell anything


def test_a_derper_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its map is made with the pin that derper prints itself, and then has no fault."""
    program, port = require.go_program("derper"), free_ports(1)
    command = (
        *(program, "-a", f"127.0.0.1:{port}", "-hostname", "127.0.0.1", "-http-port", "-1", "-stun=false"),
        *("-certmode", "manual", "-certdir", str(tmp_path), "-c", str(tmp_path / "derper.key")),
    )
    derper = ServerProcess(command, tmp_path / "log", environ=dict(os.environ))
    path = tmp_path / "map.json"

    def is_made() -> bool:
        return "sha256-raw:" in derper.log() and run(["derpmap", "make", f"127.0.0.1:{port}", "--json"]) == 0

    try:
        derper.wait_until(is_made, "derper answers")
        path.write_text("{" + capsys.readouterr().out.partition("{")[2], encoding="utf-8")
        (region,) = json.loads(path.read_text(encoding="utf-8"))["Regions"].values()
        (node,) = region["Nodes"]
        assert (node["HostName"], node["DERPPort"]) == ("127.0.0.1", port)
        assert node["CertName"] in derper.log()
        assert run(["derpmap", "lint", str(path), "--ask", "--json"]) == 0
        codes = [one["code"] for one in json.loads(capsys.readouterr().out)["findings"]]
        assert codes == ["TH487"]  # a pin
    finally:
        derper.stop()


def test_headscale_reads_what_was_changed_in_place(tmp_path: Path) -> None:
    """A file with comments of its own, a region added, another renumbered, a port set, one taken out."""
    require.go_program("headscale")
    yaml = tmp_path / "derp.yaml"
    yaml.write_text(
        "# ours\nregions:\n  900: # home\n    regionid: 900\n    regioncode: home\n    regionname: Home\n    nodes:\n"
        "      - name: 900a\n        regionid: 900\n        hostname: a.example # the first\n\n  901:\n"
        "    regionid: 901\n    regioncode: old\n    regionname: Old\n    nodes:\n"
        "      - name: 901a\n        regionid: 901\n        hostname: b.example\n",
        encoding="utf-8",
    )
    for words in (
        ("add", str(yaml), "--host-name", "c.example", "--region-id", "950", "--stun-port", "-1"),
        ("remove", str(yaml), "old"),
        ("set", str(yaml), "home", "--derp-port", "8443", "--stun-port", "3479"),
        ("set", str(yaml), "home", "--region-id", "910"),
    ):
        assert run(["derpmap", *words]) == 0
    assert yaml.read_text(encoding="utf-8").startswith("# ours\nregions:\n  910: # home\n")
    with running_headscale(tmp_path, free_ports(), [], [str(yaml)]) as headscale:
        page = urllib.request.Request(f"http://{headscale.metrics}/debug/derp", headers={"Accept": "application/json"})

        def ask() -> dict[str, dict[str, object]] | None:
            try:
                with urllib.request.urlopen(page, timeout=LIMIT_S) as answer:
                    regions: dict[str, dict[str, object]] = json.load(answer)["regions"]
                    return regions
            except OSError:
                return None

        regions = until(ask, "headscale shows its DERP map", headscale.log)
    assert {name: region["nodes"] for name, region in regions.items()} == {
        "910": [{"name": "900a", "hostname": "a.example", "derp_port": 8443, "stun_port": 3479}],
        "950": [{"name": "950a", "hostname": "c.example", "derp_port": 443, "stun_port": -1}],
    }
