"""Who links to whom in a region, and what of that is half up. `Region` is what one relay of it knows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from tailhub.findings import mesh_links
from tailhub.findings.texts import REMARKS
from tailhub.relay import odd
from tailhub.relay.mesh_health import (
    DOWN_S,
    ODD_S,
    SETTLE_S,
    SKEW_S,
    MeshHealth,
    MeshPeer,
    Node,
    Trouble,
    nodes_of,
)
from tailhub.server.mesh.link_state import LinkPhase, LinkState
from tailhub.web.metric_labels import BOUNDS

OURS, A, B, C = (bytes([number]) * 32 for number in range(4))
NAMES = {A: "a.example.com", B: "b.example.com", C: "c.example.com"}
NOW = 1_900_000_000.0
VERSION = "1.2.0"
WHY = mesh_links.mesh_peer_unreachable("b.example.com", "connection reset")


def link(key: bytes, phase: LinkPhase = LinkPhase.UP, **more: object) -> LinkState:
    """A link of ours, to a relay to which all others have links."""
    everybody = [one for one in (OURS, A, B, C) if one != key]
    state = LinkState(NAMES[key], phase, NOW - 600, server_key=key, version=VERSION, peers=everybody)
    return replace(state, **more)  # type: ignore[arg-type]


def coming(key: bytes, **more: object) -> MeshPeer:
    """Its link to us."""
    peer = MeshPeer(key, f"192.0.2.{key[0]}", f"tailhub/{VERSION}", True, NOW - 500)
    return replace(peer, **more)  # type: ignore[arg-type]


@dataclass
class Region:
    """Looked at for a time: what is said in the end."""

    links: list[list[LinkState]] = field(default_factory=lambda: [[link(A), link(B)]])
    peers: list[MeshPeer] = field(default_factory=lambda: [coming(A), coming(B)])
    health: MeshHealth = field(default_factory=lambda: MeshHealth(VERSION))

    def nodes(self) -> list[Node]:
        return nodes_of(OURS, self.links, self.peers)

    def look(self, now: float) -> list[Trouble]:
        return self.health.look(self.nodes(), now)

    def codes(self, after_s: float) -> list[str]:
        """What is said after it has been so for that time."""
        self.look(NOW)
        return [one.finding.code for one in self.look(NOW + after_s)]


def test_all_is_well() -> None:
    """Where each relay has a link to each other one nothing is said, ever."""
    assert Region().codes(1e6) == []


def test_a_link_that_is_down() -> None:
    """It is told when it lasts, once for all processes, with since when and why; and no longer when it is up."""
    region = Region([[link(A), link(B)]] * 2)
    assert region.look(NOW) == []
    down = link(B, LinkPhase.WAITING, since=NOW + 1, finding=WHY)
    region.links = [[link(A), down]] * 2
    region.peers = [coming(A)]
    assert region.look(NOW + 5) == []
    region.links = [[link(A), link(B, LinkPhase.CONNECTING, since=NOW + 9)]] * 2  # the next try
    assert region.look(NOW + 9) == []
    region.links = [[link(A), down]] * 2
    (trouble,) = region.look(NOW + 1 + DOWN_S)
    assert (trouble.finding.code, trouble.name, trouble.since) == ("TH550", NAMES[B], NOW + 1)
    assert trouble.finding.what().endswith("b.example.com cannot be reached: connection reset.")
    assert WHY.remedy("zh") in trouble.finding.remedy("zh")
    assert "processes" not in trouble.finding.what()
    region.links, region.peers = [[link(A), link(B)]] * 2, [coming(A), coming(B)]
    assert region.look(NOW + 20) == []


def test_a_link_that_is_down_in_one_process() -> None:
    """It is said in how many it is."""
    region = Region([[link(A)], [link(A, LinkPhase.WAITING)], [link(A)]], [coming(A)])
    (node,) = region.nodes()
    assert (node.state, node.workers, node.workers_up) == ("partly", 3, 2)
    region.look(NOW)
    (trouble,) = region.look(NOW + DOWN_S)
    assert "in 1 of 3 processes" in trouble.finding.what()


def test_a_relay_that_refuses_us() -> None:
    """That the keys differ is no matter of time."""
    region = Region([[link(A), link(B, LinkPhase.REFUSED)]])
    assert region.codes(0.0) == ["TH551"]


def test_one_way() -> None:
    """A relay that we reach and that has no link to us is told after it had time to make one."""
    region = Region(peers=[coming(A)])
    assert region.codes(SETTLE_S - 1) == []
    assert region.codes(SETTLE_S) == ["TH552"]


def test_a_monitor_is_no_relay() -> None:
    """What shows the mesh key and does not watch is not looked at; nor is this relay's link to itself."""
    region = Region(peers=[coming(A), coming(B), coming(C, watches=False), coming(OURS)])
    assert region.codes(SETTLE_S) == []
    assert [node.key for node in region.nodes()] == [A, B]


def test_a_relay_that_is_not_named() -> None:
    """It has a link to us, and we have none to it; while it is not known whom a link leads to it may be that one."""
    region = Region(peers=[coming(A), coming(B), coming(C), coming(C, address="192.0.2.99", since=NOW - 900)])
    assert [(node.name, node.state, node.since) for node in region.nodes()][2:] == [
        ("192.0.2.3", "incoming", NOW - 900)
    ]
    assert region.codes(SETTLE_S) == ["TH553"]
    others = [[link(key, peers=[OURS, A, B]) for key in (A, B)]]  # who do not see it: it may be no relay
    assert Region(others, region.peers).codes(SETTLE_S) == ["TH553"]
    unknown = LinkState("c.example.com", LinkPhase.REFUSED, NOW)
    region = Region([[link(A), link(B), unknown]], region.peers)
    assert region.codes(SETTLE_S) == ["TH551"]


def test_a_link_between_two_others() -> None:
    """What a relay says of who has a link to it is compared with whom else we know; of one that is away nothing."""
    region = Region([[link(A, peers=[OURS]), link(B)]])
    region.look(NOW)
    (trouble,) = region.look(NOW + SETTLE_S)
    assert trouble.finding.code == "TH554"
    assert f"{NAMES[B]} has no mesh link to {NAMES[A]}" in trouble.finding.what()
    away = Region([[link(A, peers=[OURS]), link(B, LinkPhase.WAITING)]], [coming(A)])
    assert away.codes(SETTLE_S) == ["TH550"]


@pytest.mark.parametrize(("version", "app", "codes"), [("1.1.0", "", ["TH555"]), ("", "derper", []), (VERSION, "", [])])
def test_versions(version: str, app: str, codes: list[str]) -> None:
    """Two versions of tailhub are a note once that lasts; the original is none of them."""
    region = Region([[link(A, version=version)]], [coming(A, app=app)])
    assert region.codes(SKEW_S - 1) == []
    assert region.codes(SKEW_S) == codes


def test_the_version_of_who_dials_us() -> None:
    """It is known from its own link while ours is down."""
    (node,) = nodes_of(OURS, [[link(A, LinkPhase.WAITING, version="")]], [coming(A, app="tailhub/9.9")])
    assert node.version == "9.9"


def test_what_no_relay_should_do() -> None:
    """It is told while it goes on, of both directions together, and not of what was long ago."""
    region = Region(peers=[coming(A, odd={"unknown_dest": 3}), coming(B)])
    region.links[0][0].odd = {"our_key": 1}
    (trouble,) = region.look(NOW)
    assert (trouble.finding.code, trouble.name) == ("TH557", NAMES[A])
    assert "packets forwarded for nobody here: 3" in trouble.finding.what()
    assert "把本中继的密钥当作客户端：1 次" in trouble.finding.what("zh")
    assert len(region.look(NOW + ODD_S - 1)) == 1
    assert region.look(NOW + ODD_S) == []
    region.links[0][0].odd = {"our_key": 2}
    assert len(region.look(NOW + ODD_S + 5)) == 1


def test_who_does_not_watch_is_seen_when_it_is_odd() -> None:
    """A monitor with the mesh key is no relay; who forwards what none should is named, whether it watches or not."""
    region = Region(peers=[coming(A), coming(B, watches=False), coming(C, watches=False, odd={"unknown_dest": 3})])
    troubles = region.look(NOW)
    assert [(trouble.finding.code, trouble.name) for trouble in troubles] == [("TH557", coming(C).address)]


def test_every_oddity_has_words() -> None:
    """What is counted as odd can be said in both languages."""
    words = {value for name, value in vars(odd).items() if name.isupper() and isinstance(value, str)}
    assert {f"odd_{word}" for word in words} <= REMARKS.keys()
    assert len(words) == BOUNDS["mesh_odd", "what"].most


def test_only_self() -> None:
    """A list that names nobody but this relay is no mesh; beside others it is as it should be."""
    alone = Region([[link(A, LinkPhase.SELF)]], [])
    assert alone.codes(SETTLE_S) == ["TH556"]
    assert Region([[link(A), link(B, LinkPhase.SELF, server_key=OURS)]], [coming(A)]).codes(SETTLE_S) == []


def test_two_names_of_one_relay() -> None:
    """One of them has the link, perhaps another one in each process."""
    same = link(B, LinkPhase.SAME, server_key=A)
    region = Region([[link(A), same], [link(A, LinkPhase.SAME), replace(same, phase=LinkPhase.UP)]], [coming(A)])
    assert [node.state for node in region.nodes()] == ["up", "up"]
    assert region.codes(1e6) == []


def test_the_numbers_of_all_processes() -> None:
    """Counters add up; clients there are the same ones for each process; the round trip is the shortest."""
    one = link(A, keys=7, rtt_s=0.02, connects=2, forwarded_packets=3, forwarded_bytes=30, dropped_packets=1)
    other = link(A, keys=6, rtt_s=0.01, connects=1, forwarded_packets=4, forwarded_bytes=40)
    (node,) = nodes_of(OURS, [[one], [other]], [coming(A)])
    assert (node.keys, node.rtt_s, node.connects) == (7, 0.01, 3)
    assert (node.forwarded_packets, node.forwarded_bytes, node.dropped_packets) == (7, 70, 1)
    assert (node.address, node.dials_since) == ("192.0.2.1", NOW - 500)


def test_where_to_look() -> None:
    """The command that is offered has what of an entry can be dialled."""
    state = LinkState("dns:derp.example.com 192.0.2.7:8443", LinkPhase.WAITING, NOW)
    health = MeshHealth(VERSION)
    (trouble,) = health.look(nodes_of(OURS, [[state]], []), NOW + DOWN_S)
    assert "`tailhub doctor 192.0.2.7:8443`" in trouble.finding.remedy()
