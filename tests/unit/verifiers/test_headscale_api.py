"""The API of a Headscale, as one of 0.29.2 answers; the real one is in ``tests/interop``."""

from __future__ import annotations

import json

import pytest

from support.verifiers import http_answer, http_server
from support.waiting import run
from tailhub.exceptions import RemoteError
from tailhub.verifiers.api_client import Api
from tailhub.verifiers.device_list import Device
from tailhub.verifiers.headscale_api import HeadscaleDevices, parse_expiry, parse_nodes
from tailhub.verifiers.url import parse_url

KEY, OTHER = bytes(range(32)), bytes((7,)) * 32
NOW = 1_795_778_600.0  # 2026-11-27
SECRET = "hskey-api-FgaY5wZgSWfh-rnhVYc60rd8M5fcrRXIjjgwhlMoLN9gLhoE5WPaauZyq2rKhUSl55zTxyJpvE8l"
KEYS = {
    "apiKeys": [
        {"id": "1", "prefix": "hskey-api-Pb6xjw3b6_xT-***", "expiration": "2026-11-27T11:23:21Z"},
        {"id": "2", "prefix": "hskey-api-FgaY5wZgSWfh-***", "expiration": "2026-11-27T11:23:20.351763506Z"},
    ]
}


def node(key: bytes, **fields: object) -> dict[str, object]:
    user = {"id": "1", "name": "somebody", "displayName": "", "email": "", "providerId": ""}
    return {
        "id": "1",
        "machineKey": "mkey:" + "38" * 32,
        "nodeKey": "nodekey:" + key.hex(),
        "ipAddresses": ["100.64.0.1", "fd7a:115c:a1e0::1"],
        "name": "laptop",
        "user": user,
        "lastSeen": "2026-11-27T11:23:22.358901255Z",
        "expiry": "0001-01-01T00:00:00Z",
        "preAuthKey": None,
        "givenName": "laptop",
        "online": False,
        "tags": [],
    } | fields


def parsed(*nodes: dict[str, object]) -> dict[bytes, Device]:
    return parse_nodes(json.dumps({"nodes": nodes}).encode(), NOW)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Device("laptop", "somebody")),
        ({"givenName": "laptop-2"}, Device("laptop-2", "somebody")),
        ({"givenName": "", "name": "a\x1bb"}, Device("a b", "somebody")),
        ({"user": None, "givenName": None, "name": None}, Device("", "")),
        ({"user": {"name": "", "email": "a@example.com"}}, Device("laptop", "a@example.com")),
        ({"tags": ["tag:web"]}, Device("laptop", "tag:web")),
        ({"expiry": None}, Device("laptop", "somebody")),
        ({"expiry": "2026-12-01T00:00:00Z"}, Device("laptop", "somebody")),
        ({"expiry": "2026-11-26T00:00:00Z"}, None),
        ({"expiry": "soon"}, None),
        ({"nodeKey": ""}, None),
    ],
)
def test_who_is_on_the_list(fields: dict[str, object], expected: Device | None) -> None:
    """Nodes whose key has not expired, by given name and user, or tags."""
    listed = parsed(node(KEY, **fields), node(OTHER))
    assert listed.get(KEY) == expected
    assert OTHER in listed


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"nodes":7}', b'{"nodes":[{"user":7}]}', b"<html>", b"\xff"])
def test_what_is_no_list(body: bytes) -> None:
    """Is an error, and never a Headscale without nodes."""
    with pytest.raises(RemoteError) as caught:
        parse_nodes(body, NOW)
    assert str(caught.value).isprintable()
    assert parse_nodes(b'{"nodes":[]}', NOW) == {}


def test_when_the_key_expires() -> None:
    """By the prefix that it is listed with; one that is not listed, or has no end, says nothing."""
    listed = json.dumps(KEYS).encode()
    assert parse_expiry(listed, SECRET) == pytest.approx(NOW, abs=1)
    assert parse_expiry(listed, "hskey-api-other-x") is None
    assert parse_expiry(b'{"apiKeys":[{"prefix":"","expiration":"2026-11-27T11:23:20Z"}]}', SECRET) is None
    assert parse_expiry(b'{"apiKeys":[{"prefix":"hskey-api-FgaY5wZgSWfh-***","expiration":null}]}', SECRET) is None
    for body in (b"", b"{}", b'{"apiKeys":[7]}'):
        with pytest.raises(RemoteError):
            parse_expiry(body, SECRET)


def test_what_is_asked() -> None:
    """Nodes and keys, with the key as a bearer's, beneath the path of the URL."""

    async def scenario() -> None:
        def respond(head: str, body: bytes) -> bytes:
            value = KEYS if "/apikey " in head else {"nodes": [node(KEY)]}
            return http_answer(json.dumps(value).encode())

        async with http_server(respond) as (script, url):
            api = Api("headscale", parse_url(url.replace("/verify", "/hs/")), "--headscale-api-key", "--headscale-url")
            devices = HeadscaleDevices(api, lambda: SECRET)
            assert list(await devices.read()) == [KEY]
            assert await devices.expires_at() == pytest.approx(NOW, abs=1)
        assert [head.partition(" HTTP")[0] for head in script.heads] == ["GET /hs/api/v1/node", "GET /hs/api/v1/apikey"]
        assert all(f"Authorization: Bearer {SECRET}\r\n" in head for head in script.heads)

    run(scenario)


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [("401 Unauthorized", "TH251", "headscale apikeys create"), ("404 Not Found", "TH254", "")],
)
def test_what_is_wrong_is_named(status: str, code: str, said: str) -> None:
    """A key that is none any more, and something that is no Headscale."""

    async def scenario() -> None:
        async with http_server(lambda head, body: http_answer(b"Unauthorized", status)) as (_, url):
            api = Api("headscale", parse_url(url), "--headscale-api-key", "--headscale-url")
            devices = HeadscaleDevices(api, lambda: SECRET)
            with pytest.raises(RemoteError) as caught:
                await devices.read()
            finding = devices.trouble(caught.value)
        assert finding.code == code
        assert said in finding.remedy()
        assert "headscale apikeys create --expiration" in devices.expiring(NOW, NOW).remedy()

    run(scenario)
