"""The DERP map that tells clients how to reach this relay: one for others, one for programs on the same machine.

Built from what discovery found and from the certificate that is served, so that what is printed is what is there.
"""

from __future__ import annotations

from dataclasses import dataclass

from tailhub.certs.files import Certificate
from tailhub.server.address import Discovery
from tailhub.tailcfg.build import relay_map, relay_region
from tailhub.tailcfg.derpmap import DERPMap
from tailhub.tailcfg.map_words import NO_ADDRESS

REGION_CODE = "my-relay"
REGION_NAME = "My relay"
LOOPBACK_V4 = "127.0.0.1"
LOOPBACK_V6 = "::1"


@dataclass(frozen=True, slots=True)
class LocalEndpoint:
    """Where programs on this machine reach the relay. Hosts are None where the family is not served."""

    ipv4: str | None
    ipv6: str | None
    derp_port: int
    stun_port: int | None


def pin_of(certificate: Certificate | None) -> str | None:
    """What clients should pin; None for a certificate that they can check against their CAs, and for a front's."""
    return certificate.pin if certificate is not None and certificate.needs_pin else None


def public_map(discovery: Discovery, certificate: Certificate | None, region_id: int) -> DERPMap | None:
    """The map for clients elsewhere; None while nothing is known that they could dial.

    Without `certificate` a proxy in front has one, for the name that the relay goes by.
    """
    pin = pin_of(certificate)
    host, ipv4, ipv6 = discovery.host, discovery.map_ipv4, discovery.map_ipv6
    if certificate is None:
        host = discovery.hostname
    elif pin is None:
        # A CA's certificate is checked by name; with the addresses in the map that name need not even resolve.
        if not discovery.hostname and (host or not certificate.is_wildcard_only):
            host = own_name(certificate) or host  # one for an address has no name
    elif discovery.hostname and not certificate.covers(discovery.hostname):
        # Pinned before it had this name: clients would refuse the name, the address still works.
        found = discovery.ipv4 or discovery.ipv6
        host = str(found.address) if found is not None else ""
    if not host:
        return None
    return relay_map(
        relay_region(
            region_id=region_id,
            code=REGION_CODE,
            name=REGION_NAME,
            host_name=host,
            ipv4=ipv4 or None,
            ipv6=ipv6 or None,
            derp_port=discovery.derp_port or None,
            stun_port=discovery.stun_port,
            cert_name=pin,
            address_certified=_is_for_address(certificate),
        )
    )


def local_map(
    endpoint: LocalEndpoint, certificate: Certificate | None, hostname: str, region_id: int
) -> DERPMap | None:
    """The map for programs on the relay's own machine.

    None where a proxy has the certificate that they would meet, or where there is no address (a unix socket).
    """
    if (certificate is None and endpoint.derp_port) or (endpoint.ipv4 is None and endpoint.ipv6 is None):
        return None
    pin = pin_of(certificate)
    name = None
    if pin is None and certificate is not None:
        name = hostname if certificate.covers(hostname) else own_name(certificate)
    return relay_map(
        relay_region(
            region_id=region_id,
            code=REGION_CODE,
            name=REGION_NAME,
            host_name=name or endpoint.ipv4 or endpoint.ipv6,
            ipv4=endpoint.ipv4 or NO_ADDRESS,
            ipv6=endpoint.ipv6 or NO_ADDRESS,
            derp_port=endpoint.derp_port or None,
            stun_port=endpoint.stun_port,
            cert_name=pin,
            address_certified=_is_for_address(certificate),
        )
    )


def _is_for_address(certificate: Certificate | None) -> bool:
    """Is it renewed by ACME, and for no name?"""
    return certificate is not None and certificate.never_pinned and not certificate.names


def own_name(certificate: Certificate) -> str:
    """A name that the certificate is for, made up when it has nothing but wildcards; empty when it has no name."""
    plain = [name for name in certificate.names if not name.startswith("*.")]
    made_up = ["derp" + name.removeprefix("*") for name in certificate.names]
    return next(iter(plain + made_up), "")
