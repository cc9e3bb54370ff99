"""Looks at the control frames and the numbers of one connection that somebody wants to see closely.

The connection gets another decoder and its queue a listener, so that others pay nothing. Of packets only numbers are
seen; of nothing what it carries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from tailhub.derp import frames
from tailhub.derp.frames import HEADER, HEADER_LEN, FrameType, PeerGoneReason
from tailhub.derp.runs import Item, RunDecoder
from tailhub.exceptions import FrameError
from tailhub.keys import short_key

if TYPE_CHECKING:
    from tailhub.relay.connection import Connection
    from tailhub.server.context import DerpStream

__all__ = ["FrameWatch", "WatchedDecoder", "describe"]

_PACKETS: Final = (FrameType.SEND_PACKET, FrameType.RECV_PACKET, FrameType.FORWARD_PACKET)


class WatchedDecoder:
    """A `RunDecoder` whose control frames `on_control` learns of, by type and body."""

    __slots__ = ("_on_control", "inner")

    def __init__(self, inner: RunDecoder, on_control: Callable[[int, bytes], None]) -> None:
        self.inner = inner
        self._on_control = on_control

    @property
    def error(self) -> FrameError | None:
        """See `RunDecoder`."""
        return self.inner.error

    @property
    def skipped_frames(self) -> int:
        """See `RunDecoder`."""
        return self.inner.skipped_frames

    @skipped_frames.setter
    def skipped_frames(self, count: int) -> None:
        self.inner.skipped_frames = count

    def prepare(self, buf: bytearray) -> int:
        """See `RunDecoder`."""
        return self.inner.prepare(buf)

    def decode(self, buf: bytearray, end: int) -> list[Item]:
        """See `RunDecoder`."""
        items = self.inner.decode(buf, end)
        for dst, body, frame_type, _ in items:
            if dst is None and frame_type not in _PACKETS:
                self._on_control(frame_type, body)
        return items


class FrameWatch:
    """Of one connection. `say` gets the step's name, its text and its fields."""

    def __init__(self, stream: DerpStream, connection: Connection, say: Callable[..., None]) -> None:
        self._stream = stream
        self._connection = connection
        self._say = say
        self._last = self._numbers()

    def received(self, frame_type: int, body: bytes) -> None:
        """The client has sent a control frame."""
        name = _name(frame_type)
        self._say("received", f"received {name}{describe(frame_type, body)}", frame=name, bytes=len(body))

    def queued(self, frame: bytes) -> None:
        """A control frame is to be sent to it."""
        frame_type, length = HEADER.unpack_from(frame)
        name = _name(frame_type)
        text = f"sends {name}{describe(frame_type, frame[HEADER_LEN:])}"
        self._say("sends", text, frame=name, bytes=length)

    def look(self) -> None:
        """Say what has changed since the last look: packets, drops, what waits, and whether it is read and reads."""
        before, now = self._last, self._numbers()
        self._last = now
        changed = {name: value - before.get(name, 0) for name, value in now.items() if name not in _STATES}
        changed = {name: value for name, value in changed.items() if value}
        states = {name: now[name] for name in _STATES if now[name] or before[name]}
        if changed or states:
            words = [f"{name} {value}" for name, value in {**changed, **states}.items()]
            self._say("second", f"in the last second: {', '.join(words)}", **changed, **states)

    def _numbers(self) -> dict[str, int]:
        connection, queue = self._connection, self._connection.queue
        dropped = (queue.dropped or Counter()) + (connection.lost or Counter())
        return {
            **{f"dropped_{reason}": count for reason, count in dropped.items()},
            "received_packets": connection.received_packets,
            "received_bytes": connection.received_bytes,
            "sent_packets": queue.taken_packets,
            "sent_bytes": queue.taken_bytes,
            "queued_bytes": queue.packet_bytes,
            "not_read": int(self._stream.is_paused),
            "does_not_read": int(self._stream.stream.is_blocked),
        }


_STATES: Final = ("queued_bytes", "not_read", "does_not_read")


def _name(frame_type: int) -> str:
    """As documents have it: ``NotePreferred``."""
    return "".join(word.capitalize() for word in FrameType(frame_type).name.split("_"))


def describe(frame_type: int, body: bytes) -> str:
    """What a control frame says, where that is no secret; empty for those of which the name is all.

    Its length has been looked at: it is ours, or the decoder's.
    """
    if frame_type == FrameType.NOTE_PREFERRED:
        return ": its home is here" if body != b"\0" else ": its home is elsewhere"
    if frame_type == FrameType.PEER_GONE:
        key, reason = frames.parse_peer_gone(body)
        return f": {short_key(key)}, {'not here' if reason == PeerGoneReason.NOT_HERE else 'disconnected'}"
    if frame_type == FrameType.PEER_PRESENT:
        return f": {short_key(frames.PeerPresent.parse(body).key)}"
    if frame_type == FrameType.CLOSE_PEER:
        return f": {short_key(body)}"
    if frame_type == FrameType.HEALTH:
        return f": {frames.parse_health(body) or 'all is well'}"
    return ""
