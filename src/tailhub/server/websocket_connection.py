"""A DERP connection whose stream lies inside WebSocket messages: what browsers use."""

from __future__ import annotations

from tailhub.derp.websocket import WebSocketStream
from tailhub.exceptions import FrameError
from tailhub.server.context import ServerContext
from tailhub.server.derp_connection import DerpConnection
from tailhub.server.newcomers import Newcomer


class WebSocketDerpConnection(DerpConnection):
    """As its base, with one more layer in and out. Not on the fast path."""

    __slots__ = ("_websocket",)

    def __init__(self, context: ServerContext, newcomer: Newcomer, not_ideal: bool) -> None:
        super().__init__(context, newcomer, not_ideal)
        self._websocket = WebSocketStream()

    def start(self, trailing: bytes) -> None:
        """Open the login; `trailing` holds WebSocket frames already."""
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
        websocket = self._websocket
        try:
            derp = websocket.receive_data(data)
        except FrameError as exc:
            self._say_and_abort(f"protocol violation: {exc}")
            return
        if websocket.reply:
            self._stream.write(bytes(websocket.reply))
            websocket.reply.clear()
        if derp:
            self._receive_bytes(derp)
        if websocket.closed:
            self._stream.close("closed by the other side (WebSocket)")

    def _say_and_abort(self, reason: str) -> None:
        if self._websocket.reply:
            self._stream.write(bytes(self._websocket.reply))
        self._stream.close(reason)

    def _write(self, data: bytes) -> None:
        self._stream.write(self._websocket.send(data))
