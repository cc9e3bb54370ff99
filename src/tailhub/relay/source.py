"""Whom an address belongs to, for what one customer may have: an IPv4 address, or a /64 of IPv6."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

__all__ = ["source_of"]

_SITE_BITS = 64  # what one customer has of IPv6, and moves in at will


def source_of(address: IPv4Address | IPv6Address) -> int:
    """The same number for all addresses of one customer; IPv4 in IPv6 is IPv4."""
    if isinstance(address, IPv4Address):
        return int(address)
    mapped = address.ipv4_mapped
    return int(mapped) if mapped is not None else int(address) >> _SITE_BITS | 1 << _SITE_BITS
