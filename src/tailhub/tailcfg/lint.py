"""What is wrong or doubtful in a DERP map as somebody wrote it, with its place. Says words, not sentences.

A map is a document of its own (``{"Regions": …}``) or the ``derpMap`` of a policy; names of fields are taken in any
case, as Go does. Not here: what only the network can tell (is a port the relay's?), and sentences about all this.
Sources: ``tailcfg/derpmap.go`` and ``derphttp`` of the reference, and what its clients were seen to do with such maps.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from ipaddress import ip_address
from typing import Final

from tailhub.tailcfg.hujson import Array, Document, Member, Object, Scalar, Value
from tailhub.tailcfg.map_fault import MapFault, MapTrouble
from tailhub.tailcfg.map_words import NO_ADDRESS, PIN_PREFIX
from tailhub.tailcfg.region_id import FIRST_USER_REGION, LAST_USER_REGION

__all__ = ["MapFault", "MapTrouble", "find_map", "lint_map"]

OFFICIAL_REGIONS: Final = range(1, 100)  # Tailscale's own have small numbers; those of users begin at 900


_MAP_FIELDS: Final = {"HomeParams": "object", "Regions": "object", "omitDefaultRegions": "flag"}
_REGION_FIELDS: Final = {
    "RegionID": "number",
    "RegionCode": "text",
    "RegionName": "text",
    "Latitude": "decimal",
    "Longitude": "decimal",
    "Avoid": "flag",
    "NoMeasureNoHome": "flag",
    "Nodes": "array",
}
_NODE_FIELDS: Final = {
    "Name": "text",
    "RegionID": "number",
    "HostName": "text",
    "CertName": "text",
    "IPv4": "text",
    "IPv6": "text",
    "STUNPort": "number",
    "STUNOnly": "flag",
    "DERPPort": "number",
    "InsecureForTests": "flag",
    "STUNTestIP": "text",
    "CanPort80": "flag",
}
_PIN = re.compile(re.escape(PIN_PREFIX) + r"[0-9a-f]{64}")
_LIKE_A_PIN = re.compile(r"sha-?256|(?:[0-9a-f]{2}:?){20,}$", re.IGNORECASE)
_PORT_BEHIND = re.compile(r"(?:[^:]+|\[[^\]]*\]):[0-9]*")


def find_map(document: Document) -> Object | None:
    """The map in a policy, or the document itself if it is one; None if there is none."""
    root = document.root
    if not isinstance(root, Object):
        return None
    member = root.member("derpMap", any_case=True)
    if member is not None:
        return member.value if isinstance(member.value, Object) else None
    return root if root.member("Regions", any_case=True) is not None else None


def lint_map(
    document: Document, official: Collection[int] = OFFICIAL_REGIONS, *, is_headscale: bool = False
) -> list[MapFault]:
    """Everything that is wrong or doubtful, in the order of the text. `official` are the ids of default regions.

    `is_headscale`: a file of its ``derp.paths``, whose fields have lower-case names and no other spelling.
    """
    derp_map = find_map(document)
    if derp_map is None:
        return [MapFault(MapTrouble.NO_MAP, document.root.start)]
    linter = _Linter(official, is_headscale=is_headscale)
    linter.map(derp_map)
    return sorted(linter.found, key=lambda fault: fault.offset)


class _Fields:
    """The fields of an object, in any case."""

    def __init__(self, value: Object) -> None:
        self.value = value

    def get(self, name: str) -> Value | None:
        member = self.value.member(name, any_case=True)
        is_null = member is not None and isinstance(member.value, Scalar) and member.value.value is None
        return None if member is None or is_null else member.value

    def number(self, name: str) -> int:
        value = self.get(name)
        plain = value.value if isinstance(value, Scalar) else 0
        return plain if isinstance(plain, int) and not isinstance(plain, bool) else 0

    def text(self, name: str) -> str:
        value = self.get(name)
        return value.value if isinstance(value, Scalar) and isinstance(value.value, str) else ""

    def flag(self, name: str) -> bool:
        value = self.get(name)
        return isinstance(value, Scalar) and value.value is True

    def place(self, name: str) -> int:
        """Where its value is, else the object."""
        value = self.get(name)
        return value.start if value is not None else self.value.start


class _Linter:
    def __init__(self, official: Collection[int], *, is_headscale: bool) -> None:
        self.found: list[MapFault] = []
        self._official = official
        self._is_headscale = is_headscale
        self._names = Counter[str]()  # of nodes: one in the whole map
        self._region = self._node = ""

    def map(self, value: Object) -> None:
        """The whole map."""
        fields = self._typed(value, _MAP_FIELDS)
        regions = fields.get("Regions")
        members = regions.members if isinstance(regions, Object) else ()
        self._twice(members)
        self._scores(fields.get("HomeParams"))
        omits = fields.flag("omitDefaultRegions")
        homes, is_measured = 0, False
        listed = [member for member in members if isinstance(member.value, Object)]
        for member in members:
            self._region = str(member.name.value)
            if not self._region.isascii() or not self._region.isdecimal() or not self._region.strip("0"):
                self._add(MapTrouble.REGION_KEY, member.name.start, found=self._region)
            if isinstance(member.value, Object):
                homes += self._in_region(member.value, omits=omits)
                is_measured |= not _Fields(member.value).flag("NoMeasureNoHome")
            elif not (isinstance(member.value, Scalar) and member.value.value is None):
                self._wrong_type(member.value, self._region, "object")
        self._region = ""
        if omits and len(listed) == 1:
            self._add(MapTrouble.NO_FALLBACK, fields.place("omitDefaultRegions"), "omitDefaultRegions")
        if listed and omits and not homes:
            found = "Avoid" if is_measured else "NoMeasureNoHome"
            self._add(MapTrouble.ALL_AVOIDED, fields.place("Regions"), "Regions", found=found)

    def _in_region(self, value: Object, *, omits: bool) -> bool:
        """One region. Returns whether it is meant as a home."""
        fields = self._typed(value, _REGION_FIELDS)
        written, number = self._region, fields.number("RegionID")
        if not number and written.strip("0"):
            self._add(MapTrouble.REGION_ID_MISSING, fields.place("RegionID"), "RegionID", expected=written)
        elif number and str(number) != written:
            place = fields.place("RegionID")
            self._add(MapTrouble.REGION_ID_DIFFERS, place, "RegionID", found=str(number), expected=written)
        own = number or (int(written) if written.isascii() and written.isdecimal() and len(written) < 10 else 0)
        is_users = FIRST_USER_REGION <= own <= LAST_USER_REGION
        if own in self._official and not omits and not _is_tailscales(fields):
            self._add(MapTrouble.REGION_ID_OFFICIAL, fields.place("RegionID"), "RegionID", found=str(own))
        elif own and not (is_users or omits or _is_tailscales(fields)):
            self._add(MapTrouble.REGION_ID_OUTSIDE, fields.place("RegionID"), "RegionID", found=str(own))
        nodes = fields.get("Nodes")
        elements = [one.value for one in nodes.elements] if isinstance(nodes, Array) else []
        if not elements:
            self._add(MapTrouble.NO_NODES, fields.place("Nodes"), "Nodes")
        relays = 0
        for element in elements:
            if isinstance(element, Object):
                relays += self._in_node(element, own, written)
            else:
                self._wrong_type(element, "Nodes", "object")
        if elements and not relays:
            self._add(MapTrouble.STUN_ONLY_ALONE, fields.place("Nodes"), "STUNOnly")
        avoided = next((name for name in ("NoMeasureNoHome", "Avoid") if fields.flag(name)), None)
        if avoided:
            self._add(MapTrouble.AVOID_MOVES_NOBODY, fields.place(avoided), avoided)
        return avoided is None

    def _in_node(self, value: Object, region: int, written: str) -> bool:
        """One node of a region that calls itself `region`, and is `written` so. Returns whether it relays."""
        self._node = _Fields(value).text("Name")
        fields = self._typed(value, _NODE_FIELDS)
        self._names[self._node] += 1
        if not self._node:
            self._add(MapTrouble.NODE_NAME_EMPTY, fields.place("Name"), "Name")
        elif self._names[self._node] == 2:
            self._add(MapTrouble.NODE_NAME_TWICE, fields.place("Name"), "Name", found=self._node)
        number = fields.number("RegionID")
        if not number and written.strip("0"):
            self._add(MapTrouble.NODE_REGION_ID_MISSING, fields.place("RegionID"), "RegionID", expected=str(region))
        elif number not in (0, region) and str(number) != written:  # if those two differ, that is the fault
            place = fields.place("RegionID")
            self._add(MapTrouble.NODE_REGION_ID_DIFFERS, place, "RegionID", found=str(number), expected=str(region))
        self._host(fields)
        self._certificate(fields)
        for name, least in (("DERPPort", 0), ("STUNPort", -1)):
            port = fields.number(name)
            if not least <= port <= 65535:
                self._add(MapTrouble.BAD_PORT, fields.place(name), name, found=str(port), expected="1 to 65535")
        if fields.number("STUNPort") == -1:
            self._add(MapTrouble.STUN_OFF, fields.place("STUNPort"), "STUNPort", found="-1")
        for name, version in (("IPv4", 4), ("IPv6", 6)):
            address = fields.text(name)
            if address and address != NO_ADDRESS and _version(address) != version:
                self._add(MapTrouble.BAD_ADDRESS, fields.place(name), name, found=address, expected=f"IPv{version}")
        self._node = ""
        return not fields.flag("STUNOnly")

    def _host(self, fields: _Fields) -> None:
        host, place = fields.text("HostName"), fields.place("HostName")
        if not host.strip():
            self._add(MapTrouble.HOST_NAME_EMPTY, place, "HostName")
        elif "://" in host:
            self._add(MapTrouble.HOST_NAME_SCHEME, place, "HostName", found=host)
        elif _version(host.strip("[]")) == 0 and _PORT_BEHIND.fullmatch(host):
            self._add(MapTrouble.HOST_NAME_PORT, place, "HostName", found=host)
        elif _version(host.strip("[]")) and not fields.text("CertName") and not fields.flag("InsecureForTests"):
            self._add(MapTrouble.IP_WITHOUT_PIN, place, "HostName", found=host)

    def _certificate(self, fields: _Fields) -> None:
        cert_name, place = fields.text("CertName"), fields.place("CertName")
        host = fields.text("HostName")
        is_pin = _LIKE_A_PIN.match(cert_name) is not None
        if fields.flag("InsecureForTests"):
            trouble = MapTrouble.PIN_AND_INSECURE if cert_name else MapTrouble.INSECURE
            self._add(trouble, fields.place("InsecureForTests"), "InsecureForTests")
        if is_pin and not _PIN.fullmatch(cert_name):
            self._add(
                MapTrouble.PIN_MALFORMED, place, "CertName", found=cert_name, expected=PIN_PREFIX + "64 hex digits"
            )
        elif is_pin:
            self._add(MapTrouble.PIN_NEEDS_1_84, place, "CertName")
        elif cert_name not in ("", host) and not _version(host.strip("[]")):
            self._add(MapTrouble.CERT_NAME_IS_NAME, place, "CertName", found=cert_name, expected=host)

    # --- fields -------------------------------------------------------------------------------------------------------

    def _typed(self, value: Object, known: dict[str, str]) -> _Fields:
        """The fields of an object, after looking at the names and the types of all of them."""
        by_lower = {name.lower(): name for name in known}
        self._twice(value.members)
        for member in value.members:
            written = str(member.name.value)
            name = by_lower.get(written.lower())
            if self._is_headscale and name is not None and written != name.lower():
                self._add(MapTrouble.UNKNOWN_FIELD, member.name.start, written, expected=name.lower())
            elif name is None:
                self._add(MapTrouble.UNKNOWN_FIELD, member.name.start, written, expected=_near(written, by_lower))
            elif not _fits(member.value, known[name]):
                self._wrong_type(member.value, name, known[name])
        return _Fields(value)

    def _twice(self, members: tuple[Member, ...]) -> None:
        seen = Counter[str]()
        for member in members:
            name = str(member.name.value).lower()
            seen[name] += 1
            if seen[name] == 2:
                self._add(MapTrouble.NAME_TWICE, member.name.start, str(member.name.value))

    def _scores(self, params: Value | None) -> None:
        scores = (
            self._typed(params, {"RegionScore": "object"}).get("RegionScore") if isinstance(params, Object) else None
        )
        for member in scores.members if isinstance(scores, Object) else ():
            self._region = str(member.name.value)
            if not _fits(member.value, "decimal"):
                self._wrong_type(member.value, "RegionScore", "decimal")
            elif self._is_headscale:
                self._add(MapTrouble.SCORE_DROPPED, member.name.start, "RegionScore")
            elif (
                isinstance(member.value, Scalar) and isinstance(score := member.value.value, int | float) and score <= 0
            ):
                self._add(MapTrouble.SCORE_IGNORED, member.value.start, "RegionScore", found=str(score))
        self._region = ""

    def _wrong_type(self, value: Value, name: str, expected: str) -> None:
        found = "array" if isinstance(value, Array) else "object" if isinstance(value, Object) else repr(value.value)
        self._add(MapTrouble.WRONG_TYPE, value.start, name, found=found, expected=expected)

    def _add(self, trouble: MapTrouble, offset: int, field: str = "", *, found: str = "", expected: str = "") -> None:
        self.found.append(MapFault(trouble, offset, self._region, self._node, field, found, expected))


def _fits(value: Value, kind: str) -> bool:
    if isinstance(value, Scalar):
        plain = value.value
        if plain is None:
            return True
        is_flag = isinstance(plain, bool)
        return {
            "text": isinstance(plain, str),
            "number": isinstance(plain, int) and not is_flag,
            "decimal": isinstance(plain, int | float) and not is_flag,
            "flag": is_flag,
        }.get(kind, False)
    return kind == ("array" if isinstance(value, Array) else "object")


def _is_tailscales(region: _Fields) -> bool:
    """Is it the default region itself, as the map of a tailnet has it?"""
    nodes = region.get("Nodes")
    elements = nodes.elements if isinstance(nodes, Array) else ()
    hosts = [_Fields(one.value).text("HostName") for one in elements if isinstance(one.value, Object)]
    return bool(hosts) and all(host.endswith(".tailscale.com") for host in hosts)


def _near(written: str, by_lower: dict[str, str]) -> str:
    """The field that looks most like it, empty if none does."""
    import difflib

    return next((by_lower[name] for name in difflib.get_close_matches(written.lower(), by_lower, 1, 0.7)), "")


def _version(text: str) -> int:
    """4 or 6 for an IP address, 0 for any other text."""
    try:
        return ip_address(text).version
    except ValueError:
        return 0
