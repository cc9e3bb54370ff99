"""A map from one form into another, and what gets lost on the way. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal

import msgspec

from tailhub.findings.remark import Remark
from tailhub.tailcfg.derpmap import DERPMap
from tailhub.tailcfg.forms import headscale_yaml, policy_snippet, to_json
from tailhub.tailcfg.hujson import Array, Member, Object, Scalar, Value
from tailhub.tailcfg.lint import find_map, lint_map
from tailhub.tailcfg.map_diff import Change, diff_maps
from tailhub.tailcfg.map_edit import YAML, Syntax, apply_changes, map_in
from tailhub.tailcfg.map_fault import MapTrouble
from tailhub.tailcfg.map_words import OMIT, SCORE
from tailhub.tools.map_source import MapText

__all__ = ["FORMS", "MapFormName", "changes_into", "losses", "merged", "written"]

MapFormName = Literal["snippet", "policy", "json", "yaml"]
FORMS: Final = ("snippet", "policy", "json", "yaml")
"""To be pasted into a policy; a policy with nothing else in it; JSON; YAML for Headscale."""


def written(derp_map: DERPMap, form: MapFormName) -> str:
    """A map as text, its last line ended."""
    match form:
        case "json":
            return to_json(derp_map) + "\n"
        case "yaml":
            return headscale_yaml(_for_headscale(derp_map))
        case "policy":
            body = to_json(derp_map).replace("\n", "\n  ")
            return f'{{\n  "derpMap": {body},\n}}\n'
    return policy_snippet(derp_map) + "\n"


def merged(syntax: Syntax, text: str, derp_map: DERPMap) -> str:
    """The text with its map made equal to `derp_map`, only where they differ. Raises what `apply_changes` does."""
    return apply_changes(syntax, text, changes_into(syntax, text, derp_map))


def changes_into(syntax: Syntax, text: str, derp_map: DERPMap) -> list[Change]:
    """What `merged` changes."""
    wanted = _for_headscale(derp_map) if syntax is YAML else derp_map
    return diff_maps(map_in(syntax, text), wanted)


def losses(source: MapText, form: MapFormName) -> tuple[Remark, ...]:
    """What of a map that can be read is not in its other form."""
    document = source.syntax.parse(source.text)
    found = find_map(document)
    if found is None:
        return ()
    derp_map = map_in(source.syntax, source.text)
    is_policy = found is not document.root and isinstance(document.root, Object)
    others = [str(one.name.value) for one in _members(document.root) if one.value is not found] if is_policy else []
    unknown = [
        fault.field
        for fault in lint_map(document, is_headscale=source.form == "yaml")
        if fault.trouble is MapTrouble.UNKNOWN_FIELD
    ]
    remarks = [Remark("map_lost_policy", {"names": _listed(others)})] if others else []
    remarks += [Remark("map_lost_fields", {"names": _listed(unknown)})] if unknown else []
    remarks += [Remark("map_lost_comments")] if _has_comments(source) else []
    if form == "yaml":
        scores = derp_map.home_params.region_score if derp_map.home_params else {}
        names = [*([SCORE] if scores else []), *([OMIT] if derp_map.omit_default_regions else [])]
        remarks += [Remark("map_lost_headscale", {"names": _listed(names)})] if names else []
    return tuple(remarks)


def _for_headscale(derp_map: DERPMap) -> DERPMap:
    """Without what Headscale drops or does not have."""
    return msgspec.structs.replace(derp_map, home_params=None, omit_default_regions=False)


def _members(value: Value) -> Iterable[Member]:
    return value.members if isinstance(value, Object) else ()


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _has_comments(source: MapText) -> bool:
    """Is there anything but space and punctuation between the values?"""
    mark = "#" if source.form == "yaml" else "/"
    document = source.syntax.parse(source.text)
    at, text = 0, document.text
    for start, end in [*_spans(document.root), (len(text), len(text))]:
        if mark in text[at:start]:
            return True
        at = max(at, end)
    return False


def _spans(value: Value) -> Iterator[tuple[int, int]]:
    """Where names and scalars lie, in order."""
    match value:
        case Object():
            for member in value.members:
                yield member.name.start, member.name.end
                yield from _spans(member.value)
        case Array():
            for element in value.elements:
                yield from _spans(element.value)
        case Scalar():
            yield value.start, value.end
