"""The map of one relay, built from what is known about it.

Not here: finding out the address (that is discovery) or the pin. Rules: those of real clients, which take HostName for
the URL, for TLS and, where IPv4 or IPv6 is left out, for DNS.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from tailhub.exceptions import LocalError
from tailhub.tailcfg.derpmap import DERPMap, DERPNode, DERPRegion
from tailhub.tailcfg.map_words import NO_ADDRESS, PIN_PREFIX

NO_STUN = -1  # as `stun_port` in a map
_HTTPS_PORT = 443


def relay_map(region: DERPRegion) -> DERPMap:
    """The map with this one region."""
    return DERPMap(regions={region.region_id: region})


def relay_region(
    *,
    region_id: int,
    code: str,
    name: str,
    host_name: str | None = None,
    ipv4: str | None = None,
    ipv6: str | None = None,
    derp_port: int | None,
    stun_port: int | None,
    cert_name: str | None = None,
    dynamic: bool = False,
    address_certified: bool = False,
) -> DERPRegion:
    """The region of one relay.

    `ipv4` and `ipv6`: an address, ``"none"`` (this family is not used), or None or "" (left out: clients ask DNS for
    `host_name`). Without `host_name`, or with an address as `host_name`, clients cannot check a name, so `cert_name` is
    needed, unless a CA has certified the address (`address_certified`): clients then take any certificate that leads to
    a CA of theirs. `dynamic`: the addresses change, so only the name goes into the map. `derp_port` None: STUN
    only, `stun_port` None or -1 is no STUN. The ports are those that others use. Raises `LocalError`.
    """
    stun_port = None if stun_port == NO_STUN else stun_port
    _check_ports(derp_port, stun_port)
    _check_pin(cert_name)
    if host_name and (literal := _address(host_name)) is not None:
        ipv4, ipv6 = (ipv4, ipv6 or literal) if ":" in literal else (ipv4 or literal, ipv6)
        host_name = None
    ipv4, ipv6 = _normal(ipv4, 4), _normal(ipv6, 6)
    if not host_name:
        if dynamic:
            raise LocalError("expected a host name for a relay whose address changes, found none")
        if derp_port is not None and not (cert_name or address_certified):
            raise LocalError("expected a pin (CertName) for a relay without a host name, found none")
        if ipv4 is None and ipv6 not in (None, NO_ADDRESS):
            ipv4 = NO_ADDRESS
        host_name = _literal_host(ipv4, ipv6, derp_port)
    elif dynamic:
        ipv4 = ipv6 = None
    elif ipv4 == ipv6 == NO_ADDRESS:
        raise LocalError("expected an address family that clients may use, found both switched off")
    node = DERPNode(
        name=f"{region_id}a",
        region_id=region_id,
        host_name=host_name,
        cert_name=cert_name or "" if derp_port is not None else "",
        ipv4=ipv4 or "",
        ipv6=ipv6 or "",
        stun_port=NO_STUN if stun_port is None else stun_port,
        stun_only=derp_port is None,
        derp_port=derp_port or 0,
    )
    return DERPRegion(region_id=region_id, region_code=code, region_name=name, nodes=(node,))


def _literal_host(ipv4: str | None, ipv6: str | None, derp_port: int | None) -> str:
    """HostName of a relay that has no name: its address."""
    if ipv4 and ipv4 != NO_ADDRESS:
        return ipv4
    if not ipv6 or ipv6 == NO_ADDRESS:
        raise LocalError("expected a host name or an address of the relay, found neither")
    # Clients put HostName into their URL as it is when the port is 443 (an IPv6 address then needs its brackets), and
    # add brackets themselves when it is another (a second pair is an error). Tried with derphttp 1.102.5.
    return f"[{ipv6}]" if derp_port == _HTTPS_PORT else ipv6


def _address(text: str) -> str | None:
    try:
        return str(ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        return None


def _normal(text: str | None, version: int) -> str | None:
    """The address in its usual spelling: a client that cannot read it takes the family for switched off, silently."""
    if not text:
        return None
    if text == NO_ADDRESS:
        return text
    try:
        address = ip_address(text)
    except ValueError:
        address = None
    scoped = isinstance(address, IPv6Address) and address.scope_id is not None
    if address is None or address.version != version or scoped:
        raise LocalError(f"expected an IPv{version} address, 'none' or nothing, found {text!r}")
    return str(address)


def _check_ports(derp_port: int | None, stun_port: int | None) -> None:
    for what, port in (("DERP", derp_port), ("STUN", stun_port)):
        if port is not None and not 1 <= port <= 65535:
            raise LocalError(f"expected a {what} port from 1 to 65535, found {port}")


def _check_pin(cert_name: str | None) -> None:
    if not cert_name or not cert_name.startswith(PIN_PREFIX):
        return
    digits = cert_name.removeprefix(PIN_PREFIX)
    if len(digits) != 64 or not set("0123456789abcdef").issuperset(digits):
        raise LocalError(f"expected {PIN_PREFIX} and 64 lower-case hexadecimal digits, found {cert_name!r}")
