"""What a link to another relay receives: whole reads in, presence in bulk and a few small frames out.

On a link we are the other relay's client, and watch its presence. So what comes is PeerPresent, 20,000 of them when the
link begins, and PeerGone; of the rest a little. Packets are not among it: what that relay forwards comes over the link
that it has opened to us. Source: the reference's ``derp/derphttp/mesh_client.go``. Not here: the login
(`tailhub.derp.client_protocol`), what presence means (`tailhub.relay.mesh_link`).

Works as `tailhub.derp.runs.RunDecoder` does, out of a buffer that the caller shares among all connections::

    offset = decoder.prepare(buffer)
    end = offset + read_into(buffer, offset)
    for message in decoder.decode(buffer, end): ...
    if decoder.error is not None: ...         # after the messages have been dealt with
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from tailhub.derp.frames import CLIENT_LIMITS, HEADER_LEN, KEY_LEN, FrameType, check_length
from tailhub.exceptions import FrameError

__all__ = ["Gone", "LinkDecoder", "LinkMessage", "Present", "Presents", "SmallFrame"]

MAX_SMALL_LEN: Final = 4096
"""Bytes of a body that is read. The protocol allows more to some frames; such ones are passed over."""

Present = tuple[bytes, int, bytes]
"""A PeerPresent: 32B key, flags, and the bytes behind its first 51, empty from relays that say no more."""


class Presents(NamedTuple):
    """PeerPresent frames that came in a row."""

    presents: list[Present]


class Gone(NamedTuple):
    """PeerGone frames that came in a row. Their reasons do not matter: either way the keys are not there."""

    keys: list[bytes]


class SmallFrame(NamedTuple):
    """Ping, Pong, ServerInfo, Health or Restarting."""

    frame_type: int
    body: bytes


LinkMessage = Presents | Gone | SmallFrame

_PEER_PRESENT: Final = int(FrameType.PEER_PRESENT)
_LEAST_PRESENT, _MOST_PRESENT = CLIENT_LIMITS[_PEER_PRESENT]
_FLAGS_AT: Final = KEY_LEN + 18  # in the body, behind address and port
_SMALL: Final = frozenset(
    (FrameType.PING, FrameType.PONG, FrameType.SERVER_INFO, FrameType.HEALTH, FrameType.RESTARTING)
)
_PRESENT: Final = struct.Struct(">BI32s18xB")  # header, key, flags; the key of PeerGone lies there too


class LinkDecoder:
    """Decodes what the other relay of a link sends, from behind the login. Memory: an unfinished frame, up to 4 KiB.

    `has_read`: whether the last `decode` has ended a frame, or begun one that is passed over. `skipped_frames` counts
    those: of unknown types, packets, and what is too long to be of use.
    """

    __slots__ = ("_carry", "_skip", "error", "has_read", "skipped_frames")

    def __init__(self) -> None:
        self._carry = b""
        self._skip = 0  # bytes of a frame that is passed over, still to come
        self.has_read = False
        self.skipped_frames = 0
        self.error: FrameError | None = None  # set once; nothing is decoded after it

    @property
    def held_bytes(self) -> int:
        """How much of an unfinished frame is stored."""
        return len(self._carry)

    def prepare(self, buf: bytearray) -> int:
        """Put the unfinished frame back at the start of `buf`; return where new data belongs."""
        carry, self._carry = self._carry, b""
        buf[: len(carry)] = carry
        return len(carry)

    def decode(self, buf: bytearray, end: int) -> list[LinkMessage]:
        """Decode ``buf[:end]``; `buf` may be reused at once, and must be `runs.SLACK` bytes longer than `end`.

        Sets `error` on a violation, and gives the messages before it.
        """
        messages: list[LinkMessage] = []
        if self.error is not None:
            return messages
        start = pos = min(self._skip, end)
        self._skip -= pos
        try:
            pos = self._split(buf, pos, end, messages)
        except FrameError as exc:
            self.error = exc
            return messages
        self.has_read = pos > start
        if pos > end:
            self._skip = pos - end
        elif pos < end:
            self._carry = bytes(memoryview(buf)[pos:end])
        return messages

    def _split(self, buf: bytearray, pos: int, end: int, messages: list[LinkMessage]) -> int:
        """Decode frames from `pos`; return where the first unfinished one starts, or where a skipped one will end.

        Raises `FrameError`. Flat because there may be tens of thousands of presences.
        """
        unpack = _PRESENT.unpack_from
        view = memoryview(buf)
        presents: list[Present] | None = None  # the last message, if it is such a one; the same for `gone`
        gone: list[bytes] | None = None
        while pos + HEADER_LEN <= end:
            frame_type, length, key, flags = unpack(buf, pos)
            body = pos + HEADER_LEN
            nxt = body + length
            if frame_type == _PEER_PRESENT and _LEAST_PRESENT <= length <= _MOST_PRESENT:
                if nxt > end:
                    break
                if presents is None:
                    presents, gone = [], None
                    messages.append(Presents(presents))
                if length <= _FLAGS_AT:  # an old relay's, without flags
                    presents.append((key, 0, b""))
                else:
                    presents.append((key, flags, view[body + _FLAGS_AT + 1 : nxt].tobytes()))
                pos = nxt
                continue
            check_length(frame_type, length, CLIENT_LIMITS)
            if frame_type == FrameType.PEER_GONE:
                if nxt > end:
                    break
                if gone is None:
                    presents, gone = None, []
                    messages.append(Gone(gone))
                gone.append(key)
            elif frame_type in _SMALL and length <= MAX_SMALL_LEN:
                if nxt > end:
                    break
                presents = gone = None
                messages.append(SmallFrame(frame_type, view[body:nxt].tobytes()))
            elif frame_type != FrameType.KEEP_ALIVE:
                self.skipped_frames += 1
            pos = nxt
        return pos
