"""How long the loop lets packets gather when they come in ones and it is busy with them. Knows no DERP, has no clock.

A packet that is read, encrypted and written by itself costs several times as much as one of a few. At some ten thousand
packets a second, spread over connections, a loop that is always at once there takes a whole core to deal with single
packets, and they wait for it all the same. So it does what network cards do (interrupt moderation): while it is busy
*and* finds little at a time, it pauses for a fraction of a millisecond before it looks again.

Whether that helps is tried, not assumed: where packets wait for each other (one in flight, an answer before the next),
a pause brings no more of them, and is given up at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

WINDOW_S: Final = 0.02  # that is judged at a time
FIRST_PAUSE_S: Final = 0.0004
LEAST_PAUSE_S: Final = 0.00015  # shorter is no use: to sleep and wake costs too
MOST_PAUSE_S: Final = 0.001
SWAMPED: Final = 0.75  # of a core, from which on it begins to pause
BUSY: Final = 0.55  # from which on it pauses longer
IDLE: Final = 0.35  # below which it pauses less
FEW: Final = 2.0  # packets a read: so few are worth waiting for
DEEP: Final = 6.0  # so many come by themselves
GAIN: Final = 1.3  # times as many packets a read are worth a pause
RETRY_S: Final = 1.0  # until a pause that was no use is tried again


class Pace:
    """The state of one loop. `packets` tells how many have come so far; the loop counts `reads`.

    Before the loop waits it sleeps `pause_s`. At `due` (monotonic seconds) or later `judge` is to be called.
    """

    __slots__ = (
        "_before",
        "_cpu_s",
        "_is_trial",
        "_packets",
        "_read",
        "_retry_at",
        "_seen",
        "_since",
        "due",
        "pause_s",
        "reads",
    )

    def __init__(self, packets: Callable[[], int]) -> None:
        self._packets = packets
        self._before = 0.0  # packets a read without a pause
        self._is_trial = False
        self._retry_at = 0.0
        self._since = self._cpu_s = 0.0
        self._seen = self._read = 0
        self.reads = 0
        self.pause_s = 0.0
        self.due = 0.0

    def judge(self, now: float, cpu_s: float) -> None:
        """Choose the pause by what has happened since the last call; `cpu_s` is the CPU time of this process so far."""
        elapsed_s = now - self._since
        busy = (cpu_s - self._cpu_s) / elapsed_s
        packets = self._packets()
        each = (packets - self._seen) / max(self.reads - self._read, 1)
        self._since, self._cpu_s, self._seen, self._read = now, cpu_s, packets, self.reads
        self.due = now + WINDOW_S
        if elapsed_s > 5 * WINDOW_S:  # nothing much happened
            self._stop(now)
        elif not self.pause_s:
            if busy > SWAMPED and 0 < each < FEW and now >= self._retry_at:
                self._before = each
                self._is_trial = True
                self.pause_s = FIRST_PAUSE_S
        elif each < GAIN * self._before:
            self._stop(now + RETRY_S)
        elif self._is_trial:
            self._is_trial = False
        else:
            self._adapt(now, busy, each)

    def _adapt(self, now: float, busy: float, each: float) -> None:
        if each > DEEP or busy < IDLE:
            self.pause_s *= 0.8
            if self.pause_s < LEAST_PAUSE_S:
                self._stop(now)
        elif busy > BUSY:
            self.pause_s = min(self.pause_s * 1.25, MOST_PAUSE_S)

    def _stop(self, retry_at: float) -> None:
        self.pause_s = 0.0
        self._retry_at = retry_at
