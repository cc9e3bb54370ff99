"""One client connection of the generator: non-blocking TCP, TLS over MemoryBIO, and the DERP login.

After the login it only moves bytes; what the frames mean is `bench.traffic`.
"""

from __future__ import annotations

import os
import socket
import ssl
from pathlib import Path

from bench.poller import Poller
from tailhub import box
from tailhub.derp import frames
from tailhub.derp.handshake import ClientHandshake, ClientInfo
from tailhub.exceptions import RemoteError
from tailhub.keys import NodePrivate

RECORD_LEN = 16384  # bytes of text in the largest TLS record; one `SSLObject.write` of this much is one record
_REQUEST = b"GET /derp HTTP/1.1\r\nHost: localhost\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n\r\n"
_MAX_HEAD = 16384  # bytes of the answer to the upgrade


def client_environment() -> dict[str, str]:
    """The environment of a process with clients: OpenSSL offers what Tailscale's clients do (`openssl.cnf`)."""
    # Python's `ssl` cannot choose TLS 1.3's cipher suites (before 3.15), and OpenSSL reads this when it is loaded.
    return {**os.environ, "OPENSSL_CONF": str(Path(__file__).with_name("openssl.cnf"))}


class GeneratorError(Exception):
    """The load could not be made: the relay refused, closed a connection, or answered with something else."""


def client_context() -> ssl.SSLContext:
    """TLS as the benchmark uses it: no verification (the relay runs on this machine), ALPN as real clients have."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context


class Connection:
    """A client. Call `advance` on every event until it returns True; then the client is logged in."""

    __slots__ = (
        "_handshake",
        "_head_seen",
        "_in",
        "_out",
        "_poller",
        "_private",
        "_sock",
        "_tls",
        "_tls_done",
        "fd",
        "key",
        "pending",
        "tail",
    )

    def __init__(self, address: tuple[str, int], context: ssl.SSLContext, private: NodePrivate, poller: Poller) -> None:
        self._private = private
        self.key = box.public_key(private).raw
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._sock.setblocking(False)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock.connect_ex(address)
        self.fd = self._sock.fileno()
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out)
        self._tls_done = False
        self._head_seen = False
        self._handshake: ClientHandshake | None = None
        self._poller = poller
        self.pending = b""  # encrypted bytes that the kernel has not taken yet
        self.tail = b""  # text behind the last whole frame (during the login: behind the last step)
        poller.register(self.fd)
        poller.want_write(self.fd, True)

    @property
    def cipher(self) -> str:
        """The name of the cipher suite that was agreed on."""
        suite = self._tls.cipher()
        return suite[0] if suite else ""

    def close(self) -> None:
        """Close without a goodbye."""
        self._poller.unregister(self.fd)
        self._sock.close()

    # --- bytes ----------------------------------------------------------------------------------------------------

    def write(self, text: memoryview, piece_len: int = RECORD_LEN) -> None:
        """Encrypt `text` in records of at most `piece_len` bytes and send it, or keep in `pending` what is left."""
        write = self._tls.write
        if len(text) <= piece_len:
            write(text)
        else:
            for start in range(0, len(text), piece_len):
                write(text[start : start + piece_len])
        self.flush()

    def flush(self) -> None:
        """Send what waits."""
        had_pending = bool(self.pending)
        data = self.pending + self._out.read() if had_pending else self._out.read()
        try:
            sent = self._sock.send(data) if data else 0
        except BlockingIOError:
            sent = 0
        except OSError as exc:
            raise GeneratorError(f"the relay closed a connection: {exc.strerror}") from exc
        if sent == len(data) and not had_pending:
            return
        self.pending = data[sent:]
        if bool(self.pending) != had_pending:
            self._poller.want_write(self.fd, not had_pending)

    def read(self, raw: memoryview, text: memoryview, start: int) -> int:
        """Receive once into `raw`, decrypt into `text` from `start` on; the end of what is there.

        `text` must have room for `raw`'s length and one record more. Raises `GeneratorError` at the end of the stream.
        """
        try:
            count = self._sock.recv_into(raw)
        except BlockingIOError:
            return start
        except OSError as exc:
            raise GeneratorError(f"the relay closed a connection: {exc.strerror}") from exc
        if not count:
            raise GeneratorError("the relay closed a connection")
        incoming = self._in
        incoming.write(raw[:count])
        if not self._tls_done:
            return start
        read = self._tls.read
        try:
            # `pending` says whether another read can give anything: cheaper than ending each loop by an exception.
            while incoming.pending:
                start += read(RECORD_LEN, text[start:])  # type: ignore[operator]  # with a buffer it is a count
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            raise GeneratorError("the relay closed a connection") from None
        return start

    # --- login ----------------------------------------------------------------------------------------------------

    def advance(self, raw: memoryview, text: memoryview) -> bool:
        """Go on with the login as far as possible. True when it is done."""
        end = self.read(raw, text, 0)
        if not self._tls_done:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self.flush()
                return False
            self._tls_done = True
            self._tls.write(_REQUEST)
            self.flush()
            return False  # nothing can have come behind the handshake: a server's tickets carry no text
        self.tail += bytes(text[:end])
        try:
            return self._read_login()
        except RemoteError as exc:
            raise GeneratorError(f"the relay refused the login: {exc}") from exc

    def _read_login(self) -> bool:
        if not self._head_seen:
            head, mark, rest = self.tail.partition(b"\r\n\r\n")
            if not mark and len(head) < _MAX_HEAD:
                return False
            if b" 101 " not in head.partition(b"\r\n")[0]:
                raise GeneratorError(f"expected 101 to the upgrade, found {head[:80]!r}")
            self._head_seen = True
            self.tail = rest
        while len(self.tail) >= frames.HEADER_LEN:
            kind, length = frames.HEADER.unpack_from(self.tail)
            end = frames.HEADER_LEN + length
            if len(self.tail) < end:
                return False
            body = self.tail[frames.HEADER_LEN : end]
            self.tail = self.tail[end:]
            if kind == frames.FrameType.SERVER_KEY:
                self._handshake = ClientHandshake(self._private, frames.parse_server_key(body))
                self._tls.write(self._handshake.client_info(ClientInfo(can_ack_pings=True)))
                self.flush()
            elif kind == frames.FrameType.SERVER_INFO and self._handshake is not None:
                self._handshake.open_server_info(body)
                return True
            else:
                raise GeneratorError(f"unexpected frame type {kind:#04x} during the login")
        return False
