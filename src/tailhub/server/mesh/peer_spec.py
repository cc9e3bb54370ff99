"""How another relay of the region is named in the setting `mesh_with`, as ``derper -mesh-with`` has it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs

__all__ = ["PeerSpec", "parse_peer"]


@dataclass(frozen=True, slots=True)
class PeerSpec:
    """Where to dial, and what the certificate must look like. `text` is what was written."""

    text: str
    host: str
    port: int = 443
    dial_host: str = ""  # another address of the same relay; empty: `host`
    cert_name: str = ""  # as in a DERP map: ``sha256-raw:…`` or a name
    tls: bool = True


def parse_peer(text: str) -> PeerSpec:
    """Read ``HOST[:PORT][/DIAL-HOST][?cert=PIN]``. Raises `ValueError`."""
    place, _, query = text.partition("?")
    named, _, dial_host = place.partition("/")
    host, _, port = named.rpartition(":") if ":" in named else (named, "", "")
    options = parse_qs(query)
    return PeerSpec(
        text,
        host.strip("[]"),
        int(port or 443),
        dial_host,
        options.get("cert", [""])[0],
        options.get("tls", ["on"])[0] != "off",
    )
