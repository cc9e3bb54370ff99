"""What is wrong in a DERP map, as findings with their places. The rules are in `tailhub.tailcfg.lint`. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tailhub.findings import Finding, map_faults
from tailhub.findings import derp_map as derp_map_findings
from tailhub.findings.map_faults import MapPlace
from tailhub.tailcfg.hujson import Array, Document, Object, Scalar, Value
from tailhub.tailcfg.hujson_mend import mend
from tailhub.tailcfg.lint import find_map, lint_map
from tailhub.tailcfg.map_fault import MapFault, MapTrouble
from tailhub.tailcfg.region_id import FIRST_USER_REGION, LAST_USER_REGION
from tailhub.tailcfg.yaml_tree import YAMLError, parse_yaml
from tailhub.tools.derpmap.ports import PortFault
from tailhub.tools.map_source import MapText, hujson_finding, is_file
from tailhub.tools.target import Target

__all__ = ["MapFinding", "lint_findings", "port_finding", "region_names"]


@dataclass(frozen=True, slots=True)
class MapFinding:
    """One thing that is wrong, doubtful or (a note) good to know. `line` and `column` count from 1.

    The last line of its text (`Finding.what`) says the place too, where it is about what the map says.
    """

    finding: Finding
    line: int
    column: int


def lint_findings(map_text: MapText, region: str = "") -> list[MapFinding]:
    """All findings about a map, in the order of the text; notes are among them.

    `region`: only those about the region of this id, code or name, and about the map as a whole.
    """
    if map_text.form == "yaml":
        try:
            document = parse_yaml(map_text.text)
        except YAMLError as exc:
            finding = derp_map_findings.map_unreadable(map_text.origin, f"line {exc.line}: {exc.problem}")
            return [MapFinding(finding, exc.line, exc.column)]
        found = _of_document(map_text, document, region, document.place)
    else:
        mended = mend(map_text.text)
        found = [MapFinding(hujson_finding(map_text.origin, one), one.line, one.column) for one in mended.faults]
        if mended.document is not None:
            found += _of_document(map_text, mended.document, region, mended.place)
    return sorted(found, key=lambda one: (one.line, one.column))


def region_names(map_text: MapText, meant: str = "") -> list[str]:
    """The ids of all regions, or of those that somebody means by an id, code or name; none if it cannot be read."""
    try:
        document = parse_yaml(map_text.text) if map_text.form == "yaml" else mend(map_text.text).document
    except YAMLError:
        return []
    if document is None:
        return []
    return sorted(_wanted(document, meant)) if meant else [name for name, _ in _regions(document)]


def port_finding(map_text: MapText, target: Target, fault: PortFault) -> MapFinding:
    """The finding for a port that the relay was not heard at. The text must be one that can be read."""
    document = map_text.syntax.parse(map_text.text)
    region = str(target.region.region_id) if target.region else ""
    line, column = document.place(_place_of(document, region, target.node.name, fault.field))
    place = MapPlace(map_text.origin, line, column, region, target.node.name, _file(map_text))
    if fault.kind == "stun_port_absent":
        finding = map_faults.stun_port_absent(place, target.host, fault.port)
    elif fault.kind == "derp_port_absent":
        finding = map_faults.derp_port_absent(place, target.host, fault.port or 0)
    else:
        finding = map_faults.port_mapped(place, target.host, fault.found, fault.port or 0)
    return MapFinding(finding, line, column)


def _of_document(
    map_text: MapText, document: Document, region: str, place_of: Callable[[int], tuple[int, int]]
) -> list[MapFinding]:
    faults = lint_map(document, is_headscale=map_text.form == "yaml")
    if any(fault.trouble is MapTrouble.NO_MAP for fault in faults):
        return [MapFinding(derp_map_findings.no_map_in_it(map_text.origin), *place_of(document.root.start))]
    wanted = _wanted(document, region) if region else None
    free = _free_id(document)
    found = []
    for fault in faults:
        if wanted is not None and fault.region and fault.region not in wanted:
            continue
        line, column = place_of(fault.offset)
        place = MapPlace(map_text.origin, line, column, fault.region, fault.node, _file(map_text))
        found.append(MapFinding(_finding(fault, place, free), line, column))
    return found


def _finding(fault: MapFault, place: MapPlace, free: int) -> Finding:
    """The finding of a fault. `free`: a region id that nobody has."""
    trouble, found = fault.trouble, fault.found
    if (plain := _PLAIN.get(trouble)) is not None:
        return plain(place)
    if (with_found := _WITH_FOUND.get(trouble)) is not None:
        return with_found(place, found)
    match trouble:
        case MapTrouble.REGION_ID_OUTSIDE:
            return map_faults.region_id_outside(place, free)
        case MapTrouble.REGION_ID_OFFICIAL:
            return map_faults.region_id_official(place, free)
        case MapTrouble.HOST_NAME_SCHEME:
            return map_faults.host_name_has_scheme(place, found, _bare(found)[0])
        case MapTrouble.HOST_NAME_PORT:
            return map_faults.host_name_has_port(place, found, *_bare(found))
        case MapTrouble.CERT_NAME_IS_NAME:
            return map_faults.cert_name_is_dns_name(place, found, fault.expected)
        case MapTrouble.UNKNOWN_FIELD:
            return map_faults.map_field_unknown(place, fault.field, fault.expected)
        case MapTrouble.NAME_TWICE:
            return map_faults.name_written_twice(place, fault.field)
        case MapTrouble.SCORE_IGNORED | MapTrouble.SCORE_DROPPED:
            return map_faults.score_without_effect(place, trouble is MapTrouble.SCORE_DROPPED)
        case MapTrouble.AVOID_MOVES_NOBODY:
            return map_faults.avoid_moves_nobody(place, fault.field)
        case MapTrouble.NO_NODES | MapTrouble.NODE_NAME_EMPTY:
            return map_faults.region_incomplete(place, fault.field)
        case MapTrouble.REGION_KEY:
            return map_faults.region_incomplete(place._replace(region=found), "Regions")
        case _:  # WRONG_TYPE, BAD_ADDRESS, BAD_PORT
            return map_faults.map_value_wrong(place, fault.field, fault.expected, found)


_PLAIN = {
    MapTrouble.REGION_ID_MISSING: map_faults.region_id_missing,
    MapTrouble.NODE_REGION_ID_MISSING: map_faults.node_region_id_missing,
    MapTrouble.NODE_NAME_TWICE: map_faults.node_name_twice,
    MapTrouble.HOST_NAME_EMPTY: map_faults.host_name_empty,
    MapTrouble.STUN_OFF: map_faults.stun_off,
    MapTrouble.STUN_ONLY_ALONE: map_faults.stun_only_alone,
    MapTrouble.INSECURE: map_faults.insecure_left_on,
    MapTrouble.PIN_AND_INSECURE: map_faults.pin_and_insecure,
    MapTrouble.PIN_NEEDS_1_84: map_faults.pin_needs_client,
    MapTrouble.NO_FALLBACK: map_faults.no_fallback,
}
_WITH_FOUND = {
    MapTrouble.REGION_ID_DIFFERS: map_faults.region_id_differs,
    MapTrouble.NODE_REGION_ID_DIFFERS: map_faults.node_region_id_differs,
    MapTrouble.IP_WITHOUT_PIN: map_faults.address_without_pin,
    MapTrouble.PIN_MALFORMED: map_faults.pin_malformed,
    MapTrouble.ALL_AVOIDED: map_faults.all_regions_avoided,
}


def _bare(host: str) -> tuple[str, str]:
    """Name and port of what was written as a URL or with a port."""
    rest = host.rpartition("://")[2].partition("/")[0]
    name, colon, port = rest.rpartition(":")
    if not colon or not port.isdecimal():
        return rest.rstrip(":"), ""
    return name.removeprefix("[").removesuffix("]"), port


def _file(map_text: MapText) -> str:
    """What commands that mend it name: the file, or the one in which the owner keeps what was fetched."""
    return map_text.origin if is_file(map_text.origin) else "policy.hujson"


def _regions(document: Document) -> Iterable[tuple[str, Object]]:
    found = find_map(document)
    regions = _value(found, "Regions") if found is not None else None
    for member in regions.members if isinstance(regions, Object) else ():
        if isinstance(member.value, Object):
            yield str(member.name.value), member.value


def _wanted(document: Document, region: str) -> set[str]:
    """The names in Regions of those that somebody means by an id, code or name."""
    return {
        name
        for name, value in _regions(document)
        if region == name or region in (_text(value, "RegionCode"), _text(value, "RegionName"))
    }


def _free_id(document: Document) -> int:
    """The first id of users' that no region has."""
    taken = {name for name, _ in _regions(document)}
    numbers = range(FIRST_USER_REGION, LAST_USER_REGION + 1)
    return next((number for number in numbers if str(number) not in taken), FIRST_USER_REGION)


def _place_of(document: Document, region: str, node: str, field: str) -> int:
    """Where a field of a node stands, or the node where it is not there."""
    for name, value in _regions(document):
        nodes = _value(value, "Nodes") if name == region else None
        for element in nodes.elements if isinstance(nodes, Array) else ():
            if isinstance(element.value, Object) and _text(element.value, "Name") == node:
                own = _value(element.value, field)
                return own.start if own is not None else element.value.start
    return document.root.start


def _value(parent: Object, name: str) -> Value | None:
    member = parent.member(name, any_case=True)
    return member.value if member is not None else None


def _text(parent: Object, name: str) -> str:
    value = _value(parent, name)
    return str(value.value) if isinstance(value, Scalar) else ""
