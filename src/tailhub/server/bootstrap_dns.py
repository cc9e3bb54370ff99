"""Addresses for ``/bootstrap-dns``: names that clients may need before their own DNS works, looked up now and then.

Source: the reference's ``cmd/derper/bootstrap_dns.go``: every ten minutes, and what could not be looked up this time
keeps its old answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv6Address

REFRESH_S = 600.0
LOOKUP_S = 10.0

Resolve = Callable[[str, float], Awaitable[tuple[IPv4Address | IPv6Address, ...]]]

_log = logging.getLogger("tailhub")


class BootstrapDNS:
    """Keeps the published names resolved. `answers` is None when no names are configured."""

    def __init__(self, names: Sequence[str], resolve: Resolve) -> None:
        self._names = tuple(names)
        self._resolve = resolve
        self._answers: dict[str, list[str]] = {}

    @property
    def answers(self) -> dict[str, list[str]] | None:
        """Name to addresses, as far as they are known."""
        return self._answers if self._names else None

    async def refresh(self) -> None:
        """Look all names up once."""
        for name in self._names:
            try:
                addresses = await self._resolve(name, LOOKUP_S)
            except OSError as exc:  # TimeoutError among them
                _log.warning("bootstrap DNS: cannot look up %s: %s", name, exc or "no answer")
                continue
            self._answers[name] = [str(address) for address in addresses]

    async def run(self) -> None:
        """Refresh until cancelled."""
        while self._names:
            await self.refresh()
            await asyncio.sleep(REFRESH_S)
