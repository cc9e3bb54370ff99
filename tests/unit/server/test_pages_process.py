"""The process of the operator's pages as the relay starts, watches and ends it, with small programs in its place."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest

from support.waiting import run, until
from tailhub.server.pages_process import PagesProcess

# Accepts on its sockets, answers each connection with its own pid, and each that is passed on with what was read of it.
# "ends" on the channel ends it; so does the end of the channel.
SERVES = """
import asyncio, os, socket, sys
from tailhub.admin.handover import Inherited, take
from tailhub.net.message_channel import MessageChannel

async def main():
    inherited = Inherited.parse(sys.argv[1:])
    over = asyncio.Event()
    channel = MessageChannel(socket.socket(fileno=inherited.channel), lambda message: over.set(), over.set)
    fds = sorted(int(name) for name in os.listdir("/dev/fd") if os.path.exists(f"/dev/fd/{name}"))
    channel.send((os.getpid(), os.getsid(0), fds))
    async def serve(reader, writer):
        writer.write(str(os.getpid()).encode())
        writer.close()
    for number in inherited.listen:
        await asyncio.start_server(serve, sock=socket.socket(fileno=number))
    handover = socket.socket(fileno=inherited.handover)
    def passed_on():
        connection, data = take(handover)
        connection.send(b"read: " + data)
        connection.close()
    asyncio.get_running_loop().add_reader(handover, passed_on)
    await over.wait()

asyncio.run(main())
"""
FAILS = "import sys; sys.exit(3)"
HANGS = """
import os, socket, sys, time
from tailhub.admin.handover import Inherited
Inherited.parse(sys.argv[1:])
while True:
    time.sleep(1)
"""
pytestmark = pytest.mark.skipif(not Path("/dev/fd").exists(), reason="descriptors cannot be listed here")


class Talk:
    """What the processes have said, and whether they are there."""

    def __init__(self) -> None:
        self.said: list[Any] = []
        self.send: Callable[[object], None] | None = None
        self.closed = 0

    def begin(self, send: Callable[[object], None]) -> Talk:
        self.send = send
        return self

    def receive(self, message: object) -> None:
        self.said.append(message)

    def close(self) -> None:
        self.send = None
        self.closed += 1


class World:
    """A listening socket, and a process that it belongs to while that runs."""

    def __init__(self, program: str, directory: Path, hangs_s: float = 60.0) -> None:
        script = directory / "program.py"
        script.write_text(program)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.talk = Talk()
        self.refused: list[Sequence[socket.socket]] = []
        self.refusals_ended = 0
        command = (sys.executable, str(script))
        self.process = PagesProcess([self.listener], self.talk.begin, self._refuse, command, hangs_s)

    def _refuse(self, sockets: Sequence[socket.socket]) -> Callable[[], None]:
        self.refused.append(sockets)

        def end() -> None:
            self.refusals_ended += 1
            for sock in sockets:
                sock.close()

        return end

    async def ask(self) -> bytes:
        """What somebody gets who connects."""
        reader, writer = await asyncio.open_connection(*self.listener.getsockname())
        try:
            return await reader.read()
        finally:
            writer.close()

    async def pass_on(self, data: bytes) -> bytes:
        """What somebody gets whose connection is passed on."""
        one, other = socket.socketpair()
        with one:
            assert self.process.pass_on(one.fileno(), data)
        reader, writer = await asyncio.open_unix_connection(sock=other)
        try:
            return await reader.read()
        finally:
            writer.close()


def scenario(
    program: str, directory: Path, play: Callable[[World], Coroutine[Any, Any, None]], hangs_s: float = 60.0
) -> None:
    async def played() -> None:
        world = World(program, directory, hangs_s)
        world.process.start()
        try:
            await play(world)
        finally:
            await world.process.stop()
            world.listener.close()

    run(played)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_is_started_when_somebody_connects(tmp_path: Path) -> None:
    """Nothing runs before the first connection, which is answered; one process then answers all, in its own session."""

    async def play(world: World) -> None:
        assert world.process.pid is None
        pid = await world.ask()
        assert int(pid) == world.process.pid
        answers = await asyncio.gather(*(world.ask() for _ in range(100)))
        assert set(answers) == {pid}
        assert world.talk.said[0][:2] == (int(pid), int(pid))

    scenario(SERVES, tmp_path, play)


def test_it_inherits_nothing_else(tmp_path: Path) -> None:
    """It has the standard streams, the three that it is given, and what it opens itself: no other socket of ours."""

    async def play(world: World) -> None:
        others = range(200, 220)  # numbers that it does not come to by itself
        with socket.socket() as sock:
            for number in others:
                os.dup2(sock.fileno(), number, inheritable=number % 2 == 0)  # as those of a socket unit may be
            try:
                await world.ask()
            finally:
                for number in others:
                    os.close(number)
        assert not set(others) & set(world.talk.said[0][2])

    scenario(SERVES, tmp_path, play)


def test_a_killed_one_is_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """After kill -9 the next who asks is answered by another process, and the log says what happened."""

    async def play(world: World) -> None:
        first = int(await world.ask())
        os.kill(first, signal.SIGKILL)
        await until(lambda: world.process.pid is None)
        assert int(await world.ask()) != first
        assert world.talk.closed == 1

    scenario(SERVES, tmp_path, play)
    assert "has ended (SIGKILL)" in caplog.text


def test_what_was_passed_on_survives_it(tmp_path: Path) -> None:
    """A connection that was passed on to a process which died before it took it is answered by the next one."""

    async def play(world: World) -> None:
        pid = int(await world.ask())
        os.kill(pid, signal.SIGSTOP)
        waiting = asyncio.ensure_future(world.pass_on(b"GET / HTTP/1.1\r\n\r\n"))
        await asyncio.sleep(0)
        os.kill(pid, signal.SIGKILL)
        assert await waiting == b"read: GET / HTTP/1.1\r\n\r\n"

    scenario(SERVES, tmp_path, play)


def test_passing_on_starts_it(tmp_path: Path) -> None:
    """A connection that is passed on is reason enough to start it; large requests come whole."""

    async def play(world: World) -> None:
        data = b"GET /" + b"x" * 100_000
        assert await world.pass_on(data) == b"read: " + data
        assert world.process.pid is not None

    scenario(SERVES, tmp_path, play)


def test_one_that_has_nothing_to_do_ends(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It may end by itself, or be asked to, without a word in the log; the next who asks gets another one."""

    async def play(world: World) -> None:
        first = int(await world.ask())
        for _ in range(4):  # as often as it likes
            assert world.talk.send is not None
            world.talk.send("ends")
            await until(lambda: world.process.pid is None)
            last = int(await world.ask())
            assert last != first
        os.kill(last, signal.SIGTERM)  # as a service manager does that ends all processes of the service
        await until(lambda: world.process.pid is None)

    scenario(SERVES, tmp_path, play)
    assert not caplog.records


def test_one_that_fails_again_and_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """After three short lives in a row callers are refused instead of left waiting, also those passed on."""

    async def play(world: World) -> None:
        _, writer = await asyncio.open_connection(*world.listener.getsockname())
        assert (await world.pass_on(b"GET / HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.0 503 ")
        assert not world.process.can_show
        assert len(world.refused) == 1
        assert world.process.pid is None
        assert world.refusals_ended == 0
        writer.close()

    scenario(FAILS, tmp_path, play)
    assert caplog.text.count("The process of the operator's pages has ended (3)") == 2
    assert caplog.text.count("The operator's pages cannot be shown") == 1


def test_one_that_hangs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One that says nothing for long is ended, as often as it takes; in the end callers are refused."""

    async def play(world: World) -> None:
        assert (await world.pass_on(b"GET / HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.0 503 ")

    scenario(HANGS, tmp_path, play, 0.05)
    assert caplog.text.count("SIGKILL") == 3


def test_one_that_cannot_be_started(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A program that cannot be executed is as one that fails at once."""

    async def scene() -> None:
        world = World(SERVES, tmp_path)
        world.process = PagesProcess(
            [world.listener], world.talk.begin, lambda sockets: lambda: None, (str(tmp_path / "missing"),)
        )
        world.process.start()
        _, writer = await asyncio.open_connection(*world.listener.getsockname())
        await until(lambda: not world.process.can_show)
        writer.close()
        await world.process.stop()
        world.listener.close()

    run(scene)
    assert "No such file or directory" in caplog.text


def test_no_descriptor_is_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the machine has none for its channel, callers are refused; the relay goes on."""

    def exhausted() -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    async def play(world: World) -> None:
        with monkeypatch.context() as patch:
            patch.setattr("tailhub.server.pages_process.socket.socketpair", exhausted)
            _, writer = await asyncio.open_connection(*world.listener.getsockname())
            await until(lambda: not world.process.can_show)
        writer.close()

    scenario(SERVES, tmp_path, play)
    assert "Too many open files" in caplog.text


@pytest.mark.parametrize("program", [SERVES, HANGS])
def test_it_ends_with_the_relay(program: str, tmp_path: Path) -> None:
    """When the relay stops it ends, by itself or, when it hangs, by force."""
    pids: list[int] = []

    async def play(world: World) -> None:
        _, writer = await asyncio.open_connection(*world.listener.getsockname())
        await until(lambda: world.process.pid is not None)
        assert world.process.pid is not None
        pids.append(world.process.pid)
        writer.close()

    scenario(program, tmp_path, play)
    assert not is_alive(pids[0])
