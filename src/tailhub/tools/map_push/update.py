"""What of a map is changed for a relay, and whether that would undo what somebody else has done. Pure.

A relay says how it is reached: the fields `OWN` of its node. Everything else of its region belongs to people: names,
scores, Avoid, further nodes. A field that is neither what was pushed last nor what is to be pushed now was changed by
somebody else; so was a region that was pushed and is not there any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from tailhub.tailcfg.derpmap import DERPMap, DERPNode, DERPRegion
from tailhub.tailcfg.map_diff import Change, fields_of

__all__ = ["OWN", "Update", "plan_update"]

OWN: Final = ("HostName", "CertName", "IPv4", "IPv6", "DERPPort", "STUNPort")
_TELLING: Final = ("HostName", "CertName", "IPv4", "IPv6")  # by any of these a node is known to be the same relay


@dataclass(frozen=True, slots=True)
class Update:
    """`changes` make the map tell of the relay as it is; `conflicts` are those of them that undo somebody's work."""

    changes: tuple[Change, ...] = ()
    conflicts: tuple[Change, ...] = ()


def plan_update(derp_map: DERPMap, ours: DERPRegion, last: DERPRegion | None = None) -> Update:
    """What brings `ours`, a region with one node, into a map. `last` is what was pushed last, None: nothing."""
    number = ours.region_id
    now = derp_map.regions.get(number)
    if now is None:
        before = False if number in derp_map.regions else None
        change = Change(number, "", "", before, fields_of(ours))
        return Update((change,), (change,) if last is not None or before is False else ())
    node = _node_in(now, ours.nodes[0], last)
    if node is None:
        change = Change(number, ours.nodes[0].name, "", None, fields_of(ours.nodes[0]))
        return Update((change,), (change,))
    found, wanted = fields_of(node), fields_of(ours.nodes[0])
    changes = tuple(
        Change(number, node.name, name, found.get(name), wanted.get(name))
        for name in OWN
        if found.get(name) != wanted.get(name)
    )
    return Update(changes, tuple(change for change in changes if _is_anothers(change, found, wanted, last)))


def _node_in(region: DERPRegion, ours: DERPNode, last: DERPRegion | None) -> DERPNode | None:
    """The node that is this relay: by its name, by what was pushed, or because it is the only one."""
    names = [ours.name, *(node.name for node in (last.nodes if last is not None else ()))]
    for name in names:
        for node in region.nodes:
            if node.name == name:
                return node
    return region.nodes[0] if len(region.nodes) == 1 else None


def _is_anothers(change: Change, found: dict[str, Any], wanted: dict[str, Any], last: DERPRegion | None) -> bool:
    if last is not None and last.nodes:
        return bool(fields_of(last.nodes[0]).get(change.field) != change.before)
    return not any(found.get(name) and found.get(name) == wanted.get(name) for name in _TELLING)
