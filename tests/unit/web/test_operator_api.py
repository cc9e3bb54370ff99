from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tailhub import findings
from tailhub.exceptions import LocalError, MachineError, UsageError
from tailhub.web.message import Header, Request, Response
from tailhub.web.operator_api import Call, OperatorApi, Route


async def show(call: Call) -> Mapping[str, Any]:
    return {"parts": call.parts, "ask": call.query("ask")}


async def change(call: Call) -> Mapping[str, Any]:
    return {"name": call.text("name"), "replace": call.flag("replace")}


async def refuse(call: Call) -> Mapping[str, Any]:
    raise {"usage": UsageError, "machine": MachineError}[call.parts[0]](findings.allow_list_twice("x", 2, 1))


API = OperatorApi([Route("GET", "explain/*", show), Route("POST", "allow", change), Route("GET", "refuse/*", refuse)])


def ask(method: str, target: str, body: bytes = b"", headers: Sequence[Header] = ()) -> Response:
    request = Request(method.encode(), b"/api/v1/" + target.encode(), b"1.1", headers, "", body)
    answer = API.respond(request)
    if isinstance(answer, Response):
        return answer

    async def later() -> Response:
        return await answer

    return asyncio.run(later())


def value(response: Response) -> Any:
    assert (b"content-type", b"application/json") in response.headers
    assert (b"cache-control", b"no-store") in response.headers
    return json.loads(response.body)


@pytest.mark.parametrize(
    ("target", "parts", "ask_value"),
    [("explain/abc", ["abc"], ""), ("explain/a%2Fb%2B?ask=1", ["a/b+"], "1"), ("explain/", [""], "")],
)
def test_a_call(target: str, parts: list[str], ask_value: str) -> None:
    """A star takes one part of the path, decoded, whatever is in it."""
    assert value(ask("GET", target)) == {"parts": parts, "ask": ask_value}


def test_a_foreign_page_may_not_ask() -> None:
    """A browser says which page it asks for; commands say nothing."""
    response = ask("POST", "allow", headers=[(b"host", b"localhost"), (b"origin", b"https://evil.example")])
    assert (response.status, value(response)["error"]["code"]) == (403, "TH336")


@pytest.mark.parametrize("target", ["", "explain", "explain/a/b", "nothing", "/explain/a"])
def test_no_such_call(target: str) -> None:
    """An unknown path is 404, and says what there is."""
    response = ask("GET", target)
    assert response.status == 404
    assert "GET explain/*" in value(response)["error"]["what"]


def test_another_method() -> None:
    """A path that is known by another method is 405."""
    response = ask("DELETE", "allow")
    assert response.status == 405
    assert (b"allow", b"POST") in response.headers


def test_head() -> None:
    """HEAD is as GET."""
    assert ask("HEAD", "explain/a").status == 200


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", {"name": "", "replace": False}),
        (b'{"name": "alice", "replace": true, "more": 1}', {"name": "alice", "replace": True}),
    ],
)
def test_bodies(body: bytes, expected: object) -> None:
    """A body is one object; what it leaves out is empty or false, what nobody knows is passed over."""
    assert value(ask("POST", "allow", body)) == expected


@pytest.mark.parametrize(
    "body",
    [b"[1]", b"{", b"\xff", b"[" * 60_000, b'{"name": 1}', b'{"replace": "yes"}', b'{"name": "%s"}' % (b"x" * 1001)],
)
def test_bodies_that_make_no_sense(body: bytes) -> None:
    """They are 400 and change nothing."""
    assert ask("POST", "allow", body).status == 400


@pytest.mark.parametrize(("kind", "status"), [("usage", 409), ("machine", 500)])
def test_what_cannot_be(kind: str, status: int) -> None:
    """It is told as a finding, by which a command says it in its user's language."""
    response = ask("GET", f"refuse/{kind}")
    assert response.status == status
    error = value(response)["error"]
    assert (error["code"], error["values"]) == ("TH286", {"path": "x", "line": 2, "first": 1})
    assert error["what"] == findings.allow_list_twice("x", 2, 1).what()


@pytest.mark.parametrize(
    ("method", "target", "is_here"),
    [
        ("GET", "explain/a?ask=1", True),
        ("HEAD", "explain/a", True),
        ("POST", "allow", True),
        ("DELETE", "explain/a", False),
        ("GET", "explain", False),
        ("GET", "metrics", False),
    ],
)
def test_which_calls(method: str, target: str, is_here: bool) -> None:
    """A call is one of these by its method and path together."""
    request = Request(method.encode(), b"/api/v1/" + target.encode(), b"1.1", (), "")
    assert API.has(request) is is_here


def test_caller() -> None:
    """A call knows who asks: whoever is named, else somebody at the unix socket."""

    async def tell(call: Call) -> Mapping[str, Any]:
        return {"caller": call.caller}

    api = OperatorApi([Route("GET", "who", tell)])
    request = Request(b"GET", b"/api/v1/who", b"1.1", (), "")

    async def scenario(*caller: str) -> Any:
        answer = api.respond(request, *caller)
        assert not isinstance(answer, Response)
        return value(await answer)["caller"]

    assert asyncio.run(scenario()) == "unix socket"
    assert asyncio.run(scenario("token from 192.0.2.1")) == "token from 192.0.2.1"


def test_a_fault_of_ours() -> None:
    """What a route may not raise is not swallowed."""

    async def fail(call: Call) -> Mapping[str, Any]:
        raise LocalError("no") if call.parts else KeyError("ours")

    answer = OperatorApi([Route("GET", "x", fail)]).respond(Request(b"GET", b"/api/v1/x", b"1.1", (), ""))
    assert not isinstance(answer, Response)

    async def later() -> Response:
        return await answer

    with pytest.raises(KeyError):
        asyncio.run(later())
