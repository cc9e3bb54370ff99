"""The server's parts on loopback: peers that do not read, and crowds, while two other clients exchange packets."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import psutil
import pytest

from support.browser import websocket_login
from support.served import Conversation, Line, serving
from support.waiting import PerTurn, run, until
from tailhub.derp import frames
from tailhub.relay.send_queue import QueueLimits

PAGE = b"GET /robots.txt HTTP/1.1\r\nHost: relay.test\r\n\r\n"

# --- peers that do not read -------------------------------------------------------------------------------------------


def test_a_client_that_never_reads_is_closed() -> None:
    """What waits for it is bounded while it does not read; after the write timeout it is closed, others are not."""
    limits = QueueLimits(data_bytes=100_000)

    async def scenario() -> None:
        async with serving(limits=limits, write_timeout_s=0.4, small_buffers=True) as relay:
            conversation = await Conversation.start(relay)
            sender = await relay.login()
            deaf = await relay.login(receive_bytes=4096)
            deaf.line.writer.transport.pause_reading()  # type: ignore[attr-defined]
            burst = frames.send_packet(deaf.key, bytes(1200)) * 200
            while deaf.key in relay.context.relay.registry.active:
                await sender.say(burst)
                assert relay.context.relay.queued_bytes < 150_000
                await asyncio.sleep(0)
            assert relay.disconnects == {"write timeout": 1}
            assert relay.context.watch.timeouts == 1
            assert relay.context.relay.stats.packets_dropped["queue_head", "other"] > 0
            assert relay.context.relay.stats.packets_dropped["write_error", "other"] > 0
            await conversation.stop()

    run(scenario)


def test_pings_of_a_client_that_never_reads_do_not_pile_up() -> None:
    """Pongs that find no room are dropped and counted; in the end the client is closed."""

    async def scenario() -> None:
        async with serving(write_timeout_s=0.4, small_buffers=True) as relay:
            conversation = await Conversation.start(relay)
            deaf = await relay.login(receive_bytes=4096)
            deaf.line.writer.transport.pause_reading()  # type: ignore[attr-defined]
            pings = frames.ping(bytes(8)) * 1000
            while deaf.key in relay.context.relay.registry.active:
                deaf.line.writer.write(pings)
                await asyncio.sleep(0)
            assert relay.disconnects == {"write timeout": 1}
            assert relay.context.relay.stats.control_dropped > 0
            await conversation.stop()

    run(scenario)


@pytest.mark.parametrize("page", [PAGE, b"GET / HTTP/1.1\r\nHost: relay.test\r\n\r\n"])
def test_answers_for_a_browser_that_never_reads_do_not_pile_up(page: bytes) -> None:
    """Requests in a row are answered as long as the answers are read, and not read themselves after that."""

    async def scenario() -> None:
        async with serving(small_buffers=True) as relay:
            conversation = await Conversation.start(relay)
            line = await relay.connect(receive_bytes=4096)
            line.writer.transport.pause_reading()  # type: ignore[attr-defined]
            line.writer.write(page * 50_000)
            await until(lambda: relay.context.watch.timeouts == 1)
            assert 0 < relay.context.events.http_requests[200] < 2000
            await conversation.stop()

    run(scenario)


def test_requests_in_a_row_are_all_answered_and_hold_up_nobody() -> None:
    """A thousand requests in one write get their answers in order, while others exchange packets in between."""

    async def scenario() -> None:
        async with serving() as relay:
            conversation = await Conversation.start(relay)
            line = await relay.connect()
            answered = PerTurn(lambda: relay.context.events.http_requests[200])
            line.writer.write(PAGE * 999 + PAGE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            answers = await line.read_all()
            assert answers.count(b"HTTP/1.1 200 ") == answers.count(b"User-agent: *") == 1000
            assert answered.stop() <= 2
            await conversation.stop()

    run(scenario)


def test_websocket_pings_of_a_client_that_never_reads_do_not_pile_up() -> None:
    """Answers to WebSocket pings are left out once they would wait, and the client is closed in the end."""

    async def scenario() -> None:
        async with serving(write_timeout_s=0.4, small_buffers=True) as relay:
            conversation = await Conversation.start(relay)
            deaf = await websocket_login(relay, receive_bytes=4096)
            deaf.line.writer.transport.pause_reading()  # type: ignore[attr-defined]
            pings = (b"\x89\xfd" + bytes(4) + bytes(125)) * 500
            while deaf.key in relay.context.relay.registry.active:
                deaf.line.writer.write(pings)
                await asyncio.sleep(0)
            assert relay.disconnects == {"write timeout": 1}
            await conversation.stop()

    run(scenario)


def test_a_flood_of_small_websocket_frames_holds_up_nobody() -> None:
    """Many tiny WebSocket messages in one write are dealt with over several turns, in order."""

    async def scenario() -> None:
        async with serving() as relay:
            conversation = await Conversation.start(relay)
            receiver = await relay.login()
            sender = await websocket_login(relay)
            packets = b"".join(frames.send_packet(receiver.key, b"%05d" % number) for number in range(400))
            messages = b"".join(b"\x82\x81\0\0\0\0" + packets[at : at + 1] for at in range(len(packets)))
            received = PerTurn(lambda: relay.context.relay.stats.packets_received)
            await Line.write(sender.line, messages)
            for number in range(400):
                assert (await receiver.packet()).packet == b"%05d" % number
            assert received.stop() <= 20  # a packet takes 294 bytes here: two slices of 2 KiB, and the conversation
            await conversation.stop()

    run(scenario)


# --- crowds -----------------------------------------------------------------------------------------------------------


def test_too_many_newcomers_push_out_the_one_that_has_dawdled_longest() -> None:
    """Connections that have not logged in are bounded in number; the oldest gives way, and a login still works."""

    async def scenario() -> None:
        async with serving(most_newcomers=10) as relay:
            lines = [await relay.connect(plain=True) for _ in range(15)]
            await until(lambda: relay.context.newcomers.evicted == 5)
            for line in lines[:5]:
                assert await line.read() == b""
            assert len(relay.context.newcomers) == 10
            a = await relay.login()
            await a.pong()
            assert await lines[5].read() == b""
            assert relay.failures == {"too many connections that have not logged in": 6}

    run(scenario)


CROWD = """
import resource, socket, sys
port, count = int(sys.argv[1]), int(sys.argv[2])
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
print("here", flush=True)
sys.stdin.read()
"""


def test_two_thousand_connections_that_say_nothing_harm_nobody() -> None:
    """A crowd of silent connections from another process costs little memory, and others go on as before."""
    resource = pytest.importorskip("resource")
    count = 2000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 200:
        pytest.skip(f"needs {count + 200} descriptors, {hard} are allowed here")

    async def scenario() -> None:
        async with serving() as relay:
            conversation = await Conversation.start(relay)
            await conversation.goes_on()
            process = psutil.Process()
            before = process.memory_info().rss
            crowd = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", CROWD, str(relay.port), str(count)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            assert crowd.stdin is not None
            assert crowd.stdout is not None
            assert await crowd.stdout.readline() == b"here\n"
            await until(lambda: len(relay.context.newcomers) == count)
            await conversation.goes_on()
            assert process.memory_info().rss - before < 40 << 20
            late = await relay.login()
            await late.pong()
            crowd.stdin.close()
            await crowd.wait()
            await until(lambda: len(relay.context.newcomers) == 0)
            assert relay.failures == {"closed by the other side": count}
            await conversation.stop()

    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        run(scenario, limit_s=60)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
