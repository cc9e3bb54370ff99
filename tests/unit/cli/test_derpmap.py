"""``tailhub derpmap`` with its commands, on files. With relays: ``tests/integration/test_derpmap.py``."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from support.made_maps import POLICY
from tailhub.cli.app import run
from tailhub.tailcfg.map_edit import HUJSON, YAML, map_in

PIN = "sha256-raw:" + 64 * "a"


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    """A locale that says English, and an empty home."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The policy of the specification, in the current directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "policy.hujson"
    path.write_bytes(POLICY.encode())
    return path


def text_of(path: Path) -> str:
    """What a file has."""
    return path.read_bytes().decode()


class StandardInput:
    """Standard input with these bytes."""

    def __init__(self, data: str) -> None:
        self.buffer = io.BytesIO(data.encode())


def test_a_sound_policy(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Is said to be one, with code 0."""
    assert run(["derpmap", "lint", policy.name]) == 0
    assert capsys.readouterr().out == "tailhub derpmap lint   policy.hujson   nothing is wrong\n"


def test_a_fault_is_shown_where_it_stands(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The place, the line with a caret below, and what to paste; code 1 for an error."""
    policy.write_text(POLICY.replace("derp.example.com", "derp.example.com:8443"), encoding="utf-8")
    assert run(["derpmap", "lint", policy.name]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "tailhub derpmap lint   policy.hujson   errors: 1"
    assert lines[2] == "policy.hujson:20:27"
    assert lines[3].endswith('"HostName":         "derp.example.com:8443",')
    assert lines[4].index("^") == lines[3].index('"derp.')
    assert lines[5].startswith("BROKEN   HostName of node 912a of region 912 has a port in it, derp.example.com:8443")
    command = "tailhub derpmap set policy.hujson 912 --node 912a --host-name derp.example.com --derp-port 8443"
    assert command in [line.strip() for line in lines]
    assert run([*command.split()[1:]]) == 0
    assert text_of(policy) == POLICY


def test_warnings_alone_are_no_error(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Code 0; in Chinese if that was asked for."""
    policy.write_text(POLICY.replace("false, //", "true, //"), encoding="utf-8")
    assert run(["derpmap", "lint", policy.name, "--lang", "zh"]) == 0
    assert "警告 1" in capsys.readouterr().out


def test_lint_for_programs(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each finding with line, column, code, values and texts."""
    policy.write_text(POLICY.replace("3478,", "3478，"), encoding="utf-8")
    assert run(["derpmap", "lint", policy.name, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["errors"], found["warnings"], found["form"]) == (1, 0, "hujson")
    (one,) = found["findings"]
    assert (one["line"], one["code"], one["values"]["found"]) == (19, "TH467", "，")
    assert one["remedy"]


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """By its name -; what is no map has a code."""
    monkeypatch.setattr("sys.stdin", StandardInput('{"acls": []}'))
    assert run(["derpmap", "lint", "-", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["code"] == "TH462"


def test_a_region_is_added_and_removed(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By flags alone; what changes is shown, and the file is what it was at the end."""
    words = ["derpmap", "add", policy.name, "--host-name", "b.example", "--derp-port", "8443", "--region-code", "b"]
    assert run([*words, "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert '"HostName": "b.example",' in [line.lstrip("+ ") for line in shown.splitlines()]
    assert "nothing was (--dry-run)" in shown
    assert text_of(policy) == POLICY
    assert run(words) == 0
    regions = map_in(HUJSON, text_of(policy)).regions
    assert len(regions) == 2
    assert run(["derpmap", "remove", policy.name, "b"]) == 0
    assert text_of(policy) == POLICY


def test_a_score_goes_with_its_region(policy: Path) -> None:
    """Into HomeParams, and out of it by an empty value."""
    assert run(["derpmap", "add", policy.name, "--host-name", "b.example", "--score", "2", "--region-id", "950"]) == 0
    params = map_in(HUJSON, text_of(policy)).home_params
    assert params is not None
    assert params.region_score == {950: 2}
    assert run(["derpmap", "set", policy.name, "950", "--score", ""]) == 0
    assert '"950": 2' not in text_of(policy)


def test_fields_are_set_in_place(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the region and of its node, several at once; with the pin that the screen of doctor offers."""
    assert (
        run(["derpmap", "set", policy.name, "912", "--cert-name", PIN, "--region-code", "家", "--derp-port", ""]) == 0
    )
    expected = POLICY.replace('"home_relay"', '"家"')
    expected = expected.replace('\t\t\t\t\t\t"DERPPort":         8443, // 自己的端口号\n', "")
    line = '"InsecureForTests": false, // true only while trying things out\n'
    expected = expected.replace(line, f'{line}\t\t\t\t\t\t"CertName":         "{PIN}",\n')
    assert text_of(policy) == expected
    assert "policy.hujson is written." in capsys.readouterr().out
    assert run(["derpmap", "set", policy.name, "912", "--cert-name", PIN]) == 0
    assert capsys.readouterr().out == "policy.hujson is as it should be already.\n"


def test_what_was_set_may_have_a_limit(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Which is said behind it, in the language that was asked for; so is why something cannot be done."""
    assert run(["derpmap", "set", policy.name, "912", "--score", "1000", "--avoid", "true"]) == 0
    error = capsys.readouterr().err
    assert "Headscale 0.29.2 drops it" in error
    assert "clients whose home is there already stay" in error
    assert run(["derpmap", "remove", policy.name, "999", "--lang", "zh"]) == 1
    assert "没有区域 999（现有：912）" in capsys.readouterr().err


def test_a_region_gets_another_number(policy: Path) -> None:
    """Everywhere at once."""
    assert run(["derpmap", "set", policy.name, "home_relay", "--region-id", "950"]) == 0
    assert text_of(policy) == POLICY.replace('"912":', '"950":').replace("  912,", "  950,")


def test_the_node_is_to_be_named_where_there_are_several(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Those that there are, are said."""
    node = '{"Name": "912b", "RegionID": 912, "HostName": "b.example"},'
    policy.write_text(POLICY.replace('"Nodes": [', f'"Nodes": [{node}'), encoding="utf-8")
    assert run(["derpmap", "set", policy.name, "912", "--derp-port", "444"]) == 1
    assert "912b, 912a" in capsys.readouterr().err
    assert run(["derpmap", "set", policy.name, "912", "--node", "912c", "--derp-port", "444"]) == 1
    assert run(["derpmap", "set", policy.name, "912", "--node", "912b", "--derp-port", "444"]) == 0
    assert '"HostName": "b.example", "DERPPort": 444}' in text_of(policy)


def test_an_edit_of_standard_input_goes_to_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whole, and nothing else."""
    monkeypatch.setattr("sys.stdin", StandardInput(POLICY))
    assert run(["derpmap", "set", "-", "912", "--derp-port", "444"]) == 0
    assert capsys.readouterr().out == POLICY.replace("8443,", "444,")


def test_regions_of_another_map_are_added(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As they are; one that is there already is not."""
    assert run(["derpmap", "make", "--host-name", "b.example", "--region-id", "950", "--yaml"]) == 0
    other = policy.with_name("derp.yaml")
    other.write_text(capsys.readouterr().out, encoding="utf-8")
    assert run(["derpmap", "add", policy.name, "--from", other.name]) == 0
    assert list(map_in(HUJSON, text_of(policy)).regions) == [912, 950]
    assert run(["derpmap", "add", policy.name, "--from", other.name]) == 1
    assert "there is a region 950 already" in capsys.readouterr().err


def test_a_map_of_flags(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In each form; a number that is taken in another map is not used again."""
    words = ["derpmap", "make", "--host-name", "203.0.113.7", "--cert-name", PIN, "--stun-port", "-1"]
    assert run(words) == 0
    out, error = capsys.readouterr()
    derp_map = map_in(HUJSON, "{" + out + "}")
    (number,) = derp_map.regions
    assert "without STUN clients rarely choose the region" in error
    assert run([*words, "--yaml"]) == 0
    assert map_in(YAML, capsys.readouterr().out) == derp_map
    policy.write_text(POLICY.replace("912", str(number)), encoding="utf-8")
    assert run([*words, "--json", "--beside", policy.name, "--omit-default-regions"]) == 0
    beside = map_in(HUJSON, capsys.readouterr().out)
    assert beside.omit_default_regions
    assert number not in beside.regions


def test_there_and_back_again(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The policy's map as YAML, and from there into the policy: not a byte has changed."""
    assert run(["derpmap", "convert", policy.name, "--to", "yaml"]) == 0
    out, error = capsys.readouterr()
    assert "comments are not carried over" in error
    assert "acls, ssh" in error
    yaml = policy.with_name("derp.yaml")
    yaml.write_text(out, encoding="utf-8")
    assert run(["derpmap", "diff", policy.name, yaml.name]) == 0
    assert run(["derpmap", "convert", yaml.name, "--into", policy.name]) == 0
    assert text_of(policy) == POLICY
    assert run(["derpmap", "set", yaml.name, "912", "--derp-port", "444"]) == 0
    assert text_of(yaml) == out.replace("derpport: 8443", "derpport: 444")
    capsys.readouterr()
    assert run(["derpmap", "convert", yaml.name, "--into", policy.name]) == 0
    assert text_of(policy) == POLICY.replace("8443,", "444,")


def test_what_differs(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By region, node and field, with code 1; also for programs."""
    other = policy.with_name("other.hujson")
    text = POLICY.replace("8443,", "444,").replace('"RegionName": "Home Relay",', "").replace("false, //", "true, //")
    other.write_text(text, encoding="utf-8")
    assert run(["derpmap", "diff", policy.name, other.name]) == 1
    assert capsys.readouterr().out.splitlines() == [
        '~ region 912, RegionName: "Home Relay" → ""',
        "~ region 912, node 912a, DERPPort: 8443 → 444",
        "+ region 912, node 912a, InsecureForTests: true",
    ]
    assert run(["derpmap", "diff", policy.name, other.name, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found[1] == {"region": 912, "node": "912a", "field": "DERPPort", "before": 8443, "after": 444}
    assert run(["derpmap", "diff", policy.name, policy.name]) == 0
    assert capsys.readouterr().out == "No difference.\n"


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        ("derpmap lint", "TH069", "derpmap lint"),
        ("derpmap --json lint x", "TH068", "--json and lint"),
        ("derpmap set policy.hujson 912", "TH069", "expected a field to set"),
        ("derpmap set policy.hujson 912 --derp-port x", "TH069", "expected PORT, found 'x'"),
        ("derpmap set policy.hujson 912 --region-id=", "TH069", "--region-id"),
        ("derpmap lint policy.hujson --region 999", "TH527", "912"),
        ("derpmap make", "TH069", "host name or address"),
        ("derpmap make --json --yaml", "TH068", "--json and --yaml"),
        ("derpmap make a b --ipv4 203.0.113.7", "TH069", "--ipv4"),
        ("derpmap make a/b", "TH069", "expected HOST"),
        ("derpmap add policy.hujson x --from y", "TH068", "--from"),
        ("derpmap convert policy.hujson --to xml", "TH069", "--to xml"),
    ],
)
def test_wrong_usage(policy: Path, words: str, code: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Is one line with a code, and changes nothing."""
    assert run(words.split()) == 2
    error = capsys.readouterr().err
    assert code in error
    assert text in error
    assert text_of(policy) == POLICY
