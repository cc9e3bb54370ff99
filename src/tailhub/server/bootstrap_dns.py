"""Addresses for ``/bootstrap-dns``: names that clients may need before their own DNS works, looked up now and then.

Source: the reference's ``cmd/derper/bootstrap_dns.go``: every ten minutes, and what could not be looked up this time
keeps its old answer. Unpublished names are for those who know them: each is an answer only to a question for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv6Address

from tailhub.log_event import log_event

REFRESH_S = 600.0
LOOKUP_S = 10.0

Resolve = Callable[[str, float], Awaitable[tuple[IPv4Address | IPv6Address, ...]]]

_log = logging.getLogger("tailhub")


class BootstrapDNS:
    """Keeps the names resolved."""

    def __init__(self, names: Sequence[str], resolve: Resolve, unpublished: Sequence[str] = ()) -> None:
        self._published = tuple(names)
        self._names = tuple(dict.fromkeys((*names, *unpublished)))
        self._unpublished = frozenset(unpublished)
        self._resolve = resolve
        self._answers: dict[str, list[str]] = {}

    @property
    def names(self) -> tuple[tuple[str, ...], frozenset[str]]:
        """Those that are published, and those that are not."""
        return self._published, self._unpublished

    def answers(self, asked: str | None = None) -> dict[str, list[str]] | None:
        """Name to addresses, as far as they are known; None when no names are configured.

        The published names, or an unpublished one alone if that was `asked` for and is known.
        """
        if asked in self._unpublished and asked in self._answers:
            return {asked: self._answers[asked]}
        if not self._names:
            return None
        return {name: self._answers[name] for name in self._published if name in self._answers}

    async def refresh(self) -> None:
        """Look all names up once."""
        for name in self._names:
            try:
                addresses = await self._resolve(name, LOOKUP_S)
            except OSError as exc:  # TimeoutError among them
                extra = log_event("bootstrap_dns", name=name)
                _log.warning("bootstrap DNS: cannot look up %s: %s", name, exc or "no answer", extra=extra)
                continue
            self._answers[name] = [str(address) for address in addresses]

    async def run(self) -> None:
        """Refresh until cancelled."""
        while self._names:
            await self.refresh()
            await asyncio.sleep(REFRESH_S)
