"""Starts the process of the operator's pages when somebody asks for one, and gives it all that it needs.

The relay keeps the listening TCP sockets and, while no such process runs, only watches them: at the first connection it
starts ``python -m tailhub.admin``, which inherits them (`tailhub.admin.handover`) and accepts by itself from then on.
Requests of the unix socket that are the pages' to answer are passed on to it. What runs between the two is a channel
(`tailhub.net.message_channel`); who speaks there for the relay is a `Conversation`.

When the process ends, the sockets are watched again. Nobody who asks is left hanging: a process that ends soon several
times in a row is not started for some seconds, in which the relay answers each request with 503 itself, and one that
says nothing for a minute, which it should every ten seconds, is ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from tailhub import findings
from tailhub.admin.handover import Inherited, make_pair, pass_on, take
from tailhub.net.message_channel import MessageChannel

__all__ = ["CANNOT_SHOW", "COMMAND", "Conversation", "PagesProcess"]

COMMAND: Final = (sys.executable, "-P", "-m", "tailhub.admin")
SHORT_LIFE_S: Final = 5.0  # whoever ended sooner has failed
MOST_FAILURES: Final = 3  # in a row, before a pause
MAX_PAUSE_S: Final = 60.0
HANGS_S: Final = 60.0  # without a word from it
STOP_S: Final = 2.0  # from the end of its channel to its own; then it is ended
_LOOK_S: Final = 0.02  # between looks at whether it has ended
CANNOT_SHOW: Final = "The operator's pages cannot be shown just now; the relay's log says why."

_log = logging.getLogger("tailhub")


class Conversation(Protocol):
    """Speaks for the relay with one process of the pages."""

    def receive(self, message: object) -> None:
        """It has said something."""

    def close(self) -> None:
        """It is gone."""


class PagesProcess:
    """At most one process at a time, which `listeners` belong to while it runs; they stay open when it does not.

    `converse` is given what sends to the process; `refuse` has connections to the sockets that it is given, which it
    closes in the end, answered with 503 (`CANNOT_SHOW`) until what it returns is called.
    """

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        converse: Callable[[Callable[[object], None]], Conversation],
        refuse: Callable[[Sequence[socket.socket]], Callable[[], None]],
        command: Sequence[str] = COMMAND,
        hangs_s: float = HANGS_S,
    ) -> None:
        self._hangs_s = hangs_s
        self._heard_at = 0.0
        self._looking: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._listeners = listeners
        self._converse = converse
        self._refuse = refuse
        self._command = command
        self._ours, self._theirs = make_pair()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: MessageChannel | None = None
        self._conversation: Conversation | None = None
        self._ending: asyncio.Task[None] | None = None
        self._failures = 0
        self._end_pause: Callable[[], None] | None = None  # while requests are refused
        self._pause: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Watch for somebody who asks."""
        # What was passed on to a process that has ended without taking it waits in the pair, for the next one.
        for sock in (*self._listeners, self._theirs):
            self._loop.add_reader(sock, self._start_process)

    def set_listeners(self, listeners: Sequence[socket.socket]) -> None:
        """Others belong to it from now on. A process that has those of before is ended; the next one has these."""
        if self._pause is not None:
            self._pause.cancel()
            self._leave_pause()
        self._unwatch()
        self._listeners = listeners
        if self._process is None:
            self.start()
        elif self._ending is None:
            self._gone(self._loop.time())

    async def stop(self) -> None:
        """End the process, and watch no more. The listening sockets are left open."""
        self._unwatch()
        if self._pause is not None:
            self._pause.cancel()
            self._leave_pause()
            self._unwatch()
        self._close_channel()
        if self._ending is not None:
            self._ending.cancel()
        if self._process is not None:
            await _ended(self._process)
            self._process = None
        self._ours.close()
        self._theirs.close()

    @property
    def pid(self) -> int | None:
        """That of the process, if it runs."""
        return None if self._process is None else self._process.pid

    @property
    def can_show(self) -> bool:
        """Whether it makes sense to pass a request on."""
        return self._end_pause is None

    def pass_on(self, descriptor: int, data: bytes) -> bool:
        """Have the pages' process go on with a connection of which `data` was read.

        The caller closes its descriptor. False: it is not passed on, because too many wait to be taken.
        """
        try:
            pass_on(self._ours, descriptor, data)
        except OSError:  # full; or the system lets no more descriptors be under way
            return False
        return True

    # --- the process --------------------------------------------------------------------------------------------------

    def _unwatch(self) -> None:
        for sock in (*self._listeners, self._theirs):
            self._loop.remove_reader(sock)

    def _start_process(self) -> None:
        self._unwatch()
        try:
            ours = self._spawn()
        except OSError as exc:  # no descriptor, no process or no program is to be had
            self._failed(exc.strerror or str(exc))
            return
        started_at = self._loop.time()
        channel = MessageChannel(ours, self._receive, lambda: self._gone(started_at))
        self._channel = channel
        self._conversation = self._converse(channel.send)
        self._heard_at = started_at
        self._looking = self._loop.call_later(self._hangs_s, self._look)

    def _spawn(self) -> socket.socket:
        """Start it; our end of its channel. Raises `OSError`."""
        ours, theirs = socket.socketpair()
        try:
            numbers = tuple(sock.fileno() for sock in self._listeners)
            self._process = self._popen(Inherited(theirs.fileno(), self._theirs.fileno(), numbers))
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        return ours

    def _popen(self, inherited: Inherited) -> subprocess.Popen[bytes]:
        # It finds what we find, wherever we were started: the directory that we are in means nothing to it.
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        return subprocess.Popen(  # noqa: S603  ourselves
            [*self._command, *inherited.arguments()],
            pass_fds=inherited.all,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is the relay's
            env=environ,
        )

    def _look(self, doubted: float | None = None) -> None:
        """End it if it hangs; when it was last heard at the time `doubted`, and not since, it does."""
        silent_s = self._loop.time() - self._heard_at
        if silent_s < self._hangs_s:
            self._looking = self._loop.call_later(self._hangs_s - silent_s, self._look)
        elif doubted != self._heard_at:  # it may be we who have slept, and not read what it said
            self._looking = self._loop.call_later(min(STOP_S, self._hangs_s), self._look, self._heard_at)
        elif self._process is not None:
            self._process.kill()

    def _receive(self, message: object) -> None:
        self._heard_at = self._loop.time()
        if self._conversation is not None:
            self._conversation.receive(message)

    def _close_channel(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()
        conversation, self._conversation = self._conversation, None
        if conversation is not None:
            conversation.close()

    def _gone(self, started_at: float) -> None:
        """Its end of the channel is closed: it has ended, or is about to."""
        self._close_channel()
        self._ending = self._loop.create_task(self._bury(started_at))

    async def _bury(self, started_at: float) -> None:
        process = self._process
        if process is None:
            return
        code = await _ended(process)
        self._process = self._ending = None
        if code in (0, -signal.SIGTERM):  # it had nothing to do any more, or all of the service is being ended
            self._failures = 0
            self.start()
            return
        how = signal.Signals(-code).name if code < 0 else str(code)
        if self._loop.time() - started_at >= SHORT_LIFE_S:
            self._failures = 0
        self._failed(how)

    def _failed(self, how: str) -> None:
        self._failures += 1
        if self._failures < MOST_FAILURES:
            _log.warning("%s", findings.pages_ended(how))
            self.start()
            return
        pause_s = min(MAX_PAUSE_S, 2.0**self._failures)
        _log.warning("%s", findings.pages_do_not_run(how, round(pause_s)))
        self._pause = self._loop.call_later(pause_s, self._leave_pause)
        copies = []
        with contextlib.suppress(OSError):  # no descriptor is left: they wait
            copies = [sock.dup() for sock in self._listeners]
        self._end_pause = self._refuse(copies)
        self._drop_passed_on()

    def _leave_pause(self) -> None:
        end, self._end_pause, self._pause = self._end_pause, None, None
        if end is not None:
            end()
        self.start()

    def _drop_passed_on(self) -> None:
        """Close what was passed on to a process that could not take it: whoever asked must not wait for ever."""
        with contextlib.suppress(BlockingIOError, EOFError):
            while True:
                taken = take(self._theirs)
                if taken is not None:
                    with taken[0] as connection, contextlib.suppress(OSError):
                        connection.send(b"HTTP/1.0 503 Service Unavailable\r\n\r\n" + CANNOT_SHOW.encode() + b"\n")


async def _ended(process: subprocess.Popen[bytes]) -> int:
    """Wait until it has ended, and see to that; its exit code."""
    loop = asyncio.get_running_loop()
    kill_at = loop.time() + STOP_S
    while (code := process.poll()) is None:
        if loop.time() >= kill_at:
            process.kill()
        await asyncio.sleep(_LOOK_S)
    return code
