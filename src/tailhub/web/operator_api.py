"""The relay's own part of the operator's API under ``/api/v1/``: JSON, for commands and programs.

Who comes over the unix socket of the state directory may do everything; who comes over TCP has been looked at by the
process of the operator's pages, which has the other part of the API. A request's body is one JSON object. What cannot
be done is answered with a finding, by code and values, so that a command can say it in its user's language.

Not here: what the calls do; each is a `Route`, made by whoever knows (`tailhub.server.access_actions`). Nor the calls
that only read numbers: those are the pages' process's (`tailhub.admin.api`), which documents these here with its own.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import unquote

from tailhub import findings
from tailhub.exceptions import FindingError, LocalError, UsageError
from tailhub.findings import Finding, Language
from tailhub.web.callers import is_own_page, is_socket_host, request_host
from tailhub.web.message import JSON, Request, Response, answer

__all__ = [
    "OVER_SOCKET",
    "PREFIX",
    "Call",
    "Field",
    "OnAction",
    "OperatorApi",
    "Route",
    "error_answer",
    "finding_json",
    "finding_of",
    "socket_refusal",
]

PREFIX = b"/api/v1/"
OVER_SOCKET = "unix socket"  # a caller, for the audit log
_MAX_TEXT = 1000  # characters of a field
_MAX_TARGET = 300  # of what an action is done to, in the audit log
_MAX_ITEMS = 100  # of a list
_NO_STORE = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


class Call:
    """One call: the parts of its path that the route leaves open, its query, its body, and who it comes from."""

    def __init__(self, request: Request, parts: Sequence[str], body: Mapping[str, Any], caller: str) -> None:
        self.caller = caller
        self._request = request
        self._body = body
        self.parts = parts

    def query(self, name: str) -> str:
        """A field of the query; empty if it is not there."""
        return self._request.query_value(name) or ""

    def text(self, name: str) -> str:
        """A field of the body that is text; empty if it is not there. Raises `LocalError` for anything else."""
        value = self._body.get(name, "")
        if not isinstance(value, str) or len(value) > _MAX_TEXT:
            raise LocalError(f"{name}: expected text of at most {_MAX_TEXT} characters")
        return value

    def seconds(self, name: str, default: float, most: float) -> float:
        """A field of the body that is a time, as a number or as text. Raises `LocalError` for anything else."""
        value = self._body.get(name, "")
        if value == "":
            return default
        try:
            seconds = -1.0 if isinstance(value, bool) or not isinstance(value, str | int | float) else float(value)
        except (ValueError, OverflowError):
            seconds = -1.0
        if not 0 <= seconds <= most:
            raise LocalError(f"{name}: expected seconds, at most {most:.0f}")
        return seconds

    def flag(self, name: str) -> bool:
        """A field of the body that is true or false. Raises `LocalError` for anything else."""
        value = self._body.get(name, False)
        if not isinstance(value, bool):
            raise LocalError(f"{name}: expected true or false")
        return value

    def texts(self, name: str) -> list[str] | None:
        """A field of the body that is a list of texts; None if it is not there. Raises `LocalError` for anything else.

        Each may be as long as one that stands alone; there may be a hundred.
        """
        value = self._body.get(name)
        is_list = isinstance(value, list) and len(value) <= _MAX_ITEMS
        if value is not None and not (is_list and all(isinstance(one, str) and len(one) <= _MAX_TEXT for one in value)):
            raise LocalError(f"{name}: expected a list of texts, at most {_MAX_ITEMS}")
        return value

    def numbers(self, name: str) -> Mapping[str, float]:
        """A field of the body that has numbers by text; empty if it is not there. Raises `LocalError` for others."""
        value = self._body.get(name, {})
        is_table = isinstance(value, dict) and len(value) <= _MAX_ITEMS
        if not (is_table and all(isinstance(one, int | float) and not isinstance(one, bool) for one in value.values())):
            raise LocalError(f"{name}: expected an object whose values are numbers, at most {_MAX_ITEMS}")
        return dict(value)


OnAction = Callable[[str, str, str, str], None]
"""Hears of each action that was asked for: the caller, the route (``POST pending/*/approve``), what it was done to, and
its outcome: "done", or why not.
"""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a call's query or body, for the API's documentation."""

    name: str
    help: str
    kind: Literal["text", "flag", "number", "texts", "numbers"] = "text"


@dataclass(frozen=True, slots=True)
class Route:
    """A call: ``pending/*/approve`` takes any text for the ``*``. What `run` gives is the answer, as JSON has it.

    `run` may raise `LocalError` for a request that makes no sense, and `FindingError` for what cannot be. `summary`,
    the fields of the `query` and of the `body` are for the API's documentation.
    """

    method: str
    path: str
    run: Callable[[Call], Awaitable[Mapping[str, Any]]]
    summary: str = ""
    query: tuple[Field, ...] = ()
    body: tuple[Field, ...] = ()

    def described(self) -> Mapping[str, Any]:
        """What the pages' process learns of it: everything but how it is done, as JSON has it."""
        row = {"method": self.method, "path": self.path, "summary": self.summary}
        return row | {
            name: [{"name": one.name, "help": one.help, "kind": one.kind} for one in fields]
            for name, fields in (("query", self.query), ("body", self.body))
        }

    def parts_of(self, path: Sequence[str]) -> list[str] | None:
        """What stands for the stars; None if it is another path."""
        own = self.path.split("/")
        if len(own) != len(path) or any(one not in ("*", part) for one, part in zip(own, path, strict=True)):
            return None
        return [part for one, part in zip(own, path, strict=True) if one == "*"]


class OperatorApi:
    """Answers calls by the first route that fits, and tells `on_action` of each that is more than a look."""

    def __init__(self, routes: Sequence[Route], on_action: OnAction = lambda *_: None) -> None:
        self._routes = routes
        self._on_action = on_action

    def described(self) -> list[Mapping[str, Any]]:
        """All routes, for the pages' process."""
        return [route.described() for route in self._routes]

    def has(self, request: Request) -> bool:
        """Is there a route for it?"""
        return any(route.method == _method(request) for route, _ in self._fitting(request))

    def respond(self, request: Request, caller: str = OVER_SOCKET) -> Response | Awaitable[Response]:
        """The answer, or what makes it; `caller` is who asks, for the audit log."""
        refused = socket_refusal(request)
        if refused is not None:
            return json_answer(403, {"error": finding_json(refused)})
        fitting, method = self._fitting(request), _method(request)
        chosen = next(((route, parts) for route, parts in fitting if route.method == method), None)
        if not fitting:
            return error_answer(404, "no such call; " + ", ".join(f"{one.method} {one.path}" for one in self._routes))
        if chosen is None:
            allowed = ", ".join(route.method for route, _ in fitting)
            return error_answer(405, f"expected {allowed}", [(b"allow", allowed.encode())])
        route, parts = chosen
        try:
            body = _object(request.body)
            _known_only("body", body, route.body)
            _known_only("query", request.query_names, route.query)
        except LocalError as exc:
            return error_answer(400, str(exc))
        return self._run(route, Call(request, parts, body, caller), caller, _target(parts, body))

    def _fitting(self, request: Request) -> list[tuple[Route, list[str]]]:
        path = [unquote(part) for part in _path(request).split("/")]
        return [(route, parts) for route in self._routes if (parts := route.parts_of(path)) is not None]

    async def _run(self, route: Route, call: Call, caller: str, target: str) -> Response:
        outcome = "failed"
        try:
            response, outcome = await _outcome(route, call)
            return response
        finally:
            if route.method != "GET":
                self._on_action(caller, f"{route.method} {route.path}", target, outcome)


def socket_refusal(request: Request) -> Finding | None:
    """Why a request may not come by the unix socket, which the file system guards; None: it may.

    ssh may make the socket a port of the operator's machine, with a browser on it.
    """
    if not is_own_page(request):
        return findings.pages_foreign()
    if not is_socket_host(request):
        host = request_host(request)
        return findings.pages_host_unknown(host.name if host is not None else "")
    return None


def _method(request: Request) -> str:
    return "GET" if request.method == b"HEAD" else request.method.decode("latin-1")


def _path(request: Request) -> str:
    return request.path_and_query.partition(b"?")[0].decode("ascii", "replace").removeprefix(PREFIX.decode())


async def _outcome(route: Route, call: Call) -> tuple[Response, str]:
    """The answer, and in a few words what came of it."""
    try:
        return json_answer(200, await route.run(call)), "done"
    except LocalError as exc:
        return error_answer(400, str(exc)), str(exc)
    except FindingError as exc:
        finding = exc.finding
        if not isinstance(finding, Finding):
            raise
        status = 409 if isinstance(exc, UsageError) else 500
        return json_answer(status, {"error": finding_json(finding)}), f"{finding.what('en')} ({finding.code})"


def _target(parts: Sequence[str], body: Mapping[str, Any]) -> str:
    """What an action is done to, in one short line: what stands in the path, then the fields that say something."""
    words = [*parts, *(f"{name}={_in_words(value)}" for name, value in body.items() if value not in ("", False, None))]
    return " ".join(words)[:_MAX_TARGET]


def _in_words(value: object) -> str:
    """A field's value: lists with commas, tables as ``name:value``."""
    if isinstance(value, dict):
        return ",".join(f"{name}:{one}" for name, one in value.items())
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def finding_json(finding: Finding) -> Mapping[str, Any]:
    """A finding as an answer's ``error`` has it: in English, and under "texts" in other languages."""
    values = {
        name: value if isinstance(value, str | int | bool) else str(value) for name, value in finding.values.items()
    }
    texts: dict[str, Any] = {"what": finding.what("zh"), "remedy": finding.remedy("zh")}
    # A reason within it has texts of its own.
    reasons = {name: value.text("zh") for name, value in finding.values.items() if hasattr(value, "text")}
    if reasons:
        texts["values"] = reasons
    english = {"what": finding.what("en"), "remedy": finding.remedy("en")}
    return {"code": finding.code, "values": values, **english, "texts": {"zh": texts}}


def finding_of(told: Mapping[str, Any]) -> Finding:
    """What `finding_json` has made a finding into, as that finding. Its code must be in the catalogue."""
    values = dict(told.get("values", {}))
    for name, chinese in told.get("texts", {}).get("zh", {}).get("values", {}).items():
        values[name] = _Told(str(values.get(name, "")), str(chinese))
    return Finding(str(told["code"]), values)


@dataclass(frozen=True, slots=True)
class _Told:
    """A reason within a finding."""

    english: str
    chinese: str

    def text(self, lang: Language = "en") -> str:
        return self.chinese if lang == "zh" else self.english

    def __str__(self) -> str:
        return self.english


def _object(body: bytes) -> Mapping[str, Any]:
    if not body:
        return {}
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise LocalError("the body is not JSON") from exc
    if not isinstance(value, dict):
        raise LocalError("the body is not a JSON object")
    return value


def _known_only(what: str, given: Iterable[str], known: Sequence[Field]) -> None:
    """Raise `LocalError` for a field that there is not: an action without it may be one that nobody asked for."""
    names = [field.name for field in known]
    if unknown := [name for name in given if name not in names]:
        expected = ", ".join(names) or "no fields"
        raise LocalError(f"expected in the {what}: {expected}; found {json.dumps(unknown[0][:100])}")


def json_answer(status: int, value: Mapping[str, Any], headers: Sequence[tuple[bytes, bytes]] = ()) -> Response:
    """An answer of JSON."""
    text = json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace") + b"\n"
    return answer(status, text, JSON, (*_NO_STORE, *headers))


def error_answer(status: int, message: str, headers: Sequence[tuple[bytes, bytes]] = ()) -> Response:
    """The answer to a call that makes no sense, in words."""
    return json_answer(status, {"error": {"what": f"{HTTPStatus(status).phrase}: {message}"}}, headers)
