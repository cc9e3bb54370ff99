"""``tailhub netcheck`` against relays that run, and against maps and networks that are not as they should be.

| what is wrong | how it is made | code |
| --- | --- | --- |
| nothing answers | closed ports | TH510 |
| the home answers STUN and does not relay | a running relay's STUN beside a closed TCP port; a wrong pin | TH511 |
| a region's STUN is silent, another's is not | a UDP port that nobody reads | TH512 |
| UDP is blocked | the same for all regions | TH514 |

That a NAT's mapping varies (TH513) takes a NAT: ``tests/interop/test_netcheck_go.py``.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.how_to import blocks_for, command_lines
from support.ports import free_ports
from support.relay_process import RelayProcess
from support.terminal import CURSOR_SHOWN, Terminal
from tailhub.box import public_key
from tailhub.cli.app import run
from tailhub.tailcfg.derpmap import from_plain
from tailhub.tools.netcheck.look import RELAYS_AT_A_TIME, Options, look
from tailhub.tools.netcheck.seen import TroubleKind
from tailhub.tools.own_key import own_key

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a relay runs on POSIX systems")

QUICK = ("--timeout", "1s", "--lang", "en")


@pytest.fixture(scope="module")
def relay() -> Iterator[RelayProcess]:
    with RelayProcess("--address", "127.0.0.1") as process:
        yield process


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the tools keep their key."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state-home"))


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A UDP port that takes everything and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


def region(number: int, *nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    named = [{"Name": f"{number}{chr(97 + index)}", "RegionID": number, **node} for index, node in enumerate(nodes)]
    return {"RegionID": number, "RegionCode": f"r{number}", "RegionName": f"Region {number}", "Nodes": named, **more}


def node_of(relay: RelayProcess, **more: Any) -> dict[str, Any]:
    node = {name: value for name, value in relay.node().items() if name not in ("Name", "RegionID")}
    return node | {"IPv6": "none"} | more


@contextmanager
def map_file(directory: Path, *regions: dict[str, Any], **more: Any) -> Iterator[str]:
    path = directory / "map.json"
    path.write_text(json.dumps({"Regions": {str(one["RegionID"]): one for one in regions}, **more}))
    yield str(path)


def check(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = run(["netcheck", *QUICK, *words])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def full(capsys: pytest.CaptureFixture[str], directory: Path, *regions: dict[str, Any], **more: Any) -> dict[str, Any]:
    with map_file(directory, *regions, **more) as path:
        code, out, err = check(capsys, "--map", path, "--json-full")
    found: dict[str, Any] = json.loads(out)
    assert err == ""
    assert code == any(finding["severity"] == "error" for finding in found["findings"])
    return found


def codes(found: dict[str, Any]) -> list[str]:
    return [finding["code"] for finding in found["findings"]]


def test_the_running_relay(relay: RelayProcess, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a map the running relay's own is looked at: every column has a time, and nothing is found."""
    code, out, err = check(capsys, "--state-dir", str(relay.state_dir))
    (line,) = [line for line in out.splitlines() if line.lstrip().startswith("→")]
    assert (code, err) == (0, ""), out + err
    assert re.fullmatch(r"[\d.,]+ ·( [\d.,]+){4}", " ".join(line.split()[-6:])), line  # it has no IPv6
    assert "nearest of those that answered" in out
    assert "none: relays see this machine's own address" in out


def test_chinese(relay: RelayProcess, capsys: pytest.CaptureFixture[str]) -> None:
    """The same in Chinese, where a character is two columns wide: the lines of the table have equal widths."""
    code = run(["netcheck", "--timeout", "1s", "--lang", "zh", "--state-dir", str(relay.state_dir)])
    out = capsys.readouterr().out
    assert code == 0
    assert "本机的中继" in out
    assert "在应答的区域中延迟最低" in out
    assert "TCP、TLS 和登录均从第一个数据包算起" in out


@pytest.mark.parametrize("columns", [60, 80])
def test_a_small_terminal(columns: int, relay: RelayProcess, tmp_path: Path) -> None:
    """The table has all its columns, and no line is longer than the terminal."""
    with map_file(tmp_path, region(912, node_of(relay))) as path:
        # By a short name: it is in the title whole, however long it is.
        start = f'cd {shlex.quote(str(tmp_path))} && exec "$@"'
        words = ["/bin/sh", "-c", start, "sh", sys.executable, "-m", "tailhub"]
        words += ["netcheck", "--map", Path(path).name, *QUICK]
        # What runs tests side by side says how wide its own terminal would be.
        environ = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        with Terminal(words, environ | {"TERM": "xterm"}, columns=columns) as terminal:
            assert terminal.wait() == 0
            shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.written).splitlines()
    (heads,) = [line.split() for line in shown if "login" in line and "relay" in line]
    assert heads[-4:] == ["TCP", "TLS", "login", "ping"]
    assert [line for line in shown if len(line) > columns] == []


def test_json(relay: RelayProcess, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing but the report goes to standard output."""
    code, out, err = check(capsys, "--state-dir", str(relay.state_dir), "--json")
    report = json.loads(out)
    assert (code, err) == (0, "")
    number = report["PreferredDERP"]
    assert report["RegionLatency"] == report["RegionV4Latency"] == {str(number): report["RegionLatency"][str(number)]}
    assert report["GlobalV4"].startswith("127.0.0.1:")


def test_several_regions(relay: RelayProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A score makes another region the choice; a client whose home is one of two near ones stays there."""
    regions = (region(1, node_of(relay)), region(2, node_of(relay)))
    found = full(capsys, tmp_path, *regions, HomeParams={"RegionScore": {"2": 0.0001}})
    assert (found["choice"]["region"], codes(found)) == (2, [])
    with map_file(tmp_path, *regions) as path:
        _, out, _ = check(capsys, "--map", path, "--home", "r1", "--json-full")
        assert json.loads(out)["choice"]["region"] == 1
        _, out, _ = check(capsys, "--map", path, "--region", "Region 2", "--json-full")
        assert [one["name"] for one in json.loads(out)["relays"]] == ["2a"]


@pytest.mark.parametrize("option", ["--region", "--home"])
def test_an_unknown_region(
    option: str, relay: RelayProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A region that the map does not have is wrong usage, and those that it has are named."""
    with map_file(tmp_path, region(7, node_of(relay))) as path:
        code, _, err = check(capsys, "--map", path, option, "nowhere")
    assert code == 2
    assert "7 (r7)" in err


def test_no_time_to_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Is a wrong usage: no relay could."""
    with map_file(tmp_path, region(912, {"HostName": "127.0.0.1"})) as path:
        code, _, err = check(capsys, "--map", path, "--timeout", "0")
    assert code == 2
    assert "--timeout" in err


def test_a_name_instead_of_addresses(relay: RelayProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without addresses in the map the name is looked up."""
    found = full(capsys, tmp_path, region(1, node_of(relay, HostName="localhost", IPv4="")))
    (seen,) = found["relays"]
    assert seen["address"] == "127.0.0.1"
    assert seen["stun_v4"]["latency_ns"] > 0


def test_a_home_that_does_not_relay(relay: RelayProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """STUN that answers for a relay whose port is closed makes it everybody's home and is an error."""
    found = full(capsys, tmp_path, region(1, node_of(relay, DERPPort=free_ports())))
    assert codes(found) == ["TH511"]
    assert found["choice"]["region"] == 1
    assert found["relays"][0]["trouble"]["kind"] == "refused"


def test_a_wrong_pin(relay: RelayProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """So does a certificate that clients reject; a pin that none could have is no crash."""
    for pin in ("sha256-raw:" + "0" * 64, "sha256-raw:short"):
        found = full(capsys, tmp_path, region(1, node_of(relay, CertName=pin)))
        assert codes(found) == ["TH511"]
        trouble = found["relays"][0]["trouble"]
        assert (trouble["step"], trouble["kind"]) == ("tls", "certificate")


def test_stun_is_silent(
    relay: RelayProcess, silent_port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A region without STUN beside one with it is a warning; without STUN anywhere clients choose by HTTPS."""
    silent = region(2, node_of(relay, STUNPort=silent_port))
    found = full(capsys, tmp_path, region(1, node_of(relay)), silent)
    assert (found["choice"]["region"], codes(found)) == (1, ["TH512"])
    found = full(capsys, tmp_path, silent)
    assert (found["choice"]["region"], codes(found)) == (2, ["TH514"])
    assert found["report"]["UDP"] is False
    assert found["report"]["RegionLatency"]["2"] > 0
    assert "without UDP, by HTTPS" in found["choice"]["why"]


def test_nothing_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where no relay is there is no choice, and the table says what happened."""
    dead = {"HostName": "127.0.0.1", "IPv4": "127.0.0.1", "IPv6": "none", "STUNPort": -1}
    with map_file(tmp_path, region(1, dead | {"DERPPort": free_ports()})) as path:
        code, out, err = check(capsys, "--map", path)
    assert code == 1
    assert "[TH510]" in err
    assert "TCP: refused" in out
    assert re.search(r"home +none", out)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="ICMP may be for root alone")
def test_a_machine_without_a_relay(tmp_path: Path, silent_port: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Without UDP anywhere clients go by ICMP too, and choose a machine where no relay is."""
    dead = {"HostName": "127.0.0.1", "IPv4": "127.0.0.1", "IPv6": "none", "STUNPort": silent_port}
    found = full(capsys, tmp_path, region(1, dead | {"DERPPort": free_ports()}))
    assert (found["choice"]["region"], codes(found)) == (1, ["TH511", "TH514"])
    assert found["report"]["ICMPv4"] is True


def test_a_relay_that_does_not_know_us(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A relay that lets in its own clients only is no fault: this tool's key is nobody's."""
    allowed = tmp_path / "allowed"
    allowed.write_text("nodekey:" + "ab" * 32 + "\n")
    with (
        RelayProcess("--address", "127.0.0.1", "--allow-list", str(allowed)) as relay,
        map_file(tmp_path, region(1, node_of(relay))) as path,
    ):
        code, out, err = check(capsys, "--map", path)
    assert (code, err) == (0, "")
    assert f"`tailhub allow add {public_key(own_key())}` lets it in" in out


GARBAGE: dict[str, Any] = {
    "Regions": {
        "1": None,
        "2": {"RegionID": 99, "Nodes": [{"Name": "", "HostName": ""}]},
        "3": {"RegionID": 3, "Nodes": None},
        "4": {"RegionID": 4, "Nodes": [{"HostName": "a" * 300 + ".example", "STUNPort": 70000, "DERPPort": 70000}]},
        "5": {"RegionID": 5, "Nodes": [{"HostName": "..", "IPv4": "not an address", "IPv6": "127.0.0.1"}]},
        "6": {"RegionID": -6, "Nodes": [{"HostName": "\u0000", "STUNTestIP": "x", "CertName": "sha256-raw:"}]},
        "7": {
            "RegionID": 7,
            "Nodes": [
                {"Name": "7a\x1b[31m", "HostName": "127.0.0.1", "IPv4": "127.0.0.1", "STUNPort": -5, "DERPPort": -1}
            ],
        },
    }
}


def test_a_map_of_garbage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever stands in a map, there is a table, and nothing in it steers the terminal."""
    path = tmp_path / "map.json"
    path.write_text(json.dumps(GARBAGE))
    code, out, err = check(capsys, "--map", str(path))
    assert code == 1
    assert "[TH510]" in err
    assert "\\x1b[31m" in out
    assert "\x1b" not in out


@pytest.mark.parametrize("text", ["", "{}", '{"Regions": {}}', "[1]", "}{"])
def test_a_map_without_relays(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What has no relay says so, and what is no map is refused with a finding."""
    path = tmp_path / "map.json"
    path.write_text(text)
    code, out, err = check(capsys, "--map", str(path))
    assert "Traceback" not in err
    assert (code == 0 and "There is no relay in this map." in out) or (code == 1 and "[TH4" in err)


def test_many_relays() -> None:
    """Of 30 regions with 5 relays each a few are connected to at a time, however long each takes."""
    open_now = peak = accepted = 0

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now, peak, accepted
        open_now, accepted = open_now + 1, accepted + 1
        peak = max(peak, open_now)
        try:
            await reader.read()
        except OSError:
            pass
        finally:
            open_now -= 1
            writer.close()

    async def scenario() -> None:
        server = await asyncio.start_server(hang, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        node = {"HostName": "127.0.0.1", "IPv4": "127.0.0.1", "IPv6": "none", "STUNPort": -1, "DERPPort": port}
        regions = {str(number): region(number, *[node] * 5) for number in range(1, 31)}
        progress: list[tuple[int, int]] = []
        async with server:
            seen = await look(
                from_plain({"Regions": regions}),
                Options(timeout_s=0.05),
                lambda done, total: progress.append((done, total)),
            )
        assert len(seen.nodes) == 150
        assert {node.trouble.kind for node in seen.nodes if node.trouble} == {TroubleKind.TIMEOUT}
        assert progress == [(number, 300) for number in range(301)]

    asyncio.run(scenario())
    assert accepted == 300  # of each relay: one for TCP, one for TLS
    assert 1 < peak <= 2 * RELAYS_AT_A_TIME  # a connection that we have ended may be noticed a little later


def test_silent_relays_do_not_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long one may take, the next ones begin: all are waited for at once."""
    monkeypatch.setattr(sys.modules[look.__module__], "TURN_S", 0.01)
    count = 3 * RELAYS_AT_A_TIME

    async def scenario() -> None:
        silent: list[asyncio.StreamWriter] = []
        all_wait = asyncio.Event()

        async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if await reader.read(1):  # TLS has begun
                silent.append(writer)
                if len(silent) == count:
                    all_wait.set()

        async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            node = {"HostName": "127.0.0.1", "IPv4": "127.0.0.1", "IPv6": "none", "STUNPort": -1, "DERPPort": port}
            regions = {str(number): region(number, *[node] * 3) for number in range(1, RELAYS_AT_A_TIME + 1)}
            looking = asyncio.create_task(look(from_plain({"Regions": regions}), Options(timeout_s=20.0)))
            await asyncio.wait_for(all_wait.wait(), 20.0)
            for writer in silent:
                writer.close()
            seen = await looking
        assert {node.trouble.step for node in seen.nodes if node.trouble} == {"tls"}

    asyncio.run(scenario())


def test_interrupted(tmp_path: Path, silent_port: int) -> None:
    """Ctrl-C ends it at once, without a traceback, and the terminal is as before."""
    dead = {"HostName": "127.0.0.1", "IPv4": "127.0.0.1", "IPv6": "none", "STUNPort": silent_port}
    with map_file(tmp_path, region(1, dead)) as path:
        words = [sys.executable, "-m", "tailhub", "netcheck", "--map", path, "--timeout", "20m", "--lang", "en"]
        with Terminal(words, dict(os.environ) | {"TERM": "xterm"}) as terminal:
            terminal.read_until("0/2")
            terminal.press("\x03")
            assert terminal.wait() == 130
            assert "Traceback" not in terminal.written
            assert terminal.modes == terminal.before
            assert terminal.written.rfind("\x1b[?25l") < terminal.written.rfind(CURSOR_SHOWN)


def test_the_commands_of_the_page(
    relay: RelayProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each command of the how-to page does what the page says, beside a relay and a Tailscale client."""
    monkeypatch.chdir(tmp_path)
    with map_file(tmp_path, region(912, node_of(relay)), region(913, node_of(relay))) as path:
        derp_map = Path(path).read_text()
    (tmp_path / "policy.hujson").write_text(f'// my policy\n{{"derpMap": {derp_map},}}\n')
    program = tmp_path / "bin" / "tailscale"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\ncase $1 in\ndebug) cat {path};;\nstatus) echo \'{{"Self": {{"Relay": "r913"}}}}\';;\nesac\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    monkeypatch.setenv("STATE_DIRECTORY", str(relay.state_dir))
    printed = {}
    for block in blocks_for(__file__, "choosing.md"):
        for words in command_lines(block):
            assert run(words) == 0, words
            printed[" ".join(words)] = capsys.readouterr().out
    assert "regions: 1 " in printed["netcheck"]
    assert "home     913 (r913) Region 913" in printed["netcheck --map tailnet"]
    assert "913" not in printed["netcheck --map policy.hujson --region 912"]
    assert "home     912 (r912) Region 912" in printed["netcheck --map policy.hujson --home 912"]
    full = json.loads(printed["netcheck --map policy.hujson --json-full"])
    assert full["report"].keys() == json.loads(printed["netcheck --map policy.hujson --json"]).keys()
