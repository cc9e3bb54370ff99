"""Emptying the relay: STUN late, then quiet homes closed, as `tailhub.relay.evacuation` has it.

`Drain` is the one that knows whether, where STUN is answered; `HomeCloser` closes, in each process that has clients.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from tailhub.relay.evacuation import LOOK_S, STUN_DELAY_S, Evacuation, Phase, QuietHomes
from tailhub.server.steersman import LocalSteersman, Steersman

if TYPE_CHECKING:
    from tailhub.server.context import ServerContext
    from tailhub.server.stun import StunServer


class HomeCloser:
    """Looks at the homes of this process while there is an evacuation, and has those closed whose time it is."""

    def __init__(self, context: ServerContext, steersman: Steersman) -> None:
        self._context = context
        self._steersman = steersman
        self._phase: Phase | None = None
        self._homes = QuietHomes()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def set_phase(self, phase: Phase | None) -> None:
        """How far the evacuation is now."""
        self._phase = phase
        self._steersman.steers_all = phase is Phase.CLOSING
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if phase is None:
            self._homes = QuietHomes()
        else:
            self._look()

    def stop(self) -> None:
        """Close nobody any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = self._loop.call_later(LOOK_S, self._look)
        streams = {stream.connection: stream for stream in self._context.derp_connections}
        served = [connection for connection in streams if connection is not None and connection.identity.is_served]
        quiet = self._homes.look(served, self._loop.time())
        if self._phase is Phase.CLOSING:
            for connection in quiet:
                address = connection.identity.address
                self._steersman.arrived(streams[connection], connection.key, address, True, is_allowed=True)


class Drain:
    """The evacuation of this relay, if there is one. `set_phase` tells whoever has clients how far it is."""

    def __init__(
        self, steersman: LocalSteersman, stun: StunServer | None, set_phase: Callable[[Phase | None], None]
    ) -> None:
        self._steersman = steersman
        self._stun = stun
        self._set_phase = set_phase
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self.evacuation: Evacuation | None = None

    @property
    def phase(self) -> Phase | None:
        """How far it is."""
        return None if self.evacuation is None else self.evacuation.phase(self._loop.time())

    @property
    def elapsed_s(self) -> float:
        """Since when it goes on."""
        return 0.0 if self.evacuation is None else self._loop.time() - self.evacuation.began_at

    def start(self, delay_s: float) -> None:
        """Empty the relay, with STUN late for so long before anybody is closed. One that goes on, goes on."""
        if self.evacuation is None:
            self.evacuation = Evacuation(self._loop.time(), delay_s)
            self._enter()

    def stop(self) -> None:
        """Serve everyone again."""
        self.evacuation = None
        self._enter()

    def set_stun(self, stun: StunServer | None) -> None:
        """STUN is answered there from now on."""
        self._stun = stun
        if stun is not None and self.phase is not None:
            stun.late.delay_s = STUN_DELAY_S

    def close(self) -> None:
        """The relay ends."""
        if self._timer is not None:
            self._timer.cancel()

    def _enter(self) -> None:
        """Do what the phase asks for, and come back when the next one begins."""
        self.close()
        evacuation, phase = self.evacuation, self.phase
        if self._stun is not None:
            self._stun.late.delay_s = 0.0 if phase is None else STUN_DELAY_S
        self._steersman.evacuate(phase is Phase.CLOSING)
        self._set_phase(phase)
        if evacuation is not None and phase is Phase.DELAYING:
            self._timer = self._loop.call_at(evacuation.began_at + evacuation.delay_s, self._enter)
