"""A DERP connection whose stream lies inside WebSocket messages: what browsers use."""

from __future__ import annotations

from tailhub.derp.websocket import WebSocketStream
from tailhub.exceptions import FrameError
from tailhub.server.context import ServerContext
from tailhub.server.derp_connection import DerpConnection
from tailhub.server.newcomers import Newcomer

# Bytes dealt with in one turn: 340 of the smallest frames, which take some 4 ms.
SLICE_BYTES = 2048


class WebSocketDerpConnection(DerpConnection):
    """As its base, with one more layer in and out. Not on the fast path."""

    __slots__ = ("_rest", "_websocket")

    def __init__(self, context: ServerContext, newcomer: Newcomer, not_ideal: bool) -> None:
        super().__init__(context, newcomer, not_ideal)
        self._websocket = WebSocketStream()
        self._rest = b""  # read, and to be dealt with before anything more is

    def start(self, trailing: bytes, answer: bytes = b"") -> None:
        """Open the login; `trailing` holds WebSocket frames already, and the request has been answered."""
        super().start(b"")
        if trailing:
            self._receive_frames(trailing)

    def prepare(self, buf: bytearray) -> int:
        """Nothing to put back here: what the stream reads are WebSocket frames."""
        return 0

    def data_received(self, buf: bytearray, start: int, end: int) -> None:
        """Take the DERP stream out of the frames."""
        self._receive_frames(bytes(buf[start:end]))

    def _receive_frames(self, data: bytes) -> None:
        """Deal with a slice of `data`; the rest waits for the next turn, so that other connections have theirs."""
        if not self._stream.is_open:
            return
        self._rest = data[SLICE_BYTES:]
        self._receive_slice(data[:SLICE_BYTES])
        if self._rest and not self.is_paused:  # a pause ends with going on
            self._stream.pause_reading()
            self._context.loop.call_soon(self.go_on)

    def go_on(self) -> None:
        """Deal with what has been read, then read again."""
        if self.is_paused:
            return
        rest, self._rest = self._rest, b""
        super().go_on()
        if rest:
            self._receive_frames(rest)

    def _receive_slice(self, data: bytes) -> None:
        websocket = self._websocket
        try:
            derp = websocket.receive_data(data)
        except FrameError as exc:
            self._answer()
            self._stream.close(f"protocol violation ({exc.reason}): {exc}")
            return
        self._answer()
        if derp:
            self.receive_bytes(derp)
        if websocket.closed:
            self._stream.close("closed by the other side (WebSocket)")

    def _answer(self) -> None:
        """Send what a ping or a close asks for, unless the peer does not read: then answers would pile up."""
        reply = self._websocket.reply
        if reply and not self._stream.is_blocked:
            self._stream.write(bytes(reply))
        reply.clear()

    def write(self, data: bytes) -> None:
        """As its base, in a message."""
        self._stream.write(self._websocket.send(data))
