"""What all verifiers have in common."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Collection
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol, runtime_checkable

from tailhub.findings import Finding
from tailhub.relay.admission import Verdict

__all__ = ["HasCredential", "Verifier", "Watching", "trouble", "words"]

_MOST_WORDS = 200  # characters


class Verifier(Protocol):
    """Somebody who knows which keys may relay. Time is bounded by whoever asks; cancelling ends the question.

    `tenant` is set by whoever has made it: the one to which a yes admits that names no other.
    """

    tenant: str

    @property
    def name(self) -> str:
        """For people, in logs and metrics."""

    @property
    def fails_open(self) -> bool:
        """Does it count as a yes while it cannot be reached?"""

    async def verify(self, key: bytes, address: IPv4Address | IPv6Address) -> Verdict:
        """May the node with this raw `key`, which connects from `address`, relay? Raises nothing that a peer causes."""

    async def probe(self, limit_s: float) -> Finding | None:
        """What keeps it from answering, None if nothing is seen within `limit_s`."""


@runtime_checkable
class Watching(Protocol):
    """A verifier that learns of changes by itself.

    It calls `on_change` with the raw keys whose answer may be another now, None for any; it works until `stop`.
    """

    on_change: Callable[[Collection[bytes] | None], None]

    def stop(self) -> None:
        """Watch nothing any more."""


@runtime_checkable
class Losing(Protocol):
    """A verifier that may lose all that it knows. `has_admitted` is set by whoever remembers whom it has admitted."""

    has_admitted: Callable[[], Awaitable[bool]]


@runtime_checkable
class HasCredential(Protocol):
    """A verifier whose credential may end some day."""

    credential_expires: float | None
    """Seconds since 1970; None: never, or it is not known yet."""


def words(text: object) -> str:
    """What another program said, in a form and length for one line of a log."""
    shown = str(text)
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() else " " for c in shown)
    return shown if len(shown) <= _MOST_WORDS else shown[: _MOST_WORDS - 1] + "…"


def trouble(exc: OSError) -> str:
    """Why nobody could be reached."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return words(f"its certificate is not trusted: {exc.verify_message}")
    if isinstance(exc, socket.gaierror):
        return words(f"its name cannot be resolved: {exc.strerror}")
    if isinstance(exc, ssl.SSLError):
        return words(f"TLS: {exc.reason or exc}")
    if exc.errno:  # asyncio's own words repeat the address
        return os.strerror(exc.errno)
    return words(exc) or "no answer in time"
