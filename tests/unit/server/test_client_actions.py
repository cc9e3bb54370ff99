"""What an operator may do to connected clients."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tailhub.server.client_actions import ClientActions
from tailhub.web.message import Request, Response
from tailhub.web.operator_api import OperatorApi

KEY = bytes(range(32))


def ask(target: str, closed: list[tuple[bytes, str]]) -> tuple[int, Any]:
    async def disconnect(key: bytes, reason: str) -> int:
        closed.append((key, reason))
        return 2

    async def answer() -> Response:
        api = OperatorApi(ClientActions(disconnect).routes)
        made = api.respond(Request(b"DELETE", b"/api/v1/" + target.encode(), b"1.1", (), ""), "token from 192.0.2.1")
        return made if isinstance(made, Response) else await made

    response = asyncio.run(answer())
    return response.status, json.loads(response.body)


@pytest.mark.parametrize("colon", [":", "%3A"])
def test_disconnect(colon: str) -> None:
    """A key's connections are closed, for a reason that says who wanted it; how many they were is the answer."""
    closed: list[tuple[bytes, str]] = []
    status, value = ask(f"clients/nodekey{colon}{KEY.hex()}", closed)
    assert (status, value) == (200, {"key": f"nodekey:{KEY.hex()}", "disconnected": 2})
    assert closed == [(KEY, "disconnected by the operator: token from 192.0.2.1")]


@pytest.mark.parametrize("key", ["", "nodekey:12", KEY.hex(), "nodekey:" + "zz" * 32])
def test_what_is_no_key(key: str) -> None:
    """Anything else is 400, and nobody is closed."""
    closed: list[tuple[bytes, str]] = []
    assert ask(f"clients/{key}", closed)[0] == 400
    assert not closed
