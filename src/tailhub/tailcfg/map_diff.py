"""How two DERP maps differ, by region, node and field. What they say the same in other words is no difference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from tailhub.tailcfg.derpmap import DERPMap, DERPNode, DERPRegion
from tailhub.tailcfg.map_words import OMIT, SCORE

__all__ = ["Change", "diff_maps", "fields_of"]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `before` and `after` are plain values (dicts, lists, scalars); None: it is not there.

    Without a `field` it is a whole node, without a `node` either a whole region; of a map's own field `region` is 0. A
    region that is there as null (it takes a default region away) has False as its value.
    """

    region: int
    node: str
    field: str
    before: Any
    after: Any


def diff_maps(before: DERPMap, after: DERPMap) -> list[Change]:
    """What makes `after` of `before`, in the order of regions. Nodes are told apart by their names."""
    found: list[Change] = []
    if before.omit_default_regions != after.omit_default_regions:
        found.append(_change(0, "", OMIT, before.omit_default_regions or None, after.omit_default_regions or None))
    for region in sorted({*before.regions, *after.regions}):
        found += _region(region, before, after)
    old = before.home_params.region_score if before.home_params else {}
    new = after.home_params.region_score if after.home_params else {}
    for region in sorted({*old, *new}):
        if old.get(region) != new.get(region):
            found.append(_change(region, "", SCORE, old.get(region), new.get(region)))
    return found


def fields_of(value: DERPRegion | DERPNode) -> dict[str, Any]:
    """The fields that say something, by Tailscale's names, as plain values."""
    plain: dict[str, Any] = msgspec.to_builtins(value, str_keys=True)
    return plain


def _region(number: int, before: DERPMap, after: DERPMap) -> Iterator[Change]:
    old, new = before.regions.get(number), after.regions.get(number)
    if old is None or new is None:
        was, will = (_whole(one, number in derp_map.regions) for one, derp_map in ((old, before), (new, after)))
        if was != will:
            yield _change(number, "", "", was, will)
        return
    yield from _fields(number, "", fields_of(old), fields_of(new))
    old_nodes, new_nodes = ({node.name: node for node in one.nodes} for one in (old, new))
    for name in dict.fromkeys((*old_nodes, *new_nodes)):
        was_node, will_node = old_nodes.get(name), new_nodes.get(name)
        if was_node is None or will_node is None:
            yield _change(number, name, "", *(fields_of(one) if one else None for one in (was_node, will_node)))
        else:
            yield from _fields(number, name, fields_of(was_node), fields_of(will_node))


def _whole(region: DERPRegion | None, is_there: bool) -> dict[str, Any] | bool | None:
    if region is not None:
        return fields_of(region)
    return False if is_there else None


def _fields(region: int, node: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in dict.fromkeys((*old, *new)):
        if name not in ("Nodes", "Name" if node else "") and old.get(name) != new.get(name):
            yield _change(region, node, name, old.get(name), new.get(name))


def _change(region: int, node: str, field: str, before: Any, after: Any) -> Change:
    return Change(region, node, field, before, after)
