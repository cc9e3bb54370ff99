"""What a relay's desk makes of what its processes know of the mesh."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

import tailhub
from tailhub.findings.mesh_links import mesh_key_refused
from tailhub.relay.mesh_health import SETTLE_S, MeshPeer
from tailhub.server.facts import mesh_facts
from tailhub.server.mesh.link_state import LinkPhase, LinkState
from tailhub.server.mesh.watch import MOST_LINES, MeshSnapshot, MeshWatch, link_counters, lost_on_links
from tailhub.server.snapshot import counters_only, sum_values
from tailhub.web.metric_labels import BOUNDS
from tailhub.web.metrics import METRICS

OURS, THEIRS = bytes(32), b"\x01" * 32
PEER = MeshPeer(THEIRS, "192.0.2.1", f"tailhub/{tailhub.__version__}", True, 900.0)
UP = LinkState(
    "b.example.com",
    LinkPhase.UP,
    950.0,
    server_key=THEIRS,
    version=tailhub.__version__,
    keys=40,
    peers=[OURS],
    rtt_s=0.02,
    connects=1,
    forwarded_packets=5,
    forwarded_bytes=50,
    dropped_packets=2,
)


class World:
    """A relay with two workers."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.parts = [MeshSnapshot([UP], [PEER]), MeshSnapshot([UP], [])]
        self.watch = MeshWatch(OURS, lambda: self.parts, lambda: self.now)


def test_gauges_are_of_the_relay() -> None:
    """What is so of a peer is told once, however many workers have a link to it."""
    world = World()
    values = world.watch.values()
    label = ("b.example.com",)
    assert (values["remote_clients"], values["mesh_peers"], values["mesh_troubles"]) == (40, 1, 0)
    assert (values["mesh_link_up"], values["mesh_remote_keys"]) == ({label: 1.0}, {label: 40})
    assert values["mesh_rtt_s"] == {label: 0.02}
    phases = values["mesh_links"]
    assert isinstance(phases, dict)
    assert {phase: number for (_, phase), number in phases.items()} == {
        phase.value: 2.0 * (phase is LinkPhase.UP) for phase in LinkPhase
    }
    assert len(LinkPhase) == BOUNDS["mesh_links", "phase"].most
    world.parts[1].links = [replace(UP, phase=LinkPhase.WAITING)]
    assert world.watch.values()["mesh_link_up"] == {label: 0.0}


def test_counters_add_up_and_stay() -> None:
    """What each worker's links have counted is summed up, and is not lost with a worker."""
    counted = [link_counters([UP]), link_counters([UP])]
    assert sum_values(counted)["mesh_forwarded_packets"] == {("b.example.com",): 10}
    assert counters_only(counted[0]) == counted[0]
    assert counted[0].keys() <= {metric.key for metric in METRICS}


def test_packets_that_links_lose() -> None:
    """They are among those that the relay has dropped, by reason and kind."""
    lossy = replace(UP, drops={("queue_head", "other"): (3, 300)})
    assert lost_on_links([lossy, UP, lossy]) == {
        "packets_dropped": {("queue_head", "other"): 6},
        "bytes_dropped": {("queue_head", "other"): 600},
    }


def test_entries_that_differ_in_options_only() -> None:
    """They have one name, and their counters one sum."""
    assert link_counters([UP, replace(UP)])["mesh_connects"] == {("b.example.com",): 2}


def test_links_to_self_are_no_peers() -> None:
    """Of an entry that leads to this relay itself there is no state to alarm anybody."""
    world = World()
    world.parts = [MeshSnapshot([LinkState("me.example.com", LinkPhase.SELF), UP], [PEER])]
    assert world.watch.values()["mesh_link_up"] == {("b.example.com",): 1.0}


def test_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """A fault is logged when it begins and when it is over; what the links log themselves is not said again."""
    world = World()
    world.parts[0].peers = []
    down = LinkState("c.example.com", LinkPhase.WAITING, 900.0, server_key=b"\x02" * 32)
    world.parts[0].links = [UP, down]
    with caplog.at_level(logging.INFO, "tailhub"):
        world.watch.look()
        world.now += SETTLE_S
        world.watch.look()
        world.watch.look()
        assert [one.finding.code for one in world.watch.troubles] == ["TH552", "TH550"]
        assert ["has no mesh link to this relay" in line for line in caplog.messages] == [True]
        world.parts[0] = MeshSnapshot([UP], [PEER])
        world.watch.look()
        world.watch.look()
    assert world.watch.troubles == []
    assert caplog.messages[1:] == ["mesh    no longer so: b.example.com has no mesh link to this relay."]
    assert caplog.records[1].fields == {"code": "TH552", "peer": "b.example.com"}  # type: ignore[attr-defined]


def test_the_log_is_not_flooded(caplog: pytest.LogCaptureFixture) -> None:
    """Who has the mesh key and comes with ever new keys writes only so many lines a minute; the rest are counted."""
    world = World()
    with caplog.at_level(logging.INFO, "tailhub"):
        for turn in range(12):
            keys = [bytes((turn, number)) * 16 for number in range(1, 100)]
            world.parts[1].peers = [replace(PEER, key=key, odd={"unknown_dest": 1}) for key in keys]
            world.watch.look()
            world.now += 5.0
        assert len(caplog.messages) == MOST_LINES
        world.parts[1].peers = []
        world.watch.look()
    assert caplog.messages[MOST_LINES] == f"mesh    ({12 * 99 + 11 * 99 - MOST_LINES} more in the last minute)"


def test_facts() -> None:
    """The API has each peer with its key and both directions, and what is wrong in both languages."""
    world = World()
    world.parts[0].links[0] = replace(
        UP, phase=LinkPhase.REFUSED, finding=mesh_key_refused("b.example.com", "other key")
    )
    world.parts = world.parts[:1]
    world.watch.look()
    facts = mesh_facts((), world.watch)
    (peer,), (trouble,) = facts["peers"], facts["troubles"]  # type: ignore[misc]
    assert (peer["name"], peer["state"]) == ("b.example.com", "refused")
    assert "it says: other key" in peer["reason"]
    assert "它说：other key" in peer["texts"]["zh"]["reason"]
    assert (peer["key"], peer["dials_since"], peer["linked_from"]) == (f"nodekey:{THEIRS.hex()}", 900.0, None)
    assert (trouble["code"], trouble["severity"], trouble["peer"]) == ("TH551", "warning", "b.example.com")
    assert (trouble["what"], trouble["texts"]["zh"]["what"]) == (peer["reason"], peer["texts"]["zh"]["reason"])
    assert mesh_facts((), None) == {"peers": [], "troubles": [], "workers": []}
