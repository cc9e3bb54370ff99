"""How much goes through one relay: as many packets on their way as it takes without losing any.

Like TCP's congestion control (RFC 5681), because DERP has none: the window grows by what arrives until a packet is
lost, is halved then, and grows slowly from there. Both ends are here, so what arrived is known at once. `Window` is
pure; `flood` does I/O.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Final

from tailhub.tools.probe.measurement import Bandwidth

__all__ = ["FILL_SIZE", "FRAME_BYTES", "Flood", "Window"]

FILL_SIZE: Final = 16 << 10  # bytes: a full TLS record, so that the relay and not this program is measured
_FIRST: Final = 8
_MOST: Final = 1024  # 16 MiB on their way
FRAME_BYTES: Final = 37  # bytes of header and key beside each packet
_SILENCE_S: Final = 1.0  # after which nothing more is expected of what is on its way


class Window:
    """How many packets may be on their way. Numbers arrive in order; a gap is loss."""

    __slots__ = ("_next", "_recovers_at", "is_growing_fast", "lost", "received", "sent", "size")

    def __init__(self) -> None:
        self.size = float(_FIRST)
        self.is_growing_fast = True
        self.sent = self.received = self.lost = 0
        self._next = 0  # number that is to arrive
        self._recovers_at = 0  # a loss before this number is the same event

    @property
    def is_open(self) -> bool:
        """May one more be sent?"""
        return self.sent - self.received - self.lost < int(self.size)

    def send(self) -> int:
        """One is sent; its number."""
        self.sent += 1
        return self.sent - 1

    def receive(self, number: int) -> None:
        """One has arrived."""
        if not self._next <= number < self.sent:
            return
        gap = number - self._next
        self._next = number + 1
        self.received += 1
        if gap:
            self.lost += gap
            self.is_growing_fast = False
            if number >= self._recovers_at:
                self._recovers_at = self.sent
                self.size = max(_FIRST, self.size / 2)
        else:
            self.size = min(_MOST, self.size + (1 if self.is_growing_fast else 1 / self.size))

    def give_up(self) -> None:
        """Nothing has arrived for long: all that is on its way is lost."""
        self.lost = self.sent - self.received
        self._next = self._recovers_at = self.sent
        self.is_growing_fast = False
        self.size = _FIRST


class Flood:
    """One flood; `receive` is called by whoever gets its packets."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._window = Window()
        self._sent_at: dict[int, float] = {}
        self._delays: list[float] = []
        self._room = asyncio.Event()
        self._ends_at = float("inf")
        self._received_bytes = 0

    def receive(self, number: int, size: int) -> None:
        """A packet has arrived."""
        now = self._clock()
        self._window.receive(number)
        sent_at = self._sent_at.pop(number, None)
        if sent_at is not None and now <= self._ends_at:
            self._received_bytes += size
            self._delays.append(now - sent_at)
        self._room.set()

    async def run(
        self, seconds: float, limit_bytes_per_s: int, send: Callable[[int], Awaitable[bool]]
    ) -> Bandwidth | None:
        """Send for so long; `send` sends the packet of a number, and says False when the connection is gone.

        With a limit no more is sent than that, so the relay need not throttle. None: the connection did not last.
        """
        start = self._clock()
        self._ends_at = start + seconds
        while (now := self._clock()) < self._ends_at:
            due = (
                start + self._window.sent * (FILL_SIZE + FRAME_BYTES) / limit_bytes_per_s if limit_bytes_per_s else now
            )
            if due > now:
                await asyncio.sleep(min(due, self._ends_at) - now)
            elif self._window.is_open:
                number = self._window.send()
                self._sent_at[number] = self._clock()
                if not await send(number):
                    return None
                await asyncio.sleep(0)  # whoever receives has its turn
            else:
                await self._wait_for_room()
        delay_s = median(self._delays) if self._delays else None
        return Bandwidth(self._clock() - start, self._received_bytes, self._window.lost, limit_bytes_per_s, delay_s)

    async def _wait_for_room(self) -> None:
        """Until something arrives, or the time is over."""
        left_s = max(0.0, self._ends_at - self._clock())
        self._room.clear()
        try:
            async with asyncio.timeout(min(_SILENCE_S, left_s)):
                await self._room.wait()
        except TimeoutError:
            if left_s > _SILENCE_S:
                self._window.give_up()
