from __future__ import annotations

import asyncio

from support.scripted_relay import run
from tailhub.client.message_queue import MESSAGE_OVERHEAD_BYTES, MessageQueue
from tailhub.derp.messages import Health, ReceivedPacket

PACKET = ReceivedPacket(bytes(32), bytes(1000))
COST = 1000 + MESSAGE_OVERHEAD_BYTES


def test_messages_come_out_in_their_order() -> None:
    """What was put first comes out first; after the end None comes out, once what is left has."""

    async def main() -> None:
        queue = MessageQueue(1 << 20)
        queue.put(PACKET)
        queue.put(Health("x"))
        queue.end()
        assert [await queue.get() for _ in range(4)] == [PACKET, Health("x"), None, None]

    run(main())


def test_it_is_full_by_bytes_and_has_room_at_half() -> None:
    """It is full when its bytes are, and stays so until half of them are gone."""

    async def main() -> None:
        queue = MessageQueue(4 * COST)
        for _ in range(3):
            queue.put(PACKET)
            assert not queue.is_full
        queue.put(PACKET)
        assert queue.is_full
        waiting = asyncio.create_task(queue.wait_for_room())
        await queue.get()
        await asyncio.sleep(0)
        assert queue.is_full
        assert not waiting.done()
        await queue.get()
        assert not queue.is_full
        await waiting

    run(main())


def test_small_messages_count_too() -> None:
    """Messages without a packet fill the queue as well."""

    async def main() -> None:
        queue = MessageQueue(10 * MESSAGE_OVERHEAD_BYTES)
        for _ in range(10):
            queue.put(Health(""))
        assert queue.is_full

    run(main())


def test_the_end_wakes_all_who_wait() -> None:
    """Everybody who waits for a message learns of the end, and a cancelled wait loses nothing."""

    async def main() -> None:
        queue = MessageQueue(1 << 20)
        cancelled, *waiting = [asyncio.create_task(queue.get()) for _ in range(3)]
        await asyncio.sleep(0)
        cancelled.cancel()
        queue.put(PACKET)
        queue.end()
        assert sorted(map(repr, await asyncio.gather(*waiting))) == sorted(map(repr, [PACKET, None]))

    run(main())
