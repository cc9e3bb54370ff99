"""From accept to HTTP: looks at the first bytes of a connection and begins TLS, or answers what is not TLS."""

from __future__ import annotations

import logging
import socket
from typing import Any

from tailhub.certs.tls_alpn import ACME_TLS
from tailhub.derp.upgrade import usual_request
from tailhub.exceptions import PrefaceError
from tailhub.net import unsent_limit
from tailhub.net.receiver import Receiver
from tailhub.net.stream import Stream
from tailhub.preface.clienthello import parse_client_hello
from tailhub.preface.preface import (
    FATAL,
    NO_APPLICATION_PROTOCOL,
    WRONG_PORT_ANSWER,
    Kind,
    is_alpn_acceptable,
    sniff,
    tls_alert,
)
from tailhub.preface.proxy_header import begins_proxy_header, parse_proxy_header
from tailhub.server.context import Responder, ServerContext
from tailhub.server.events import TOO_OFTEN
from tailhub.server.http_connection import HttpConnection, Passing, begin_derp
from tailhub.server.newcomers import Newcomer

NOT_SENT_BYTES = unsent_limit.MOST  # at first; the limit follows the line later

NOT_TRUSTED = "PROXY header: from an address that trusted_proxies does not name"
_PROXY_STARTS = (b"PRO", b"\r\n\r\n\0")  # nothing else that we know begins so

_log = logging.getLogger("tailhub")


def set_tcp_options(sock: socket.socket, keepalive_s: float, user_timeout_s: float) -> None:
    """TCP options of every connection on the public port; those that this system lacks are left out.

    On Linux a connection has those of the socket that it came in on, so they are set on that one too: it saves six
    system calls a login. The last of them shows whether they are there (`has_tcp_options`).
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    idle_s = max(1, round(keepalive_s))
    for name, value in (
        ("TCP_KEEPIDLE", idle_s),
        ("TCP_KEEPINTVL", idle_s),
        ("TCP_USER_TIMEOUT", round(user_timeout_s * 1000)),
        ("TCP_NOTSENT_LOWAT", NOT_SENT_BYTES),
    ):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def has_tcp_options(sock: socket.socket) -> bool:
    """Whether an accepted socket has its TCP options already, from the listening one."""
    name = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    return name is not None and sock.getsockopt(socket.IPPROTO_TCP, name) == NOT_SENT_BYTES


def accept_public(context: ServerContext, listener: int, sock: socket.socket, peer: Any) -> None:
    """A new connection on a public port; `listener` is its number in ``RelayConfig.listeners``."""
    is_tcp = isinstance(peer, tuple)
    try:
        if is_tcp and not has_tcp_options(sock):
            set_tcp_options(sock, context.tcp_keepalive_s, context.tcp_user_timeout_s)
    except OSError:  # it is gone already
        sock.close()
        return
    newcomer = context.newcomers.make(peer)
    newcomer.listener = listener
    front = context.fronts[listener]
    is_proxy = front.trusts(newcomer.address)
    if not is_proxy and not context.may_connect(newcomer.address):
        context.events.failed(newcomer.ip, TOO_OFTEN)
        sock.close()
        return
    events = context.events
    is_counted = events.counts_outside or events.on_first_outside is not None
    if is_counted and not is_proxy and newcomer.ip != sock.getsockname()[0]:
        events.accepted(newcomer.address)
    incoming: Receiver
    if front.tls and not is_proxy:
        incoming = Incoming(context, newcomer)
    else:
        incoming = Proxied(context, newcomer, is_trusted=is_proxy)
    stream = Stream(context.loop, sock, context.buffers, context.watch, incoming, context.crowd, context.turn.sockets)
    context.newcomers.add(newcomer, stream)
    if context.debug.is_on:
        context.debug.newcomer(newcomer, "connected", f"connected to listener {listener}", listener=listener)


def accept_pages(
    context: ServerContext, respond: Responder, sock: socket.socket, peer: Any, passing: Passing | None = None
) -> None:
    """A new connection to a plain listener that has pages and nothing else; `passing` answers some of them."""
    newcomer = context.callers.make(peer)
    pages = HttpConnection(context, newcomer, respond, passing=passing)
    context.callers.add(
        newcomer, Stream(context.loop, sock, context.buffers, context.watch, pages, None, context.turn.sockets)
    )


class Proxied:
    """Receives until it is clear whether a PROXY header comes first; whoever speaks next gets what follows it.

    For trusted proxies, and for listeners without TLS. A trusted proxy that sends no header speaks for itself: it asks
    whether the relay is well, or names its client in HTTP. Stores at most one header.
    """

    __slots__ = ("_context", "_data", "_is_trusted", "_newcomer")

    def __init__(self, context: ServerContext, newcomer: Newcomer, *, is_trusted: bool) -> None:
        self._context = context
        self._newcomer = newcomer
        self._is_trusted = is_trusted
        self._data = b""

    def prepare(self, buf: bytearray) -> int:
        """Nothing to put back: the bytes are kept apart."""
        return 0

    def data_received(self, buf: bytearray, start: int, end: int) -> None:
        """Look at everything so far."""
        data = self._data = self._data + buf[start:end]
        begins = begins_proxy_header(data)
        if begins is None:
            return
        if not begins:
            self._go_on(buf, data)
            return
        stream = self._newcomer.stream
        if not self._is_trusted:
            stream.abort(NOT_TRUSTED)
            return
        try:
            header = parse_proxy_header(data)
        except PrefaceError as exc:
            stream.abort(str(exc))
            return
        if header is None:
            return
        if header.source is not None:
            self._newcomer.address, self._newcomer.port = header.source
            if not self._context.may_connect(self._newcomer.address):
                stream.abort(TOO_OFTEN)
                return
            self._context.events.accepted(self._newcomer.address)
            if self._context.debug.is_on:
                self._context.debug.newcomer(self._newcomer, "proxied", "a trusted proxy says that it comes from there")
        self._go_on(buf, data[header.length :])

    def _go_on(self, buf: bytearray, rest: bytes) -> None:
        context, newcomer = self._context, self._newcomer
        receiver: Receiver
        if context.fronts[newcomer.listener].tls:
            receiver = Incoming(context, newcomer)
        else:
            receiver = HttpConnection(context, newcomer, context.pages, can_upgrade=True)
        newcomer.stream.set_receiver(receiver)
        if rest:
            buf[: len(rest)] = rest
            receiver.data_received(buf, 0, len(rest))

    def writable(self) -> None:
        """Nothing waits here."""

    def closed(self, reason: str) -> None:
        """Over before it began."""
        self._context.failed(self._newcomer, reason, silent=not self._data)


class Incoming:
    """Receives until it is clear what the other side speaks. Stores at most one ClientHello.

    First what speaks here at all (TLS, plain HTTP), then, inside TLS, the first request: an upgrade to DERP as real
    clients ask for it is recognised here, everything else becomes an `HttpConnection`.
    """

    __slots__ = ("_context", "_data", "_is_tls", "_newcomer")

    def __init__(self, context: ServerContext, newcomer: Newcomer) -> None:
        self._context = context
        self._newcomer = newcomer
        self._data = b""
        self._is_tls = False

    def prepare(self, buf: bytearray) -> int:
        """Nothing to put back: the bytes are kept apart."""
        return 0

    def data_received(self, buf: bytearray, start: int, end: int) -> None:
        """Look at everything so far."""
        if self._is_tls:
            self._first_request(buf, start, end)
            return
        self._data += buf[start:end]
        stream = self._newcomer.stream
        kind = sniff(self._data)
        if kind is Kind.TLS:
            self._client_hello()
        elif kind is Kind.HTTP:
            stream.write(WRONG_PORT_ANSWER)
            stream.close("plain HTTP on the TLS port", linger=True)
        elif kind is Kind.UNKNOWN:
            stream.abort(NOT_TRUSTED if self._data.startswith(_PROXY_STARTS) else "neither TLS nor HTTP")

    def _client_hello(self) -> None:
        stream = self._newcomer.stream
        try:
            hello = parse_client_hello(self._data)
        except PrefaceError:
            stream.abort("not a TLS ClientHello")
            return
        if hello is None:
            return
        context, self._newcomer.server_name = self._context, hello.server_name or ""
        if context.debug.is_on:
            alpn = ", ".join(word.decode("latin-1") for word in hello.alpn)
            text = f"ClientHello: name {hello.server_name or 'none'}, ALPN {alpn or 'none'}"
            context.debug.newcomer(self._newcomer, "hello", text, server_name=hello.server_name or "", alpn=alpn)
        # Before other names: for an address an ACME server asks by a name below in-addr.arpa.
        answering = context.answer_acme(hello.server_name) if ACME_TLS in hello.alpn else None
        if answering is None and context.passthrough is not None and (name := hello.server_name) is not None:
            listener = self._newcomer.listener
            has_certificate = context.has_certificate(listener, name)
            backend = context.fronts[listener].backend(name, has_certificate)
            if backend is not None:
                context.passthrough.begin(self._newcomer, backend, self._data)
                return
        if answering is None and not is_alpn_acceptable(hello):
            stream.write(tls_alert(FATAL, NO_APPLICATION_PROTOCOL))
            stream.close("no common ALPN: http/1.1 was not offered", linger=True)
            return
        data, self._data = self._data, b""
        self._is_tls = True
        stream.start_tls(answering or context.choose_tls(self._newcomer.listener, hello.server_name), data)

    def _first_request(self, buf: bytearray, start: int, end: int) -> None:
        """TLS stands, and the client asks for something."""
        context, newcomer = self._context, self._newcomer
        version = newcomer.stream.tls_version or ""
        context.events.tls_handshakes[version] += 1
        if context.debug.is_on:
            context.debug.newcomer(newcomer, "tls", f"TLS stands: {version}", tls=version)
        data = bytes(buf[start:end])
        usual = usual_request(data)
        if usual is None:
            http = HttpConnection(context, newcomer, context.pages, can_upgrade=True)
            newcomer.stream.set_receiver(http)
            http.data_received(buf, start, end)
            return
        try:
            begin_derp(context, newcomer, data[usual.length :], fast_start=usual.fast_start, not_ideal=usual.not_ideal)
        except Exception:  # ours: it costs this connection, not the relay
            _log.exception("error while beginning DERP")
            newcomer.stream.abort("internal error")

    def writable(self) -> None:
        """Nothing waits here."""

    def closed(self, reason: str) -> None:
        """Over before it began."""
        self._context.failed(self._newcomer, reason, silent=not self._data and not self._is_tls)
