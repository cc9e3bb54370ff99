"""A stream socket on the event loop, plain or with TLS of our own over `ssl.MemoryBIO`. Knows no DERP.

Why not asyncio's transports: with the socket in our own hands a whole read is decrypted into one shared buffer, an idle
connection holds next to nothing, the first bytes can be looked at before TLS begins, and we know what the kernel took.

Reading: one `recv` a turn, ciphertext is fed in whole records and at most about 16 KiB at a time, because a MemoryBIO
never shrinks and a partial record would end in an exception. How much a `recv` takes depends on how long the last ones
kept everybody else waiting: a byte may cost a hundred times as much as another (TLS key updates, tiny records, pings).

Writing: plaintext in 16 KiB pieces too. What the kernel does not take is kept; write no more until `Receiver.writable`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import sys
from collections.abc import Callable
from time import monotonic
from typing import Final

from tailhub.net.receiver import MAX_RECORD, RECV_SIZE, Discard, Gate, ReadBuffers, Receiver
from tailhub.net.turn_selector import Sockets
from tailhub.net.write_watch import WriteWatch

FIRST_RECV_SIZE: Final = 16 << 10  # of a new connection
_LEAST_RECV_SIZE: Final = 4 << 10
_LONG_READ_S: Final = 0.004  # to read, decrypt and deal with; 64 KiB of packets take an eighth of it
_PIECE: Final = 16384  # plaintext of one TLS record
_MAX_PILED: Final = 512 << 10  # unsent bytes; with more of them TLS may not add answers of its own (key updates)
_LINGER_S: Final = 1.0
_FLUSH_S: Final = 5.0
_TCP_INFO: Final = getattr(socket, "TCP_INFO", -1) if sys.platform == "linux" else -1
_RTT: Final = slice(68, 72)  # of Linux's struct tcp_info: tcpi_rtt, which every version has there


class Stream:
    """One connection. Owns the socket from now on.

    `write_timeout_s`: how long the peer may take no byte while some wait for it (0: for ever). `gate`: who is
    asked before each read (a `Crowd` with which it shares the time, a rate limit); None: nobody.
    """

    __slots__ = (
        "_buffers",
        "_carry",
        "_fd",
        "_handshaken",
        "_in",
        "_loop",
        "_out",
        "_pending",
        "_receiver",
        "_recv_size",
        "_sock",
        "_sockets",
        "_state",
        "_timer",
        "_tls",
        "_watch",
        "gate",
        "progress_at",
        "write_timeout_s",
    )

    _OPEN: Final = 0  # of `_state`
    _FLUSHING: Final = 1  # closing, what was written is still going out
    _LINGERING: Final = 2  # our side is shut down, reading until the peer's is
    _CLOSED: Final = 3

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        buffers: ReadBuffers,
        watch: WriteWatch,
        receiver: Receiver,
        gate: Gate | None = None,
        sockets: Sockets | None = None,
    ) -> None:
        self.gate = gate
        self._loop = loop
        self._sockets = sockets if sockets is not None else loop
        self._sock = sock
        self._buffers = buffers
        self._watch = watch
        self._receiver = receiver
        self._tls: ssl.SSLObject | None = None
        self._in: ssl.MemoryBIO | None = None
        self._out: ssl.MemoryBIO | None = None
        self._handshaken = False
        self._carry = b""  # start of a TLS record
        self._pending = b""  # what the kernel has not taken yet, as it goes on the wire
        self._recv_size = FIRST_RECV_SIZE
        self._state = self._OPEN
        self._timer: asyncio.TimerHandle | None = None
        self.progress_at, self.write_timeout_s = 0.0, 2.0
        sock.setblocking(False)
        # By number: for a socket object asyncio words an error, with two system calls, each time it is not found.
        self._fd = sock.fileno()
        self._sockets.add_reader(self._fd, self._on_readable)

    # --- what the owner asks ------------------------------------------------------------------------------------------

    @property
    def is_blocked(self) -> bool:
        """Whether a write now would only pile up in memory, or come too late."""
        return bool(self._pending) or self._state != self._OPEN

    @property
    def is_open(self) -> bool:
        """Whether neither side has begun to close."""
        return self._state == self._OPEN

    @property
    def tls_version(self) -> str | None:
        """``TLSv1.3`` and the like, None without TLS."""
        return self._tls.version() if self._tls is not None else None

    @property
    def descriptor(self) -> int:
        """The number of its socket."""
        return self._fd

    @property
    def rtt_us(self) -> int:
        """The kernel's round trip time in microseconds; 0 where it is not known (other systems, unix sockets)."""
        try:
            info = self._sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _RTT.stop)
        except OSError:
            return 0
        return int.from_bytes(info[_RTT], sys.byteorder)

    def set_receiver(self, receiver: Receiver) -> None:
        """Hand further bytes to another receiver."""
        self._receiver = receiver

    def start_tls(self, context: ssl.SSLContext, first_bytes: bytes) -> None:
        """Go on as a TLS server; `first_bytes` were read before it was known that this is TLS (at most 18 KiB)."""
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._buffers.cipher[: len(first_bytes)] = first_bytes
        self._receive_tls(len(first_bytes))

    def write(self, data: bytes) -> None:
        """Write plaintext. Look at `is_blocked` first where much is written."""
        if self._state != self._OPEN or not data:
            return
        if self._tls is None:
            self._send(data)
            return
        write = self._tls.write
        read = self._out.read  # type: ignore[union-attr]
        try:
            if len(data) <= _PIECE:
                write(data)
                self._send(read())
            else:
                parts = []
                view = memoryview(data)
                for pos in range(0, len(data), _PIECE):
                    write(view[pos : pos + _PIECE])
                    parts.append(read())
                self._send(b"".join(parts))
        except ssl.SSLError as exc:
            self.abort(f"tls: {_ssl_reason(exc)}")

    def close(self, reason: str, *, linger: bool = False) -> None:
        """Close after what was written has gone out (5 s at most). `Receiver.closed` is called at once.

        `linger`: keep reading for a moment, so that a peer that is still sending sees our last words instead of a
        reset.
        """
        if self._state != self._OPEN:
            return
        self._say_goodbye()
        if self._state != self._OPEN:  # the goodbye found the connection broken
            return
        self._state = self._FLUSHING
        if linger:
            self._sockets.add_reader(self._fd, self._on_readable)  # it may have been paused
        else:
            self._sockets.remove_reader(self._fd)
        self._timer = self._loop.call_later(_FLUSH_S, self.abort, reason)
        receiver = self._receiver
        self._receiver = Discard(linger=linger)
        receiver.closed(reason)
        if not self._pending:
            self._flushed()

    def abort(self, reason: str) -> None:
        """Close now, whatever was written."""
        if self._state == self._CLOSED:
            return
        self._state = self._CLOSED
        if self._timer is not None:
            self._timer.cancel()
        self._watch.discard(self)
        self._sockets.remove_reader(self._fd)
        self._sockets.remove_writer(self._fd)
        self._sock.close()
        self._pending = self._carry = b""
        self._tls = self._in = self._out = None
        self._receiver.closed(reason)

    def detach(self) -> socket.socket:
        """Give the socket away, before TLS began and while nothing waits to be written; the receiver is not told."""
        self._state = self._CLOSED
        self._sockets.remove_reader(self._fd)
        return self._sock

    def limit_unsent(self, size: int) -> None:
        """Let at most about `size` bytes lie unsent in the kernel, where the system knows such a limit."""
        if self._state == self._OPEN and hasattr(socket, "TCP_NOTSENT_LOWAT"):
            with contextlib.suppress(OSError):
                self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, size)

    def pause_reading(self) -> None:
        """Stop reading: the peer is held up by TCP's own flow control."""
        if self._state == self._OPEN:
            self._sockets.remove_reader(self._fd)

    def resume_reading(self) -> None:
        """Read again."""
        if self._state == self._OPEN:
            self._sockets.add_reader(self._fd, self._on_readable)

    # --- reading ------------------------------------------------------------------------------------------------------

    def _on_readable(self) -> None:
        gate = self.gate
        if gate is not None and gate.must_wait:
            return
        size = self._recv_size
        started = monotonic()
        try:
            n = self._read_plain(size) if self._tls is None or self._state != self._OPEN else self._read_tls(size)
        except Exception as exc:
            self._fail(exc)
            return
        if n < _LEAST_RECV_SIZE and gate is None:
            return  # nothing to learn: less is never asked for
        took_s = monotonic() - started
        if gate is not None:
            gate.spend(took_s)
        if took_s > _LONG_READ_S:
            self._recv_size = max(size // 4, _LEAST_RECV_SIZE)
        elif n == size:
            self._recv_size = min(size * 2, RECV_SIZE)

    def _read_plain(self, size: int) -> int:
        buffers = self._buffers
        start = self._receiver.prepare(buffers.plain)
        n = self._recv_into(buffers.plain_view[start:], size)
        # Without new bytes, what the receiver has put back is still its own to take again.
        if n > 0 or (n == 0 and start):
            self._receiver.data_received(buffers.plain, start, start + n)
        return n

    def _read_tls(self, size: int) -> int:
        buffers = self._buffers
        carry = self._carry
        if carry:
            k = len(carry)
            buffers.cipher[:k] = carry
            n = self._recv_into(buffers.cipher_view[k:], size)
        else:
            k = 0
            n = self._recv_into(buffers.cipher_view, size)
        if n > 0:
            self._receive_tls(k + n)
        return n

    def _recv_into(self, view: memoryview, size: int) -> int:
        """Bytes read, 0 when there are none now, -1 when the stream is over."""
        try:
            n = self._sock.recv_into(view, size)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as exc:
            self.abort(f"read: {exc.strerror or exc}")
            return -1
        if n == 0:
            self.abort("closed by the other side")
            return -1
        return n

    def _receive_tls(self, total: int) -> None:
        """Decrypt ``cipher[:total]`` and hand the plaintext on in one piece."""
        buffers = self._buffers
        cipher, view, plain = buffers.cipher, buffers.cipher_view, buffers.plain_view
        tls, incoming = self._tls, self._in
        assert tls is not None and incoming is not None  # noqa: S101, PT018  for the type checker: both are set together
        # With a buffer, read() returns a length; typeshed knows only the other form.
        read: Callable[[int, memoryview], int] = tls.read  # type: ignore[assignment]
        start = end = -1
        pos = 0
        over = ""
        while pos < total and not over:
            stop = pos
            while stop + 5 <= total:
                nxt = stop + 5 + (cipher[stop + 3] << 8) + cipher[stop + 4]
                if nxt > total:
                    if nxt - stop > MAX_RECORD:
                        stop = total  # never a record: let TLS say so
                    break
                if nxt - pos > _PIECE + 256 and stop > pos:
                    break
                stop = nxt
            if stop == pos:
                break
            incoming.write(view[pos:stop])
            pos = stop
            try:
                if not self._handshaken:
                    self._shake_hands(tls)
                    self._handshaken = True
                while incoming.pending:
                    if end < 0:
                        start = end = self._receiver.prepare(buffers.plain)
                    n = read(_PIECE, plain[end:] if end else plain)
                    if not n:
                        over = "closed by the other side"
                        break
                    end += n
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as exc:
                over = f"tls: {_ssl_reason(exc)}"
        self._carry = bytes(view[pos:total]) if pos < total else b""
        if self._out.pending:  # type: ignore[union-attr]
            if len(self._pending) > _MAX_PILED:
                over = "write: asks TLS for answers and does not read them"
            else:
                self._send(self._out.read())  # type: ignore[union-attr]
        if end > 0 and self._state == self._OPEN:
            self._receiver.data_received(buffers.plain, start, end)
        if over and self._state == self._OPEN:
            self.abort(over)

    def _shake_hands(self, tls: ssl.SSLObject) -> None:
        tls.do_handshake()

    # --- writing ------------------------------------------------------------------------------------------------------

    def _send(self, data: bytes) -> None:
        if self._pending:
            self._pending += data
            return
        try:
            n = self._sock.send(data)
        except (BlockingIOError, InterruptedError):
            n = 0
        except OSError as exc:
            self.abort(f"write: {exc.strerror or exc}")
            return
        if n < len(data):
            self._pending = data[n:]
            self.progress_at = self._loop.time()
            self._sockets.add_writer(self._fd, self.push)
            self._watch.add(self)

    def push(self) -> None:
        """Offer the kernel what it has not taken yet. Called when it may take more; at other times it does no harm."""
        if not self._pending:
            return
        try:
            n = self._sock.send(self._pending)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as exc:
            self.abort(f"write: {exc.strerror or exc}")
            return
        if n:
            self.progress_at = self._loop.time()
        self._pending = self._pending[n:]
        if self._pending:
            return
        self._watch.discard(self)
        self._sockets.remove_writer(self._fd)
        if self._state == self._OPEN:
            try:
                self._receiver.writable()
            except Exception as exc:
                self._fail(exc)
        elif self._state == self._FLUSHING:
            self._flushed()

    # --- closing ------------------------------------------------------------------------------------------------------

    def _fail(self, exc: Exception) -> None:
        # A bug of ours: it costs this connection, and is not met again in each turn because the socket stays ready.
        self._loop.call_exception_handler({"message": "Exception in a callback of a stream", "exception": exc})
        self.abort("internal error")

    def _say_goodbye(self) -> None:
        # In TLS 1.2 a session that ends in good order stays in OpenSSL's cache, which Python cannot switch off.
        if self._tls is None or not self._handshaken or self._tls.version() == "TLSv1.2":
            return
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()  # writes our close_notify; the peer's answer is not waited for
        if self._out is not None and self._out.pending:
            self._send(self._out.read())

    def _flushed(self) -> None:
        receiver = self._receiver
        if not (isinstance(receiver, Discard) and receiver.linger):
            self.abort("closed")
            return
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.abort("closed")
            return
        self._state = self._LINGERING
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(_LINGER_S, self.abort, "closed")


def _ssl_reason(exc: ssl.SSLError) -> str:
    return (exc.reason or str(exc)).lower().replace("_", " ")
