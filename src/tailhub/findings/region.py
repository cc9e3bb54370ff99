"""Findings about a region of several relays: whether they know each other."""

from __future__ import annotations

from collections.abc import Sequence

from tailhub.findings.finding import Finding


def region_node_missing(node: str, reason: object) -> Finding:
    """A node of the map cannot be reached; `reason` is a clause, or a remark that has a text in both languages."""
    return Finding("TH560", {"node": node, "reason": reason})


def mesh_one_way(sender: str, receivers: Sequence[str], keyed: bool) -> Finding:
    """`sender` has not dialled the `receivers`, which have dialled it. `keyed`: seen with the mesh key."""
    return Finding("TH561", {"sender": sender, "receivers": ", ".join(receivers), "keyed": keyed})


def mesh_link_missing(pairs: Sequence[str], keyed: bool) -> Finding:
    """Between the two nodes of each pair there is no link in either direction. `keyed`: seen with the mesh key."""
    return Finding("TH562", {"pairs": ", ".join(pairs), "keyed": keyed})


def mesh_key_differs(nodes: Sequence[str]) -> Finding:
    """These nodes do not take the mesh key that others of the region take."""
    return Finding("TH563", {"nodes": ", ".join(nodes)})


def mesh_key_not_taken(nodes: Sequence[str]) -> Finding:
    """No node of the region takes the mesh key that was shown."""
    return Finding("TH564", {"nodes": ", ".join(nodes)})


def relay_key_shared(nodes: Sequence[str], key: str, untried: bool) -> Finding:
    """These nodes show one server key. `untried`: that they are not one relay could not be made sure of."""
    return Finding("TH565", {"nodes": ", ".join(nodes), "key": key, "untried": untried})


def region_node_twice(nodes: Sequence[str]) -> Finding:
    """These nodes of the map are one relay."""
    return Finding("TH566", {"nodes": ", ".join(nodes)})


def mesh_peer_unknown(nodes: Sequence[str], keys: Sequence[str]) -> Finding:
    """Relays that the map does not have are mesh peers of `nodes`; `keys` are their server keys."""
    return Finding("TH567", {"nodes": ", ".join(nodes), "keys": ", ".join(keys), "count": len(keys)})


def region_versions_differ(versions: Sequence[str]) -> Finding:
    """The nodes run different versions of tailhub; each of `versions` is a node and its version."""
    return Finding("TH568", {"versions": ", ".join(versions)})


def region_not_meshed(count: int, keyed: bool) -> Finding:
    """No node knows any other. `keyed`: seen with the mesh key."""
    return Finding("TH569", {"count": count, "keyed": keyed})


def mesh_node_alone(node: str, keyed: bool) -> Finding:
    """One node knows no other and is known to none, while others know each other. `keyed`: seen with the mesh key."""
    return Finding("TH570", {"node": node, "keyed": keyed})
