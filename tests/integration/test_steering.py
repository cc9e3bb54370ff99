"""Homes that are steered elsewhere, over real connections: refused ones, and all while the relay is evacuated."""

from __future__ import annotations

import pytest

from support.guarded import Guard, begin, guarded_relay
from support.waiting import until
from support.wire import GONE, Wire, open_client, pass_time, relay, run
from tailhub.derp import frames
from tailhub.derp.frames import FrameType
from tailhub.keys import NodePrivate
from tailhub.relay import steering
from tailhub.relay.admission import Answer
from tailhub.relay.evacuation import LOOK_S, QUIET_S, STUN_DELAY_S, Phase
from tailhub.relay.steering import NOTE_S, PATIENCE_S, SECOND_CLOSE_S
from tailhub.server.app import RelayServer
from tailhub.server.evacuating import Drain

YES, NO = Answer.ADMITTED, Answer.REFUSED
HOME, AWAY = frames.note_preferred(True), frames.note_preferred(False)
STEERS = {"steer": True, "stun_listen": "127.0.0.1:0"}
PRIVATE = NodePrivate(bytes(range(32)))


def mutes(server: RelayServer) -> bool:
    """Do loopback's STUN requests stay unanswered?"""
    assert server.stun is not None
    return bytes((127, 0, 0, 1)) in server.stun.muted


async def home(server: RelayServer, guard: Guard, answer: Answer = NO, private: NodePrivate = PRIVATE) -> Wire:
    """A client whose home the relay is, and a verifier's answer about it."""
    client = await begin(server, HOME, private=private)
    await guard.answer(answer)
    return client


async def held(server: RelayServer, guard: Guard) -> Wire:
    """A refused home that has been closed once, and has come again."""
    assert await (await home(server, guard)).frame() == GONE
    assert mutes(server)
    client = await home(server, guard)
    await until(lambda: server.context.door is not None and len(server.context.door.held))
    return client


def test_refused_home() -> None:
    """It is muted, closed without a frame, held without a frame, and a guest once its home is elsewhere; that stays
    between it and those who are served.
    """

    async def scenario() -> None:
        async with guarded_relay(**STEERS) as (server, guard):
            client = await held(server, guard)
            client.write(AWAY)
            assert (await client.frame())[0] == FrameType.SERVER_INFO
            assert mutes(server)
            (connection,) = server.context.relay.registry.of_key(client.key)
            assert connection.identity.is_guest
            client.write(HOME)
            assert await client.frame() == GONE

    run(scenario)


def test_refused_home_that_stays() -> None:
    """It is closed once more, then told why, and still becomes a guest when it moves after all."""

    async def scenario() -> None:
        async with guarded_relay(**STEERS) as (server, guard):
            client = await held(server, guard)
            await pass_time(SECOND_CLOSE_S)
            assert await client.frame() == GONE
            client = await home(server, guard)
            await pass_time(PATIENCE_S - SECOND_CLOSE_S)
            assert (await client.frame())[0] == FrameType.HEALTH
            client.write(AWAY)
            assert (await client.frame())[0] == FrameType.SERVER_INFO

    run(scenario)


def test_closing_instead_of_holding() -> None:
    """With ``refuse = "close"`` one that has not moved in time is closed."""

    async def scenario() -> None:
        async with relay(**STEERS, refuse="close") as server:
            guard = Guard(server)
            for seconds in (SECOND_CLOSE_S, PATIENCE_S - SECOND_CLOSE_S):
                client = await held(server, guard) if not mutes(server) else await home(server, guard)
                await pass_time(seconds)
                assert await client.frame() == GONE

    run(scenario)


def test_refused_visitor() -> None:
    """One that does not say that its home is here becomes a guest, and nobody is muted."""

    async def scenario() -> None:
        async with guarded_relay(**STEERS) as (server, guard):
            client = await begin(server)
            await guard.answer(NO)
            await pass_time(NOTE_S)
            assert (await client.frame())[0] == FrameType.SERVER_INFO
            assert not mutes(server)

    run(scenario)


def test_neighbour() -> None:
    """An address from which a client is served is answered; a refused home there is told why at once."""

    async def scenario() -> None:
        async with guarded_relay(**STEERS) as (server, guard):
            neighbour = await home(server, guard, YES, NodePrivate(bytes(31) + b"x"))
            assert (await neighbour.frame())[0] == FrameType.SERVER_INFO
            client = await home(server, guard)
            assert (await client.frame())[0] == FrameType.HEALTH
            assert not mutes(server)
            neighbour.close()
            assert await client.frame() == GONE
            assert mutes(server)

    run(scenario)


def test_why_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is room for no move and no guest it may say what it likes of its home: it is told why once."""
    monkeypatch.setattr(steering, "MAX_MOVES", 0)
    monkeypatch.setattr(steering, "MAX_GUESTS", 0)

    async def scenario() -> None:
        async with guarded_relay(**STEERS) as (server, guard):
            client = await home(server, guard)
            assert (await client.frame())[0] == FrameType.HEALTH
            for _ in range(10):
                client.write(AWAY)
                await pass_time(1)
                client.write(HOME)
                await pass_time(1)
            await pass_time(66)
            assert (await client.frame())[0] == FrameType.KEEP_ALIVE  # and nothing before

    run(scenario)


def test_allowed_later() -> None:
    """A held home that is known now is let in where it waits, and answered again; so is a guest, which comes anew."""

    async def scenario() -> None:
        async with guarded_relay(**STEERS) as (server, guard):
            client = await held(server, guard)
            guard.verification.changed([client.key])
            await guard.answer(YES)
            assert (await client.frame())[0] == FrameType.SERVER_INFO
            assert not mutes(server)
            assert server.context.relay.home_connections == 1
            client.close()
            await until(lambda: not server.context.relay.registry.count)

            guest = await held(server, guard)
            guest.write(AWAY)
            assert (await guest.frame())[0] == FrameType.SERVER_INFO
            guard.verification.changed([guest.key])
            await guard.answer(NO)
            assert await guest.settle() == []
            guard.verification.changed([guest.key])
            await guard.answer(YES)
            assert await guest.frame() == GONE
            assert not mutes(server)

    run(scenario)


def drained(server: RelayServer) -> Drain:
    return Drain(server.steersman, server.stun, server.service.set_evacuation)


def test_evacuation() -> None:
    """First STUN is late and nobody is closed; then quiet homes are, and who sends is not; all end with it."""

    async def scenario() -> None:
        async with relay(stun_listen="127.0.0.1:0") as server:
            quiet, busy = await open_client(server), await open_client(server)
            for client in (quiet, busy):
                client.write(HOME)
                await client.settle()
            drain = drained(server)
            drain.start(60.0)
            assert server.stun is not None
            assert server.stun.late.delay_s == STUN_DELAY_S
            for _ in range(11):
                await pass_time(LOOK_S)
                busy.write(frames.send_packet(quiet.key, b"packet"))
                await busy.settle()
            assert drain.phase is Phase.DELAYING
            assert QUIET_S < 55
            assert not mutes(server)
            await pass_time(LOOK_S)
            assert drain.phase is Phase.CLOSING
            while (frame := await quiet.frame())[0] == FrameType.RECV_PACKET:
                pass
            assert frame == GONE
            assert mutes(server)
            assert await busy.settle() == []

            again = await begin(server, HOME, private=quiet.private)
            await pass_time(SECOND_CLOSE_S - 1)
            again.write(AWAY)
            assert (await again.frame())[0] == FrameType.SERVER_INFO
            drain.stop()
            assert not mutes(server)
            assert server.stun.late.delay_s == 0
            drain.close()

    run(scenario)


@pytest.mark.parametrize("size", [100, 5000, 200_000])
def test_visitor_of_an_evacuated_relay(size: int) -> None:
    """One that only visits is let in, and nothing that it has sent meanwhile is lost."""

    async def scenario() -> None:
        async with relay(stun_listen="127.0.0.1:0") as server:
            peer = await open_client(server)
            drain = drained(server)
            drain.start(0.0)
            packets = [bytes((number,)) * 1000 for number in range(max(1, size // 1000))]
            visitor = await begin(server, b"".join(frames.send_packet(peer.key, packet) for packet in packets))
            await pass_time(NOTE_S)
            assert (await visitor.frame())[0] == FrameType.SERVER_INFO
            for packet in packets:
                assert await peer.frame() == (FrameType.RECV_PACKET, visitor.key + packet)
            drain.close()

    run(scenario)


def test_evacuation_ends_for_those_who_are_held() -> None:
    """Who is held because of an evacuation is let in when it ends, as a home."""

    async def scenario() -> None:
        async with relay(stun_listen="127.0.0.1:0") as server:
            drain = drained(server)
            drain.start(0.0)
            assert await (await begin(server, HOME, private=PRIVATE)).frame() == GONE
            client = await begin(server, HOME, private=PRIVATE)
            await pass_time(1.0)
            drain.stop()
            assert (await client.frame())[0] == FrameType.SERVER_INFO
            assert await client.settle() == []
            assert server.context.relay.home_connections == 1
            drain.close()

    run(scenario)
