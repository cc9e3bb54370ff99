"""The fields of a region and a node by which a person names them in a command. Pure.

One table for all commands that make or change an entry; types and names of the fields are `tailhub.tailcfg.derpmap`'s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final, Literal

from tailhub.exceptions import LocalError
from tailhub.tailcfg.map_words import NO_ADDRESS, PIN_PREFIX, SCORE

__all__ = ["FIELDS", "REGION_ID", "MapField", "parse_fields"]

REGION_ID: Final = "RegionID"
_PIN = re.compile(re.escape(PIN_PREFIX) + r"[0-9a-f]{64}")
_WORDS: Final = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}


@dataclass(frozen=True, slots=True)
class MapField:
    """One field. `name` is Tailscale's; `of` says whose it is."""

    name: str
    flag: str
    kind: Literal["text", "host", "pin", "ipv4", "ipv6", "port", "stun_port", "flag", "decimal", "score", "id"]
    of: Literal["region", "node", "home_params"]
    metavar: str
    help: str

    @property
    def key(self) -> str:
        """Its name in Python."""
        return self.flag.removeprefix("--").replace("-", "_")

    def parse(self, text: str) -> Any:
        """The value that a text means; None for an empty one: the field is to be taken out. Raises `LocalError`."""
        if not text:
            return None
        value = _parse(self.kind, text)
        if value is None:
            raise LocalError(f"{self.flag}: expected {self.metavar}, found {text!r}")
        return value


FIELDS: Final = (
    MapField(REGION_ID, "--region-id", "id", "region", "900-999", "Number of the region, and of its nodes."),
    MapField("RegionCode", "--region-code", "text", "region", "CODE", "Short name of the region."),
    MapField("RegionName", "--region-name", "text", "region", "NAME", "Name of the region for people."),
    MapField("Latitude", "--latitude", "decimal", "region", "DEGREES", "Where it is."),
    MapField("Longitude", "--longitude", "decimal", "region", "DEGREES", "Where it is."),
    MapField("Avoid", "--avoid", "flag", "region", "true|false", "Clients do not choose it as home anew."),
    MapField(
        "NoMeasureNoHome",
        "--no-measure-no-home",
        "flag",
        "region",
        "true|false",
        "Clients neither measure it nor choose it as home.",
    ),
    MapField(
        SCORE,
        "--score",
        "score",
        "home_params",
        "FACTOR",
        "Factor of its latency when clients choose a home: above 1 they want it less. Headscale drops it.",
    ),
    MapField("HostName", "--host-name", "host", "node", "HOST", "Name or address that clients connect to."),
    MapField("CertName", "--cert-name", "pin", "node", "PIN", "sha256-raw:… that pins the certificate, or its name."),
    MapField("IPv4", "--ipv4", "ipv4", "node", "IP|none", "Its address, so that clients need no DNS."),
    MapField("IPv6", "--ipv6", "ipv6", "node", "IP|none", "Its address, so that clients need no DNS."),
    MapField("DERPPort", "--derp-port", "port", "node", "PORT", "TCP port of the relay, if not 443."),
    MapField("STUNPort", "--stun-port", "stun_port", "node", "PORT|-1", "UDP port of STUN, if not 3478; -1: none."),
    MapField("STUNOnly", "--stun-only", "flag", "node", "true|false", "It answers STUN and relays nothing."),
    MapField("InsecureForTests", "--insecure-for-tests", "flag", "node", "true|false", "Clients check no certificate."),
    MapField("CanPort80", "--can-port-80", "flag", "node", "true|false", "Port 80 is its own, for clients' checks."),
    MapField("STUNTestIP", "--stun-test-ip", "text", "node", "IP", "Address to ask STUN at, for tests."),
)


def parse_fields(texts: Mapping[str, str]) -> dict[str, Any]:
    """Values by the fields' names, of texts by their keys; None where one is to be taken out. Raises `LocalError`."""
    return {field.name: field.parse(texts[field.key]) for field in FIELDS if texts.get(field.key) is not None}


def _parse(kind: str, text: str) -> Any:
    """None for what it cannot be."""
    match kind:
        case "port" | "stun_port" | "id":
            number = int(text) if re.fullmatch(r"-?[0-9]{1,9}", text) else 0
            least = 1 if kind != "stun_port" or number != -1 else -1
            return number if least <= number <= (65535 if kind != "id" else 2**31 - 1) else None
        case "flag":
            return _WORDS.get(text.lower())
        case "decimal" | "score":
            number_ = float(text) if re.fullmatch(r"-?[0-9]{1,9}(?:\.[0-9]+)?", text) else None
            if number_ is None or (kind == "score" and number_ <= 0):
                return None
            return int(number_) if number_.is_integer() else number_
        case "ipv4" | "ipv6":
            return text if text == NO_ADDRESS else _address(text, 4 if kind == "ipv4" else 6)
        case "host":
            return text if re.fullmatch(r"[^\s/:\[\]]+", text) or _address(text.strip("[]"), 6) else None
        case "pin":
            is_pin = text.lower().startswith(("sha256", "sha-256"))
            return text if _PIN.fullmatch(text) or not (is_pin or ":" in text or "/" in text) else None
    return text


def _address(text: str, version: int) -> str | None:
    """In its usual spelling; None if it is no address of this family."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return str(address) if address.version == version else None
