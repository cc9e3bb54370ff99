"""The server's parts on loopback: what is urgent overtakes what waits, and a flood is its own."""

from __future__ import annotations

from support.served import Conversation, serving
from support.waiting import run
from support.world import DISCO
from tailhub.derp import frames
from tailhub.derp.messages import Pong, ReceivedPacket
from tailhub.relay.send_queue import QueueLimits

PACKETS = 700  # of 1200 bytes: all of them fit into a queue


def test_disco_and_control_overtake_data_that_is_not_written_yet() -> None:
    """For a client whose line is full of data, a later disco packet and a later Pong come before most of that data."""

    async def scenario() -> None:
        async with serving(limits=QueueLimits(max_age_s=60), write_timeout_s=20, small_buffers=True) as relay:
            sender = await relay.login()
            slow = await relay.login(receive_bytes=4096)
            transport = slow.line.writer.transport
            transport.pause_reading()  # type: ignore[attr-defined]
            for _ in range(PACKETS // 100):
                await sender.say(frames.send_packet(slow.key, bytes(1200)) * 100)
            await sender.pong()
            await sender.send(slow.key, DISCO)
            await slow.say(frames.ping(b"pingpong"))
            await sender.pong()
            transport.resume_reading()  # type: ignore[attr-defined]
            data_before: dict[str, int] = {}
            data = 0
            while data < PACKETS:
                message = await slow.message()
                if isinstance(message, Pong):
                    data_before["control"] = data
                elif isinstance(message, ReceivedPacket) and message.packet == DISCO:
                    data_before["disco"] = data
                else:
                    data += 1
            assert data_before.keys() == {"control", "disco"}
            assert max(data_before.values()) < PACKETS // 2

    run(scenario)


def test_a_flood_is_its_own() -> None:
    """Who sends far more than its partner takes loses packets itself; two others lose none."""

    async def scenario() -> None:
        async with serving(limits=QueueLimits(data_bytes=100_000), write_timeout_s=20, small_buffers=True) as relay:
            conversation = await Conversation.start(relay)
            flooder = await relay.login()
            slow = await relay.login(receive_bytes=4096)
            slow.line.writer.transport.pause_reading()  # type: ignore[attr-defined]
            for _ in range(20):
                await flooder.say(frames.send_packet(slow.key, bytes(1200)) * 100)
                await conversation.goes_on()
            await flooder.pong()
            stats = relay.context.relay.stats
            dropped = {reason for reason, count in stats.packets_dropped.items() if count}
            assert dropped == {("queue_head", "other")}
            await conversation.stop()

    run(scenario)
