from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trustme

from tailhub.admin import other_relays
from tailhub.admin.other_relays import MOST_BYTES, MOST_RELAYS, OtherRelays, other_relay_findings, parse_other_relay
from tailhub.exceptions import LocalError

OVERVIEW = {"state": "ready", "totals": {"clients": 3}}


@pytest.mark.parametrize(
    ("text", "name", "url", "host", "port"),
    [
        ("http://s3cret@192.0.2.1:9913", "192.0.2.1:9913", "http://192.0.2.1:9913", "192.0.2.1", 9913),
        ("http://s3cret@192.0.2.1", "192.0.2.1", "http://192.0.2.1", "192.0.2.1", 9912),
        (
            "https://s3cret@relay.example.com/",
            "relay.example.com",
            "https://relay.example.com",
            "relay.example.com",
            443,
        ),
        ("tokyo=https://s3cret@relay.example.com", "tokyo", "https://relay.example.com", "relay.example.com", 443),
        ("東京 1=http://s3cret@[2001:db8::1]:9912", "東京 1", "http://[2001:db8::1]:9912", "2001:db8::1", 9912),
        ("http://t%3Dk@h", "h", "http://h", "h", 9912),
    ],
)
def test_a_url(text: str, name: str, url: str, host: str, port: int) -> None:
    """A URL with the token as its user; the name is what stands before it, else the host."""
    relay = parse_other_relay(text)
    assert (relay.name, relay.url, relay.host, relay.port) == (name, url, host, port)
    assert relay.token in ("s3cret", "t=k")
    assert relay.token not in repr(relay)


def test_a_socket() -> None:
    """A socket's path needs no token."""
    relay = parse_other_relay("here=unix:/run/a=b/admin.sock")
    assert (relay.name, relay.path, relay.token) == ("here", "/run/a=b/admin.sock", "")
    assert parse_other_relay("unix:/run/admin.sock").name == "/run/admin.sock"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "url"),
        ("relay.example.com", "url"),
        ("ftp://tok@h", "url"),
        ("http://tok@", "url"),
        ("http://tok@h:99999", "url"),
        ("http://tok@h:x", "url"),
        ("http://tok@[::1", "url"),
        ("http://tok@h/path", "url"),
        ("http://tok@h?a=b", "url"),
        ("http://tok:word@h", "url"),
        ("http://tok@h\r\nX: y", "url"),
        ("unix:relative", "url"),
        ("http://h:9912", "token"),
        ("http://a%20b@h", "token"),
        ("http://a%0d%0ab@h", "token"),
        ("=http://tok@h", "name"),
        ("x" * 64 + "=http://tok@h", "name"),
        ("a\tb=http://tok@h", "name"),
    ],
)
def test_no_relay(text: str, reason: str) -> None:
    """What is wrong is told in a word."""
    with pytest.raises(LocalError, match=reason):
        parse_other_relay(text)


def test_findings_keep_the_token() -> None:
    """A finding about the setting does not show the token."""
    (finding,) = other_relay_findings(("http://secret@h/path", "http://tok@h"), "`dashboard_relays`")
    assert finding.code == "TH339"
    assert "secret" not in finding.render()
    assert "TOKEN@h/path" in finding.render("zh")


Respond = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answering(status: str, body: bytes, heads: list[bytes] | None = None) -> Respond:
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if heads is not None:
            heads.append(head)
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        writer.close()

    return respond


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def asked(respond: Respond, times: int = 1) -> tuple[object, str]:
    """What is known of a relay that responds so."""
    async with await asyncio.start_server(respond, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        relays = OtherRelays()
        for _ in range(times):
            ((_, overview, error),) = await relays.overviews([f"http://a-token@127.0.0.1:{port}"])
        return overview, error


def test_an_overview() -> None:
    """Another relay's overview is asked for with its token, as the host that its URL names."""
    heads: list[bytes] = []
    assert asyncio.run(asked(answering("200 OK", json.dumps(OVERVIEW).encode(), heads))) == (OVERVIEW, "")
    assert b"Authorization: Bearer a-token\r\n" in heads[0]
    assert b"Host: 127.0.0.1:" in heads[0]
    assert heads[0].startswith(b"GET /api/v1/overview ")


def test_an_answer_is_kept_for_a_moment() -> None:
    """Whoever asks again at once has the same answer, and the other relay is not asked again."""
    heads: list[bytes] = []
    asyncio.run(asked(answering("200 OK", json.dumps(OVERVIEW).encode(), heads), times=3))
    assert len(heads) == 1


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        ("401 Unauthorized", b'{"error": {"what": "wrong token"}}', "HTTP 401: wrong token"),
        ("404 Not Found", b"nothing", "HTTP 404, and not"),
        ("200 OK", b"<html>", "not a relay's"),
        ("200 OK", b"[]", "not a relay's"),
        ("200 OK", b'{"state": 1}', "not a relay's"),
        ("500 X", b'{"error": 7}', "HTTP 500"),
        ("200 OK", b'"' + b"x" * MOST_BYTES + b'"', "more than"),
        ("302 Found", b"", "HTTP 302"),
    ],
)
def test_no_overview(status: str, body: bytes, words: str) -> None:
    """Any other answer is an error that says what came, and is not believed."""
    overview, error = asyncio.run(asked(answering(status, body)))
    assert overview is None
    assert words in error


def test_no_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A relay that is silent, or is not there, is told of as such, and does not hold up the others."""
    monkeypatch.setattr(other_relays, "ANSWER_S", 0.5)

    async def both() -> list[tuple[object, str]]:
        async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            texts = [f"http://t@127.0.0.1:{port}", f"unix:{tmp_path}/admin.sock"]
            return [(overview, error) for _, overview, error in await OtherRelays().overviews(texts)]

    (nothing, late), (nobody, gone) = asyncio.run(both())
    assert (nothing, nobody) == (None, None)
    assert "no answer within" in late
    assert "No such file" in gone


def test_over_a_socket(tmp_path: Path) -> None:
    """A relay on this machine is asked over its socket, without a token."""
    heads: list[bytes] = []

    async def ask() -> object:
        path = tmp_path / "admin.sock"
        respond = answering("200 OK", json.dumps(OVERVIEW).encode(), heads)
        async with await asyncio.start_unix_server(respond, path):
            ((_, overview, _),) = await OtherRelays().overviews([f"unix:{path}"])
            return overview

    assert asyncio.run(ask()) == OVERVIEW
    assert b"Authorization" not in heads[0]


def test_tls_is_checked() -> None:
    """A relay with a certificate that nobody vouches for does not get the token."""
    heads: list[bytes] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)

    async def ask() -> tuple[object, str]:
        respond = answering("200 OK", json.dumps(OVERVIEW).encode(), heads)
        async with await asyncio.start_server(respond, "127.0.0.1", 0, ssl=context) as server:
            port = server.sockets[0].getsockname()[1]
            ((_, overview, error),) = await OtherRelays().overviews([f"https://a-token@localhost:{port}"])
            return overview, error

    overview, error = asyncio.run(ask())
    assert overview is None
    assert "certificate" in error.lower()
    assert heads == []


def test_they_are_bounded(tmp_path: Path) -> None:
    """No more than so many relays are asked."""
    texts = [f"unix:{tmp_path}/{number}" for number in range(MOST_RELAYS + 5)]
    assert len(asyncio.run(OtherRelays().overviews(texts))) == MOST_RELAYS
