"""A probe in a thread of its own, with its own event loop, for programs that do something else meanwhile.

What such a program does (drawing a screen, writing to a terminal that stands still) must not be measured with it, so
the interpreter hands over between threads more often while a probe runs.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import queue
import sys
import threading
from collections.abc import Iterator, Sequence

from tailhub.exceptions import LocalError
from tailhub.keys import NodePrivate
from tailhub.tools.probe.measurement import Row, View
from tailhub.tools.probe.paths import Path
from tailhub.tools.probe.run import Probe, ProbeOptions

__all__ = ["Background"]

_SWITCH_S = 0.0002  # instead of 5 ms, which would be seen in the delays
_MOST_ROWS = 10_000  # that wait for somebody to take them
_START_S = 10.0
_LOOK_S = 1.0


class Background:
    """`rows` are the intervals that are over; None: it has ended, by itself after `duration_s` or with a fault.

    ::

        with Background(paths, key, options).running() as probe:
            probe.view()
    """

    def __init__(
        self,
        paths: Sequence[Path],
        base: NodePrivate,
        options: ProbeOptions,
        *,
        slot: int = 0,
        duration_s: float | None = None,
    ) -> None:
        self.rows: queue.Queue[Row | None] = queue.Queue(_MOST_ROWS)
        self.fault: BaseException | None = None
        self.has_ended = False
        self._arguments = paths, base, options
        self._slot, self._duration_s = slot, duration_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._probe: Probe | None = None
        self._stop: asyncio.Event | None = None
        self._last: View | None = None
        self._has_started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tailhub-probe", daemon=True)

    @contextlib.contextmanager
    def running(self) -> Iterator[Background]:
        """Measure until the block ends. What was measured can be viewed after that, too."""
        before_s = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_S)
        self._thread.start()
        try:
            self._has_started.wait(_START_S)
            yield self
        finally:
            self.stop()
            sys.setswitchinterval(before_s)

    def view(self) -> View:
        """What is known now. Raises what ended the probe, if that was a fault."""
        while not self.has_ended and self._loop is not None and self._probe is not None:
            looking = asyncio.run_coroutine_threadsafe(_look(self._probe), self._loop)
            with contextlib.suppress(TimeoutError, concurrent.futures.CancelledError):  # it is about to end
                return looking.result(_LOOK_S)
        self._thread.join()
        if self.fault is not None:
            raise self.fault
        if self._last is None:
            raise LocalError("the probe has not been started")
        return self._last

    def reasons(self) -> dict[str, str]:
        """Why each way has no connection now, by its name; "" for one that has. Costs next to nothing."""
        measured = self._probe.measurement.measured if self._probe is not None else ()
        return {one.path.name: "" if one.outages.is_up else one.outages.reason for one in measured}

    def stop(self) -> None:
        """End it, and wait until it has."""
        loop, stop = self._loop, self._stop
        if loop is not None and stop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended
                loop.call_soon_threadsafe(stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._measure())
        except BaseException as exc:
            self.fault = exc
        finally:
            self.has_ended = True
            self._has_started.set()
            self._put(None)

    async def _measure(self) -> None:
        paths, base, options = self._arguments
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._probe = probe = Probe(paths, base, options, slot=self._slot, on_row=self._put)
        self._has_started.set()
        async with probe.running():
            ending = asyncio.create_task(self._end_in_time(probe))
            await self._stop.wait()
            ending.cancel()
        self._last = probe.measurement.view(self._loop.time())

    async def _end_in_time(self, probe: Probe) -> None:
        if self._duration_s is not None and self._stop is not None:
            await probe.has_begun.wait()
            await asyncio.sleep(self._duration_s)
            self._stop.set()

    def _put(self, row: Row | None) -> None:
        try:
            self.rows.put_nowait(row)
        except queue.Full:  # nobody takes them: the totals have it all
            with contextlib.suppress(queue.Empty):
                self.rows.get_nowait()
            with contextlib.suppress(queue.Full):
                self.rows.put_nowait(row)


async def _look(probe: Probe) -> View:
    return probe.measurement.view(asyncio.get_running_loop().time())
