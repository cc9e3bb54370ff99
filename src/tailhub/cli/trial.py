"""A start on trial: this version with a configuration and a copy of the state, on ports that nobody else sees.

It is what ``tailhub upgrade`` has the new version do while the old one serves. Nothing of it is published and nothing
lasts: sockets are on loopback, at ports that are free; the state is a copy, with a store of its own; no certificate is
asked for, no address looked for, nobody notified.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tailhub import findings
from tailhub.cli import output
from tailhub.cli.admin_socket import state_directory
from tailhub.client import DERPClient
from tailhub.exceptions import ConnectionClosedError, MachineError, RemoteError, UsageError
from tailhub.findings import Finding
from tailhub.net.turn_selector import TurnSelector
from tailhub.server.app import RelayServer
from tailhub.server.config import ListenerConfig, RelayConfig
from tailhub.server.state_archive import collect
from tailhub.server.state_files import write_whole
from tailhub.server.tenant_config import TAILSCALE_API
from tailhub.settings.merge import load

LIMIT_S = 30.0
_LOOPBACK = "127.0.0.1:0"


def start_on_trial(config_file: str | None, state_dir: Path | None) -> int:
    """Start, let one client log in where anybody may, and end; the exit code. Raises `FindingError`."""
    settings = load({"config": config_file}, os.environ, os.geteuid(), sys.platform)
    errors = [finding for finding in settings.findings() if finding.severity == "error"]
    if errors:
        raise UsageError(errors[-1])
    config = settings.config()
    original = config.state_dir or state_directory(state_dir, config_file)
    with tempfile.TemporaryDirectory(prefix="tailhub-trial-") as directory:
        copy = Path(directory) / "state"
        copy.mkdir(mode=0o700)
        if original.is_dir():
            _copy_state(original, copy)
        selector = TurnSelector()
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
            runner.run(_try(trial_config(config, copy), selector))
    output.write("ok\n")
    return 0


def trial_config(config: RelayConfig, state_dir: Path) -> RelayConfig:
    """The same relay, out of everybody's sight."""
    first = _out_of_sight(config, state_dir, 0)
    return replace(
        config,
        listen=first.listen,
        acme=False,
        passthrough=(),
        more_listeners=tuple(_out_of_sight(one, state_dir, 1 + n) for n, one in enumerate(config.more_listeners)),
        http_listen="off",
        stun_listen="off" if config.stun_listen == "off" else _LOOPBACK,
        admin_listen="off",
        discover=False,
        state_dir=state_dir,
        key_file=None,
        store="off" if config.store == "off" else "",
        workers=1,
        notify=(),
        notify_file=None,
        notify_events=(),
        update_check=False,
        push_map_to="",
        push_map_secret_file=None,
        push_map_tailnet="-",
        push_map_api_url=TAILSCALE_API,
    )


def _out_of_sight(listener: ListenerConfig, state_dir: Path, number: int) -> ListenerConfig:
    listen = listener.listen
    if listen.startswith("unix:"):
        listen = f"unix:{state_dir / f'listener-{number}.sock'}"
    elif listen != "off":
        listen = _LOOPBACK
    return replace(listener, listen=listen, acme=False, passthrough=())


def _copy_state(source: Path, target: Path) -> None:
    try:
        files = collect(source)
    except MachineError as exc:
        if not isinstance(exc.finding, Finding) or exc.finding.name != "state-not-found":
            raise
        return  # the relay has not run yet: it will make what it needs
    for name, data in files.items():
        path = target / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, data)


async def _try(config: RelayConfig, selector: TurnSelector) -> None:
    server = RelayServer(config, selector)
    await server.start()
    try:
        if config.tls and not config.asks_verifiers and not server.listeners.public.is_unix and config.listen != "off":
            await _log_in(server)
    finally:
        await server.stop()


async def _log_in(server: RelayServer) -> None:
    """A client as any other."""
    port = server.listeners.public.port
    try:
        async with asyncio.timeout(LIMIT_S):
            async with await DERPClient.connect("127.0.0.1", port, insecure=True) as client:
                await client.ping()
    except (OSError, TimeoutError, RemoteError, ConnectionClosedError) as exc:
        raise MachineError(findings.file_trouble("a login on trial", str(exc) or type(exc).__name__)) from exc


def trial_words(config_file: Path | None, state_dir: Path | None) -> Sequence[str]:
    """The words behind ``tailhub`` that have a version do this."""
    config = ("--config", str(config_file)) if config_file is not None else ()
    return ("start-on-trial", *config, *(("--state-dir", str(state_dir)) if state_dir is not None else ()))
