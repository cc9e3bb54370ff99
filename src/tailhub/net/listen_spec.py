"""Reading ``HOST:PORT`` as our flags write it: ``:8443``, ``192.0.2.1:8443``, ``[2001:db8::1]:8443``, ``off``. Pure.

Where clients connect it may be ``unix:/run/tailhub/relay.sock`` too, for a proxy on the same machine.

An empty HOST is the wildcard of both families, which are bound apart; ``0.0.0.0`` and ``[::]`` are the wildcard of one.
``localhost`` is both loopback addresses, and PORT may be one of `SERVICES`. Other names are refused: which of its
addresses would be meant is a guess, and looking it up would send packets.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from tailhub import findings
from tailhub.exceptions import UsageError

SERVICES = {"http": 80, "https": 443, "stun": 3478}
"""Ports that may be written by name (IANA), which every system knows the same."""

_FORM = re.compile(
    r"(?P<host>[0-9.]*|(?i:localhost)|\[[0-9A-Fa-f:.]+(?:%[0-9A-Za-z_.-]+)?\]):"
    rf"(?P<port>[0-9]{{1,5}}|(?i:{'|'.join(SERVICES)}))"
)
_QUOTES = "\"'`“”‘’„«»「」"
_UNIX = "unix:"
MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One socket to bind: `family` is `AF_INET` or `AF_INET6`, `host` an address, with ``%scope`` if link-local."""

    family: int
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class ListenSpec:
    """What one flag asks to listen on; `text` is how it was written."""

    flag: str
    text: str
    endpoints: tuple[Endpoint, ...]

    @property
    def port(self) -> int:
        """The port, the same for all endpoints; 0 lets the system choose."""
        return self.endpoints[0].port

    @property
    def host(self) -> str:
        """HOST as it was written."""
        return self.text.rpartition(":")[0]

    @property
    def is_wildcard(self) -> bool:
        """Is HOST empty or ``localhost``? Then a family that the kernel lacks is no error."""
        return len(self.endpoints) > 1


@dataclass(frozen=True, slots=True)
class UnixSpec:
    """A unix socket to listen on."""

    flag: str
    path: Path

    @property
    def text(self) -> str:
        """As it is written."""
        return f"{_UNIX}{self.path}"


def parse_public(text: str, flag: str) -> ListenSpec | UnixSpec | None:
    """Read where clients connect; as `parse_listen`, and ``unix:`` with an absolute path."""
    if text.startswith(_UNIX) and Path(text.removeprefix(_UNIX)).is_absolute():
        return UnixSpec(flag, Path(text.removeprefix(_UNIX)))
    return parse_listen(text, flag)


def parse_listen(text: str, flag: str) -> ListenSpec | None:
    """Read the value of `flag`; None for ``off``. Raises `UsageError`, with the form that was probably meant."""
    if text == "off":
        return None
    endpoints = _parse(text)
    if endpoints is None:
        meant = repair(text)
        is_sound = meant == "off" or _parse(meant) is not None
        raise UsageError(findings.malformed_address(flag, text, meant if is_sound else ""))
    return ListenSpec(flag, text, endpoints)


def _parse(text: str) -> tuple[Endpoint, ...] | None:
    match = _FORM.fullmatch(text)
    if match is None or (port := SERVICES.get(match["port"].lower()) or int(match["port"])) > MAX_PORT:
        return None
    bracketed = match["host"].startswith("[")
    host = match["host"].strip("[]").lower()
    if not host:
        return (Endpoint(socket.AF_INET, "0.0.0.0", port), Endpoint(socket.AF_INET6, "::", port))
    if host == "localhost":
        return (Endpoint(socket.AF_INET, "127.0.0.1", port), Endpoint(socket.AF_INET6, "::1", port))
    try:
        address = ip_address(host)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return None if bracketed else (Endpoint(socket.AF_INET, str(address), port),)
    return None if address.ipv4_mapped else (Endpoint(socket.AF_INET6, str(address), port),)


def repair(text: str) -> str:
    """What was probably meant: without a compose file's quotes, a Chinese keyboard's wide signs, a URL's scheme …"""
    import unicodedata

    text = unicodedata.normalize("NFKC", text).strip().strip(_QUOTES).strip()
    text = re.sub(r"^[A-Za-z]+://", "", text).rstrip("/")
    if text.lower() in ("off", "none", "no", "false", "-1", ""):
        return "off"
    text = text.replace("*", "")
    if text.isdigit():
        return ":" + text
    if mapped := re.fullmatch(r"\[(?:::ffff:)?([0-9.]+)\](:[0-9]+)", text, re.IGNORECASE):
        return mapped[1] + mapped[2]
    host, _, port = text.rpartition(":")
    try:
        IPv6Address(host)
    except ValueError:
        return text
    return f"[{host}]:{port}"
