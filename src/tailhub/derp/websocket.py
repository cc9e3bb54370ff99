"""The DERP byte stream inside WebSocket messages, server side, sans-I/O.

Binary messages carry the stream; message and frame boundaries are unrelated; compression is off; text closes. Framing
is wsproto's; the opening handshake is in `tailhub.derp.upgrade`. Source: the reference's ``derpserver/websocket.go``.
"""

from __future__ import annotations

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from tailhub.exceptions import FrameError

# The reference closes on messages over 32,768 bytes, so whoever talks to one splits; so do we towards anybody.
MAX_MESSAGE_LEN = 32768


class WebSocketStream:
    """One side of a WebSocket connection after its opening handshake."""

    __slots__ = ("_ws", "closed", "reply")

    def __init__(self, *, is_client: bool = False) -> None:
        self._ws = Connection(ConnectionType.CLIENT if is_client else ConnectionType.SERVER)
        self.reply = bytearray()  # answers to pings and closes; send and clear it after each `receive_data`
        self.closed = False

    def receive_data(self, data: bytes) -> bytes:
        """Take bytes from the wire; return bytes of the DERP stream. Raises `FrameError`.

        Messages are handed on as they arrive and never put together, so their length costs no memory.
        """
        out = bytearray()
        try:
            self._ws.receive_data(data)
            for event in self._ws.events():
                if isinstance(event, BytesMessage):
                    out += event.data
                elif isinstance(event, TextMessage):
                    self.reply += self._ws.send(CloseConnection(code=CloseReason.UNSUPPORTED_DATA))
                    self.closed = True
                    raise FrameError("WebSocket: expected binary messages, found text", "websocket_text")
                elif isinstance(event, Ping):
                    self.reply += self._ws.send(event.response())
                elif isinstance(event, CloseConnection):
                    self.closed = True
                    if self._ws.state is ConnectionState.OPEN:
                        # Not the peer's close but wsproto's verdict on a frame that breaks RFC 6455.
                        self.reply += self._ws.send(CloseConnection(code=event.code))
                        raise FrameError(f"WebSocket: {event.reason}", "websocket")
                    if self._ws.state is ConnectionState.REMOTE_CLOSING:
                        self.reply += self._ws.send(event.response())
                    break  # nothing counts behind a close
        except (RemoteProtocolError, LocalProtocolError) as exc:
            self.closed = True
            raise FrameError(f"WebSocket: {exc}", "websocket") from exc
        return bytes(out)

    def send(self, data: bytes) -> bytes:
        """Wrap bytes of the DERP stream for the wire."""
        ws = self._ws
        if ws.state is not ConnectionState.OPEN:
            return b""
        return b"".join(
            ws.send(BytesMessage(data=data[pos : pos + MAX_MESSAGE_LEN]))
            for pos in range(0, len(data), MAX_MESSAGE_LEN)
        )
