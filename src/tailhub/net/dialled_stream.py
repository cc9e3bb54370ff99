"""A stream on a connection that we have opened ourselves: TLS as a client; else as `tailhub.net.stream` has it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl

from tailhub.net.receiver import ReadBuffers, Receiver
from tailhub.net.stream import Stream
from tailhub.net.turn_selector import Sockets
from tailhub.net.write_watch import WriteWatch


class DialledStream(Stream):
    """`refused` says what is wrong with the other side's certificate, if the handshake has failed for that."""

    __slots__ = ("_secured", "refused")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        buffers: ReadBuffers,
        watch: WriteWatch,
        receiver: Receiver,
        sockets: Sockets | None = None,
    ) -> None:
        super().__init__(loop, sock, buffers, watch, receiver, None, sockets)
        self.refused: ssl.SSLCertVerificationError | None = None
        self._secured: asyncio.Future[ssl.SSLObject] | None = None

    def start_client_tls(self, context: ssl.SSLContext, server_name: str) -> asyncio.Future[ssl.SSLObject]:
        """Begin TLS before anything was sent or read. What comes back is done when the handshake is.

        It never is if the stream ends before: of that the receiver is told.
        """
        secured = self._secured = self._loop.create_future()
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=server_name)
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.do_handshake()
        self._send(self._out.read())
        return secured

    def _shake_hands(self, tls: ssl.SSLObject) -> None:
        try:
            super()._shake_hands(tls)
        except ssl.SSLCertVerificationError as exc:
            self.refused = exc
            raise
        if self._secured is not None and not self._secured.done():  # who waited for it may have given up
            self._secured.set_result(tls)
