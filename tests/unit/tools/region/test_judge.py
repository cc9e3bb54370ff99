"""What is said of a region, for each kind of picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import permutations

import pytest

from tailhub.findings import Finding, Language, Severity, reach
from tailhub.tailcfg.derpmap import DERPNode
from tailhub.tools.region.judge import judge, node_names
from tailhub.tools.region.seen import NodeSeen, RegionSeen
from tailhub.tools.report import Judgement, Outcome

LANGUAGES: tuple[Language, ...] = ("en", "zh")
STRANGER = b"s" * 32


def key(number: int) -> bytes:
    """A node's server key."""
    return bytes((number + 1,)) * 32


def node(number: int) -> NodeSeen:
    """One that has let us in."""
    place = DERPNode(name=f"900{'abcdefgh'[number]}", host_name=f"relay-{number}.example.com", region_id=900)
    return NodeSeen(place, server_key=key(number), is_admitted=True)


def meshed(count: int = 3, *, without: Iterable[tuple[int, int]] = (), gone: Iterable[int] = ()) -> RegionSeen:
    """A mesh, seen with its key, without these links and these nodes."""
    missing, there = set(without), [number for number in range(count) if number not in set(gone)]
    ways = {(i, j): (i, j) not in missing for i, j in permutations(there, 2)}
    nodes = []
    for number in range(count):
        if number in there:
            peers = frozenset(key(i) for i, j in ways if j == number and ways[i, j])
            nodes.append(replace(node(number), is_mesh=True, peers=peers, version="1.0"))
        else:
            nodes.append(NodeSeen(node(number).node, failure="connection refused"))
    return RegionSeen(tuple(nodes), ways, has_mesh_key=True)


def with_nodes(seen: RegionSeen, changed: Mapping[int, NodeSeen]) -> RegionSeen:
    """The same with other nodes, and without the ways of those that do not take the key."""
    nodes = tuple(changed.get(number, one) for number, one in enumerate(seen.nodes))
    ways = {(i, j): there for (i, j), there in seen.ways.items() if nodes[i].is_mesh and nodes[j].is_mesh}
    return replace(seen, nodes=nodes, ways=ways)


def sent(count: int = 3, *, without: Iterable[tuple[int, int]] = ()) -> RegionSeen:
    """A region seen without the mesh key: packets were sent."""
    missing = set(without)
    nodes = tuple(node(number) for number in range(count))
    return RegionSeen(nodes, {pair: pair not in missing for pair in permutations(range(count), 2)})


def sharing(seen: RegionSeen, meets: Iterable[int] = ()) -> RegionSeen:
    """The third node has the first one's server key."""
    nodes = [replace(one, peers=one.peers - {key(2)}) for one in seen.nodes]
    nodes[2] = replace(nodes[2], server_key=key(0), meets=frozenset(meets))
    return replace(seen, nodes=tuple(nodes), ways={(i, j): True for i, j in seen.ways if {i, j} != {0, 2}})


def codes(said: Judgement) -> list[str]:
    return [finding.code for finding in said.findings]


def only(seen: RegionSeen) -> Finding:
    (finding,) = judge(seen).findings
    return finding


def outcomes(said: Judgement) -> dict[str, Outcome]:
    return {step.name: step.outcome for step in said.steps}


@pytest.mark.parametrize("count", [2, 3, 8])
@pytest.mark.parametrize("picture", [meshed, sent])
def test_a_whole_mesh_has_no_findings(picture: object, count: int) -> None:
    """Of a region in which each node has a link to each other one nothing is said but that it is so."""
    said = judge(meshed(count) if picture is meshed else sent(count))
    assert codes(said) == []
    assert set(outcomes(said).values()) == {Outcome.OK}


@pytest.mark.parametrize("picture", [meshed, sent])
def test_one_link_missing(picture: object) -> None:
    """A link that one of two nodes has dialled and the other has not is one finding, about the one that has not."""
    finding = only(meshed(without=[(2, 1)]) if picture is meshed else sent(without=[(2, 1)]))
    assert (finding.code, finding.values["sender"], finding.values["receivers"]) == ("TH561", "900c", "900b")
    assert finding.values["keyed"] is (picture is meshed)


def test_a_node_that_has_dialled_nobody() -> None:
    """What one node has not dialled is one finding, whatever there is of it."""
    finding = only(meshed(4, without=[(3, 0), (3, 1), (3, 2)]))
    assert (finding.code, finding.values["receivers"]) == ("TH561", "900a, 900b, 900c")


def test_two_nodes_without_a_link() -> None:
    """Two nodes that have not dialled each other, while a third has links to both, are one finding."""
    finding = only(meshed(without=[(0, 1), (1, 0)]))
    assert (finding.code, finding.values["pairs"]) == ("TH562", "900a – 900b")


def test_a_region_in_two_halves() -> None:
    """A mesh that is split in two halves is one finding with all the pairs that it parts."""
    finding = only(meshed(4, without=[(i, j) for i, j in permutations(range(4), 2) if (i < 2) != (j < 2)]))
    assert finding.code == "TH562"
    assert finding.values["pairs"] == "900a – 900c, 900a – 900d, 900b – 900c, 900b – 900d"


@pytest.mark.parametrize("picture", [meshed, sent])
def test_a_node_outside_the_mesh(picture: object) -> None:
    """A node without any link, while the others have theirs, is one finding about it."""
    missing = [(2, 0), (0, 2), (2, 1), (1, 2)]
    finding = only(meshed(without=missing) if picture is meshed else sent(without=missing))
    assert (finding.code, finding.values["node"]) == ("TH570", "900c")


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("picture", [meshed, sent])
def test_no_mesh_at_all(picture: object, count: int) -> None:
    """Nodes of which none knows another are one finding, not one for each."""
    none = list(permutations(range(count), 2))
    finding = only(meshed(count, without=none) if picture is meshed else sent(count, without=none))
    assert (finding.code, finding.values["count"]) == ("TH569", count)


def test_a_missing_node() -> None:
    """A node that cannot be reached is missing, and that nobody has a link to it is not said besides."""
    said = judge(meshed(gone=[1]))
    assert codes(said) == ["TH560"]
    assert said.findings[0].what() == "Node 900b of the region is missing: connection refused."
    assert outcomes(said)["region_links"] is Outcome.OK


@pytest.mark.parametrize("lang", LANGUAGES)
def test_why_a_node_is_missing(lang: Language) -> None:
    """What the check of a node found is said where the node is missing, in the language of the rest."""
    cause = reach.tcp_refused(["203.0.113.7"], 8443, False)
    (finding,) = judge(meshed(gone=[1]), [None, cause, None]).findings
    assert cause.what(lang).split("\n")[0].rstrip(".。") in finding.what(lang)
    assert "TH006" in finding.what(lang)


def test_what_has_been_said_of_a_node_is_not_said_again() -> None:
    """Who has read why a node is missing gets a step that refers to it, and no finding."""
    cause = reach.tcp_refused(["203.0.113.7"], 8443, False)
    said = judge(meshed(gone=[1]), [None, cause, None], is_told=True)
    assert codes(said) == []
    assert said.steps[0].code == "TH006"
    assert codes(judge(meshed(gone=[1]), [None, None, None], is_told=True)) == ["TH560"]


def test_all_but_one_are_missing() -> None:
    """With one node left there are no ways to be judged, which a step says."""
    said = judge(meshed(gone=[0, 1]))
    assert codes(said) == ["TH560", "TH560"]
    assert outcomes(said)["region_links"] is Outcome.UNTESTED


def test_a_differing_mesh_key() -> None:
    """A node that does not take the key that others take is one finding; links with it are not missed besides."""
    refusing = replace(node(1), is_mesh=False)
    finding = only(with_nodes(meshed(without=[(1, 0), (0, 1)]), {1: refusing}))
    assert (finding.code, finding.values["nodes"]) == ("TH563", "900b")


def test_a_mesh_key_that_nobody_takes() -> None:
    """If no node takes the key it is the key that is wrong; a node that is gone does not alter that."""
    refusing = {number: replace(node(number), is_mesh=False) for number in (0, 1)}
    said = judge(with_nodes(meshed(gone=[2]), refusing))
    assert codes(said) == ["TH560", "TH564"]
    assert outcomes(said)["region_links"] is Outcome.UNTESTED


@pytest.mark.parametrize("picture", [meshed, sent])
def test_a_copied_state(picture: object) -> None:
    """Two nodes with one server key, of which none sees the clients of the other, are one relay's state twice."""
    finding = only(sharing(meshed() if picture is meshed else sent()))
    assert (finding.code, finding.values["nodes"], finding.values["untried"]) == ("TH565", "900a, 900c", False)


def test_links_with_a_copy() -> None:
    """That other nodes have a link to only one of two relays with one server key follows from that key."""
    seen = sharing(meshed(4))
    half = replace(seen, ways={**seen.ways, (1, 2): False, (3, 2): False, (3, 1): False})
    assert codes(judge(half)) == ["TH565", "TH561"]
    assert judge(half).findings[1].values["sender"] == "900d"
    assert judge(half).findings[1].values["receivers"] == "900b"


def test_one_key_at_nodes_that_could_not_be_looked_at() -> None:
    """Where it could not be tried whether two nodes with one key are one relay, both are named as possible."""
    refusing = {number: replace(node(0), node=node(number).node, is_mesh=False) for number in (0, 1)}
    said = judge(with_nodes(meshed(2), refusing))
    assert codes(said) == ["TH565", "TH564"]
    assert said.findings[0].values["untried"] is True


@pytest.mark.parametrize("picture", [meshed, sent])
def test_one_relay_twice(picture: object) -> None:
    """Two nodes with one server key where a client of one is a client of the other are one relay."""
    finding = only(sharing(meshed() if picture is meshed else sent(), meets={0}))
    assert (finding.code, finding.severity) == ("TH566", Severity.WARNING)


def test_a_mesh_peer_that_is_no_node() -> None:
    """A relay that the map does not have is named by its key, with the nodes whose mesh peer it is."""
    seen = meshed()
    watched = replace(seen.nodes[1], peers=seen.nodes[1].peers | {STRANGER})
    finding = only(replace(seen, nodes=(seen.nodes[0], watched, seen.nodes[2])))
    assert (finding.code, finding.values["nodes"]) == ("TH567", "900b")
    assert finding.values["keys"] == f"nodekey:{STRANGER.hex()}"


def test_a_node_that_is_missing_may_be_the_unknown_peer() -> None:
    """Of a node that does not answer the key is not known: as many unknown peers say nothing, one more does."""
    seen = meshed(gone=[2])
    peers = [one.peers | {STRANGER} for one in seen.nodes[:2]]
    nodes = [replace(one, peers=keys) for one, keys in zip(seen.nodes[:2], peers, strict=True)]
    assert codes(judge(replace(seen, nodes=(*nodes, seen.nodes[2])))) == ["TH560"]
    more = replace(nodes[0], peers=peers[0] | {b"t" * 32})
    assert codes(judge(replace(seen, nodes=(more, nodes[1], seen.nodes[2])))) == ["TH560", "TH567"]


def test_versions() -> None:
    """Different versions of tailhub are a note; relays that do not say theirs are left out of it."""
    seen = meshed()
    other = replace(seen.nodes[2], version="")
    assert codes(judge(replace(seen, nodes=(*seen.nodes[:2], other)))) == []
    newer = replace(seen.nodes[1], version="1.1")
    finding = only(replace(seen, nodes=(seen.nodes[0], newer, other)))
    assert (finding.code, finding.severity) == ("TH568", Severity.NOTE)
    assert finding.values["versions"] == "900a 1.0, 900b 1.1"


def test_not_let_in() -> None:
    """A node that does not let an unknown key in is not judged, and a step says what would help."""
    seen = sent()
    closed = replace(seen.nodes[2], is_admitted=False)
    ways = {(0, 1): True, (1, 0): True}
    said = judge(replace(seen, nodes=(*seen.nodes[:2], closed), ways=ways))
    assert codes(said) == []
    (untested,) = [step for step in said.steps if step.outcome is Outcome.UNTESTED]
    assert untested.remark is not None
    assert "900c" in untested.remark.text()
    assert "--mesh-key-file" in untested.remark.text()


def test_missing_links() -> None:
    """The look's own list of what is missing has the nodes in the order from, to."""
    pairs = [(one.node.name, other.node.name) for one, other in meshed(without=[(2, 1)]).missing_links()]
    assert pairs == [("900c", "900b")]


def test_names() -> None:
    """A node is called by its name, or by its place where it has none or another has the same."""
    named = [DERPNode(name="a", host_name="one"), DERPNode(host_name="two"), DERPNode(name="b", host_name="three")]
    assert node_names(named) == ["a", "two:443", "b"]
    assert node_names([*named, DERPNode(name="b", host_name="four", derp_port=8443)]) == [
        *("a", "two:443", "three:443", "four:8443"),
    ]
