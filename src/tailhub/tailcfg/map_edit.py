"""Changing a DERP map where it stands: in a Tailscale policy, in JSON, or in Headscale's YAML. All else stays.

What is to be changed is said as `Change`: a region, a node, or one of their fields. Fields that the file has and this
program does not know stay too. Pure: files are read and written by `tailhub.tools.derpmap.map_file`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias

from tailhub.exceptions import LocalError
from tailhub.tailcfg import hujson, hujson_edit, yaml_edit
from tailhub.tailcfg.derpmap import DERPMap, DERPRegion, from_plain
from tailhub.tailcfg.hujson import Array, Document, Element, Member, Object, Scalar, Value
from tailhub.tailcfg.lint import find_map
from tailhub.tailcfg.map_diff import Change, diff_maps, fields_of
from tailhub.tailcfg.map_words import SCORE
from tailhub.tailcfg.yaml_tree import parse_yaml

__all__ = [
    "HUJSON",
    "YAML",
    "EditError",
    "EditTrouble",
    "Syntax",
    "add_region",
    "apply_changes",
    "find_region",
    "map_in",
    "node_names",
    "put_region",
    "remove_region",
    "set_region_id",
]

EditTrouble: TypeAlias = Literal["no_region", "region_there", "no_node", "odd_shape"]
"""Why it cannot be done, as a word: `odd_shape` is a text where an object belongs, and the like."""


class EditError(LocalError):
    """What should be changed is not there, or there already. `names` are those that there are instead."""

    def __init__(self, trouble: EditTrouble, wanted: str, names: Sequence[str] = ()) -> None:
        super().__init__(f"{trouble}: {wanted}" + (f" (there are {', '.join(names)})" if names else ""))
        self.trouble = trouble
        self.wanted = wanted
        self.names = tuple(names)


@dataclass(frozen=True, slots=True)
class Syntax:
    """How a kind of file is read and changed in place."""

    parse: Callable[[str], Document]
    insert_member: Callable[[Document, Object, str, object], str]
    insert_element: Callable[[Document, Array, object], str]
    remove: Callable[[Document, Object | Array, Member | Element], str]
    replace: Callable[[Document, Value, object], str]
    rename: Callable[[Document, Object, Member, str], str]
    spelled: Callable[[str], str]
    """A field's name as this kind of file has it."""


HUJSON: Final = Syntax(
    hujson.parse,
    hujson_edit.insert_member,
    hujson_edit.insert_element,
    hujson_edit.remove,
    hujson_edit.replace,
    hujson_edit.rename,
    str,
)
"""A Tailscale policy, or a map in JSON."""
YAML: Final = Syntax(
    parse_yaml,
    yaml_edit.insert_member,
    yaml_edit.insert_element,
    yaml_edit.remove,
    yaml_edit.replace,
    yaml_edit.rename,
    str.lower,
)
"""A file of Headscale's ``derp.paths``."""


def map_in(syntax: Syntax, text: str) -> DERPMap:
    """The map in a file; empty where there is none. Raises what `syntax.parse` does, or `LocalError`."""
    document = _parsed(syntax, text)
    found = find_map(document)
    return DERPMap() if found is None else from_plain(document.plain(found))


def add_region(syntax: Syntax, text: str, region: DERPRegion) -> str:
    """The text with one more region. Raises `EditError` if there is one of its id already."""
    if _regions(_parsed(syntax, text), str(region.region_id)) is not None:
        raise EditError("region_there", str(region.region_id))
    return apply_changes(syntax, text, [Change(region.region_id, "", "", None, fields_of(region))])


def put_region(syntax: Syntax, text: str, region: DERPRegion) -> str:
    """The text with this region in place of the one of its id, changing only what differs; or with it added."""
    before = map_in(syntax, text)
    old = {region.region_id: before.regions[region.region_id]} if region.region_id in before.regions else {}
    changes = diff_maps(DERPMap(regions=old), DERPMap(regions={region.region_id: region}))
    return apply_changes(syntax, text, changes)


def remove_region(syntax: Syntax, text: str, region: str) -> str:
    """The text without the region of this id, code or name. Raises `EditError` if there is none."""
    number = find_region(syntax, text, region)
    return apply_changes(syntax, text, [Change(number, "", "", True, None)])


def set_region_id(syntax: Syntax, text: str, number: int, wanted: int) -> str:
    """The text with the region `number` called `wanted`: in Regions, in its RegionID and in those of its nodes."""
    if wanted != number:
        document = _parsed(syntax, text)
        if _regions(document, str(wanted)) is not None:
            raise EditError("region_there", str(wanted))
        member, parent = _regions(document, str(number)), _region_parent(document)
        if member is None or parent is None:
            raise EditError("no_region", str(number), _region_names(document))
        text = syntax.rename(document, parent, member, str(wanted))
    text = _Edit(syntax, text).set_id(wanted, None)
    for place in range(len(_Edit(syntax, text).nodes(wanted))):
        text = _Edit(syntax, text).set_id(wanted, place)
    return text


def find_region(syntax: Syntax, text: str, wanted: str) -> int:
    """The number of the region that somebody means by its number, else code, else name. Raises `EditError`."""
    document = _parsed(syntax, text)
    numbered = {str(one.name.value): one.value for one in _region_members(document)}
    if wanted in numbered and wanted.isascii() and wanted.isdecimal():
        return int(wanted)
    for field in ("RegionCode", "RegionName"):
        for number, region in numbered.items():
            value = _value(region, field) if isinstance(region, Object) else None
            is_meant = isinstance(value, Scalar) and value.value == wanted
            if is_meant and number.isascii() and number.isdecimal():
                return int(number)
    raise EditError("no_region", wanted, _region_names(document))


def node_names(syntax: Syntax, text: str, number: int) -> list[str]:
    """The names of a region's nodes. Raises `EditError`."""
    return [_name(one) for one in _Edit(syntax, text).nodes(number)]


def apply_changes(syntax: Syntax, text: str, changes: Iterable[Change]) -> str:
    """The text with all `changes`; what they say was `before` is not looked at.

    A map is begun where there is none. Raises `EditError`, or what the syntax does (`HuJSONError`, `YAMLError`,
    `YAMLEditError`).
    """
    for change in changes:
        before, text = text, _Edit(syntax, text).applied(change)
        if change.after is None and (change.field or not change.node):
            while text != before:  # of one that stands there twice, the other one would count now
                before, text = text, _Edit(syntax, text).applied(change)
    return text


@lru_cache(maxsize=1)
def _parsed(syntax: Syntax, text: str) -> Document:
    """What was read last is not read again: a policy may be long, and a command looks at it several times."""
    return syntax.parse(text)


class _Edit:
    """One change of one text."""

    def __init__(self, syntax: Syntax, text: str) -> None:
        self._syntax = syntax
        self._document = _parsed(syntax, text)

    def applied(self, change: Change) -> str:
        """The new text."""
        if change.field == SCORE:
            return self._set(self._begun("HomeParams", SCORE), str(change.region), change.after)
        if not change.region:
            return self._set(self._begun(), change.field, change.after)
        key = str(change.region)
        if not change.node and not change.field:
            after = change.after
            value = None if after is False else self._spelled(after)
            return self._set(self._begun("Regions"), key, value, is_gone=after is None)
        region = self._region(key)
        if not change.node:
            return self._set(region, change.field, change.after)
        nodes = _value(region, "Nodes")
        elements = nodes.elements if isinstance(nodes, Array) else ()
        if not change.field:
            return self._node(region, nodes, elements, change)
        found = next((one for one in elements if _name(one) == change.node), None)
        if found is None:
            raise EditError("no_node", change.node, [_name(one) for one in elements])
        return self._set(_object(found.value), change.field, change.after)

    def nodes(self, number: int) -> tuple[Element, ...]:
        """The nodes of a region."""
        value = _value(self._region(str(number)), "Nodes")
        return value.elements if isinstance(value, Array) else ()

    def set_id(self, number: int, place: int | None) -> str:
        """Write the region's number into the region, or into its node at this place."""
        owner = self._region(str(number)) if place is None else _object(self.nodes(number)[place].value)
        return self._put(owner, "RegionID", number)

    def _region(self, key: str) -> Object:
        found = _regions(self._document, key)
        if found is None:
            raise EditError("no_region", key, _region_names(self._document))
        return _object(found.value)

    def _node(self, region: Object, nodes: Value | None, elements: tuple[Element, ...], change: Change) -> str:
        found = next((one for one in elements if _name(one) == change.node), None)
        if change.after is None:
            if found is None or not isinstance(nodes, Array):
                raise EditError("no_node", change.node, [_name(one) for one in elements])
            return self._syntax.remove(self._document, nodes, found)
        new = self._spelled(change.after)
        if found is not None:
            return self._syntax.replace(self._document, found.value, new)
        if isinstance(nodes, Array):
            return self._syntax.insert_element(self._document, nodes, new)
        return self._set(region, "Nodes", [new])

    def _begun(self, *names: str) -> Object | _Missing:
        """The map, or what these names lead to in it; or what has to be begun for that."""
        parent = find_map(self._document)
        if parent is None:
            parent = _object(self._document.root)
            names = ("derpMap", *names) if self._syntax is HUJSON else names
        for number, name in enumerate(names):
            value = _value(parent, name)
            if value is None:
                return _Missing(parent, names[number:])
            parent = _object(value)
        return parent

    def _set(self, parent: Object | _Missing, name: str, value: Any, *, is_gone: bool | None = None) -> str:
        """Set a member, or take it out (`is_gone`, or the value is None)."""
        is_gone = value is None if is_gone is None else is_gone
        if isinstance(parent, _Missing):
            if is_gone:
                return self._document.text
            first, *rest = parent.names
            new: Any = {name: value}
            for outer in reversed(rest):
                new = {self._syntax.spelled(outer): new}
            return self._put(parent.parent, first, new)
        if not is_gone:
            return self._put(parent, name, value)
        found = _member(parent, name)
        return self._document.text if found is None else self._syntax.remove(self._document, parent, found)

    def _put(self, parent: Object, name: str, value: Any) -> str:
        found = _member(parent, name)
        if found is not None:
            return self._syntax.replace(self._document, found.value, value)
        return self._syntax.insert_member(self._document, parent, self._syntax.spelled(name), value)

    def _spelled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self._syntax.spelled(str(name)): self._spelled(item) for name, item in value.items()}
        return [self._spelled(item) for item in value] if isinstance(value, list | tuple) else value


@dataclass(frozen=True, slots=True)
class _Missing:
    """What is not there yet: `names`, one in the other, in `parent`."""

    parent: Object
    names: tuple[str, ...]


def _regions(document: Document, key: str) -> Member | None:
    """The region of this id, by its name in the map; one that is null too."""
    return next((one for one in reversed(_region_members(document)) if str(one.name.value) == key), None)


def _region_parent(document: Document) -> Object | None:
    found = find_map(document)
    regions = _value(found, "Regions") if found is not None else None
    return regions if isinstance(regions, Object) else None


def _region_members(document: Document) -> tuple[Member, ...]:
    parent = _region_parent(document)
    return parent.members if parent is not None else ()


def _region_names(document: Document) -> list[str]:
    return [str(one.name.value) for one in _region_members(document)]


def _member(parent: Object, name: str) -> Member | None:
    return parent.member(name, any_case=True)


def _value(parent: Object, name: str) -> Value | None:
    """None also for null."""
    member = _member(parent, name)
    is_null = member is not None and isinstance(member.value, Scalar) and member.value.value is None
    return None if member is None or is_null else member.value


def _name(element: Element) -> str:
    value = _value(element.value, "Name") if isinstance(element.value, Object) else None
    return str(value.value) if isinstance(value, Scalar) else ""


def _object(value: Value) -> Object:
    if isinstance(value, Object):
        return value
    raise EditError("odd_shape", "")
