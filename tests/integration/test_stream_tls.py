"""The byte mover's TLS over loopback sockets: handshakes, records cut anywhere, records that are wrong."""

from __future__ import annotations

import asyncio
import random
import shutil
import socket
import ssl
import subprocess
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.tls_streams import Connected, Party, Secured, TLSPeer, client_context, relay_context
from support.waiting import run, until
from tailhub.net.receiver import MAX_RECORD, RECV_SIZE, ReadBuffers
from tailhub.net.stream import Stream
from tailhub.net.write_watch import WriteWatch


@pytest.mark.parametrize("tls_1_2", [False, True])
def test_tls_bytes_pass_both_ways(tls_1_2: bool) -> None:
    """With TLS 1.3 or 1.2 a stream hands on plaintext and encrypts what is written."""

    async def scenario() -> None:
        pair = await Secured.open(tls_1_2=tls_1_2)
        await pair.peer_sends(pair.tls.seal(b"question"))
        await until(lambda: pair.party.data == b"question")
        pair.stream.write(b"answer")
        assert await pair.peer_reads_plain(6) == b"answer"
        assert pair.stream.tls_version == ("TLSv1.2" if tls_1_2 else "TLSv1.3")
        assert pair.tls.tls.selected_alpn_protocol() == "http/1.1"
        pair.end()

    run(scenario)


def test_the_handshake_and_first_data_may_come_in_one_read() -> None:
    """What the client sends behind its Finished, in the same segment, is not lost."""

    async def scenario() -> None:
        pair = Secured()
        pair.tls = TLSPeer()
        pair.stream.start_tls(relay_context(), pair.tls.hello())
        finished = await pair.shake_hands()
        await pair.peer_sends(finished + pair.tls.seal(b"GET ") + pair.tls.seal(b"/derp"))
        await until(lambda: pair.party.data == b"GET /derp")
        assert pair.party.reads == 1
        pair.end()

    run(scenario)


@pytest.mark.parametrize("known", [0, 1, 4, 5, 6, 100])
def test_tls_may_start_with_part_of_the_client_hello(known: int) -> None:
    """`start_tls` takes the bytes read so far, and the rest of the ClientHello comes from the socket."""

    async def scenario() -> None:
        pair = Secured()
        pair.tls = TLSPeer()
        hello = pair.tls.hello()
        pair.stream.start_tls(relay_context(), hello[:known])
        await pair.peer_sends(hello[known:])
        await pair.peer_sends(await pair.shake_hands())
        await pair.peer_sends(pair.tls.seal(b"hello"))
        await until(lambda: pair.party.data == b"hello")
        pair.end()

    run(scenario)


def test_tls_may_start_inside_a_callback() -> None:
    """A receiver that finds a ClientHello in its data starts TLS with it and hands over to another receiver."""

    async def scenario() -> None:
        pair = Secured()
        pair.tls = TLSPeer()
        successor = Party()

        def begin() -> None:
            pair.stream.set_receiver(successor)
            pair.stream.start_tls(relay_context(), bytes(pair.party.data))

        pair.party.on_data = begin
        await pair.peer_sends(pair.tls.hello())
        await pair.peer_sends(await pair.shake_hands() + pair.tls.seal(b"inside"))
        await until(lambda: successor.data == b"inside")
        pair.end()

    run(scenario)


def test_one_byte_at_a_time_is_enough() -> None:
    """A peer that dribbles its ciphertext byte by byte, handshake and all, is understood."""

    async def scenario() -> None:
        pair = Secured()
        pair.tls = TLSPeer()

        async def dribble(data: bytes) -> None:
            for byte in data:
                await pair.peer_sends(bytes((byte,)))
                await asyncio.sleep(0)

        hello = pair.tls.hello()
        pair.stream.start_tls(relay_context(), hello[:1])
        await dribble(hello[1:])
        await dribble(await pair.shake_hands())
        await dribble(pair.tls.seal(b"slow") + pair.tls.seal(b"ly"))
        await until(lambda: pair.party.data == b"slowly")
        pair.end()

    run(scenario)


@settings(max_examples=25, derandomize=True, database=None)
@given(
    st.lists(st.one_of(st.integers(0, 100), st.integers(10_000, 40_000)), min_size=1, max_size=6),
    st.lists(st.one_of(st.integers(1, 30), st.integers(1000, 20_000), st.just(RECV_SIZE)), min_size=1, max_size=4),
    st.booleans(),
)
def test_any_split_of_the_ciphertext_gives_the_same_plaintext(
    writes: list[int], sizes: list[int], tls_1_2: bool
) -> None:
    """However records are cut on their way, the plaintext that comes out is the one that went in."""
    chance = random.Random(len(writes))
    plain = [chance.randbytes(size) for size in writes]

    async def scenario() -> None:
        pair = await Secured.open(tls_1_2=tls_1_2)
        wire = b"".join(pair.tls.seal(piece) for piece in plain if piece)
        pos = turn = 0
        while pos < len(wire):
            size = max(sizes[turn % len(sizes)], len(wire) // 300)
            await pair.peer_sends(wire[pos : pos + size])
            await asyncio.sleep(0)
            pos += size
            turn += 1
        await until(lambda: len(pair.party.data) == sum(writes))
        assert pair.party.data == b"".join(plain)
        pair.end()

    run(scenario)


@pytest.mark.parametrize(
    "record",
    [
        b"\x17\x03\x03\xff\xff",
        b"\x17\x03\x03\x48\x01" + bytes(0x4801),
        b"\x17\x03\x03\x44\x00" + bytes(0x4400),
        b"\x17\x03\x03\x00\x20" + bytes(0x20),
        b"HTTP/1.1 200 OK\r\n\r\n" + bytes(0x10000),
    ],
    ids=["the longest length", "over our bound", "over that of TLS 1.3", "a bad seal", "no TLS at all"],
)
def test_a_bad_record_ends_the_stream(record: bytes) -> None:
    """A record that is too long, does not decrypt or is none ends the stream; what came before it is handed on."""

    async def scenario() -> None:
        pair = await Secured.open()
        try:
            await pair.peer_sends(pair.tls.seal(b"good") + record)
        except ConnectionError:
            pass
        await until(lambda: pair.party.is_closed)
        assert pair.party.data == b"good"
        assert pair.party.closed_for[0].startswith("tls: ")
        pair.end()

    run(scenario)


def test_the_longest_start_of_a_record_leaves_room_for_a_whole_read() -> None:
    """When all but the last byte of the longest record is there, the largest read still fits behind it."""

    async def scenario() -> None:
        pair = await Secured.open()
        # Reads grow while they are full: the peer's data waits whenever the loop looks.
        bulk = b"".join(pair.tls.seal(bytes(16000)) for _ in range(200))
        await pair.peer_sends(bulk)
        await until(lambda: len(pair.party.data) == 200 * 16000)
        record = b"\x17\x03\x03" + (MAX_RECORD - 5).to_bytes(2, "big") + bytes(MAX_RECORD - 5)
        await pair.peer_sends(record[:-1])
        for _ in range(100):
            await asyncio.sleep(0)
        assert not pair.party.is_closed
        await pair.peer_sends(record[-1:])
        await until(lambda: pair.party.is_closed)
        assert pair.party.closed_for == ["tls: packet length too long"]
        pair.end()

    run(scenario)


def test_junk_instead_of_a_client_hello_ends_the_stream() -> None:
    """A handshake that is none ends with TLS's own reason, and the peer gets an alert."""

    async def scenario() -> None:
        pair = Connected()
        pair.stream.start_tls(relay_context(), b"\x16\x03\x01\x00\x10" + bytes(16))
        assert len(pair.party.closed_for) == 1
        assert pair.party.closed_for[0].startswith("tls: ")
        alert = await pair.peer_reads()
        assert (alert[0], alert[5]) == (21, 2)
        pair.end()

    run(scenario)


def test_close_notify_closes() -> None:
    """The peer's close_notify ends the stream after the data before it."""

    async def scenario() -> None:
        pair = await Secured.open()
        await pair.peer_sends(pair.tls.seal(b"last words") + pair.tls.close_notify())
        await until(lambda: pair.party.is_closed)
        assert pair.party.data == b"last words"
        assert pair.party.closed_for == ["closed by the other side"]
        pair.end()

    run(scenario)


def test_a_peer_that_refuses_the_certificate_is_understood() -> None:
    """A TLS alert of the peer stands in the reason, so that a wrong pin can be told from a scanner."""

    async def scenario() -> None:
        pair = Secured()
        context = client_context()
        context.verify_mode = ssl.CERT_REQUIRED
        pair.tls = TLSPeer(context)
        pair.stream.start_tls(relay_context(), pair.tls.hello())
        with pytest.raises(ssl.SSLCertVerificationError):
            await pair.shake_hands()
        await pair.peer_sends(pair.tls.pending())
        await until(lambda: pair.party.is_closed)
        assert "unknown ca" in pair.party.closed_for[0]
        pair.end()

    run(scenario)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_key_updates_are_followed() -> None:
    """A peer may change its TLS 1.3 keys, and ask for ours to change, in the middle of a connection."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            port = listener.getsockname()[1]
            client = await asyncio.create_subprocess_exec(
                *("openssl", "s_client", "-tls1_3", "-connect", f"127.0.0.1:{port}"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            sock, _ = await loop.sock_accept(listener)
        assert client.stdin is not None
        assert client.stdout is not None
        party, first = Party(), Party()
        stream = Stream(loop, sock, ReadBuffers(), WriteWatch(loop), first)

        def begin() -> None:
            stream.set_receiver(party)
            stream.start_tls(relay_context(), bytes(first.data))

        first.on_data = begin
        # A line that begins with k or K is a command: change our keys; change ours and ask for theirs.
        for number, line in enumerate((b"one\n", b"k\n", b"two\n", b"K\n", b"three\n", b"K\n", b"four\n")):
            client.stdin.write(line)
            if line[0] in b"kK":
                await client.stdout.readuntil(b"KEYUPDATE\n")
                continue
            await until(partial(party.has_got, line))
            stream.write(b"answer %d\n" % number)
            await client.stdout.readuntil(b"answer %d\n" % number)
        assert party.data == b"one\ntwo\nthree\nfour\n"
        assert not party.is_closed
        client.stdin.close()
        await until(lambda: party.is_closed)
        await client.wait()

    run(scenario)
