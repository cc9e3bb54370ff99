"""Judges what was seen of a region: which nodes do not know each other, and what else keeps them from being one relay.

One fault is said once: what follows from a node that is gone, or that has another mesh key, is not counted besides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import combinations

from tailhub.findings import Finding, region
from tailhub.findings.remark import Remark
from tailhub.findings.said import Said
from tailhub.keys import NodePublic
from tailhub.tailcfg.derpmap import DERPNode
from tailhub.tools.region.seen import RegionSeen
from tailhub.tools.report import Judgement
from tailhub.tools.target import Target

__all__ = ["judge", "node_names"]

_Pair = tuple[int, int]


def judge(seen: RegionSeen, causes: Sequence[Finding | None] = (), *, is_told: bool = False) -> Judgement:
    """What it means.

    `causes`: of each node what a check of it alone found wrong, if there was one. `is_told`: whoever reads this has
    read that too, so that it is not said again.
    """
    said, names = Judgement(), node_names([one.node for one in seen.nodes])
    _judge_nodes(seen, names, causes or [None] * len(names), is_told, said)
    copies = _judge_server_keys(seen, names, said)
    if seen.has_mesh_key:
        _judge_mesh_key(seen, names, said)
    _judge_ways(seen, names, copies, said)
    _judge_strangers(seen, names, said)
    return said


def node_names(nodes: Sequence[DERPNode]) -> list[str]:
    """What people call the nodes of a region: as the map does, or by place where that does not tell them apart."""
    uses = Counter(node.name for node in nodes)
    return [node.name if node.name and uses[node.name] == 1 else str(Target(node)) for node in nodes]


def _judge_nodes(
    seen: RegionSeen, names: Sequence[str], causes: Sequence[Finding | None], is_told: bool, said: Judgement
) -> None:
    """Those that are missing, and the versions of the others."""
    for one, name, cause in zip(seen.nodes, names, causes, strict=True):
        if not one.failure:
            continue
        if is_told and cause is not None:
            said.consequence("region_nodes", cause.code, Remark("region-node-gone", {"node": name}))
        else:
            reason = Said(cause, "headline") if cause is not None else one.failure.rstrip(".")
            said.found("region_nodes", region.region_node_missing(name, reason))
    if not said.steps:
        said.ok("region_nodes", Remark("region-nodes", {"count": len(names)}))
    if len({one.version for one in seen.nodes if one.version}) > 1:
        versions = [f"{name} {one.version}" for one, name in zip(seen.nodes, names, strict=True) if one.version]
        said.found("region_nodes", region.region_versions_differ(versions))


def _judge_server_keys(seen: RegionSeen, names: Sequence[str], said: Judgement) -> frozenset[int]:
    """A server key belongs to one relay; the numbers of the nodes that share theirs with another relay."""
    copies: set[int] = set()
    holders: dict[bytes, list[int]] = {}
    for number, one in enumerate(seen.nodes):
        if one.server_key:
            holders.setdefault(one.server_key, []).append(number)
    for key, numbers in holders.items():
        nodes = [seen.nodes[number] for number in numbers]
        if len(numbers) == 1:
            continue
        if all(i in seen.nodes[j].meets or j in seen.nodes[i].meets for i, j in combinations(numbers, 2)):
            said.found("region_nodes", region.region_node_twice([names[number] for number in numbers]))
            continue
        copies.update(numbers)
        untried = not all(one.is_mesh if seen.has_mesh_key else one.is_admitted for one in nodes)
        shared = region.relay_key_shared([names[number] for number in numbers], str(NodePublic(key)), untried)
        said.found("region_nodes", shared)
    return frozenset(copies)


def _judge_mesh_key(seen: RegionSeen, names: Sequence[str], said: Judgement) -> None:
    taken = [name for one, name in zip(seen.nodes, names, strict=True) if one.is_mesh]
    refused = [name for one, name in zip(seen.nodes, names, strict=True) if one.is_mesh is False]
    if taken and refused:
        said.found("region_key", region.mesh_key_differs(refused))
    elif refused:
        said.found("region_key", region.mesh_key_not_taken(refused))
    elif taken:
        said.ok("region_key", Remark("region-key-taken"))
    else:
        said.untested("region_key", Remark("region-unlooked"))


def _judge_ways(seen: RegionSeen, names: Sequence[str], copies: frozenset[int], said: Judgement) -> None:
    """What is missing. Of relays with one key others keep a link to one only, so `copies` are not judged besides."""
    if not seen.has_mesh_key:
        refused = [names[i] for i, one in enumerate(seen.nodes) if not one.is_admitted and not one.failure]
        if refused:
            said.untested("region_links", Remark("region-not-let-in", {"nodes": ", ".join(refused)}))
    if copies:
        apart = {pair: there for pair, there in seen.ways.items() if not copies.intersection(pair)}
        seen = replace(seen, ways=apart)
    if not seen.ways:
        said.untested("region_links", Remark("region-unlooked"), next((one.code for one in said.findings), ""))
        return
    found = list(_missing_ways(seen, names))
    for finding in found:
        said.found("region_links", finding)
    if not found:
        count = len({number for pair in seen.ways for number in pair})
        said.ok("region_links", Remark("region-linked", {"count": count, "keyed": seen.has_mesh_key}))


def _missing_ways(seen: RegionSeen, names: Sequence[str]) -> list[Finding]:
    """The fewest findings that say which ways are missing."""
    keyed = seen.has_mesh_key
    missing = {pair for pair, is_there in seen.ways.items() if not is_there}
    nodes = sorted({number for pair in seen.ways for number in pair})
    if not missing:
        return []
    if len(missing) == len(seen.ways):
        return [region.region_not_meshed(len(nodes), keyed)]
    found = []
    for number in nodes:
        own = {pair for pair in seen.ways if number in pair}
        if own <= missing and len(own) > 2:
            found.append(region.mesh_node_alone(names[number], keyed))
            missing -= own
    cut = sorted((i, j) for i, j in missing if i < j and (j, i) in missing)
    if cut:
        found.append(region.mesh_link_missing([f"{names[i]} – {names[j]}" for i, j in cut], keyed))
    return found + _one_way({(i, j) for i, j in missing if (j, i) not in missing}, names, keyed)


def _one_way(missing: Collection[_Pair], names: Sequence[str], keyed: bool) -> list[Finding]:
    """By the node that should have dialled."""
    senders = sorted({i for i, _ in missing})
    return [
        region.mesh_one_way(names[sender], [names[j] for i, j in sorted(missing) if i == sender], keyed)
        for sender in senders
    ]


def _judge_strangers(seen: RegionSeen, names: Sequence[str], said: Judgement) -> None:
    """Mesh peers that are no nodes; of a node that does not answer the key is not known, it may be one of them."""
    known = {one.server_key for one in seen.nodes}
    strangers = frozenset[bytes]().union(*(one.peers for one in seen.nodes)) - known
    if len(strangers) > sum(not one.server_key for one in seen.nodes):
        hosts = [name for one, name in zip(seen.nodes, names, strict=True) if one.peers & strangers]
        said.found("region_links", region.mesh_peer_unknown(hosts, [str(NodePublic(key)) for key in sorted(strangers)]))
