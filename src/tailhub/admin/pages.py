"""The operator's pages as a Starlette application: metrics, health, the JSON API, the dashboard's files.

Who may is `guard`'s matter, what is known `view`'s, how the API's answers are made `api`'s. Here they are put together,
and every answer gets the headers that keep browsers from doing anything clever with it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from email.utils import formatdate
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from tailhub import findings
from tailhub.admin.api import READS, Asked, Read, parse_key, parse_query
from tailhub.admin.api_types import Relay, Relays
from tailhub.admin.feed import Part
from tailhub.admin.files import StaticFile, load_files
from tailhub.admin.guard import Caller, Guard, Refusal
from tailhub.admin.other_relays import OtherRelays
from tailhub.admin.relay_link import RelayLink
from tailhub.admin.serving import OVER_UNIX
from tailhub.admin.token_file import TOKEN_FILE, TokenFile
from tailhub.exceptions import LocalError
from tailhub.findings import Finding
from tailhub.web import message
from tailhub.web.callers import is_loopback
from tailhub.web.message import JSON, TEXT, Header, answer, text
from tailhub.web.metrics import CONTENT_TYPE, MetricValues, render_metrics
from tailhub.web.operator_api import PREFIX, error_answer, finding_json

__all__ = ["Pages"]

Scope: TypeAlias = Mapping[str, Any]
Send: TypeAlias = Callable[[Any], Awaitable[None]]
Receive: TypeAlias = Callable[[], Awaitable[Any]]

MAX_BODY_BYTES: Final = 65536
_API: Final = PREFIX.decode()
_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_OTHERS: Final = ("relays", "openapi.json")  # calls of ours that are none of `READS`
_CALLER: Final = "tailhub.caller"  # in a request's scope: who asks
_LENGTHS: Final = frozenset((b"content-length", b"transfer-encoding"))
_POLICY: Final = b"; ".join(
    (
        b"default-src 'none'",
        b"script-src 'self'",
        b"style-src 'self'",
        b"img-src 'self' data:",
        b"font-src 'self'",
        b"connect-src 'self'",
        b"manifest-src 'self'",
        b"base-uri 'none'",
        b"form-action 'none'",
        b"frame-ancestors 'none'",
    )
)
_HEADERS: Final[Sequence[Header]] = (
    (b"content-security-policy", _POLICY),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
_NO_STORE: Final[Header] = (b"cache-control", b"no-store")


class Pages:
    """An ASGI application. Made with the `link` to the relay."""

    def __init__(self, link: RelayLink) -> None:
        self._link = link
        self._view = link.view
        self._guard = Guard(self._fits)
        self._token_file: tuple[Path, TokenFile] | None = None
        self._other_relays = OtherRelays()
        self._rendered: tuple[MetricValues | None, bytes] = None, b""  # metrics, and their text
        self._files: dict[str, StaticFile] | None = None
        self.asked_at = time.monotonic()  # when somebody asked last
        routes = [
            Route("/", partial(self._file, name="index.html")),
            Route("/static/{name:path}", self._file),
            Route("/healthz", self._healthz),
            Route("/readyz", self._readyz),
            Route("/metrics", self._metrics),
            Route("/derpmap.json", self._derp_map),
            *(Route(_API + read.path, partial(self._read, read)) for read in READS),
            Route(_API + "relays", self._relays),
            Route(_API + "openapi.json", self._document),
            Route(_API + "{path:path}", self._relays_own, methods=_METHODS),
        ]
        self._app = Starlette(routes=routes, exception_handlers={**_HANDLERS, 405: self._wrong_method})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        self.asked_at = time.monotonic()
        asked = _request_of(scope)
        if asked.origin is not None:  # an absolute target (RFC 9112 section 3.2.2)
            path, raw = asked.path.decode("utf-8", "replace"), asked.path_and_query.partition(b"?")[0]
            scope = {**scope, "path": path, "raw_path": raw}
        refused = None if await self._link.known() else _finding_answer(503, findings.relay_lost())
        if refused is None:
            if {name for name, _ in asked.headers} >= _LENGTHS:
                refused = error_answer(400, "a request has a length or is chunked, not both (RFC 9112, 6.3)")
            else:
                refused = self._judge(scope, asked)
        app = self._app if refused is None else _starlette(refused)

        async def finish(event: Any) -> None:
            if event["type"] == "http.response.start":
                headers = [(name.lower(), value) for name, value in event.get("headers", ())]
                names = {name for name, _ in headers}
                headers += [header for header in _HEADERS if header[0] not in names]
                if b"cache-control" not in names:
                    headers.append(_NO_STORE)
                headers.append((b"date", formatdate(usegmt=True).encode()))
                event = {**event, "headers": headers}
            await send(event)

        await app(scope, receive, finish)  # type: ignore[arg-type]

    # --- who may ------------------------------------------------------------------------------------------------------

    def _judge(self, scope: Scope, asked: message.Request) -> message.Response | None:
        is_open = scope["path"] == "/" or scope["path"].startswith("/static/")
        names = frozenset(self._view.facts.get("own_names") or ())
        verdict = self._guard.judge(asked, names, time.monotonic(), is_open=is_open)
        if isinstance(verdict, Caller):
            scope["state"][_CALLER] = verdict.name
            return None
        return _refusal_answer(verdict)

    def _fits(self, token: bytes) -> bool:
        path = Path(str(self._view.facts.get("state_dir") or "")) / TOKEN_FILE
        if self._token_file is None or self._token_file[0] != path:
            self._token_file = path, TokenFile(path)
        return self._token_file[1].fits(token)

    # --- pages --------------------------------------------------------------------------------------------------------

    async def _file(self, request: Request, name: str = "") -> Response:
        if self._files is None:
            self._files = await asyncio.to_thread(load_files)
        file = self._files.get(name or request.path_params["name"])
        if file is None:
            return _starlette(text(404, "no such file"))
        etag = request.headers.get("if-none-match")
        if file.is_known(etag.encode("latin-1") if etag is not None else None):
            return _starlette(message.Response(304, [one for one in file.headers if one[0] != b"content-type"], b""))
        return _starlette(answer(200, file.body, None, file.headers))

    async def _healthz(self, _request: Request) -> Response:
        return _health(await self._faults())

    async def _readyz(self, _request: Request) -> Response:
        faults = await self._faults()
        state = self._view.state(is_lost=bool(faults))
        return _health([*faults, *([] if faults or state == "ready" else [state])])

    async def _faults(self) -> list[str]:
        if not await self._link.fresh({Part.VALUES, Part.FACTS}):
            return [findings.relay_lost().what()]
        return self._view.faults

    async def _metrics(self, _request: Request) -> Response:
        if not await self._link.fresh({Part.VALUES}):
            return _starlette(text(503, findings.relay_lost().what()))
        values = self._view.rings.values
        if self._rendered[0] is not values:
            self._rendered = values, await asyncio.to_thread(render_metrics, values)
        return _starlette(answer(200, self._rendered[1], CONTENT_TYPE))

    async def _derp_map(self, request: Request) -> Response:
        # Unasked, a caller gets the map that works from where it is. A unix socket is on this machine.
        here = request.client is None or OVER_UNIX in request.scope["state"] or is_loopback(request.client.host)
        view = request.query_params.get("view") or ("local" if here else "public")
        if view not in ("local", "public"):
            return _starlette(text(400, "view: expected local or public"))
        if not await self._link.fresh({Part.FACTS}):
            return _starlette(text(503, findings.relay_lost().what()))
        derp_map = (self._view.facts.get("derp_map") or {}).get(view)
        if derp_map is None:
            return _starlette(text(503, "the address that others use is still being looked for; ask again"))
        return _starlette(answer(200, derp_map, JSON))

    # --- the API ------------------------------------------------------------------------------------------------------

    async def _read(self, read: Read, request: Request) -> Response:
        try:
            query = parse_query(request.scope["query_string"], read.query)
            key = parse_key(request.path_params["key"]) if "key" in request.path_params else b""
        except LocalError as exc:
            return _starlette(error_answer(400, str(exc)))
        is_fresh = await self._link.fresh(read.parts)
        if read.waits and not is_fresh:
            return _starlette(_finding_answer(503, findings.relay_lost()))
        value = read.make(Asked(self._view, query, key, time.time(), not is_fresh))
        return _starlette(answer(200, msgspec.json.encode(value), JSON))

    async def _relays(self, request: Request) -> Response:
        """The overviews of this relay and of those that its dashboard shows too."""
        texts = [str(text) for text in self._view.facts.get("dashboard_relays") or ()]
        is_fresh, others = await asyncio.gather(
            self._link.fresh({Part.VALUES, Part.FACTS}), self._other_relays.overviews(texts)
        )
        own = self._view.overview(time.time(), is_lost=not is_fresh)
        rows = [
            Relay(name=own.relay.hostname or "this relay", url="", state=own.state, overview=msgspec.to_builtins(own))
        ]
        for relay, overview, error in others:
            state = str(overview["state"]) if overview is not None else "lost"
            rows.append(Relay(name=relay.name, url=relay.url, state=state, overview=overview, error=error))
        return _starlette(answer(200, msgspec.json.encode(Relays(relays=rows)), JSON))

    async def _document(self, _request: Request) -> Response:
        """What there is to be asked, for programs."""
        from tailhub.admin.openapi import document  # seldom asked for

        routes = self._view.facts.get("routes") or ()
        return _starlette(answer(200, msgspec.json.encode(document(routes)), JSON))

    async def _relays_own(self, request: Request) -> Response:
        """A call that the relay answers itself."""
        path = request.scope["raw_path"].decode("ascii").partition("?")[0].removeprefix(_API)
        method = "GET" if request.method == "HEAD" else request.method
        methods = self._methods_of(path)
        if not methods:
            return _starlette(error_answer(404, f"no such call; {_API}openapi.json lists them"))
        if method not in methods:
            return _starlette(_not_allowed(methods))
        body = await _body(request)
        if body is None:
            return _starlette(error_answer(413, f"a body has at most {MAX_BODY_BYTES} bytes"))
        query = request.scope["query_string"].decode("ascii", "replace")
        answered = await self._link.act(method, path, query, body, request.scope["state"][_CALLER])
        if answered is None:
            return _starlette(_finding_answer(503, findings.relay_lost()))
        return _starlette(answer(answered.status, answered.body, JSON))

    async def _wrong_method(self, request: Request, _exc: Exception) -> Response:
        path = request.scope["path"]
        if path.startswith(_API) and (methods := self._methods_of(path.removeprefix(_API))):
            return _starlette(_not_allowed(methods))
        return _starlette(text(405, "these pages are only read: use GET", [(b"allow", b"GET, HEAD")]))

    def _methods_of(self, path: str) -> list[str]:
        """The methods of the relay's own calls with this path, and of ours."""
        parts = [unquote(part) for part in path.split("/")]
        routes = [(one["method"], one["path"]) for one in self._view.facts.get("routes") or ()]
        routes += [("GET", one) for one in (*(read.path.replace("{key}", "*") for read in READS), *_OTHERS)]
        return list(dict.fromkeys(method for method, pattern in routes if _fits_pattern(pattern, parts)))


def _fits_pattern(pattern: str, parts: Sequence[str]) -> bool:
    own = pattern.split("/")
    return len(own) == len(parts) and all(one in ("*", part) for one, part in zip(own, parts, strict=True))


async def _body(request: Request) -> bytes | None:
    """The body; None if it is too large."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            return None
    return body


# --- requests and answers ---------------------------------------------------------------------------------------------


def _request_of(scope: Scope) -> message.Request:
    """The request as a value, for rules that know nothing of servers."""
    target: bytes = scope["raw_path"]
    if scope["query_string"]:
        target += b"?" + scope["query_string"]
    is_unix = bool(scope["state"].get(OVER_UNIX))
    ip = "" if is_unix else scope["client"][0].partition("%")[0] if scope["client"] else "unknown"
    method, version = scope["method"].encode("ascii"), scope["http_version"].encode("ascii")
    return message.Request(method, target, version, scope["headers"], ip)


class _Ready(Response):
    """An answer that has all its headers."""

    def __init__(self, made: message.Response) -> None:
        self.status_code = made.status
        self.body = made.body
        self.background = None
        self.raw_headers = list(made.headers)


def _starlette(made: message.Response) -> Response:
    return _Ready(made)


def _health(faults: Sequence[str]) -> Response:
    return _starlette(text(503, "\n".join(faults)) if faults else text(200, "ok"))


def _refusal_answer(refusal: Refusal) -> message.Response:
    headers: list[Header] = []
    if refusal.status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="tailhub"'))
    if refusal.retry_after_s:
        headers.append((b"retry-after", b"%d" % refusal.retry_after_s))
    return _finding_answer(refusal.status, refusal.finding, headers)


def _finding_answer(status: int, finding: Finding, headers: Sequence[Header] = ()) -> message.Response:
    body = json.dumps({"error": finding_json(finding)}, ensure_ascii=False).encode()
    return answer(status, body, JSON, headers)


def _not_allowed(methods: Sequence[str]) -> message.Response:
    allowed = ", ".join(methods)
    return error_answer(405, f"expected {allowed}", [(b"allow", allowed.encode())])


async def _no_page(request: Request, _exc: Exception) -> Response:
    return _starlette(answer(404, "no such page; / lists what there is\n", TEXT))


async def _failed(request: Request, _exc: Exception) -> Response:
    return _starlette(error_answer(500, "this is a fault of tailhub; the log has its traceback"))


async def _gone(request: Request, _exc: Exception) -> Response:
    return _starlette(answer(400))  # nobody reads it


_HANDLERS: Final[Mapping[Any, Any]] = {
    404: _no_page,
    ClientDisconnect: _gone,
    Exception: _failed,
}
