"""Findings about what a DERP map says, each with its place. What finds them: `tailhub.tools.derpmap.findings`."""

from __future__ import annotations

from typing import NamedTuple

from tailhub.findings.finding import Finding

__all__ = ["MapPlace"]


class MapPlace(NamedTuple):
    """Where it is: line and column count from 1. `region` and `node` are as written, "" for what belongs to neither."""

    origin: str
    """The file, URL or machine, as a person named it."""
    line: int
    column: int
    region: str = ""
    node: str = ""
    file: str = ""
    """What to name in commands that change it."""


def name_written_twice(place: MapPlace, name: str) -> Finding:
    """Two members of one name."""
    return Finding("TH469", _map(place) | {"name": name})


def region_id_missing(place: MapPlace) -> Finding:
    """A region without its number."""
    return Finding("TH470", _command(place))


def region_id_differs(place: MapPlace, found: str) -> Finding:
    """A region that is called otherwise than it says."""
    return Finding("TH471", _command(place) | {"found": found})


def node_region_id_missing(place: MapPlace) -> Finding:
    """A node without its region's number."""
    return Finding("TH472", _command(place) | {"node": place.node})


def node_region_id_differs(place: MapPlace, found: str) -> Finding:
    """A node with another region's number."""
    return Finding("TH473", _command(place) | {"node": place.node, "found": found})


def region_id_outside(place: MapPlace, free: int) -> Finding:
    """A number that is not kept free for users."""
    return Finding("TH474", _command(place) | {"free": free})


def region_id_official(place: MapPlace, free: int) -> Finding:
    """A number that one of Tailscale's own regions has."""
    return Finding("TH475", _command(place) | {"free": free})


def stun_port_absent(place: MapPlace, host: str, port: int | None) -> Finding:
    """Nothing answers at the usual port; `port` does, if that is known."""
    return Finding("TH476", _node(place) | {"host": host, "port": port})


def stun_off(place: MapPlace) -> Finding:
    """STUNPort is -1."""
    return Finding("TH477", _node(place))


def stun_only_alone(place: MapPlace) -> Finding:
    """No node of the region relays."""
    return Finding("TH478", _command(place))


def derp_port_absent(place: MapPlace, host: str, port: int) -> Finding:
    """No relay answers at 443; one does at `port`."""
    return Finding("TH479", _node(place) | {"host": host, "port": port})


def node_name_twice(place: MapPlace) -> Finding:
    """Two nodes of one name."""
    return Finding("TH480", _map(place) | {"region": place.region, "node": place.node})


def host_name_empty(place: MapPlace) -> Finding:
    """A node without a host name."""
    return Finding("TH481", _node(place))


def host_name_has_scheme(place: MapPlace, found: str, host: str) -> Finding:
    """A URL where a name belongs."""
    return Finding("TH482", _node(place) | {"found": found, "host": host})


def host_name_has_port(place: MapPlace, found: str, host: str, port: str) -> Finding:
    """A name with a port."""
    return Finding("TH483", _node(place) | {"found": found, "host": host, "port": port})


def address_without_pin(place: MapPlace, found: str) -> Finding:
    """An address as HostName, and nothing that says which certificate."""
    return Finding("TH484", _node(place) | {"found": found})


def cert_name_is_dns_name(place: MapPlace, found: str, host: str) -> Finding:
    """Another name than the host's, where a pin may be meant."""
    return Finding("TH485", _node(place) | {"found": found, "host": host})


def pin_and_insecure(place: MapPlace) -> Finding:
    """Both CertName and InsecureForTests."""
    return Finding("TH486", _node(place))


def pin_needs_client(place: MapPlace) -> Finding:
    """Pins are understood from 1.84 on."""
    return Finding("TH487", _map(place) | {"region": place.region})


def no_fallback(place: MapPlace) -> Finding:
    """One region, and no default ones."""
    return Finding("TH488", _map(place))


def all_regions_avoided(place: MapPlace, found: str) -> Finding:
    """No region is meant as a home; `found` is Avoid if clients measure some of them all the same."""
    return Finding("TH489", _map(place) | {"file": place.file, "is_measured": found == "Avoid"})


def insecure_left_on(place: MapPlace) -> Finding:
    """InsecureForTests is true."""
    return Finding("TH490", _node(place))


def port_mapped(place: MapPlace, host: str, found: int, port: int) -> Finding:
    """No relay answers at the port `found` in the map; one does at `port`."""
    return Finding("TH491", _node(place) | {"host": host, "found": found, "port": port})


def pin_malformed(place: MapPlace, found: str) -> Finding:
    """A pin that no certificate can have."""
    return Finding("TH492", _node(place) | {"found": found})


def map_value_wrong(place: MapPlace, field: str, expected: str, found: str) -> Finding:
    """A text where a number belongs, a port that there is not, an address that is none."""
    return Finding("TH493", _map(place) | {"field": field, "expected": expected, "found": found})


def map_field_unknown(place: MapPlace, field: str, meant: str) -> Finding:
    """A field that clients pass over; `meant`: the one that looks most like it."""
    return Finding("TH494", _map(place) | {"field": field, "meant": meant})


def region_incomplete(place: MapPlace, field: str) -> Finding:
    """No nodes, a node without a name, or a region whose name is no number (then `field` is Regions)."""
    return Finding("TH495", _map(place) | {"region": place.region, "field": field})


def score_without_effect(place: MapPlace, is_headscale: bool) -> Finding:
    """A score that is zero or less; or one that Headscale drops."""
    return Finding("TH496", _map(place) | {"region": place.region, "is_headscale": is_headscale})


def avoid_moves_nobody(place: MapPlace, field: str) -> Finding:
    """Avoid or NoMeasureNoHome."""
    return Finding("TH499", _command(place) | {"field": field})


def _map(place: MapPlace) -> dict[str, object]:
    return {"origin": place.origin, "line": place.line, "column": place.column}


def _command(place: MapPlace) -> dict[str, object]:
    return _map(place) | {"region": place.region, "file": place.file}


def _node(place: MapPlace) -> dict[str, object]:
    return _command(place) | {"node": place.node}
