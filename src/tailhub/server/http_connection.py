"""HTTP/1.1 on one connection: small pages, and the upgrade to DERP. Heads are read and written by h11."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import replace
from typing import Protocol

import h11

from tailhub.derp.upgrade import (
    Headers,
    UpgradeKind,
    derp_response,
    is_not_ideal,
    requested_upgrade,
    wants_fast_start,
    websocket_response,
)
from tailhub.exceptions import UpgradeError
from tailhub.preface.forwarded import forwarded_for, header_values
from tailhub.server.context import Responder, ServerContext
from tailhub.server.derp_connection import DerpConnection
from tailhub.server.events import TOO_OFTEN
from tailhub.server.newcomers import PREFACE_S, Newcomer
from tailhub.web.message import Request, Response, date, fit, reason, text, without_words

MAX_HEAD_BYTES = 16384  # of a request line with its headers; more is answered 431
MAX_BODY_BYTES = 65536  # of a request; on the public port it is read and ignored
PIECE_COST = 64  # bytes that each piece of a body counts as more: a chunk of one byte takes as long as a large one

# Two lengths: a proxy in front that goes by the other one would pass on as a body what is a request to us.
_LENGTHS = frozenset((b"content-length", b"transfer-encoding"))

_log = logging.getLogger("tailhub")


class Passing(Protocol):
    """Goes on elsewhere with requests that are not answered here."""

    max_head_bytes: int  # of a request

    def wants(self, request: Request) -> bool:
        """Is this one of them? It may have no body yet."""

    def pass_on(self, descriptor: int, data: bytes) -> bool:
        """Go on with a connection, of which the request and perhaps more has been read; False: not now."""


class HttpConnection:
    """Answers requests one after another with `pages`. With `can_upgrade`, ``/derp`` leads to DERP.

    Where there is a `passing`, a request that it wants is passed on with the whole connection.

    While a page is being made elsewhere (`Responder`), nothing more is read; the newcomer's deadline bounds it.
    """

    __slots__ = (
        "_awaited",
        "_body",
        "_body_bytes",
        "_can_upgrade",
        "_context",
        "_http",
        "_newcomer",
        "_pages",
        "_passing",
        "_peer",
        "_request",
    )

    def __init__(
        self,
        context: ServerContext,
        newcomer: Newcomer,
        pages: Responder,
        *,
        can_upgrade: bool = False,
        passing: Passing | None = None,
    ) -> None:
        self._context = context
        self._newcomer = newcomer
        self._pages = pages
        self._can_upgrade = can_upgrade
        self._peer = newcomer.address, newcomer.port
        self._passing = passing
        most = MAX_HEAD_BYTES if passing is None else passing.max_head_bytes
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=most)
        self._request: Request | None = None
        self._awaited: asyncio.Future[Response] | None = None  # the answer to `_request`, from elsewhere
        self._body = b""
        self._body_bytes = 0

    def prepare(self, buf: bytearray) -> int:
        """Nothing to put back: h11 keeps what it needs."""
        return 0

    def data_received(self, buf: bytearray, start: int, end: int) -> None:
        """Requests, or parts of them."""
        self._http.receive_data(bytes(buf[start:end]))
        self._proceed()

    def writable(self) -> None:
        """The peer reads its answers again."""
        self._resume()

    def closed(self, reason: str) -> None:
        """The connection ended as an HTTP connection: a page was read, or nothing came of it."""
        awaited, self._awaited = self._awaited, None
        if awaited is not None:
            awaited.cancel()
        if self._request is None and self._can_upgrade:
            said_nothing = self._http.their_state is h11.IDLE and not self._http.trailing_data[0]
            self._context.failed(self._newcomer, reason, silent=said_nothing)
        else:
            self._newcomer.leave()

    # --- pages --------------------------------------------------------------------------------------------------------

    def _proceed(self) -> None:
        """Deal with what has come, up to one answer.

        Requests may come in a row, thousands in one read. The next one waits for the next turn, so that other
        connections have theirs, and until the peer has read the answers that it has. Nothing is read meanwhile.
        """
        stream = self._newcomer.stream
        if stream.is_blocked:
            stream.pause_reading()
            return
        try:
            while stream.is_open:
                read = b""  # since the request began
                if self._passing is not None and self._http.their_state is h11.IDLE:
                    read = self._http.trailing_data[0]
                event = self._http.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                    return
                if isinstance(event, h11.Request):
                    if self._can_upgrade:
                        self._note_client(list(event.headers))
                    self._request = Request(
                        event.method, event.target, event.http_version, list(event.headers), self._newcomer.ip
                    )
                    self._body, self._body_bytes = b"", 0
                    if self._passing is not None and self._passed_on(self._passing, read):
                        return
                    if {name for name, _ in event.headers} >= _LENGTHS:
                        self._respond(text(400, "A request has a length or is chunked, not both (RFC 9112, 6.3)."))
                        stream.close("malformed HTTP", linger=True)
                        return
                    if self._http.they_are_waiting_for_100_continue:
                        go_on = h11.InformationalResponse(status_code=100, headers=[], reason=reason(100))
                        stream.write(self._http.send(go_on) or b"")
                elif isinstance(event, h11.Data):
                    self._body_bytes += len(event.data) + PIECE_COST
                    if not self._can_upgrade:
                        self._body += event.data
                    if self._body_bytes > MAX_BODY_BYTES:
                        self._respond(text(413, "This page takes no such body."))
                        stream.close("HTTP body too large", linger=True)
                elif isinstance(event, h11.EndOfMessage):
                    if not self._upgraded():
                        self._answer()
                    return
        except h11.RemoteProtocolError as exc:
            self._respond(text(exc.error_status_hint, f"This is not HTTP/1.1 as RFC 9112 has it: {exc}"))
            stream.close("malformed HTTP", linger=True)
        except Exception:  # ours: it costs this connection, not the relay
            _log.exception("error while answering")
            stream.abort("internal error")

    def _passed_on(self, passing: Passing, read: bytes) -> bool:
        """Whether somebody else has the connection now, or at least the request was answered."""
        request, stream = self._request, self._newcomer.stream
        if request is None or not passing.wants(request):
            return False
        if passing.pass_on(stream.descriptor, read):
            stream.detach().close()
            self._newcomer.leave()
        else:
            self._respond(text(503, "Too many requests wait for the operator's pages; ask again."))
            stream.close("HTTP answered", linger=True)
        return True

    def _note_client(self, headers: Headers) -> None:
        """Who asks: the peer, or whom a trusted proxy names. It may name another one in each request."""
        newcomer = self._newcomer
        front = self._context.fronts[newcomer.listener]
        newcomer.address, newcomer.port = self._peer
        if front.trusts(newcomer.address):
            client = forwarded_for(header_values(headers), front.proxies)
            if client is not None:
                newcomer.address, newcomer.port = client, 0
                self._context.events.accepted(client)

    def _resume(self) -> None:
        if self._awaited is not None:
            return
        self._newcomer.stream.resume_reading()
        self._proceed()

    def _answer(self) -> None:
        request = self._request
        if request is None:
            return
        page = self._page(replace(request, body=self._body) if self._body else request)
        if isinstance(page, Response):
            self._finish(page)
            return
        self._awaited = page
        self._newcomer.stream.pause_reading()
        page.add_done_callback(self._page_came)

    def _page_came(self, page: asyncio.Future[Response]) -> None:
        """Another process has answered, or given up."""
        if self._awaited is not page:  # the connection has ended meanwhile
            with contextlib.suppress(asyncio.CancelledError):
                page.exception()  # looked at, so that asyncio does not report it
            return
        self._awaited = None
        try:
            response = page.result()
        except (Exception, asyncio.CancelledError):  # no log line: whoever gave up knows why, and anyone can ask
            response = text(503, "This page cannot be made now: the part of the relay that makes it did not answer.")
        try:
            self._newcomer.stream.resume_reading()
            self._finish(response)
        except Exception:  # ours: it costs this connection, not the relay
            _log.exception("error while answering")
            self._newcomer.stream.abort("internal error")

    def _finish(self, response: Response) -> None:
        """Answer the request, and get ready for the next one."""
        stream = self._newcomer.stream
        self._respond(response)
        if not stream.is_open:  # the answer found it broken; `closed` has run
            return
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            self._newcomer.set_deadline(PREFACE_S, "idle HTTP connection")
            if self._http.trailing_data[0]:
                stream.pause_reading()
                self._context.loop.call_soon(self._resume)
        elif self._http.our_state is h11.MUST_CLOSE or self._http.their_state is h11.MUST_CLOSE:
            stream.close("HTTP answered", linger=True)

    def _page(self, request: Request) -> Response | asyncio.Future[Response]:
        try:
            return self._pages(request)
        except Exception:  # our bug; the caller is told, and does not wait for an answer that never comes
            _log.exception("error while making a page")
            return text(500, "This page cannot be made now; the relay's log says why.")

    def _respond(self, response: Response) -> None:
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        if self._can_upgrade and self._context.quiet and response.status >= 400:
            response = without_words(response)
        # While idle the request that is at fault has not been read: the last one was another.
        if self._request is not None and self._http.our_state is h11.SEND_RESPONSE:
            response = fit(self._request, response)
        headers = [(b"date", date(time.time())), *response.headers]
        head = self._http.send(
            h11.Response(status_code=response.status, headers=headers, reason=reason(response.status))
        )
        body = self._http.send(h11.Data(data=response.body)) if response.body else b""
        end = self._http.send(h11.EndOfMessage())
        if self._can_upgrade:  # the public port
            self._context.events.http_requests[response.status] += 1
            self._debug_answer(response.status)
        self._newcomer.stream.write((head or b"") + (body or b"") + (end or b""))

    def _debug_answer(self, status: int) -> None:
        request, debug = self._request, self._context.debug
        if request is not None and debug.is_on:
            asked = f"{request.method.decode('latin-1')} {request.path.decode('latin-1')}"
            agent = _agent(list(request.headers))
            debug.newcomer(self._newcomer, "http", f"{asked}: {status}", request=asked, status=status, agent=agent)

    # --- upgrade ------------------------------------------------------------------------------------------------------

    def _upgraded(self) -> bool:
        """Whether the request was an upgrade to DERP, which has taken over (or failed) now."""
        request = self._request
        if not self._can_upgrade or request is None or request.path != b"/derp":
            return False
        headers = list(request.headers)
        kind = requested_upgrade(headers)
        if kind is None:
            return False  # the page says 426
        if self._newcomer.address != self._peer[0] and not self._context.may_connect(self._newcomer.address):
            # Named by a proxy in a header: only now is it known whose connection it is.
            self._context.events.failed(self._newcomer.ip, TOO_OFTEN)
            self._respond(text(429, "Too many new connections come from your address; try again later."))
            self._newcomer.stream.close(TOO_OFTEN, linger=True)
            return True
        trailing = self._http.trailing_data[0]
        if self._context.debug.is_on:
            words = f"asks for an upgrade to {kind.name}"
            self._context.debug.newcomer(self._newcomer, "upgrade", words, upgrade=kind.name, agent=_agent(headers))
        if kind is UpgradeKind.WEBSOCKET:
            self._begin_websocket(headers, trailing)
        else:
            fast_start, not_ideal = wants_fast_start(headers), is_not_ideal(headers)
            begin_derp(self._context, self._newcomer, trailing, fast_start=fast_start, not_ideal=not_ideal)
        return True

    def _begin_websocket(self, headers: Headers, trailing: bytes) -> None:
        from tailhub.server.websocket_connection import WebSocketDerpConnection  # only browsers need it

        stream = self._newcomer.stream
        try:
            stream.write(websocket_response(headers))
        except UpgradeError as exc:
            self._respond(text(exc.status or 400, str(exc)))
            stream.close("malformed WebSocket handshake", linger=True)
            return
        self._context.events.websocket_logins += 1
        if not stream.is_open:  # the response found it broken; `closed` has run
            return
        derp = WebSocketDerpConnection(self._context, self._newcomer, is_not_ideal(headers))
        stream.set_receiver(derp)
        derp.start(trailing)


def begin_derp(
    context: ServerContext, newcomer: Newcomer, trailing: bytes, *, fast_start: bool, not_ideal: bool
) -> None:
    """From HTTP to DERP; `trailing` are bytes that came behind the request. The answer, if any, goes with ServerKey."""
    if context.debug.is_on:
        words = ("with fast start" if fast_start else "", "not its first choice" if not_ideal else "")
        text = ", ".join(("begins DERP", *(word for word in words if word)))
        context.debug.newcomer(newcomer, "derp", text, fast_start=fast_start, not_ideal=not_ideal)
    derp = DerpConnection(context, newcomer, not_ideal)
    newcomer.stream.set_receiver(derp)
    derp.start(trailing, b"" if fast_start else derp_response(context.public_key))


def _agent(headers: Headers) -> str:
    """What the client calls itself."""
    return b", ".join(value for name, value in headers if name == b"user-agent").decode("latin-1")
