"""The relay's own part of the operator's API under ``/api/v1/``: JSON, for commands and programs.

Who comes over the unix socket of the state directory may do everything; who comes over TCP has been looked at by the
process of the operator's pages, which has the other part of the API. A request's body is one JSON object. What cannot
be done is answered with a finding, by code and values, so that a command can say it in its user's language.

Not here: what the calls do; each is a `Route`, made by whoever knows (`tailhub.server.access_actions`).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from tailhub.exceptions import FindingError, LocalError, UsageError
from tailhub.findings import Finding
from tailhub.web.message import JSON, Request, Response, answer

__all__ = ["PREFIX", "Call", "OperatorApi", "Route"]

PREFIX = b"/api/v1/"
UNIX_SOCKET = "unix socket"  # the caller there
_MAX_TEXT = 1000  # characters of a field
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

    def flag(self, name: str) -> bool:
        """A field of the body that is true or false. Raises `LocalError` for anything else."""
        value = self._body.get(name, False)
        if not isinstance(value, bool):
            raise LocalError(f"{name}: expected true or false")
        return value


@dataclass(frozen=True, slots=True)
class Route:
    """A call: ``pending/*/approve`` takes any text for the ``*``. What `run` gives is the answer, as JSON has it.

    `run` may raise `LocalError` for a request that makes no sense, and `FindingError` for what cannot be.
    """

    method: str
    path: str
    run: Callable[[Call], Awaitable[Mapping[str, Any]]]

    def parts_of(self, path: Sequence[str]) -> list[str] | None:
        """What stands for the stars; None if it is another path."""
        own = self.path.split("/")
        if len(own) != len(path) or any(one not in ("*", part) for one, part in zip(own, path, strict=True)):
            return None
        return [part for one, part in zip(own, path, strict=True) if one == "*"]


class OperatorApi:
    """Answers calls by the first route that fits."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = routes

    def has(self, request: Request) -> bool:
        """Is there a route for it?"""
        return any(route.method == _method(request) for route, _ in self._fitting(request))

    def respond(self, request: Request, caller: str = UNIX_SOCKET) -> Response | Awaitable[Response]:
        """The answer, or what makes it. `caller`: who asks, in words."""
        fitting = self._fitting(request)
        method = _method(request)
        chosen = next(((route, parts) for route, parts in fitting if route.method == method), None)
        if not fitting:
            return _error(404, "no such call; " + ", ".join(f"{one.method} {one.path}" for one in self.routes))
        if chosen is None:
            allowed = ", ".join(route.method for route, _ in fitting)
            return _error(405, f"expected {allowed}", [(b"allow", allowed.encode())])
        try:
            body = _object(request.body)
        except LocalError as exc:
            return _error(400, str(exc))
        route, parts = chosen
        return _run(route, Call(request, parts, body, caller))

    def _fitting(self, request: Request) -> list[tuple[Route, list[str]]]:
        path = [unquote(part) for part in _path(request).split("/")]
        return [(route, parts) for route in self.routes if (parts := route.parts_of(path)) is not None]


def _method(request: Request) -> str:
    return "GET" if request.method == b"HEAD" else request.method.decode("latin-1")


def _path(request: Request) -> str:
    return request.path_and_query.partition(b"?")[0].decode("ascii", "replace").removeprefix(PREFIX.decode())


async def _run(route: Route, call: Call) -> Response:
    try:
        return _answer(200, await route.run(call))
    except LocalError as exc:
        return _error(400, str(exc))
    except FindingError as exc:
        finding = exc.finding
        if not isinstance(finding, Finding):
            raise
        return _answer(409 if isinstance(exc, UsageError) else 500, {"error": _finding_json(finding)})


def _finding_json(finding: Finding) -> Mapping[str, Any]:
    values = {
        name: value if isinstance(value, str | int | bool) else str(value) for name, value in finding.values.items()
    }
    return {"code": finding.code, "values": values, "what": finding.what(), "remedy": finding.remedy()}


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


def _answer(status: int, value: Mapping[str, Any], headers: Sequence[tuple[bytes, bytes]] = ()) -> Response:
    text = json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace") + b"\n"
    return answer(status, text, JSON, (*_NO_STORE, *headers))


def _error(status: int, message: str, headers: Sequence[tuple[bytes, bytes]] = ()) -> Response:
    return _answer(status, {"error": {"what": f"{HTTPStatus(status).phrase}: {message}"}}, headers)
