"""``tailhub region check`` and what ``tailhub doctor`` says of a region of several relays, against relays that run.

| what is wrong | how it is made | code |
| --- | --- | --- |
| a node is missing | one of three is stopped | TH560 |
| a link is missing, one way | one of three does not dial another | TH561 |
| a link is missing, both ways | two of three do not dial each other | TH562 |
| a node has another mesh key | it was started with one | TH563 |
| the mesh key is another one | it is shown to all of them | TH564 |
| a relay's state was copied | two relays with one private key | TH565 |
| one relay is in the map twice | two nodes with one port | TH566 |
| a relay that is not in the map | one of three is left out | TH567 |
| no mesh | two relays that do not dial each other | TH569 |
| a node outside the mesh | one of three dials nobody, and nobody dials it | TH570 |

What is said of pictures that take more relays: ``tests/unit/tools/region/test_judge.py``. The original:
``tests/interop/test_region_check_go.py``.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import tailhub
from support.planned_region import PlannedRegion
from support.region_relays import RegionRelays, full, look_until
from tailhub.cli.app import run
from tailhub.cli.doctor import options_of
from tailhub.keys import MeshKey
from tailhub.tools.region import ExaminedRegion, examine_region
from tailhub.tools.region.look import SETTLE_S
from tailhub.tools.report import Outcome

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a relay runs on POSIX systems")


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the tools keep their key."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state-home"))


def examined(
    region: RegionRelays,
    mesh_keys: Sequence[MeshKey],
    missing: Sequence[tuple[int, int]] = (),
    nodes: Sequence[int] | None = None,
) -> ExaminedRegion:
    """What is said once these ways are missing and no others; `nodes`: as if only these were in the map."""
    listed = [region.nodes[number] for number in nodes] if nodes is not None else region.nodes

    async def look() -> ExaminedRegion:
        await look_until(listed, mesh_keys or [region.mesh_key], missing)  # seen sooner than by packets
        settle_s = 0.6 if missing else SETTLE_S  # what is to be there comes in the end
        return await examine_region(region.targets(listed), mesh_keys, settle_s=settle_s)

    return asyncio.run(look())


def codes(one: ExaminedRegion) -> list[str]:
    return [finding.code for finding in one.report.findings]


def keys_of(region: RegionRelays, with_key: bool) -> list[MeshKey]:
    return [region.mesh_key] if with_key else []


with_key = pytest.mark.parametrize("with_key", [True, False], ids=["mesh key", "packets"])


def test_a_whole_mesh(tmp_path: Path) -> None:
    """Of three relays that have all dialled each other nothing is said, with the mesh key or without it; another check
    at the same time is not taken for a relay.
    """
    region = RegionRelays(tmp_path, 3)

    async def look() -> list[ExaminedRegion]:
        await look_until(region.nodes, [region.mesh_key])
        checks = (examine_region(region.targets(), keys) for keys in ([region.mesh_key], [region.mesh_key], []))
        return list(await asyncio.gather(*checks))

    with region.running(full(3)):
        several = asyncio.run(look())
    for one in several:
        assert codes(one) == []
        assert {step.outcome for step in one.report.steps} == {Outcome.OK}
    known = {node.server_key for node in several[0].seen.nodes}
    assert len(known) == 3
    for node in several[0].seen.nodes:
        assert node.peers == known - {node.server_key}
        assert node.version == tailhub.__version__


@with_key
def test_one_way(tmp_path: Path, with_key: bool) -> None:
    """A relay that has not dialled another one is told, by who has dialled whom as by packets."""
    region = RegionRelays(tmp_path, 3)
    with region.running({0: [1, 2], 1: [0, 2], 2: [0]}):
        one = examined(region, keys_of(region, with_key), [(2, 1)])
    assert codes(one) == ["TH561"]
    assert (one.report.findings[0].values["sender"], one.report.findings[0].values["receivers"]) == ("900c", "900b")


@with_key
def test_no_link_between_two(tmp_path: Path, with_key: bool) -> None:
    """Two relays that are linked with a third and not with each other do not reach each other by way of it."""
    region = RegionRelays(tmp_path, 3)
    with region.running({0: [1, 2], 1: [0], 2: [0]}):
        one = examined(region, keys_of(region, with_key), [(1, 2), (2, 1)])
    assert codes(one) == ["TH562"]


@with_key
def test_outside_the_mesh(tmp_path: Path, with_key: bool) -> None:
    """A relay that dials nobody and is dialled by nobody is outside, and two that are left are a mesh."""
    region = RegionRelays(tmp_path, 3)
    outside = [(0, 2), (2, 0), (1, 2), (2, 1)]
    with region.running({0: [1], 1: [0], 2: []}):
        one = examined(region, keys_of(region, with_key), outside)
        pair = examined(region, keys_of(region, with_key), nodes=[0, 1])
    assert codes(one) == ["TH570"]
    assert codes(pair) == []


@with_key
def test_no_mesh(tmp_path: Path, with_key: bool) -> None:
    """Two relays that do not know each other are no mesh, which is one finding."""
    region = RegionRelays(tmp_path, 2)
    with region.running({0: [], 1: []}):
        one = examined(region, keys_of(region, with_key), [(0, 1), (1, 0)])
    assert codes(one) == ["TH569"]


@with_key
def test_a_stopped_node(tmp_path: Path, with_key: bool) -> None:
    """A relay that does not run is missing, for the reason that a check of it alone finds; the others are a mesh."""
    region = RegionRelays(tmp_path, 3)
    with region.running(full(3)) as relays:
        relays[1].stop()
        one = examined(region, keys_of(region, with_key))
    assert codes(one) == ["TH560"]
    assert "TH006" in one.report.findings[0].what()
    assert one.seen.nodes[1].failure


def test_another_mesh_key(tmp_path: Path) -> None:
    """A relay with another mesh key is named; shown that key, all others are; a key that nobody has says nothing."""
    region = RegionRelays(tmp_path, 3)
    other_file, other = region.new_mesh_key("other.key")
    nobodys = region.new_mesh_key("nobodys.key")[1]
    with region.running(full(3), mesh_key_files={2: other_file}):
        first, second = examined(region, [region.mesh_key]), examined(region, [other])
        third = examined(region, [nobodys])
        both = examined(region, [other, region.mesh_key], [(0, 2), (2, 0), (1, 2), (2, 1)])
    assert [codes(one) for one in (first, second, third)] == [["TH563"], ["TH563"], ["TH564"]]
    assert [one.report.findings[0].values["nodes"] for one in (first, second)] == ["900c", "900a, 900b"]
    assert codes(both) == ["TH570"]  # each node has taken one of the two keys


@with_key
def test_a_copied_state(tmp_path: Path, with_key: bool) -> None:
    """Two relays with one server key are told from one relay that is in the map twice."""
    region = RegionRelays(tmp_path, 2, copied={1: 0})
    again = [region.nodes[0], replace(region.nodes[0], name="900z")]
    with region.running(full(2)):
        copied = asyncio.run(examine_region(region.targets(), keys_of(region, with_key), settle_s=0))
        twice = asyncio.run(examine_region(region.targets(again), keys_of(region, with_key), settle_s=0))
    assert codes(copied) == ["TH565"]
    assert copied.report.findings[0].values["untried"] is False
    assert codes(twice) == ["TH566"]


def test_a_relay_that_is_not_in_the_map(tmp_path: Path) -> None:
    """A relay with the mesh key that the map does not have is named by its server key."""
    region = RegionRelays(tmp_path, 3)
    with region.running(full(3)):
        whole = examined(region, [region.mesh_key])
        one = examined(region, [region.mesh_key], nodes=[0, 1])
    assert codes(one) == ["TH567"]
    assert one.report.findings[0].values["keys"] == f"nodekey:{whole.seen.nodes[2].server_key.hex()}"


def test_nodes_that_know_their_clients(tmp_path: Path) -> None:
    """Without the mesh key, relays that admit only keys they know are not judged; with it they are."""
    region = RegionRelays(tmp_path, 2)
    nobody = tmp_path / "allowed_keys"
    nobody.write_text("")
    with region.running(full(2), "--allow-list", str(nobody)):
        keyed, packets = examined(region, [region.mesh_key]), examined(region, [])
    assert codes(keyed) == codes(packets) == []
    assert [node.is_admitted for node in packets.seen.nodes] == [False, False]
    assert {step.outcome for step in packets.report.steps[1:]} == {Outcome.UNTESTED}


# --- the commands -----------------------------------------------------------------------------------------------------


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = run([*words])
    said = capsys.readouterr()
    assert said.err == ""
    return code, said.out


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """``region check`` shows who has a link to whom, and ``doctor`` has a line about it; both end with 0 for a whole
    mesh, and with 1 when a node is missing.
    """
    monkeypatch.setattr(  # how a relay passes packets on is not asked here
        "tailhub.cli.doctor.options_of", lambda *said: dataclasses.replace(options_of(*said), packets=5)
    )
    region = RegionRelays(tmp_path, 2)
    map_name, key = region.map_file(), ("--mesh-key-file", str(region.mesh_key_file))
    with region.running(full(2)) as relays:
        asyncio.run(look_until(region.nodes, [region.mesh_key]))
        code, out = printed(capsys, "region", "check", map_name, *key, "--lang", "en")
        assert (code, "all is well" in out, out.count("●")) == (0, True, 2 + 1)  # and one in the legend
        code, out = printed(capsys, "region", "check", map_name, *key, "--json")
        found: dict[str, Any] = json.loads(out)["regions"][0]
        assert (code, found["findings"], found["seen_by"]) == (0, [], "mesh_key")
        assert found["nodes"][0]["mesh_peers"] == ["900b"]
        assert [way["is_there"] for way in found["ways"]] == [True, True]
        code, out = printed(capsys, "doctor", map_name, *key, "--json")
        first = json.loads(out)["reports"][0]
        assert [step["outcome"] for step in first["steps"] if step["name"].startswith("region_")] == ["ok"] * 3
        relays[1].stop()
        code, out = printed(capsys, "region", "check", map_name, "--lang", "zh")
        assert (code, "区域缺少节点 900b" in out, "TH006" in out) == (1, True, True)
        code, out = printed(capsys, "doctor", map_name, "--json")
        steps = json.loads(out)["reports"][0]["steps"]
        assert code == 1
        assert [step["code"] for step in steps if step["name"] == "region_nodes"] == ["TH006"]


def test_what_was_planned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A region's description stands for the map and the mesh key of its plan; one without a plan is an error."""
    region = PlannedRegion(tmp_path, ("a", "b"))
    with region:
        code, out = printed(capsys, "region", "check", str(region.path), "--json")
    found = json.loads(out)["regions"][0]
    assert (code, found["seen_by"], found["findings"]) == (0, "mesh_key", [])
    assert [node["clients"] for node in found["nodes"]] == [0, 0]
    (region.place / "derpmap.json").unlink()
    assert run(["region", "check", str(region.path)]) == 1
    assert "TH598" in capsys.readouterr().err


def test_nothing_to_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A map without a region of several relays, and a host, are wrong usage."""
    region = RegionRelays(tmp_path, 1)
    for words in (
        ("region", "check", region.map_file()),
        ("region", "check", "relay.example.com"),
        ("doctor", region.map_file(), "--mesh-key-file", str(region.mesh_key_file)),
        ("doctor", "relay.example.com", "--mesh-key-file", str(region.mesh_key_file)),
    ):
        assert run([*words]) == 2
        assert "TH571" in capsys.readouterr().err
    assert run(["region", "check", "nothing.json"]) == 1
    assert "TH047" in capsys.readouterr().err  # and not a host of that name
