"""The byte mover over loopback sockets: reading, writing and closing, with and without TLS."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import select
import socket
import struct
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from support.tls_streams import Connected, Party, Secured, tcp_pair
from support.waiting import LIMIT_S, run, until
from tailhub.net.receiver import ReadBuffers
from tailhub.net.stream import Stream
from tailhub.net.write_watch import WriteWatch

MUCH = 1 << 20  # far more than the kernel takes for a peer with small buffers that does not read

# --- plain ------------------------------------------------------------------------------------------------------------


def test_plain_bytes_pass_both_ways() -> None:
    """Without TLS a stream hands on what the peer sends and sends what is written."""

    async def scenario() -> None:
        pair = Connected()
        await pair.peer_sends(b"question")
        await until(lambda: pair.party.data == b"question")
        pair.stream.write(b"answer")
        assert await pair.peer_reads() == b"answer"
        assert pair.stream.tls_version is None
        assert pair.stream.is_open
        assert not pair.stream.is_blocked
        pair.end()

    run(scenario)


def test_the_end_of_the_peer_closes() -> None:
    """When the peer closes, what it sent before is handed on, then the receiver learns of the end, once."""

    async def scenario() -> None:
        pair = Connected()
        await pair.peer_sends(b"last words")
        pair.peer.close()
        await until(lambda: pair.party.is_closed)
        assert pair.party.data == b"last words"
        assert pair.party.closed_for == ["closed by the other side"]
        assert not pair.stream.is_open
        pair.end()
        assert len(pair.party.closed_for) == 1

    run(scenario)


def test_a_reset_closes() -> None:
    """A connection that the peer resets ends with the system's words."""

    async def scenario() -> None:
        pair = Connected()
        pair.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        pair.peer.close()
        await until(lambda: pair.party.is_closed)
        assert pair.party.closed_for[0].startswith("read: ")

    run(scenario)


@pytest.mark.parametrize("secured", [False, True])
def test_a_receiver_that_fails_costs_its_own_stream(secured: bool) -> None:
    """What a receiver raises is reported once and ends the stream, however much more there is to read."""

    async def scenario() -> None:
        pair = await Secured.open() if secured else Connected()
        reported: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))

        def fail() -> None:
            raise ZeroDivisionError

        pair.party.on_data = fail
        await pair.peer_sends(pair.tls.seal(bytes(1000)) if isinstance(pair, Secured) else bytes(1000))
        await until(lambda: pair.party.is_closed)
        assert pair.party.closed_for == ["internal error"]
        assert [type(context["exception"]) for context in reported] == [ZeroDivisionError]
        pair.end()

    run(scenario)


def test_a_receiver_that_fails_to_write_on_costs_its_own_stream() -> None:
    """What a receiver raises when it may write again ends the stream."""

    async def scenario() -> None:
        pair = Connected(small_buffers=True)
        reported: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))

        def fail() -> None:
            raise ZeroDivisionError

        pair.party.writable = fail  # type: ignore[method-assign]
        pair.stream.write(bytes(MUCH))
        assert pair.stream.is_blocked
        assert len(await pair.peer_reads_all()) == MUCH
        assert pair.party.closed_for == ["internal error"]
        assert [type(context["exception"]) for context in reported] == [ZeroDivisionError]
        pair.end()

    run(scenario)


@pytest.mark.parametrize("secured", [False, True])
def test_bytes_put_back_come_again(secured: bool) -> None:
    """What the receiver puts back at the start of the buffer lies before the new bytes."""

    async def scenario() -> None:
        pair = await Secured.open(small_buffers=True) if secured else Connected(small_buffers=True)
        pair.party.put_back = b"unfinished frame " * 100
        for number in range(3):
            data = b"piece %d" % number
            await pair.peer_sends(pair.tls.seal(data) if isinstance(pair, Secured) else data)
            await until(partial(pair.party.has_got, data))
        pair.end()

    run(scenario)


def test_the_receiver_may_be_exchanged_while_it_receives() -> None:
    """From the moment of the exchange all calls go to the new receiver."""

    async def scenario() -> None:
        pair = await Secured.open()
        successor = Party()
        pair.party.on_data = lambda: pair.stream.set_receiver(successor)
        await pair.peer_sends(pair.tls.seal(b"upgrade"))
        await until(lambda: pair.party.data == b"upgrade")
        await pair.peer_sends(pair.tls.seal(b"frames"))
        await until(lambda: successor.data == b"frames")
        pair.end()
        assert pair.party.closed_for == []
        assert successor.closed_for == ["the test is over"]

    run(scenario)


@pytest.mark.parametrize("secured", [False, True])
def test_paused_reading_holds_the_peer_up(secured: bool) -> None:
    """While reading is paused nothing is handed on and the peer's writes fill up; afterwards nothing is missing."""

    async def scenario() -> None:
        pair = await Secured.open(small_buffers=True) if secured else Connected(small_buffers=True)
        await until(lambda: not pair.stream.is_blocked)
        pair.stream.pause_reading()
        plain = os.urandom(MUCH)
        wire = pair.tls.seal(plain) if isinstance(pair, Secured) else plain
        sending = asyncio.create_task(pair.peer_sends(wire))
        await until(lambda: _is_full(pair.peer))
        assert not sending.done()
        assert pair.party.data == b""
        pair.stream.resume_reading()
        await sending
        await until(lambda: len(pair.party.data) == MUCH)
        assert pair.party.data == plain
        pair.end()

    run(scenario)


def _is_full(sock: socket.socket) -> bool:
    """Whether the kernel takes nothing more."""
    return not select.select([], [sock], [], 0)[1]


# --- writing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secured", [False, True])
def test_what_the_kernel_does_not_take_waits(secured: bool) -> None:
    """A write that the kernel does not take at once blocks the stream; `writable` comes when all of it has gone."""

    async def scenario() -> None:
        pair = await Secured.open(small_buffers=True) if secured else Connected(small_buffers=True)
        pair.stream.write_timeout_s = 0
        data = random.Random(1).randbytes(MUCH)
        pair.stream.write(data)
        assert pair.stream.is_blocked
        assert pair.party.writable_calls == 0
        received = bytearray()
        while len(received) < MUCH:
            piece = await pair.peer_reads()
            received += pair.tls.open(piece) if isinstance(pair, Secured) else piece
        assert hashlib.sha256(received).digest() == hashlib.sha256(data).digest()
        await until(lambda: pair.party.writable_calls == 1)
        assert not pair.stream.is_blocked
        pair.end()

    run(scenario)


def test_writes_while_blocked_keep_their_order() -> None:
    """What is written although the stream is blocked goes out behind what waits already."""

    async def scenario() -> None:
        pair = await Secured.open(small_buffers=True)
        pair.stream.write(b"a" * MUCH)
        pair.stream.write(b"b")
        pair.stream.write(b"c" * 100_000)
        assert await pair.peer_reads_plain(MUCH + 100_001) == b"a" * MUCH + b"b" + b"c" * 100_000
        assert pair.party.writable_calls <= 1
        pair.end()

    run(scenario)


@pytest.mark.parametrize("secured", [False, True])
def test_a_peer_that_never_reads_is_given_up(secured: bool) -> None:
    """When the kernel has taken no byte for the write timeout, the stream ends and the time-out is counted."""

    async def scenario() -> None:
        pair = await Secured.open(small_buffers=True) if secured else Connected(small_buffers=True)
        pair.stream.write_timeout_s = 0.3
        pair.stream.write(bytes(MUCH))
        await until(lambda: pair.party.is_closed)
        assert pair.party.closed_for == ["write timeout"]
        assert pair.watch.timeouts == 1
        pair.end()

    run(scenario)


def test_without_a_write_timeout_nobody_is_given_up() -> None:
    """A write timeout of 0 means for ever, beside streams that have one."""

    async def scenario() -> None:
        watch = WriteWatch(asyncio.get_running_loop(), interval_s=0.02)
        patient, other = (Connected(small_buffers=True, watch=watch) for _ in range(2))
        patient.stream.write_timeout_s, other.stream.write_timeout_s = 0, 0.2
        patient.stream.write(bytes(MUCH))
        other.stream.write(bytes(MUCH))
        await until(lambda: other.party.is_closed)
        assert patient.stream.is_open
        patient.end()
        other.end()

    run(scenario)


class _StillLoop:
    """A loop that never finds a socket ready and whose time is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[Callable[[], None]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[..., None], *args: Any) -> _StillLoop:
        self.timers.append(lambda: callback(*args))
        return self

    def cancel(self) -> None:
        pass

    def add_reader(self, sock: socket.socket, callback: Callable[..., None]) -> None:
        pass

    remove_reader = remove_writer = lambda self, sock: None
    add_writer = add_reader

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        timers, self.timers = self.timers, []
        for timer in timers:
            timer()


def test_a_peer_on_a_thin_line_is_not_given_up() -> None:
    """A peer that takes a little within each write timeout stays, though the system never calls its socket writable.

    epoll reports a socket only when a good part of its buffer is free: 3.5 s at 20 kB/s.
    """
    loop: Any = _StillLoop()
    ours, peer = tcp_pair(small_buffers=True)
    party, watch = Party(), WriteWatch(loop)
    stream = Stream(loop, ours, ReadBuffers(), watch, party)
    stream.write(bytes(MUCH))
    for _ in range(5):
        assert select.select([peer], [], [], LIMIT_S)[0]
        assert peer.recv(MUCH)
        loop.pass_time(2.1)
        assert stream.is_open
    while not party.is_closed:
        loop.pass_time(2.1)
        assert loop.now < 200
    assert party.closed_for == ["write timeout"]
    peer.close()


# --- closing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secured", [False, True])
def test_close_lets_out_what_was_written(secured: bool) -> None:
    """After `close` the receiver is told at once; everything written before still arrives, then the end."""

    async def scenario() -> None:
        pair = await Secured.open(small_buffers=True) if secured else Connected(small_buffers=True)
        pair.stream.write(b"x" * MUCH)
        pair.stream.close("enough")
        assert pair.party.closed_for == ["enough"]
        assert pair.stream.is_blocked
        assert not pair.stream.is_open
        wire = await pair.peer_reads_all()
        assert (pair.tls.open(wire) if isinstance(pair, Secured) else wire) == b"x" * MUCH
        if isinstance(pair, Secured):
            assert pair.tls.is_closed_by_notify
        pair.end()
        assert pair.party.closed_for == ["enough"]
        assert pair.party.writable_calls == 0

    run(scenario)


def test_close_does_not_wait_for_ever() -> None:
    """A peer that does not read the rest is given up like any other."""

    async def scenario() -> None:
        pair = Connected(small_buffers=True)
        pair.stream.write_timeout_s = 0.2
        pair.stream.write(bytes(MUCH))
        pair.stream.close("enough")
        await until(lambda: pair.watch.timeouts == 1)
        assert len(await pair.peer_reads_all()) < MUCH
        pair.peer.close()

    run(scenario)


@pytest.mark.parametrize("paused", [False, True])
def test_linger_lets_a_peer_that_still_sends_read_our_last_words(paused: bool) -> None:
    """With `linger` what the peer still sends is read and thrown away, so that no reset eats our answer."""

    async def scenario() -> None:
        pair = Connected(small_buffers=True)
        await pair.peer_sends(b"too long a requ")
        await until(lambda: pair.party.data)
        if paused:
            pair.stream.pause_reading()
        pair.stream.write(b"413")
        pair.stream.close("too long", linger=True)
        for _ in range(20):
            await pair.peer_sends(bytes(50_000))
        assert await pair.peer_reads_all() == b"413"
        assert pair.party.data == b"too long a requ"
        pair.peer.close()
        assert pair.party.closed_for == ["too long"]

    run(scenario)


@pytest.mark.parametrize("secured", [False, True])
@pytest.mark.parametrize("how", ["abort", "close", "linger"])
def test_a_stream_may_be_ended_inside_a_callback(secured: bool, how: str) -> None:
    """A receiver may end its stream while it is handed data; nothing more is handed to it."""

    async def scenario() -> None:
        pair = await Secured.open(small_buffers=True) if secured else Connected(small_buffers=True)

        def end() -> None:
            if how == "abort":
                pair.stream.abort("enough")
            else:
                pair.stream.close("enough", linger=how == "linger")

        pair.party.on_data = end
        pair.party.on_closed = lambda: pair.stream.abort("again")
        data = b"x" * 1000
        await pair.peer_sends(pair.tls.seal(data) if isinstance(pair, Secured) else data)
        await until(lambda: pair.party.is_closed)
        assert pair.party.closed_for == ["enough"]
        assert pair.party.data == data
        pair.stream.write(b"too late")
        assert await _reads_to_the_end(pair) in (b"", b"\x17") or secured
        pair.end()

    run(scenario)


async def _reads_to_the_end(pair: Connected) -> bytes:
    try:
        return await pair.peer_reads_all()
    except ConnectionError:
        return b""


def test_a_write_that_finds_the_peer_gone_ends_the_stream() -> None:
    """A write to a connection that is broken ends the stream within the call."""

    async def scenario() -> None:
        pair = Connected()
        pair.stream.pause_reading()  # so that only a write can find out
        pair.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        pair.peer.close()
        while not pair.party.is_closed:
            pair.stream.write(b"x")
            await asyncio.sleep(0)
        assert pair.party.closed_for[0].startswith("write: ")
        assert not pair.stream.is_open

    run(scenario)


def test_what_is_over_stays_over() -> None:
    """Writing to, closing, pausing and aborting a stream that has ended does nothing."""

    async def scenario() -> None:
        pair = Connected()
        pair.stream.abort("first")
        pair.stream.abort("second")
        pair.stream.close("third")
        pair.stream.write(b"x")
        pair.stream.pause_reading()
        pair.stream.resume_reading()
        pair.stream.push()
        assert pair.party.closed_for == ["first"]
        pair.peer.close()

    run(scenario)
