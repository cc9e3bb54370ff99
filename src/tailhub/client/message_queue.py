"""Messages that wait for their receiver: bounded in bytes by telling the one who reads from the network to stop."""

from __future__ import annotations

import asyncio
from collections import deque

from tailhub.derp.messages import Health, Message, ReceivedPacket

__all__ = ["MessageQueue"]

MESSAGE_OVERHEAD_BYTES = 256  # what a message costs beside its packet, roughly


class MessageQueue:
    """First in, first out. `put` never waits: whoever puts looks at `is_full` first and waits in `wait_for_room`."""

    __slots__ = ("_bytes", "_has_room", "_is_ended", "_max_bytes", "_messages", "_wake")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._messages: deque[Message] = deque()
        self._bytes = 0
        self._is_ended = False
        self._wake = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be put for now."""
        return not self._has_room.is_set()

    def put(self, message: Message) -> None:
        """Append; may go over the limit by what one read from the network brings."""
        self._messages.append(message)
        self._bytes += _cost(message)
        if self._bytes >= self._max_bytes:
            self._has_room.clear()
        self._wake.set()

    async def wait_for_room(self) -> None:
        """Return when half of the queue is free."""
        await self._has_room.wait()

    async def get(self) -> Message | None:
        """The oldest message, None when there are none left and none will come."""
        while not self._messages:
            if self._is_ended:
                return None
            self._wake.clear()
            await self._wake.wait()
        message = self._messages.popleft()
        self._bytes -= _cost(message)
        if self._bytes <= self._max_bytes // 2:
            self._has_room.set()
        return message

    def end(self) -> None:
        """No message comes after those that are here."""
        self._is_ended = True
        self._wake.set()


def _cost(message: Message) -> int:
    if isinstance(message, ReceivedPacket):
        return MESSAGE_OVERHEAD_BYTES + len(message.packet)
    return MESSAGE_OVERHEAD_BYTES + (len(message.text) if isinstance(message, Health) else 0)
