"""What attackers found: each of these once cost more than the attacker's own connection."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from support.key_updates import KeyUpdates
from support.tls_streams import Connected, Secured, TLSPeer, client_context, relay_context
from support.waiting import run as run_plainly
from support.waiting import until
from support.wire import GONE, UPGRADE, Wire, open_client, pass_time, relay, run
from tailhub.derp import frames
from tailhub.derp.frames import FrameType
from tailhub.net import stream as stream_module
from tailhub.net.crowd import TURN_S, Crowd
from tailhub.net.receiver import RECV_SIZE
from tailhub.net.stream import FIRST_RECV_SIZE, WriteWatch
from tailhub.relay.connection import Identity
from tailhub.server import http_connection
from tailhub.server.derp_connection import DerpConnection
from tailhub.server.events import CLIENT_LINES, Events

# --- HTTP -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        ("/", b"Transfer-Encoding: chunked\r\n", b"ZZZ\r\n", 400),
        ("/", b"Content-Length: 70000\r\n", bytes(70000), 413),
        ("/derp", b"Upgrade: websocket\r\nSec-WebSocket-Protocol: derp\r\n", b"", 400),
    ],
)
def test_a_bad_head_request_is_answered_without_a_body(path: str, headers: bytes, body: bytes, status: int) -> None:
    """A HEAD request that is wrong behind its head gets the error's head and the end, not a traceback in the log."""

    async def scenario() -> None:
        async with relay() as server:
            wire = await Wire.open(server)
            wire.write(b"HEAD " + path.encode() + b" HTTP/1.1\r\nHost: relay.example\r\n", headers, b"\r\n", body)
            answer = await wire.answer(has_body=False)
            assert answer.status == status
            assert int(answer.headers["content-length"]) > 0
            assert await wire.rest() == b""

    run(scenario)


def test_a_malformed_request_behind_a_head_request_is_answered() -> None:
    """Only an answer to HEAD goes without its body: the error about the next request on the connection has one."""

    async def scenario() -> None:
        async with relay() as server:
            wire = await Wire.open(server)
            assert (await wire.ask("HEAD /robots.txt")).status == 200
            wire.write(b"this is no request\r\n\r\n")
            answer = await wire.answer()
            assert answer.status == 400
            assert b"RFC 9112" in answer.body

    run(scenario)


def test_a_request_with_two_lengths_hides_no_other_one() -> None:
    """Chunked and with a length: refused and closed, so that a body to the proxy in front is no request to us."""

    async def scenario() -> None:
        async with relay() as server:
            wire = await Wire.open(server)
            wire.write(
                b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            )
            wire.write(b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n")
            assert (await wire.answer()).status == 400
            assert await wire.rest() == b""

    run(scenario)


def test_the_plain_port_opens_no_tunnel() -> None:
    """CONNECT never gets a 2xx, behind which all bytes would be kept, also not for the captive portal's page."""

    async def scenario() -> None:
        async with relay(http_listen="127.0.0.1:0") as server:
            assert server.listeners.http is not None
            wire = await Wire.open(server, port=server.listeners.http.port, tls=False)
            assert (await wire.ask("CONNECT /generate_204")).status == 400
            assert (await wire.ask("GET /generate_204")).status == 204

    run(scenario)


def test_a_body_in_tiny_chunks_is_cut_off() -> None:
    """Chunks of one byte, each of which takes as long as a large one, are too many long before 64 KiB."""

    async def scenario() -> None:
        most = http_connection.MAX_BODY_BYTES // http_connection.PIECE_COST
        async with relay() as server:
            wire = await Wire.open(server)
            wire.write(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * most)
            assert (await wire.answer()).status == 413
            assert await wire.rest() == b""

    run(scenario)


# --- time: one connection, or a crowd, must not hold up the others ----------------------------------------------------


class Stopwatch:
    """Stands in for the clock by which a stream finds out how long a read took."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(stream_module, "monotonic", lambda: self.now)

    def passes(self, seconds: float) -> None:
        """So much time has passed."""
        self.now += seconds


async def sizes_of_reads(pair: Connected, total: int, on_read: Callable[[], None]) -> list[int]:
    """Have the peer send so many bytes; how many came with each read."""
    sizes: list[int] = []

    def note() -> None:
        sizes.append(len(pair.party.data) - sum(sizes))
        on_read()

    pair.party.on_data = note
    await pair.peer_sends(bytes(total))
    await until(lambda: sum(sizes) == total)
    return sizes


def test_a_connection_whose_bytes_cost_much_is_read_in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream reads little at first, less when that takes long, and more and more when it does not."""
    clock = Stopwatch(monkeypatch)

    async def scenario() -> None:
        pair = Connected()
        costly = await sizes_of_reads(pair, 100_000, lambda: clock.passes(0.02))
        assert costly[0] <= FIRST_RECV_SIZE
        assert max(costly[1:]) <= FIRST_RECV_SIZE // 4
        pair.party.data.clear()
        cheap = await sizes_of_reads(pair, 2_000_000, lambda: None)
        assert max(cheap) > FIRST_RECV_SIZE
        assert max(cheap) <= RECV_SIZE
        pair.end()

    run_plainly(scenario)


def test_a_crowd_gets_little_time_each_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many newcomers that come to life at once only some are read in a turn, all sooner or later, others always."""
    clock = Stopwatch(monkeypatch)

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        crowd = Crowd(loop)
        pairs = [Connected() for _ in range(6)]
        turn, reads = 0, []

        def next_turn() -> None:
            nonlocal turn
            turn += 1
            loop.call_soon(next_turn)

        def note(number: int) -> Callable[[], None]:
            def noted() -> None:
                reads.append((turn, number))
                clock.passes(2 * TURN_S)

            return noted

        for number, pair in enumerate(pairs):
            pair.stream.gate = crowd if number < 5 else None
            pair.party.on_data = note(number)
            pair.peer.send(b"here I am")
        next_turn()
        await until(lambda: len(reads) == 6)
        assert sorted(number for _, number in reads) == list(range(6))
        turns = [at for at, number in reads if number < 5]
        assert len(set(turns)) == 5
        assert (turns[0], 5) in reads
        for pair in pairs:
            pair.end()

    run_plainly(scenario)


def test_whoever_has_logged_in_is_not_of_the_crowd() -> None:
    """A connection shares its time with the newcomers until it has logged in, and no longer."""

    async def scenario() -> None:
        async with relay() as server:
            _newcomer, _client = await Wire.open(server), await open_client(server)
            (connection,) = server.context.derp_connections
            assert connection.stream.gate is None
            assert [newcomer.stream.gate for newcomer in server.context.newcomers] == [server.context.crowd]

    run(scenario)


class StillLoop:
    """A loop whose time stands and whose timers a test fires."""

    def __init__(self) -> None:
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        """Long after any write."""
        return 1000.0

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> object:
        """Remember."""
        self.timers.append((delay_s, callback))
        return self

    def fire(self) -> float:
        """Call the next; how long it was to wait."""
        delay_s, callback = self.timers.pop(0)
        callback()
        return delay_s


class LateStream:
    """A stream whose peer does not read."""

    def __init__(self, watch: WriteWatch) -> None:
        self._watch = watch
        self.write_timeout_s = 2.0
        self.progress_at = 0.0

    def push(self) -> None:
        """The kernel takes nothing."""

    def abort(self, reason: str) -> None:
        """It is over."""
        self._watch.discard(self)  # type: ignore[arg-type]


def test_many_write_timeouts_are_spread_over_turns() -> None:
    """Streams that are late together, each with a megabyte to drop, are not all ended in one turn of the loop."""
    loop: Any = StillLoop()
    watch = WriteWatch(loop, interval_s=0.25)
    for _ in range(40):
        watch.add(LateStream(watch))  # type: ignore[arg-type]
    waits: list[float] = []
    ended: list[int] = []
    while loop.timers:
        waits.append(loop.fire())
        ended.append(watch.timeouts - sum(ended))
    assert sum(ended) == 40
    assert max(ended) < 20
    assert waits == [0.25] + [0.0] * (len(waits) - 1)


# --- TLS --------------------------------------------------------------------------------------------------------------


def test_answers_to_key_updates_do_not_pile_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A peer that asks for new TLS keys all the time and does not read the answers is cut off, not kept in memory."""
    monkeypatch.setattr(stream_module, "_MAX_PILED", 8192)

    async def scenario() -> None:
        pair = Secured(small_buffers=True)
        context = client_context()
        context.keylog_filename = str(tmp_path / "keys")
        pair.tls = TLSPeer(context)
        pair.stream.write_timeout_s = 0
        pair.stream.start_tls(relay_context(), pair.tls.hello())
        await pair.peer_sends(await pair.shake_hands() + pair.tls.seal(b"done"))
        await until(lambda: pair.party.data == b"done")
        cipher = pair.tls.tls.cipher()
        assert cipher is not None
        updates = KeyUpdates(tmp_path / "keys", cipher[0], sent=1)
        with contextlib.suppress(OSError):  # a reset
            for _ in range(200):
                await pair.peer_sends(updates.take(50))
        assert pair.party.closed_for[:1] == ["write: asks TLS for answers and does not read them"]
        pair.end()

    run_plainly(scenario)


# --- mesh -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def mesh_key_file(tmp_path: Path) -> Path:
    path = tmp_path / "mesh.key"
    path.write_text("ab" * 32, encoding="ascii")
    path.chmod(0o600)
    return path


MESH = b'{"meshKey":"' + b"ab" * 32 + b'"}'


def test_asking_for_presence_in_a_row_is_asking_once(mesh_key_file: Path) -> None:
    """However often a mesh peer says WatchConns in one breath, it is told of everyone once, before what is behind."""

    async def scenario() -> None:
        async with relay(mesh_key_file=mesh_key_file) as server:
            peer, _ = await open_client(server, text=MESH), await open_client(server)
            peer.write(frames.WATCH_CONNS * 1000 + frames.ping(b"and then"))
            said = [await peer.frame() for _ in range(3)]
            assert [frame_type for frame_type, _ in said[:2]] == [FrameType.PEER_PRESENT] * 2
            assert said[2] == (FrameType.PONG, b"and then")

    run(scenario)


def test_closing_a_peer_in_a_row_is_closing_it_once(mesh_key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand ClosePeer for one client make one end, not a thousand callbacks."""
    ends: list[str] = []
    abort = DerpConnection.abort

    def note(connection: DerpConnection, reason: str) -> None:
        ends.append(reason)
        abort(connection, reason)

    monkeypatch.setattr(DerpConnection, "abort", note)

    async def scenario() -> None:
        async with relay(mesh_key_file=mesh_key_file) as server:
            peer, client = await open_client(server, text=MESH), await open_client(server)
            peer.write(frames.close_peer(client.key) * 1000)
            assert await client.frame() == GONE
            await peer.settle()
            assert ends == ["closed on behalf of a mesh peer"]

    run(scenario)


# --- descriptors and log ----------------------------------------------------------------------------------------------


def few_descriptors(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let the relay believe in a low limit; how many connections it then takes."""
    monkeypatch.setattr("tailhub.server.foundation.raise_descriptor_limit", lambda: (80, 80))
    return 16


def test_silent_connections_do_not_shut_out_newcomers(monkeypatch: pytest.MonkeyPatch) -> None:
    """With few descriptors those that say nothing give way to those that come, and clients notice nothing."""
    few_descriptors(monkeypatch)

    async def scenario() -> None:
        async with relay() as server:
            client = await open_client(server)
            silent = [await Wire.open(server, tls=False) for _ in range(60)]
            newcomer = await open_client(server)
            newcomer.write(frames.send_packet(client.key, b"hello"))
            assert await client.frame() == (FrameType.RECV_PACKET, newcomer.key + b"hello")
            assert await silent[0].rest() == b""
            assert server.service.acceptor.exhausted == 0

    run(scenario)


def test_clients_leave_descriptors_for_the_operator(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """When clients have all descriptors but the relay's own, more are closed at once and counted; one line says why."""
    most = few_descriptors(monkeypatch)

    async def scenario() -> None:
        async with relay(admin_listen="127.0.0.1:0") as server:
            clients = [await open_client(server) for _ in range(most)]
            for _ in range(5):
                assert await (await Wire.open(server, tls=False)).rest() == b""
            assert server.service.acceptor.exhausted == 5
            assert server.listeners.admin is not None
            operator = await Wire.open(server, port=server.listeners.admin.port, tls=False)
            assert (await operator.ask("GET /healthz", host=b"Host: 127.0.0.1\r\n")).status == 200
            clients.pop().close()
            await until(lambda: server.context.relay.registry.count == most - 1)
            await open_client(server)

    run(scenario)
    assert len([line for line in caplog.messages if "file descriptor" in line]) == 1


def test_logins_without_end_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Of thousands of logins with made-up keys a few hundred are written and the others are summed up in a line."""
    caplog.set_level(logging.INFO, "tailhub")

    async def scenario() -> None:
        events = Events(asyncio.get_running_loop())
        for number in range(5000):
            events.logged_in(Identity(number.to_bytes(32, "big"), number, ip_address("192.0.2.1"), 1))
        assert len(caplog.messages) == CLIENT_LINES
        events.stop()
        assert caplog.messages[-1] == f"login   client ({5000 - CLIENT_LINES} more in the last minute)"

    run_plainly(scenario)


# --- many at once -----------------------------------------------------------------------------------------------------


def test_hundreds_that_stall_leave_nothing_behind() -> None:
    """Connections that stop at each stage of a login are closed in time and counted, and the tables are empty again."""

    async def scenario() -> None:
        async with relay() as server:
            client = await open_client(server)
            stalled = [await Wire.open(server, tls=False) for _ in range(50)]
            for wire in stalled[25:]:
                wire.write(b"\x16\x03\x01\x02\x00\x01")
            for say in (
                b"",
                b"GET /derp HTTP/1.1\r\nHost: a\r\n",
                b"GET /derp HTTP/1.1\r\nHost: a\r\n" + UPGRADE + b"\r\n",
            ):
                for _ in range(10):
                    wire = await Wire.open(server)
                    wire.write(say)
                    stalled.append(wire)
            await until(lambda: len(server.context.newcomers) == 80)
            await pass_time(31)
            for wire in stalled:
                await wire.rest()
            assert len(server.context.newcomers) == 0
            assert list(server.context.derp_connections) == [connection_of(server)]
            assert server.context.events.failures == {
                "said nothing useful for 30 s": 70,
                "no ClientInfo within 10 s": 10,
            }
            assert server.context.relay.consistency_errors() == []
            await client.settle()

    run(scenario)


def connection_of(server: Any) -> Any:
    """The only DERP connection."""
    (connection,) = server.context.derp_connections
    return connection
