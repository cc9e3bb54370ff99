"""Keeps known to which relays links are to be: those that `mesh_with` names, and those that its names stand for now.

A name is asked about again and again, for relays may come and go there. While it cannot be looked up the last answer
stands, and that is said once. Whoever keeps the links is told the whole list whenever it is another one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from tailhub.findings import Finding, mesh_peers
from tailhub.server.mesh.lookup import LookUp, look_up, unresolved
from tailhub.server.mesh.peer_spec import MOST_PEERS, PeerSource, PeerSpec

__all__ = ["Resolving"]

RETRY_S = 5.0  # while nothing is known of a name
FAILED_S = 60.0  # while it cannot be looked up any more

_log = logging.getLogger("tailhub")


class Resolving:
    """From `take` until `stop`. `on_change` is given specs that name one relay each, in the order of `mesh_with`.

    `logs`: does this process write what is wrong with names? Of several workers one is enough.
    """

    def __init__(
        self, on_change: Callable[[Sequence[PeerSpec]], None], look_up: LookUp = look_up, *, logs: bool = True
    ) -> None:
        self._on_change = on_change
        self._look_up = look_up
        self._logs = logs
        self._specs: Sequence[PeerSpec] = ()
        self._names: dict[PeerSpec, _Name] = {}
        self._told: tuple[PeerSpec, ...] = ()
        self._is_too_many = False

    def take(self, specs: Sequence[PeerSpec]) -> Sequence[PeerSpec]:
        """Keep these known from now on. Returns what is known already; what comes to be known later is told."""
        names = [spec for spec in specs if spec.source is not PeerSource.HOST]
        for gone in self._names.keys() - set(names):
            self._names.pop(gone).stop()
        for spec in names:
            if spec not in self._names:
                self._names[spec] = _Name(spec, self._look_up, self._tell, self._warn)
        self._specs = specs
        self._told = self._known()
        return self._told

    def stop(self) -> None:
        """Look nothing up any more."""
        for name in self._names.values():
            name.stop()
        self._names.clear()

    def _tell(self) -> None:
        specs = self._known()
        if specs != self._told:
            self._told = specs
            self._on_change(specs)

    def _warn(self, finding: Finding) -> None:
        if self._logs:
            _log.warning("%s", finding)

    def _known(self) -> tuple[PeerSpec, ...]:
        """Each place once."""
        found: dict[tuple[str, int], PeerSpec] = {}
        for spec in self._specs:
            for one in self._names[spec].specs if spec in self._names else (spec,):
                found.setdefault((one.dial_host or one.host, one.port), one)
        count = len(found)
        if count > MOST_PEERS and not self._is_too_many:
            self._warn(mesh_peers.mesh_names_give_too_many(count, MOST_PEERS))
        self._is_too_many = count > MOST_PEERS
        return tuple(found.values())[:MOST_PEERS]


class _Name:
    """One entry that is looked up, from now until `stop`. `specs` are what it stands for, as far as that is known."""

    def __init__(
        self, spec: PeerSpec, look_up: LookUp, on_change: Callable[[], None], warn: Callable[[Finding], None]
    ) -> None:
        self.specs: tuple[PeerSpec, ...] = ()
        self._spec = spec
        self._look_up = look_up
        self._on_change = on_change
        self._warn = warn
        self._has_failed = False
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"mesh {spec.text}")

    def stop(self) -> None:
        self._task.cancel()

    async def _run(self) -> None:
        wait_s = 0.0
        while True:
            await asyncio.sleep(wait_s)
            wait_s = await self._ask()

    async def _ask(self) -> float:
        """Look it up once; after how many seconds again."""
        try:
            found = await self._look_up(self._spec)
        except OSError as exc:  # TimeoutError among them
            if not self._has_failed:
                self._has_failed = True
                self._warn(unresolved(self._spec.text, exc, known=len(self.specs)))
            return FAILED_S if self.specs else RETRY_S
        self._has_failed = False
        if found.specs != self.specs:
            self.specs = found.specs
            self._on_change()
        return found.good_s
