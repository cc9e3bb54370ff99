"""A DERP client over WebSocket, as browsers have it, for `support.served`."""

from __future__ import annotations

from support.served import Client, Line, Served
from tailhub import box
from tailhub.derp.client_protocol import ClientProtocol
from tailhub.derp.upgrade import derp_response
from tailhub.derp.websocket import WebSocketStream

WEBSOCKET = (
    b"GET /derp HTTP/1.1\r\nHost: relay.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Protocol: derp\r\n\r\n"
)


class WebSocketLine(Line):
    """A line whose bytes lie in WebSocket messages."""

    def __init__(self, line: Line) -> None:
        super().__init__(line.reader, line.writer)
        self.websocket = WebSocketStream(is_client=True)

    @classmethod
    async def open(cls, relay: Served, receive_bytes: int = 0) -> WebSocketLine:
        """Connect and shake hands."""
        line = await relay.connect(receive_bytes=receive_bytes)
        await line.write(WEBSOCKET)
        assert (await line.read_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        return cls(line)

    async def write(self, data: bytes) -> None:
        await super().write(self.websocket.send(data))

    async def read(self) -> bytes:
        while data := await super().read():
            if stream := self.websocket.receive_data(data):
                return stream
            if self.websocket.closed:
                break
        return b""


async def websocket_login(relay: Served, receive_bytes: int = 0) -> Client:
    """A client that has logged in over WebSocket."""
    private = box.generate()
    protocol = ClientProtocol(private, "relay.test")
    protocol.data_to_send()  # its upgrade, which the WebSocket handshake stands for
    protocol.receive_data(derp_response(relay.public_key))
    client = Client(await WebSocketLine.open(relay, receive_bytes), private, protocol)
    while protocol.waiting_for:
        await client.receive()
    return client
