"""What a tool looks at: relays as a client would know them, and where that knowledge comes from. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

from tailhub.exceptions import LocalError
from tailhub.tailcfg.derpmap import DERPMap, DERPNode, DERPRegion
from tailhub.tailcfg.map_words import NO_ADDRESS

__all__ = ["DERP_PORT", "STUN_PORT", "Target", "host_target", "map_targets"]

DERP_PORT = 443  # of a node that names none
STUN_PORT = 3478
_HOST_PORT = re.compile(r"(?P<host>[^:/\[\]\s]+|\[[0-9A-Fa-f:.%]+\])(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class Target:
    """One relay, as clients would reach it.

    `node` is as a DERP map has it. `region` and `derp_map` are those of the map, None for a host that somebody named:
    then nothing is known of a pin or of other addresses, and what its certificate should be is not known either.
    """

    node: DERPNode
    region: DERPRegion | None = None
    derp_map: DERPMap | None = None
    origin: str = ""
    """Where the map came from, as a person named it: a file, a URL."""

    @property
    def is_from_map(self) -> bool:
        """Do we know what clients are told about it?"""
        return self.region is not None

    @property
    def derp_port(self) -> int:
        """The TCP port."""
        return self.node.derp_port or DERP_PORT

    @property
    def stun_port(self) -> int | None:
        """The UDP port, None where STUN is off."""
        return None if self.node.stun_port < 0 else self.node.stun_port or STUN_PORT

    @property
    def host(self) -> str:
        """HostName, without the brackets of an IPv6 address."""
        return self.node.host_name.removeprefix("[").removesuffix("]")

    @property
    def is_pinned(self) -> bool:
        """Do clients go by the certificate's hash?"""
        return self.node.cert_name.startswith("sha256-raw:")

    def fixed_address(self, version: int) -> str | None:
        """The address that the map gives for IPv4 (4) or IPv6 (6): DNS is then not asked. "" : this family is off."""
        text = self.node.ipv4 if version == 4 else self.node.ipv6
        if text == NO_ADDRESS:
            return ""
        try:
            return str(ip_address(text)) if text else None
        except ValueError:
            return ""  # as clients take it

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.derp_port}"


def host_target(text: str, stun_port: int = 0, cert_name: str = "", *, insecure: bool = False) -> Target:
    """A relay by ``HOST[:PORT]``; IPv6 in brackets, or bare without a port. Raises `LocalError`."""
    try:
        host, port = str(ip_address(text)), None
    except ValueError:
        found = _HOST_PORT.fullmatch(text)
        if found is None or (found["port"] and not 1 <= int(found["port"]) <= 65535):
            raise LocalError(f"expected HOST or HOST:PORT, found {text!r}") from None
        host, port = found["host"].strip("[]"), found["port"]
    node = DERPNode(
        name=host,
        host_name=host,
        derp_port=int(port) if port else 0,
        stun_port=stun_port,
        cert_name=cert_name,
        insecure_for_tests=insecure,
    )
    return Target(node)


def map_targets(derp_map: DERPMap, origin: str, wanted: str = "") -> list[Target]:
    """All relays of a map, in the order of its regions; `wanted`: only of the region of this id, code or name."""
    regions = [region for _, region in sorted(derp_map.regions.items()) if region is not None]
    if wanted:
        regions = [one for one in regions if wanted in (str(one.region_id), one.region_code, one.region_name)]
    return [Target(node, region, derp_map, origin) for region in regions for node in region.nodes]
