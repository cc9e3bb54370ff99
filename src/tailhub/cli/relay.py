"""``tailhub relay``: runs the relay in the foreground, prints the first screen and then what happens."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from tailhub import findings
from tailhub.cli import output
from tailhub.exceptions import FindingError, MachineError, UsageError
from tailhub.findings import Finding, Language
from tailhub.net.turn_selector import TurnSelector
from tailhub.server.app import RelayServer
from tailhub.server.config import RelayConfig, check_config
from tailhub.server.cores import usable_cores, worker_count
from tailhub.server.hangup import Terminal
from tailhub.server.listeners import parse_listeners
from tailhub.server.log_setup import set_up_log
from tailhub.server.systemd import notify, reloading
from tailhub.settings.merge import Settings

if TYPE_CHECKING:
    from tailhub.server.reloading import LoadConfig

END_S = 20.0  # that all processes may take to end once clients are closed


def run_settings(read: Callable[[], Settings], lang: Language) -> int:
    """Say all that is wrong or doubtful about the settings, then run. Raises `FindingError`.

    `read` reads them, now and again whenever the relay is to reload them.
    """
    settings = read()
    found = settings.findings()
    errors = [finding for finding in found if finding.severity == "error"]
    for finding in found:
        if finding not in errors[-1:]:  # the last is told of as any other error of a command
            output.write_finding(finding, lang)
    if errors:
        raise UsageError(errors[-1])
    is_gone = settings.is_read and settings.file is not None and not settings.file.is_file()  # a pipe is read once
    return run_relay(settings.config(), lang, lambda: _loaded(settings if is_gone else read()))


def _loaded(settings: Settings) -> tuple[RelayConfig, list[Finding]]:
    return settings.config(), settings.findings()


def run_relay(config: RelayConfig, lang: Language, load: LoadConfig | None = None) -> int:
    """Run until SIGTERM or SIGINT; the exit code. Raises `FindingError` when it cannot start."""
    if sys.platform == "win32":
        raise MachineError(findings.platform_unsupported(sys.platform))
    check_config(config)
    workers = worker_count(config.workers, usable_cores())
    if workers > 1 and parse_listeners(config).has_relay:
        from tailhub.server.supervisor import Supervisor

        supervisor = Supervisor(config, workers, partial(_run, lang=lang, signals=(signal.SIGTERM,)), load)
        set_up_log(config)
        return supervisor.run()
    selector = TurnSelector()
    server = RelayServer(config, selector, load=load)
    set_up_log(config)
    with (
        contextlib.suppress(KeyboardInterrupt),
        asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner,
    ):
        runner.run(_run(server, lang, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)))
    return 0


def _told_to_end(server: RelayServer, ended: asyncio.Event) -> None:
    """SIGTERM: close clients bit by bit before the end; a second one ends at once."""
    draining = server.draining
    if draining is None or draining.is_told or draining.is_ending:
        ended.set()
        return
    notify(os.environ, f"STOPPING=1\nEXTEND_TIMEOUT_USEC={(server.config.drain_s + END_S) * 1e6:.0f}")
    draining.end(server.config.drain_s)


class _HangUps:
    """What SIGHUP does: a reload; but the end when our terminal was closed, unless ``nohup`` has had it ignored."""

    def __init__(self, server: RelayServer, end: Callable[[], None]) -> None:
        self._server = server
        self._end = end
        self._terminal = Terminal()
        self._is_ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        self._reloads: set[asyncio.Task[None]] = set()

    def __call__(self) -> None:
        if self._terminal.has_gone():
            if not self._is_ignored:
                self._end()
            return
        reload = asyncio.get_running_loop().create_task(self._reload())
        self._reloads.add(reload)
        reload.add_done_callback(self._reloads.discard)

    async def _reload(self) -> None:
        with reloading(os.environ), contextlib.suppress(FindingError):  # of which the log tells
            await self._server.reload()


async def _run(server: RelayServer, lang: Language, signals: Sequence[signal.Signals]) -> None:
    """Start, say so, and run until one of the `signals`."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in signals:
        end = partial(_told_to_end, server, ended) if number == signal.SIGTERM else ended.set
        loop.add_signal_handler(number, _HangUps(server, ended.set) if number == signal.SIGHUP else end)
    server.on_end = ended.set
    await server.start()
    notify(os.environ, "READY=1")
    try:
        from tailhub.cli import relay_screen  # not needed to listen

        release = relay_screen.report_firsts(server, lang)
        await relay_screen.show_first_screen(server, lang)
        release()
        gc.freeze()  # what is there now stays: no collection need look at it again
        watching = loop.create_task(relay_screen.report_moves(server, lang))
        await ended.wait()
        watching.cancel()
    finally:
        notify(os.environ, "STOPPING=1")
        await server.stop()
