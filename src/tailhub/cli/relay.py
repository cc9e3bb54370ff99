"""``tailhub relay``: runs the relay in the foreground, prints the first screen and then what happens."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial

from tailhub import findings
from tailhub.cli import output
from tailhub.exceptions import MachineError, UsageError
from tailhub.findings import Language
from tailhub.net.turn_selector import TurnSelector
from tailhub.server.app import RelayServer
from tailhub.server.config import RelayConfig, check_config
from tailhub.server.cores import usable_cores, worker_count
from tailhub.server.listeners import parse_listeners
from tailhub.server.log_setup import set_up_log
from tailhub.server.systemd import notify
from tailhub.settings.merge import Settings


def run_settings(settings: Settings, lang: Language) -> int:
    """Say all that is wrong or doubtful about the settings, then run. Raises `FindingError`."""
    found = settings.findings()
    errors = [finding for finding in found if finding.severity == "error"]
    for finding in found:
        if finding not in errors[-1:]:  # the last is told of as any other error of a command
            output.write_finding(finding, lang)
    if errors:
        raise UsageError(errors[-1])
    return run_relay(settings.config(), lang)


def run_relay(config: RelayConfig, lang: Language) -> int:
    """Run until SIGTERM or SIGINT; the exit code. Raises `FindingError` when it cannot start."""
    if sys.platform == "win32":
        raise MachineError(findings.platform_unsupported(sys.platform))
    check_config(config)
    workers = worker_count(config.workers, usable_cores())
    if workers > 1 and parse_listeners(config).has_relay:
        from tailhub.server.supervisor import Supervisor

        supervisor = Supervisor(config, workers, partial(_run, lang=lang, signals=(signal.SIGTERM,)))
        set_up_log(config)
        return supervisor.run()
    selector = TurnSelector()
    server = RelayServer(config, selector)
    set_up_log(config)
    with (
        contextlib.suppress(KeyboardInterrupt),
        asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner,
    ):
        runner.run(_run(server, lang, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)))
    return 0


async def _run(server: RelayServer, lang: Language, signals: Sequence[signal.Signals]) -> None:
    """Start, say so, and run until one of the `signals`."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in signals:
        if number == signal.SIGHUP and server.config.rate_config is not None:  # also below nohup: nothing ends
            loop.add_signal_handler(number, server.reload)
        elif number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores it: leave it so
            loop.add_signal_handler(number, ended.set)
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
