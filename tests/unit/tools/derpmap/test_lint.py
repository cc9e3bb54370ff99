"""Faults of maps and policies as findings: each of `faults.md`'s rows 15, 30 to 35 and 39 has a code of its own.

All of them are real files here, read as a command reads them. What only a relay can tell (STUN moved, a port that is
absent or mapped) is judged from what was heard, written down here; ``tests/integration/test_derpmap.py`` has relays.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.made_maps import POLICY
from tailhub.findings import CATALOGUE, Severity
from tailhub.tailcfg.derpmap import parse_json
from tailhub.tailcfg.forms import headscale_yaml
from tailhub.tailcfg.map_fault import MapTrouble
from tailhub.tools.derpmap.lint import MapFinding, lint_findings, port_finding
from tailhub.tools.derpmap.ports import PortFault
from tailhub.tools.map_source import MapForm, MapText
from tailhub.tools.target import map_targets

PIN = "sha256-raw:" + 64 * "a"


def edited(old: str, new: str) -> str:
    """The policy of the specification with one text in it changed."""
    assert POLICY.count(old) == 1, old
    return POLICY.replace(old, new)


def findings(text: str, form: MapForm = "hujson", region: str = "") -> list[MapFinding]:
    """What is found in a text."""
    return lint_findings(MapText(text, form, "policy.hujson"), region)


def codes(text: str, form: MapForm = "hujson") -> set[str]:
    """The codes of what is found, without the note that every pin has."""
    return {one.finding.code for one in findings(text, form)} - {"TH487"}


FAULTS = {
    # 15: works, unsafe
    "InsecureForTests left on": (edited('"InsecureForTests": false', '"InsecureForTests": true'), {"TH490"}),
    # 30
    "RegionID missing": (edited('"RegionID":   912,', ""), {"TH470"}),
    "RegionID differs from its key": (edited('"912": {', '"913": {'), {"TH471"}),
    "RegionID differs from its nodes": (edited('"RegionID":         912', '"RegionID":         913'), {"TH473"}),
    "RegionID of a node missing": (edited('"RegionID":         912,', ""), {"TH472"}),
    "RegionID outside 900 to 999": (POLICY.replace("912", "850"), {"TH474"}),
    "RegionID of an official one": (POLICY.replace("912", "12"), {"TH475"}),
    # 31; STUN moved and DERPPort absent: below, and with relays
    "STUNPort -1": (edited("3478,", "-1,"), {"TH477"}),
    "STUNOnly on the only node": (edited('"STUNPort": ', '"STUNOnly": true, "STUNPort": '), {"TH478"}),
    # 32
    "duplicate node names": (
        edited('"Nodes": [', '"Nodes": [{"Name": "912a", "RegionID": 912, "HostName": "x"},'),
        {"TH480"},
    ),
    "HostName empty": (edited('"derp.example.com"', '""'), {"TH481"}),
    "HostName missing": (edited('"HostName":         "derp.example.com",', ""), {"TH481"}),
    "HostName with a scheme": (edited("derp.example.com", "https://derp.example.com"), {"TH482"}),
    "HostName with a port": (edited("derp.example.com", "derp.example.com:8443"), {"TH483"}),
    "HostName an IP without CertName": (edited("derp.example.com", "203.0.113.7"), {"TH484"}),
    # 33
    "CertName a DNS name by mistake": (edited('"STUNPort": ', '"CertName": "x.example", "STUNPort": '), {"TH485"}),
    "CertName and InsecureForTests": (
        edited('"InsecureForTests": false', f'"InsecureForTests": true, "CertName": "{PIN}"'),
        {"TH486"},
    ),
    "CertName that is no pin": (edited('"STUNPort": ', f'"CertName": "{PIN.upper()}", "STUNPort": '), {"TH492"}),
    # 34
    "OmitDefaultRegions with one region": (
        edited('"Regions": {', '"OmitDefaultRegions": true, "Regions": {'),
        {"TH488"},
    ),
    "all regions Avoid": (
        edited('"Regions": {', '"OmitDefaultRegions": true, "Regions": {"913": null,').replace(
            '"RegionCode"', '"NoMeasureNoHome": true, "RegionCode"'
        ),
        {"TH488", "TH489", "TH499"},
    ),
    # 35
    "curly quotes": (edited('"derpMap"', "“derpMap”"), {"TH464"}),
    "single quotes": (edited('"home_relay"', "'home_relay'"), {"TH464"}),
    "no quotes": (edited('"derpMap"', "derpMap"), {"TH464"}),
    "missing comma": (edited("3478,", "3478"), {"TH465"}),
    "tabs of a web page": (edited('\t\t\t\t"RegionCode"', '\u00a0\u00a0\u3000"RegionCode"'), {"TH466"}),
    "byte order mark": ("\ufeff" + POLICY, {"TH466"}),
    "full-width comma": (edited("3478,", "3478，"), {"TH467"}),
    "full-width colon": (edited('"STUNPort": ', '"STUNPort"： '), {"TH467"}),
    "JSON5": (edited("3478,", "0xd96,"), {"TH461"}),
    # besides
    "a field that there is not": (edited('"STUNPort"', '"StunPrt"'), {"TH494"}),
    "a port in quotes": (edited("8443,", '"8443",'), {"TH493"}),
    "no nodes": (edited('"Nodes": [', '"Nodes": [], "Old": ['), {"TH494", "TH495"}),
    "a field twice": (edited('"RegionCode"', '"RegionName": "x", "RegionCode"'), {"TH469"}),
    "a score of nothing": (
        edited('"Regions": {', '"HomeParams": {"RegionScore": {"912": 0}}, "Regions": {'),
        {"TH496"},
    ),
    "no map": ('{"acls": []}', {"TH462"}),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_has_its_code(name: str) -> None:
    """And nothing else is found."""
    text, expected = FAULTS[name]
    assert codes(text) == expected


def test_a_sound_policy_has_no_finding() -> None:
    """That of the specification; one with a pin has a note, for clients older than 1.84."""
    assert findings(POLICY) == []
    (note,) = findings(edited('"STUNPort": ', f'"CertName": "{PIN}", "STUNPort": '))
    assert (note.finding.code, note.finding.severity) == ("TH487", Severity.NOTE)


def test_the_same_faults_are_found_in_yaml() -> None:
    """With their places there."""
    derp_map = parse_json('{"Regions": {"912": {"RegionID": 911, "Nodes": [{"Name": "912a", "HostName": "a:8443"}]}}}')
    found = findings(headscale_yaml(derp_map), "yaml")
    assert [(one.finding.code, one.line, one.column) for one in found] == [
        ("TH471", 3, 15),
        ("TH472", 8, 17),
        ("TH483", 9, 17),
    ]
    assert "policy.hujson" in found[0].finding.what().splitlines()[-1]


def test_headscale_reads_names_in_lower_case_and_no_scores() -> None:
    """Both are told in YAML only."""
    text = "homeparams:\n  regionscore:\n    912: 2\nregions:\n  912:\n    RegionID: 912\n"
    assert {"TH494", "TH496"} <= codes(text, "yaml")


def test_what_is_no_yaml_is_told_with_its_place() -> None:
    """As one finding."""
    (one,) = findings("a: b: c\n", "yaml")
    assert (one.finding.code, one.line, one.column) == ("TH460", 1, 5)


def test_the_place_is_that_of_the_value() -> None:
    """By line and column, which the last line of the finding says too."""
    (one,) = findings(FAULTS["HostName with a port"][0])
    line = FAULTS["HostName with a port"][0].split("\n")[one.line - 1]
    assert line[one.column - 1 :].startswith('"derp.example.com:8443"')
    assert one.finding.what().splitlines()[-1] == f"It stands in policy.hujson, line {one.line}, column {one.column}."
    assert "--host-name derp.example.com --derp-port 8443" in one.finding.remedy()


def test_all_that_was_pasted_wrongly_is_told_at_once() -> None:
    """And what the map says wrongly besides."""
    text = POLICY.replace('"derpMap"', "“derpMap”").replace("3478,", "3478，").replace("derp.example.com", "a b:1")
    assert [one.finding.code for one in findings(text)] == ["TH464", "TH467", "TH483"]


def test_only_a_region_that_somebody_means() -> None:
    """By number, code or name; what is about the whole map stays."""
    whole = json.loads(json.dumps({"omitDefaultRegions": True, "Regions": {}}))
    for number, code in ((900, "a"), (901, "b")):
        whole["Regions"][str(number)] = {"RegionID": number, "RegionCode": code, "Avoid": True, "Nodes": []}
    text = json.dumps(whole)
    assert {one.finding.values.get("region") for one in findings(text)} == {"900", "901", None}
    for wanted in ("901", "b"):
        assert {one.finding.values.get("region") for one in findings(text, region=wanted)} == {"901", None}


def test_tailscales_own_regions_are_no_clash() -> None:
    """In the map of a tailnet they are themselves."""
    node = {"Name": "1f", "RegionID": 1, "HostName": "derp1f.tailscale.com", "CanPort80": True}
    region = {"RegionID": 1, "RegionCode": "nyc", "RegionName": "New York City", "Nodes": [node]}
    assert codes(json.dumps({"Regions": {"1": region}})) == set()


def test_ports_that_no_relay_knows_have_findings() -> None:
    """At the field, or at the node where it is not there; with the port to write, where that is known."""
    text = edited("8443,", "443,").replace('"STUNPort":         3478,', "")
    map_text = MapText(text, "hujson", "policy.hujson")
    (target,) = map_targets(map_text.derp_map(), "policy.hujson")
    kinds: list[tuple[PortFault, str, str]] = [
        (PortFault("derp_port_absent", "DERPPort", 443, 8443), "TH479", "443"),
        (PortFault("port_mapped", "DERPPort", 443, 8443), "TH491", "443"),
        (PortFault("stun_port_absent", "STUNPort", 3478, 3479), "TH476", "{"),
        (PortFault("stun_port_absent", "STUNPort", 3478, None), "TH476", "{"),
    ]
    for fault, code, at in kinds:
        one = port_finding(map_text, target, fault)
        assert one.finding.code == code
        assert text.split("\n")[one.line - 1][one.column - 1 :].startswith(at)
        assert (str(fault.port) in one.finding.remedy()) is (fault.port is not None)


def test_every_word_of_the_linter_has_a_code() -> None:
    """What it says is one of these, each of which is made in a test above or below the level of a policy."""
    made: set[str] = set()
    for text, _ in FAULTS.values():
        made |= codes(text)
    ours = {code for code in CATALOGUE if "TH464" <= code <= "TH499"}
    not_of_a_text = {"TH468", "TH476", "TH479", "TH487", "TH491", "TH497", "TH498"}
    assert ours - made == not_of_a_text
    assert len(MapTrouble) > 30


def values_of(one: MapFinding) -> dict[str, Any]:
    """What fills its texts."""
    return dict(one.finding.values)


def test_commands_name_a_file_that_can_be_changed() -> None:
    """The one that was read; where that was a URL, the owner's policy."""
    text = edited('"derp.example.com"', '""')
    (one,) = lint_findings(MapText(text, "hujson", "/etc/headscale/my map.json"))
    assert "set '/etc/headscale/my map.json' 912" in one.finding.remedy()
    (one,) = lint_findings(MapText(text, "hujson", "https://example.com/map"))
    assert "set policy.hujson 912" in one.finding.remedy()
    assert values_of(one)["origin"] == "https://example.com/map"


def test_what_hujson_expects_is_said_in_chinese_too() -> None:
    """In every kind of fault that a text can have."""
    texts = ["{a: 1}", '{"a" 1}', '{"a": 1 "b": 2}', "[1 2]", "[1;]", '["a', '["\\x"]', "[x]", "[True]", "[01]", "//"]
    texts += ["{,}", "[,]", "/*", "// \udc80\n1", "1 2", "[" * 300, "{1: 2}", '{"a": 1, 2}']
    for text in texts:
        one = findings(text)[0].finding
        expected = one.values.get("expected")
        if expected is not None:
            assert str(expected) in one.what()
            assert str(expected) not in one.what("zh"), text
