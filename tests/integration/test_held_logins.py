"""Refused clients over real connections: held and told why, let in where they wait, cut when they are known no more."""

from __future__ import annotations

import logging
from functools import partial

import pytest
from wsproto.events import BytesMessage

from support.guarded import Guard, begin, begin_websocket, door_of, guarded_relay
from support.key_limits import limit_all_keys
from support.waiting import until
from support.wire import GONE, Wire, pass_time, run
from tailhub import box
from tailhub.derp import frames
from tailhub.derp.frames import HEADER_LEN, FrameType
from tailhub.keys import short_key
from tailhub.relay.admission import Answer
from tailhub.relay.rate_limit import MIN_BURST_BYTES, RateLimit
from tailhub.relay.rechecks import RECHECK_S, SOON_S
from tailhub.server import held_login
from tailhub.server.app import RelayServer
from tailhub.server.held_login import HELD_BURST_BYTES

YES, NO, AWAY = Answer.ADMITTED, Answer.REFUSED, Answer.UNREACHABLE


async def refused(server: RelayServer, guard: Guard, behind: bytes = b"") -> Wire:
    """A client that is held, and has read why."""
    client = await begin(server, behind)
    await guard.answer(NO)
    assert (await client.frame())[0] == FrameType.HEALTH
    return client


async def frame_in_message(client: Wire) -> tuple[int, bytes]:
    """The next frame of a WebSocket client, where each is a message (RFC 6455 section 5.2)."""
    length = (await client.reader.readexactly(2))[1]
    if length == 126:
        await client.reader.readexactly(2)
    return await client.frame()


async def in_relay(server: RelayServer, guard: Guard) -> Wire:
    """A client that has been let in."""
    client = await begin(server)
    await guard.answer(YES)
    assert (await client.frame())[0] == FrameType.SERVER_INFO
    return client


def test_who_is_refused_is_told_why() -> None:
    """It gets Health with the reason, in both languages and with its short key, and no ServerInfo."""

    async def scenario() -> None:
        async with guarded_relay() as (server, guard):
            client = await begin(server)
            await guard.answer(NO)
            frame_type, body = await client.frame()
            told = frames.parse_health(body)
            assert frame_type == FrameType.HEALTH
            assert told.count(short_key(client.key)) == 2
            assert "private" in told
            assert "不公开" in told
            assert len(door_of(server).held) == 1
            assert len(server.context.newcomers) == 0
            assert server.context.relay.registry.count == 0
            assert server.context.events.failures == {"not admitted": 1}

    run(scenario)


def test_the_owners_own_words() -> None:
    """`refuse_text` is told instead, with the key where it asks for it, and without what would break a line."""

    async def scenario() -> None:
        async with guarded_relay(refuse_text="Ask Ada\nfor {key}.\x1b[0m") as (server, guard):
            client = await begin(server)
            await guard.answer(NO)
            _, body = await client.frame()
            assert body.decode() == f"Ask Ada for {short_key(client.key)}. [0m"

    run(scenario)


def test_keep_alives_while_it_is_held() -> None:
    """Without one in 120 s a client gives up and logs in again, so it gets one every 60 to 65 s."""

    async def scenario() -> None:
        async with guarded_relay() as (server, guard):
            client = await refused(server, guard)
            guard.script.always = NO
            for _ in range(6):
                await pass_time(66)
                assert await client.frame() == (FrameType.KEEP_ALIVE, b"")
            assert len(door_of(server).held) == 1

    run(scenario)


@pytest.mark.parametrize("over_websocket", [False, True], ids=["stream", "websocket"])
def test_it_is_let_in_where_it_waits(over_websocket: bool) -> None:
    """When its key is known at last it gets ServerInfo on the same connection, and packets go both ways at once."""

    async def scenario() -> None:
        async with guarded_relay() as (server, guard):
            peer = await in_relay(server, guard)
            client, messages = await begin_websocket(server) if over_websocket else (await begin(server), None)

            def write(data: bytes) -> None:
                client.write(messages.send(BytesMessage(data=data)) if messages is not None else data)

            frame = client.frame
            if messages is not None:
                frame = partial(frame_in_message, client)
                assert (await frame())[0] == FrameType.SERVER_KEY
            await guard.answer(NO)
            assert (await frame())[0] == FrameType.HEALTH
            write(frames.send_packet(peer.key, b"lost"))
            guard.verification.changed({client.key})
            await guard.answer(YES)
            assert (await frame())[0] == FrameType.SERVER_INFO
            write(frames.send_packet(peer.key, b"hello"))
            assert await peer.frame() == (FrameType.RECV_PACKET, client.key + b"hello")
            peer.write(frames.send_packet(client.key, b"welcome"))
            assert await frame() == (FrameType.RECV_PACKET, peer.key + b"welcome")
            door = door_of(server)
            assert len(door.held) == 0
            assert door.outcomes == {"admitted": 1}

    run(scenario)


def test_in_the_middle_of_a_frame() -> None:
    """A frame that has begun while it was held is passed over to its end; the next one counts."""

    async def scenario() -> None:
        for cut in (2, HEADER_LEN, 40):
            async with guarded_relay() as (server, guard):
                peer = await in_relay(server, guard)
                client = await refused(server, guard)
                packet = frames.send_packet(peer.key, b"half of it" * 10)
                client.write(packet[:cut])
                await pass_time(1)
                guard.verification.changed(None)
                await guard.answer(YES, YES)
                assert (await client.frame())[0] == FrameType.SERVER_INFO
                client.write(packet[cut:], frames.send_packet(peer.key, b"whole"))
                if cut < HEADER_LEN:
                    assert await peer.frame() == (FrameType.RECV_PACKET, client.key + b"half of it" * 10)
                assert await peer.frame() == (FrameType.RECV_PACKET, client.key + b"whole")

    run(scenario)


@pytest.mark.parametrize("is_early", [True, False])
def test_its_home_is_remembered(is_early: bool) -> None:
    """What it said last of its home while it was held is heeded when it is let in."""

    async def scenario() -> None:
        async with guarded_relay() as (server, guard):
            note = frames.note_preferred(True)
            client = await refused(server, guard, note if is_early else b"")
            if not is_early:
                client.write(frames.note_preferred(False), note)
            await pass_time(1)
            assert server.context.relay.home_connections == 0
            guard.verification.changed({client.key})
            await guard.answer(YES)
            assert (await client.frame())[0] == FrameType.SERVER_INFO
            assert server.context.relay.home_connections == 1

    run(scenario)


def test_the_rate_limit_is_told_late_too() -> None:
    """A client that is let in late learns of the limit as others do."""

    async def scenario() -> None:
        async with guarded_relay() as (server, guard):
            limit_all_keys(server.context, RateLimit(100_000, MIN_BURST_BYTES))
            client = await begin(server)
            await guard.answer(NO)
            assert (await client.frame())[0] == FrameType.HEALTH
            guard.verification.changed({client.key})
            await guard.answer(YES)
            _, body = await client.frame()
            shared = box.shared_key(client.private, server.context.public_key)
            assert b'"TokenBucketBytesPerSecond":100000' in box.open_box(body, shared)

    run(scenario)


def test_held_ones_are_asked_about_again() -> None:
    """Also without any sign of a change: within five minutes a key that is known meanwhile is in."""

    async def scenario() -> None:
        async with guarded_relay() as (server, guard):
            client = await refused(server, guard)
            guard.script.always = NO
            await pass_time(RECHECK_S + 2)
            assert len(guard.script.asked) > 1
            guard.script.always = YES
            await pass_time(RECHECK_S + 2)
            while (frame := await client.frame())[0] == FrameType.KEEP_ALIVE:
                pass
            assert frame[0] == FrameType.SERVER_INFO
            assert server.context.relay.registry.count == 1

    run(scenario)


def test_nobody_could_say_anything() -> None:
    """A client that is held because its verifier is away is in within half a minute of its return."""

    async def scenario() -> None:
        async with guarded_relay() as (server, guard):
            guard.script.always = AWAY
            client = await begin(server)
            assert (await client.frame())[0] == FrameType.HEALTH
            await pass_time(2 * SOON_S)
            assert len(guard.script.asked) > 2
            guard.script.always = YES
            await pass_time(SOON_S + 2)
            while (frame := await client.frame())[0] == FrameType.KEEP_ALIVE:
                pass
            assert frame[0] == FrameType.SERVER_INFO

    run(scenario)


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_a_newer_one_takes_the_place() -> None:
    """A key is held once: its next login closes the one before."""

    async def scenario() -> None:
        async with guarded_relay() as (server, guard):
            first = await refused(server, guard)
            second = await begin(server, private=first.private)
            await guard.answer(NO)
            assert (await second.frame())[0] == FrameType.HEALTH
            assert await first.frame() == GONE
            door = door_of(server)
            assert len(door.held) == 1
            assert door.outcomes == {"replaced": 1}

    run(scenario)


@pytest.mark.parametrize("most", [0, 1])
def test_over_the_bound_they_are_closed(most: int) -> None:
    """Who finds no room is closed without a word, as the original does."""

    async def scenario() -> None:
        async with guarded_relay(held_connections=most) as (server, guard):
            held = [await refused(server, guard) for _ in range(most)]
            client = await begin(server)
            await guard.answer(NO)
            assert await client.frame() == GONE
            door = door_of(server)
            assert len(door.held) == len(held) == most
            assert door.outcomes == {"no room": 1}

    run(scenario)


def test_a_held_one_gives_way_when_descriptors_run_out() -> None:
    """The one that has been held longest is closed when there is no newcomer that could be."""

    async def scenario() -> None:
        async with guarded_relay() as (server, guard):
            first, second = await refused(server, guard), await refused(server, guard)
            assert server.service.make_room()
            assert await first.frame() == GONE
            assert server.service.make_room()
            assert await second.frame() == GONE
            assert not server.service.make_room()

    run(scenario)


def test_it_is_not_held_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its time it is closed, and may come again."""
    monkeypatch.setattr(held_login, "HELD_S", 600.0)

    async def scenario() -> None:
        async with guarded_relay() as (server, guard):
            client = await refused(server, guard)
            guard.script.always = NO
            await pass_time(700)
            while (frame := await client.frame())[0] == FrameType.KEEP_ALIVE:
                pass
            assert frame == GONE
            assert door_of(server).outcomes == {"time is over": 1}

    run(scenario)


def test_what_it_sends_is_read_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a burst it is read at a walking pace, nothing of it is kept, and after too much it is closed."""
    rate = 10 * HELD_BURST_BYTES
    monkeypatch.setattr(held_login, "MAX_HELD_BYTES", 4 * HELD_BURST_BYTES)
    monkeypatch.setattr(held_login, "HELD_BYTES_PER_S", rate)

    async def scenario() -> None:
        async with guarded_relay() as (server, guard):
            client = await refused(server, guard)
            loop_time = server.context.loop.time
            before = loop_time()
            packet = frames.send_packet(bytes(32), bytes(1000))
            for _ in range(6 * HELD_BURST_BYTES // len(packet)):
                client.write(packet)
            while (frame := await client.frame())[0] == FrameType.KEEP_ALIVE:
                pass
            assert frame == GONE
            assert loop_time() - before > 2 * HELD_BURST_BYTES / rate
            assert door_of(server).outcomes == {"sent too much": 1}
            assert server.context.relay.stats.packets_received == 0

    run(scenario)


def test_a_frame_that_cannot_be() -> None:
    """A held client that breaks the protocol is closed, as one that is in."""

    async def scenario() -> None:
        async with guarded_relay() as (server, guard):
            client = await refused(server, guard)
            client.write(frames.serialize(FrameType.SEND_PACKET, b"short"))
            assert await client.frame() == GONE
            assert door_of(server).outcomes == {"protocol violation": 1}

    run(scenario)


def test_it_goes_away() -> None:
    """A held client that leaves is forgotten, and asked about no more."""

    async def scenario() -> None:
        async with guarded_relay() as (server, guard):
            client = await refused(server, guard)
            client.close()
            door = door_of(server)
            await until(lambda: not len(door.held))
            assert door.outcomes == {"left": 1}
            assert server.context.derp_connections == {}
            await pass_time(2 * RECHECK_S)
            assert len(guard.script.asked) == 1

    run(scenario)


# --- known no more ----------------------------------------------------------------------------------------------------


def test_who_is_known_no_more_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    """All connections of the key end as soon as its verifier says no, and the next login is held."""
    caplog.set_level(logging.INFO, "tailhub")

    async def scenario() -> None:
        async with guarded_relay() as (server, guard):
            stays, goes = await in_relay(server, guard), await in_relay(server, guard)
            again = await begin(server, private=goes.private)
            await guard.answer(YES)
            assert (await again.frame())[0] == FrameType.SERVER_INFO
            guard.verification.changed({goes.key})
            await guard.answer(NO)
            assert await goes.frame() == GONE
            assert await again.frame() == GONE
            assert await stays.settle() == []
            assert len(guard.script.asked) == 4  # one question for both
            back = await begin(server, private=goes.private)
            await guard.answer(NO)
            assert (await back.frame())[0] == FrameType.HEALTH

    run(scenario)
    assert sum("admitted no longer" in message for message in caplog.messages) == 2


def test_without_a_sign_of_change() -> None:
    """Within five minutes of a key's end at its verifier its connections are cut."""

    async def scenario() -> None:
        async with guarded_relay() as (server, guard):
            client = await in_relay(server, guard)
            guard.script.always = NO
            await pass_time(RECHECK_S + 2)
            while (frame := await client.frame())[0] == FrameType.KEEP_ALIVE:
                pass
            assert frame == GONE

    run(scenario)


def test_a_verifier_that_is_away_cuts_nobody() -> None:
    """While it cannot be reached who is in stays in, also where nothing is remembered."""

    async def scenario() -> None:
        async with guarded_relay() as (server, guard):
            client = await in_relay(server, guard)
            for _ in range(3):
                guard.verification.changed(None)
                await guard.answer(AWAY)
            assert await client.settle() == []

    run(scenario)


def test_known_clients_come_back_while_the_verifier_is_away() -> None:
    """Who was admitted before is let in from memory, strangers are held; then a no ends it for both."""

    async def scenario() -> None:
        async with guarded_relay(remember_days=7) as (server, guard):
            client = await in_relay(server, guard)
            client.close()
            again = await begin(server, private=client.private)
            await guard.answer(AWAY)
            assert (await again.frame())[0] == FrameType.SERVER_INFO
            assert server.context.events.memory_admissions == 1
            stranger = await begin(server)
            await guard.answer(AWAY)
            assert (await stranger.frame())[0] == FrameType.HEALTH
            assert server.context.events.failures["no verifier answered"] == 1
            guard.verification.changed({again.key})
            await guard.answer(NO)
            assert await again.frame() == GONE

    run(scenario)


def test_many_keys_are_asked_about_some_at_a_time() -> None:
    """When all may have changed, logins need not wait behind the questions about those who are here."""

    async def scenario() -> None:
        async with guarded_relay() as (server, guard):
            clients = [await in_relay(server, guard) for _ in range(40)]
            guard.verification.changed(None)
            await until(lambda: guard.script.open_questions)
            await pass_time(0.5)
            assert guard.script.open_questions == 32
            stranger = await begin(server)
            await guard.asked(33)
            await guard.answer(*[YES] * 32, NO, *[YES] * 8)
            assert (await stranger.frame())[0] == FrameType.HEALTH
            for client in clients:
                assert await client.settle() == []

    run(scenario)
