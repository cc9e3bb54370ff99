"""Several processes as one relay: starts a desk and some workers, starts again whoever ends, and ends them all.

The supervisor opens everything and then does nothing but wait: it has no event loop, serves nobody and holds the
listening sockets, so that a connection that comes for a dead worker waits for the next one instead of being refused.
Processes are forked from it, so a new worker costs milliseconds and shares its memory.

Linux only: elsewhere SO_REUSEPORT does not spread connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import count
from pathlib import Path
from typing import NoReturn

from tailhub.exceptions import FindingError, UsageError
from tailhub.log_event import log_event
from tailhub.net.turn_selector import TurnSelector
from tailhub.server.app import RelayServer
from tailhub.server.config import RelayConfig, check_config
from tailhub.server.fleet import Fleet
from tailhub.server.foundation import Foundation
from tailhub.server.handover import DESK, LinkTo, channel_pair, hand_over, take_over, wake_by_signal
from tailhub.server.hangup import Terminal
from tailhub.server.listeners import parse_listeners
from tailhub.server.log_line import name_process
from tailhub.server.reload import ReloadOutcome
from tailhub.server.reload_orders import (
    Followed,
    NewStanding,
    ReloadAnswer,
    ReloadWanted,
    TenantsKnown,
    sockets_for,
    without_sockets,
)
from tailhub.server.reloading import LoadConfig, follow_log, prepare_reload, refusal_of, report
from tailhub.server.systemd import reloading
from tailhub.server.worker import Worker

DRAIN_GRACE_S = 3.0  # longer than a drain takes: then the desk hangs
FOLLOW_S = 3.0  # that a process may take to do what a reload asks of it
STOP_S = 8.0  # from asking processes to end to ending them
SHORT_LIFE_S = 2.0  # whoever lived shorter is started again only after a pause
MAX_PAUSE_S = 10.0
RETRY_S = 0.5
_ENDS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
_SIGNALS = {*_ENDS, signal.SIGCHLD, signal.SIGIO}  # the last one: a process says something

_log = logging.getLogger("tailhub")


class _Child:
    """A process that runs."""

    __slots__ = ("channel", "number", "pid", "started_at")

    def __init__(self, number: int, pid: int, channel: socket.socket) -> None:
        self.number = number
        self.pid = pid
        self.channel = channel
        self.started_at = time.monotonic()


class Supervisor:
    """`run_desk` is what the desk does with its server, from start to stop."""

    def __init__(
        self,
        config: RelayConfig,
        workers: int,
        run_desk: Callable[[RelayServer], Awaitable[None]],
        load: LoadConfig | None = None,
    ) -> None:
        """`load` reads the settings anew for a reload."""
        check_config(config)
        self._load = load
        self._terminal = Terminal()
        self._orders = count(1)  # numbers of what processes are told in a reload
        self._wanted: list[tuple[_Child, int]] = []  # reloads that processes ask for, with their numbers
        self._followed: dict[tuple[int, int], str] = {}  # by order and process, what troubled it
        self._config = config
        self._workers = workers
        self._run_desk = run_desk
        self._children: dict[int, _Child] = {}  # by pid
        self._due: dict[int, float] = {}  # processes to start again, and when
        self._drain_until: float | None = None  # while the desk drains the relay before its end
        self._failures: dict[int, int] = {}  # by number, short lives in a row

    def run(self) -> int:
        """Run until a signal asks for the end; the exit code. Raises `FindingError` when it cannot start."""
        self._foundation = Foundation(self._config, parse_listeners(self._config), self._workers)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, as some parents leave it, nobody's end would be told
        old_mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        self._mask = old_mask
        try:
            gc.collect()
            gc.freeze()  # so that a collection in a child does not touch, and copy, what all share
            for number in (*range(self._workers), DESK):
                self._start(number)
            self._watch()
            self._stop()
        finally:
            for child in self._children.values():
                os.kill(child.pid, signal.SIGKILL)
            self._foundation.close()
            while signal.sigtimedwait(_SIGNALS, 0) is not None:  # what came too late must not end us after all
                pass
            signal.signal(signal.SIGIO, signal.SIG_IGN)  # also the one that may wait since somebody spoke last
            signal.pthread_sigmask(signal.SIG_SETMASK, old_mask)
        return 0

    # --- waiting ------------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Start again whoever ends, until a signal asks for the end."""
        ignored = {number for number in _ENDS if signal.getsignal(number) is signal.SIG_IGN}  # nohup: leave it so
        while True:
            now = time.monotonic()
            wait_s = min([*self._due.values(), self._drain_until or now + 60]) - now
            info = signal.sigtimedwait(_SIGNALS, max(0.0, wait_s))
            if info is not None and info.si_signo == signal.SIGHUP and not self._terminal.has_gone():
                self._reload()
            elif info is not None and info.si_signo in _ENDS - ignored and not self._drains(info):
                return
            for child in list(self._children.values()):
                self._listen_to(child)
            while self._wanted:
                child, number = self._wanted.pop(0)
                hand_over(child.channel, self._reload(number))
            for child, status in self._reap():
                if self._drain_until is None:
                    self._ended(child, status)
                elif child.number == DESK:
                    return
            now = time.monotonic()
            if self._drain_until is not None and now >= self._drain_until:
                return
            for number in [number for number, at in self._due.items() if at <= now]:
                del self._due[number]
                try:
                    self._start(number)
                except OSError as exc:  # no process or no descriptor is to be had just now
                    reason = exc.strerror or str(exc)
                    extra = log_event("worker", process=process_name(number), reason=reason)
                    _log.error("%s cannot be started, trying again: %s", _name(number), reason, extra=extra)
                    self._due[number] = now + RETRY_S

    def _drains(self, info: signal.struct_siginfo) -> bool:
        """Is the relay drained before this signal ends it? The first SIGTERM has the desk do that.

        The desk sends one of its own when it is done. Any other signal, and a second one, ends all at once.
        """
        desk = next((child for child in self._children.values() if child.number == DESK), None)
        if info.si_signo != signal.SIGTERM or self._drain_until is not None or desk is None or info.si_pid == desk.pid:
            return False
        self._drain_until = time.monotonic() + self._foundation.config.drain_s + DRAIN_GRACE_S
        self._due.clear()
        os.kill(desk.pid, signal.SIGTERM)
        return True

    def _listen_to(self, child: _Child) -> None:
        """Take in what a process says."""
        with contextlib.suppress(EOFError):  # it has ended, of which SIGCHLD tells
            while (got := take_over(child.channel)) is not None:
                match got[0]:
                    case ReloadWanted(number):
                        self._wanted.append((child, number))
                    case Followed(number, trouble):
                        self._followed[(number, child.pid)] = trouble

    # --- a reload -----------------------------------------------------------------------------------------------------

    def _reload(self, number: int = 0) -> ReloadAnswer:
        """Read the configuration again, for all processes that run and those that are started later."""
        with reloading(os.environ):
            try:
                standing, outcome = prepare_reload(self._foundation, self._load)
            except FindingError as exc:
                return ReloadAnswer(number, ReloadOutcome(), refusal_of(exc), isinstance(exc, UsageError))
            before = self._foundation.take(standing)
            follow_log(before, standing)
            names = self._foundation.known_tenants
            self._tell(self._children.values(), lambda child, order: (TenantsKnown(order, names), []))
            bare = without_sockets(standing)

            def order_of(child: _Child, order: int) -> tuple[object, list[socket.socket]]:
                counts, sockets = sockets_for(before, standing, None if child.number == DESK else child.number)
                return NewStanding(order, bare, counts), sockets

            for is_desk in (True, False):  # the desk first, which workers ask
                some = [child for child in self._children.values() if (child.number == DESK) == is_desk]
                self._tell(some, order_of)
            self._foundation.leave(before)
            self._foundation.keep_listeners()
            report(outcome)
            return ReloadAnswer(number, outcome)

    def _tell(
        self,
        children: Iterable[_Child],
        message: Callable[[_Child, int], tuple[object, list[socket.socket]]],
    ) -> None:
        """Tell them, and wait until they have done it. Whoever has not, or could not, is started again."""
        order, deadline = next(self._orders), time.monotonic() + FOLLOW_S
        waiting = {child.pid: child for child in children if hand_over(child.channel, *message(child, order))}
        while waiting and (left_s := deadline - time.monotonic()) > 0:
            info = signal.sigtimedwait({signal.SIGIO, signal.SIGCHLD}, left_s)
            for child in list(waiting.values()):
                self._listen_to(child)
                if (order, child.pid) in self._followed:
                    del waiting[child.pid]
            if info is not None and info.si_signo == signal.SIGCHLD:
                for child, status in self._reap():
                    waiting.pop(child.pid, None)
                    self._ended(child, status)
        for (_, pid), trouble in self._followed.items():
            if trouble:
                waiting[pid] = next(child for child in self._children.values() if child.pid == pid)
        for pid, child in waiting.items():
            reason = self._followed.get((order, pid), "it does not answer")
            text = "%s (pid %d) cannot take over the new configuration and is ended: %s"
            extra = log_event("worker", process=process_name(child.number), pid=pid, reason=reason)
            _log.error(text, _name(child.number), pid, reason, extra=extra)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._followed.clear()

    def _reap(self) -> list[tuple[_Child, int]]:
        """Those that have ended since, with their wait status."""
        found = []
        while self._children:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            child = self._children.pop(pid, None)
            if child is not None:
                child.channel.close()
                found.append((child, status))
        return found

    def _ended(self, child: _Child, status: int) -> None:
        lived_s = time.monotonic() - child.started_at
        failures = self._failures[child.number] = (
            self._failures.get(child.number, 0) + 1 if lived_s < SHORT_LIFE_S else 0
        )
        pause_s = min(MAX_PAUSE_S, 0.25 * 2**failures) if failures > 1 else 0.0
        self._due[child.number] = time.monotonic() + pause_s
        extra = log_event("worker", process=process_name(child.number), pid=child.pid, reason=_how(status))
        _log.error(
            "%s (pid %d) %s; another one takes its place", _name(child.number), child.pid, _how(status), extra=extra
        )

    def _stop(self) -> None:
        """Ask all processes to end, the desk last: workers tell it what their clients used. End those that do not."""
        deadline = time.monotonic() + STOP_S
        for is_desk in (False, True):
            asked = [child for child in self._children.values() if (child.number == DESK) == is_desk]
            for child in asked:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child.pid, signal.SIGTERM)
            self._reap()
            while self._run_still(asked) and (left_s := deadline - time.monotonic()) > 0:
                signal.sigtimedwait({signal.SIGCHLD}, left_s)
                self._reap()

    def _run_still(self, children: Sequence[_Child]) -> bool:
        return any(child.pid in self._children for child in children)

    # --- starting -----------------------------------------------------------------------------------------------------

    def _start(self, number: int) -> None:
        """Fork process `number`, and give it and each other process a socket to each other."""
        ours, theirs = channel_pair()
        wake_by_signal(ours)
        _flush()
        try:
            pid = os.fork()
        except OSError:
            ours.close()
            theirs.close()
            raise
        if pid == 0:
            ours.close()
            self._become(number, theirs)
        theirs.close()
        for other in self._children.values():
            if other.number != number:
                one, two = socket.socketpair()
                with one, two:
                    hand_over(ours, LinkTo(other.number), [one])
                    hand_over(other.channel, LinkTo(number), [two])
        self._children[pid] = _Child(number, pid, ours)

    def _become(self, number: int, channel: socket.socket) -> NoReturn:
        """What a child does, from fork to its end."""
        code = 1
        try:
            for other in self._children.values():
                other.channel.close()
            for signal_number in (
                signal.SIGINT,
                signal.SIGHUP,
            ):  # meant for the supervisor, which says what is to be done
                signal.signal(signal_number, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
            _set_name(f"tailhub-{process_name(number)}")
            name_process(process_name(number))
            selector = TurnSelector()
            main = self._desk if number == DESK else self._worker
            with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
                runner.run(main(number, channel, selector))
            code = 0
        except BaseException:
            _log.exception("%s ends", _name(number))
        finally:
            _flush()
            os._exit(code)  # the rest, such as the state's lock file, is the supervisor's to clean up

    async def _worker(self, number: int, channel: socket.socket, selector: TurnSelector) -> None:
        listeners = self._foundation.listeners
        for other in listeners.all:
            if other not in listeners.shares[number]:
                other.close()
        self._foundation.admin_socket.close()
        await Worker(self._foundation, number, self._workers, channel, selector).run()

    async def _desk(self, number: int, channel: socket.socket, selector: TurnSelector) -> None:
        fleet = Fleet(self._workers, channel)
        await self._run_desk(RelayServer(self._foundation.config, selector, foundation=self._foundation, fleet=fleet))


def process_name(number: int) -> str:
    """What it is called in ps and top, behind ``tailhub-``, and in the log."""
    return "desk" if number == DESK else f"w{number}"


def _name(number: int) -> str:
    return "the desk" if number == DESK else f"worker {number}"


def _flush() -> None:
    """What has been printed must not be printed again by a child."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # a full disk, a closed pipe
            stream.flush()


def _set_name(name: str) -> None:
    """What ps and top call this process (15 characters)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(name)


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with code {code}"
