"""The operator's API under ``/api/v1/``: JSON, for commands and programs on this machine.

Over the unix socket of the state directory everything; over TCP whoever is on this machine may read. A request's body
is one JSON object. What cannot be done is answered with a finding, by code and values, so that a command can say it in
its user's language.

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
from tailhub.web.callers import is_on_this_machine
from tailhub.web.message import JSON, Request, Response, answer

__all__ = ["PREFIX", "Call", "OperatorApi", "Route"]

PREFIX = b"/api/v1/"
_MAX_TEXT = 1000  # characters of a field
_MAX_ITEMS = 100  # of a list
_NO_STORE = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


class Call:
    """One call: the parts of its path that the route leaves open, its query, and its body."""

    def __init__(self, request: Request, parts: Sequence[str], body: Mapping[str, Any]) -> None:
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
        self._routes = routes

    def respond(self, request: Request) -> Response | Awaitable[Response]:
        """The answer, or what makes it."""
        path = [unquote(part) for part in _path(request).split("/")]
        fitting = [(route, parts) for route in self._routes if (parts := route.parts_of(path)) is not None]
        method = "GET" if request.method == b"HEAD" else request.method.decode("latin-1")
        chosen = next(((route, parts) for route, parts in fitting if route.method == method), None)
        if not fitting:
            return _error(404, "no such call; " + ", ".join(f"{one.method} {one.path}" for one in self._routes))
        if chosen is None:
            allowed = ", ".join(route.method for route, _ in fitting)
            return _error(405, f"expected {allowed}", [(b"allow", allowed.encode())])
        if (reason := _refusal(request)) is not None:
            return _error(403, reason)
        try:
            body = _object(request.body)
        except LocalError as exc:
            return _error(400, str(exc))
        route, parts = chosen
        return _run(route, Call(request, parts, body))


def _path(request: Request) -> str:
    return request.path_and_query.partition(b"?")[0].decode("ascii", "replace").removeprefix(PREFIX.decode())


def _refusal(request: Request) -> str | None:
    """Why whoever calls may not."""
    if not request.peer_ip:
        return None
    if not is_on_this_machine(request):
        return "this is for programs on the relay's own machine"
    if not request.is_read:
        return "over TCP this can only be read; changes are made over admin.sock in the state directory, by `tailhub`"
    return None


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
