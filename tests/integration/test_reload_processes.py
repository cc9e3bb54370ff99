"""``tailhub relay`` as a process, or several, that reads its configuration file again: by signal and by command."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

from support.relay_process import LIMIT_S, RelayProcess, UnixConnection, get_page
from support.relay_process import until as wait_until
from support.scripted_relay import run
from tailhub import box
from tailhub.client import DERPClient, ReceivedPacket, ServerInfo
from tailhub.exceptions import TailhubError
from tailhub.keys import NodePrivate

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGHUP")

WORKERS = ["1", "3"] if sys.platform == "linux" else ["1"]
KEYS = {name: NodePrivate(bytes((6, number, *range(30)))) for number, name in enumerate("abxy", start=1)}


class Relay(RelayProcess):
    """One with a configuration file."""

    def __init__(self, directory: Path, *options: str, text: str = "", **others: Any) -> None:
        self.file = directory / "tailhub.toml"
        self.write(text)
        super().__init__("--config", str(self.file), *options, **others)

    def write(self, text: str) -> None:
        self.file.write_text(text)

    def ask(self) -> tuple[int, dict[str, Any]]:
        """Have it reload; status and answer."""
        connection = UnixConnection(self.state_dir / "admin.sock")
        try:
            connection.request("POST", "/api/v1/reload")
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def reload(self, text: str) -> dict[str, Any]:
        """Have it go by this configuration; what has changed."""
        self.write(text)
        status, answer = self.ask()
        assert status == 200, (answer, self.log())
        return answer

    async def login(self, name: str, port: int = 0) -> DERPClient:
        return await DERPClient.connect("127.0.0.1", port or self.port, private_key=KEYS[name], cert_name=self.pin)


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def keys(names: str) -> str:
    return "".join(f"nodekey:{box.public_key(KEYS[name]).raw.hex()} device-{name}\n" for name in names)


async def packet(client: DERPClient) -> ReceivedPacket:
    while not isinstance(message := await client.recv(), ReceivedPacket):
        pass
    return message


async def ended(client: DERPClient) -> None:
    """Wait until the relay has closed it."""
    try:
        while True:
            await client.recv()
    except TailhubError:
        return


@pytest.mark.parametrize("workers", WORKERS)
def test_nothing_given(workers: str, tmp_path: Path) -> None:
    """SIGHUP does not end a relay without a file either: it says that nothing has changed."""
    with RelayProcess("--workers", workers) as relay:
        relay.send_signal(signal.SIGHUP)
        wait_until(lambda: "reloaded: nothing has changed" in relay.log(), "it has reloaded", relay.log)
        assert relay.get("/healthz").strip() == b"ok"
        assert relay.stop() == 0


@pytest.mark.parametrize("workers", WORKERS)
def test_the_command(workers: str, tmp_path: Path) -> None:
    """``tailhub reload`` tells what has changed and what needs a restart, in both languages; flags win as before."""
    with Relay(tmp_path, "--workers", workers, "--home", "blank") as relay:

        def command(*options: str) -> tuple[int, str]:
            words = [sys.executable, "-m", "tailhub", "reload", "--state-dir", str(relay.state_dir), *options]
            done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S, check=False)
            return done.returncode, done.stdout + done.stderr

        assert command() == (0, "Nothing has changed: the relay has read its configuration and files again.\n")
        relay.write('log_addresses = false\nhome = "https://example.com/"\nkey_file = "other.key"')
        code, said = command()
        assert code == 0
        assert said == (
            "The relay goes by these from now on:\n  log_addresses\n"
            "These need a restart, and are as they were until then:\n  key_file\n"
        )
        relay.write("tcp_keepalive_s = 77")
        assert "中继即刻改用：" in command("--lang", "zh")[1]
        relay.write("tcp_keepalive_s = 77\nhom = 1")
        code, said = command()
        assert code == 2
        assert "line 2" in said
        assert "home" in said
        relay.write('quota_day = 77\nregion_id = 5\nrefuse = "bite"')
        code, said = command()
        assert code == 2
        assert "3 errors" in said
        for place in ("quota_day", "region_id", "refuse"):
            assert f"{place}, line" in relay.log()
        relay.file.unlink()
        assert command()[0] == 1
        assert relay.get("/healthz").strip() == b"ok"
        assert relay.stop() == 0


@pytest.mark.parametrize("workers", WORKERS)
def test_everything_at_once(workers: str, tmp_path: Path) -> None:
    """Listeners, tenants, lists, limits and pages change at all processes, and whoever may stay stays connected.

    A worker that is started again has what there is now.
    """
    for tenant, names in (("one", "ab"), ("two", "xy")):
        (tmp_path / f"{tenant}.keys").write_text(keys(names))
    first, second, http = free_port(), free_port(), free_port()
    alone = f'listen = "127.0.0.1:{first}"\n'
    both = f'[[listen]]\nlisten = "127.0.0.1:{first}"\n[[listen]]\nlisten = "127.0.0.1:{second}"\n'
    one = '[[tenant]]\nname = "one"\nallow_list = "one.keys"\n'
    two = '[[tenant]]\nname = "two"\nallow_list = "two.keys"\n'

    async def scenario(relay: Relay) -> None:
        clients: dict[str, DERPClient] = {}

        async def passes(src: str, dst: str, text: bytes) -> None:
            await clients[src].send(clients[dst].public_key, text)
            assert await packet(clients[dst]) == ReceivedPacket(clients[src].public_key, text)

        async with AsyncExitStack() as stack, asyncio.timeout(60):

            async def login(names: str, port: int) -> None:
                for name in names:
                    clients[name] = await stack.enter_async_context(await relay.login(name, port))

            await login("abxy", first)
            relay.reload(f"{alone}rate_limit_bytes_per_s = 3000000\n")
            for client in clients.values():
                while not isinstance(message := await client.recv(), ServerInfo):
                    pass
                assert message.rate_bytes_per_s == 3_000_000
            await passes("a", "x", b"before there are tenants")
            changed = relay.reload(f'http_listen = "127.0.0.1:{http}"\n{both}{one}{two}')["changed"]
            assert f"listen 127.0.0.1:{second} (added)" in changed
            assert {"tenant one (added)", "tenant two (added)", "http_listen"} <= set(changed)
            for client in clients.values():  # each belongs to a tenant now, for which it logs in anew
                await ended(client)
            await login("abxy", second)
            for src, dst in ("ab", "xy", "ba"):
                await passes(src, dst, b"within a tenant")
            relay.reload(f'{both}{one}{two}may_reach = ["one"]\n')
            await passes("x", "a", b"hello neighbour")
            relay.reload(f"{both}{one}{two.replace('two', 'three', 1)}")  # the list is the same
            await ended(clients["x"])
            await login("xy", first)
            await passes("x", "y", b"another name")
            await passes("a", "b", b"nobody has noticed")
            relay.reload(f"{alone}{one}{two}")
            with pytest.raises(OSError, match="refused"):
                socket.create_connection(("127.0.0.1", second))
            await passes("a", "b", b"came by a port that is no more")
            if workers != "1":
                for process in psutil.Process(relay.pid).children():
                    if process.name() != "tailhub-desk":
                        process.kill()
                wait_until(lambda: relay.log().count("takes its place") == int(workers), "they are back", relay.log)
                await login("abxy", first)
                await passes("a", "b", b"the new ones know tenants")
                await passes("x", "y", b"all of them")
            assert relay.reload(alone)["changed"] == ["tenant one (removed)", "tenant two (removed)"]
            await login("abxy", first)
            await passes("a", "x", b"everyone may again")

    defaults = ("--no-discover", "--stun-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
    with Relay(tmp_path, "--workers", workers, text=alone, defaults=defaults) as relay:
        run(scenario(relay))
        assert "Traceback" not in relay.log()
        assert relay.stop() == 0


@pytest.mark.parametrize("workers", WORKERS)
def test_a_port_that_is_taken(workers: str, tmp_path: Path) -> None:
    """Nothing changes, at none of the processes, when a port cannot be had; the answer names who has it."""
    with socket.create_server(("127.0.0.1", 0)) as taken, Relay(tmp_path, "--workers", workers) as relay:
        where, port = f"127.0.0.1:{taken.getsockname()[1]}", relay.port
        relay.write(f'http_listen = "{where}"\nlog_addresses = false\n')
        status, answer = relay.ask()
        assert status == 500
        assert "is taken" in answer["error"]["what"]
        assert relay.port == port
        relay.write("log_addresses = false\n")
        assert relay.ask() == (200, {"changed": ["log_addresses"], "needs_restart": []})


def test_one_process_that_cannot(tmp_path: Path) -> None:
    """A worker that hangs does not hold up the others: it is ended, and the one in its place has the new settings."""
    if sys.platform != "linux":
        pytest.skip("several workers need Linux")
    with Relay(tmp_path, "--workers", "2") as relay:
        worker = next(one for one in psutil.Process(relay.pid).children() if one.name() == "tailhub-w0")
        worker.suspend()
        assert relay.reload("rate_limit_bytes_per_s = 3000000\n")["changed"] == ["rate_limit_bytes_per_s"]
        wait_until(lambda: "takes its place" in relay.log(), "there is another one", relay.log)
        assert "cannot take over the new configuration" in relay.log()

        async def told() -> set[int]:
            found = set()
            for _ in range(16):
                async with await relay.login("a") as client:
                    assert client.server_info is not None
                    found.add(client.server_info.rate_bytes_per_s)
            return found

        assert run(told()) == {3_000_000}


# --- a terminal -------------------------------------------------------------------------------------------------------


class Terminal:
    """A relay in the foreground of a terminal of its own, which a test closes."""

    def __init__(self, directory: Path, workers: str, *, before: Callable[[], object] = lambda: None) -> None:
        self._log = directory / "log"
        ours, theirs = pty.openpty()

        def take_terminal() -> None:
            import fcntl
            import termios

            os.setsid()
            fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)
            before()

        words = [sys.executable, "-m", "tailhub", "relay", "--no-discover", "--listen", "127.0.0.1:0"]
        words += ["--workers", workers]
        words += ["--stun-listen", "off", "--admin-listen", "off", "--state-dir", str(directory / "state")]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                words,
                stdin=theirs,
                stdout=log,
                stderr=log,
                preexec_fn=take_terminal,
            )
        os.close(theirs)
        self._ours = ours
        wait_until(lambda: "relay is listening" in self.log(), "it listens", self.log)

    def log(self) -> str:
        return self._log.read_text()

    def close(self) -> None:
        os.close(self._ours)


@pytest.mark.parametrize("workers", WORKERS)
def test_the_terminal_is_closed(workers: str, tmp_path: Path) -> None:
    """In a terminal SIGHUP from somebody reloads; that of the terminal's end ends the relay, tidily."""
    terminal = Terminal(tmp_path, workers)
    try:
        terminal.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "reloaded: " in terminal.log(), "it has reloaded", terminal.log)
        terminal.close()
        assert terminal.process.wait(LIMIT_S) == 0
        assert terminal.log().count("reloaded: ") == 1
    finally:
        terminal.process.kill()


@pytest.mark.parametrize("workers", WORKERS)
def test_nohup_in_a_terminal(workers: str, tmp_path: Path) -> None:
    """Below ``nohup`` the terminal's end is nothing to the relay: it answers, and goes on answering."""
    terminal = Terminal(tmp_path, workers, before=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    try:
        terminal.close()
        for _ in range(3):  # whoever is about to end may answer once
            assert get_page(tmp_path / "state", "/healthz")[0] == 200
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.process.wait(LIMIT_S) == 0
        assert "reloaded: " not in terminal.log()
    finally:
        terminal.process.kill()
