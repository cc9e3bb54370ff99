"""Both ends of a `tailhub.net.stream.Stream`: a receiver that remembers, and a peer whose every byte a test chooses."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache

from support.waiting import until
from tailhub.certs.self_signed import make_self_signed
from tailhub.net.receiver import ReadBuffers
from tailhub.net.stream import Stream
from tailhub.net.tls_context import server_context
from tailhub.net.write_watch import WriteWatch


@cache
def relay_context() -> ssl.SSLContext:
    """A server's context with a certificate of its own."""
    return server_context(*make_self_signed(["relay.test"], ["127.0.0.1"], datetime.now(UTC)))


def client_context(*, tls_1_2: bool = False, alpn: Sequence[str] = ("http/1.1",)) -> ssl.SSLContext:
    """A client's context that believes everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if tls_1_2:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


class Party:
    """Receives what a stream brings and remembers it. `on_data` and `on_closed` may do anything."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.reads = 0
        self.writable_calls = 0
        self.closed_for: list[str] = []
        self.put_back = b""  # bytes at the start of the buffer that come again with the next data
        self.on_data: Callable[[], None] | None = None
        self.on_closed: Callable[[], None] | None = None

    @property
    def is_closed(self) -> bool:
        return bool(self.closed_for)

    def has_got(self, ending: bytes) -> bool:
        """Whether what has come ends like this."""
        return self.data.endswith(ending)

    def prepare(self, buf: bytearray) -> int:
        n = len(self.put_back)
        buf[:n] = self.put_back
        return n

    def data_received(self, buf: bytearray, start: int, end: int) -> None:
        assert start == len(self.put_back)
        assert buf[:start] == self.put_back
        assert not self.closed_for
        self.data += buf[start:end]
        self.reads += 1
        if self.on_data is not None:
            self.on_data()

    def writable(self) -> None:
        assert not self.closed_for
        self.writable_calls += 1

    def closed(self, reason: str) -> None:
        self.closed_for.append(reason)
        if self.on_closed is not None:
            self.on_closed()


class Connected:
    """A stream on the running loop, what receives for it, and the peer's socket, which does not block."""

    def __init__(self, *, small_buffers: bool = False, watch: WriteWatch | None = None) -> None:
        loop = asyncio.get_running_loop()
        ours, self.peer = tcp_pair(small_buffers=small_buffers)
        self.party = Party()
        self.watch = watch or WriteWatch(loop, interval_s=0.02)
        self.stream = Stream(loop, ours, ReadBuffers(), self.watch, self.party)

    def end(self) -> None:
        """Close both ends."""
        self.stream.abort("the test is over")
        self.peer.close()

    async def peer_sends(self, data: bytes) -> None:
        """The peer writes."""
        await asyncio.get_running_loop().sock_sendall(self.peer, data)

    async def peer_reads(self, most_bytes: int = 65536) -> bytes:
        """The peer reads once; nothing at the end."""
        return await asyncio.get_running_loop().sock_recv(self.peer, most_bytes)

    async def peer_reads_all(self) -> bytes:
        """The peer reads to the end."""
        data = bytearray()
        while piece := await self.peer_reads():
            data += piece
        return bytes(data)


def tcp_pair(*, small_buffers: bool = False) -> tuple[socket.socket, socket.socket]:
    """Two ends of a TCP connection over loopback, neither of which blocks."""
    peer = socket.socket()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        if small_buffers:  # before there is a connection, so that it is never offered more
            for sock in (listener, peer):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        peer.connect(listener.getsockname())
        ours, _ = listener.accept()
    for sock in (ours, peer):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
    return ours, peer


class TLSPeer:
    """A TLS client whose ciphertext a test carries itself."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.tls = (context or client_context()).wrap_bio(self._incoming, self._outgoing)
        self.is_closed_by_notify = False

    def hello(self) -> bytes:
        """The ClientHello."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return self._outgoing.read()

    def go_on(self, ciphertext: bytes) -> bool:
        """Go on with the handshake; whether it is done. Then or not, `pending` must be sent."""
        self._incoming.write(ciphertext)
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def pending(self) -> bytes:
        """What must be sent."""
        return self._outgoing.read()

    def seal(self, plaintext: bytes) -> bytes:
        """The records for `plaintext`."""
        self.tls.write(plaintext)
        return self._outgoing.read()

    def open(self, ciphertext: bytes) -> bytes:
        """What the records hold that are whole now."""
        self._incoming.write(ciphertext)
        plaintext = bytearray()
        try:
            while piece := self.tls.read(65536):
                plaintext += piece
            self.is_closed_by_notify = True
        except ssl.SSLWantReadError:
            pass
        return bytes(plaintext)

    def close_notify(self) -> bytes:
        """The alert that ends our side."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        return self._outgoing.read()


class Secured(Connected):
    """A stream that speaks TLS, after the handshake with its peer."""

    tls: TLSPeer

    @classmethod
    async def open(
        cls, *, tls_1_2: bool = False, small_buffers: bool = False, watch: WriteWatch | None = None
    ) -> Secured:
        """Connect and shake hands."""
        pair = cls(small_buffers=small_buffers, watch=watch)
        pair.tls = TLSPeer(client_context(tls_1_2=tls_1_2))
        pair.stream.start_tls(relay_context(), pair.tls.hello())
        # Only data proves that the other side is done as well.
        await pair.peer_sends(await pair.shake_hands() + pair.tls.seal(b"done"))
        await until(lambda: pair.party.data == b"done")
        pair.party = Party()
        pair.stream.set_receiver(pair.party)
        return pair

    async def shake_hands(self) -> bytes:
        """Read until the handshake can be ended; the bytes that end it, none in TLS 1.2."""
        while not self.tls.go_on(await self.peer_reads()):
            await self.peer_sends(self.tls.pending())
        return self.tls.pending()

    async def peer_reads_plain(self, length: int) -> bytes:
        """The peer reads until it has so many bytes of plaintext, or the end."""
        data = self.tls.open(b"")
        while len(data) < length and (piece := await self.peer_reads()):
            data += self.tls.open(piece)
        return data
