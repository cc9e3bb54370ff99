"""Which challenges of an ACME server this relay can meet, and which one is taken when nobody says so. Pure.

An ACME server (Let's Encrypt and others) connects to public port 80 (``http-01``) or 443 (``tls-alpn-01``), or looks up
a record in the DNS (``dns-01``, for names only). Sources: RFC 8555 section 8, RFC 8737, RFC 8738 (IP addresses).
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

__all__ = [
    "CHALLENGES",
    "DNS_01",
    "HTTP_01",
    "HTTP_PORT",
    "LETS_ENCRYPT",
    "TLS_ALPN_01",
    "TLS_PORT",
    "Challenge",
    "Ways",
    "alpn_server_name",
    "choose",
    "possible",
]

Challenge = Literal["tls-alpn-01", "http-01", "dns-01"]

TLS_ALPN_01: Challenge = "tls-alpn-01"
HTTP_01: Challenge = "http-01"
DNS_01: Challenge = "dns-01"
CHALLENGES: tuple[Challenge, ...] = (TLS_ALPN_01, HTTP_01, DNS_01)

TLS_PORT = 443
HTTP_PORT = 80
LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"


@dataclass(frozen=True, slots=True)
class Ways:
    """By which ways an ACME server could reach this relay.

    Ports are those that others use, None where nothing listens; `has_hook`: a command writes to the DNS; `is_ip`: the
    certificate is to be for an address.
    """

    tls_port: int | None
    http_port: int | None
    has_hook: bool
    is_ip: bool


def possible(ways: Ways) -> tuple[Challenge, ...]:
    """The challenges that can work, the best first. A DNS hook is there only where somebody wants it used."""
    found: list[Challenge] = []
    if ways.has_hook and not ways.is_ip:
        found.append(DNS_01)
    if ways.tls_port == TLS_PORT:
        found.append(TLS_ALPN_01)
    if ways.http_port == HTTP_PORT:
        found.append(HTTP_01)
    return tuple(found)


def choose(asked_for: str, ways: Ways) -> Challenge | None:
    """The challenge to use: the one that was asked for, else the best that can work, None without any."""
    for challenge in CHALLENGES:
        if challenge == asked_for:
            return challenge
    return next(iter(possible(ways)), None)


def alpn_server_name(identifier: str) -> str:
    """The name that an ACME server puts into its ClientHello for ``tls-alpn-01``: for an address its reverse name."""
    try:
        return ip_address(identifier).reverse_pointer
    except ValueError:
        return identifier.lower()
