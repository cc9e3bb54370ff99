"""One HTTP question: its bounds, against servers on loopback that keep none."""

from __future__ import annotations

import asyncio

import pytest

from support.verifiers import Respond, http_answer, http_server
from support.waiting import run
from tailhub.exceptions import RemoteError
from tailhub.net.http_exchange import Answer, exchange

MOST = 1000


def ask(respond: Respond, body: bytes | None = None) -> Answer:
    async def scenario() -> Answer:
        async with http_server(respond) as (_, url):
            port = int(url.split(":")[2].split("/")[0])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            return await exchange(reader, writer, "POST", "/x", [("Host", "h")], body, most_bytes=MOST)

    return run(scenario)


def test_an_answer() -> None:
    """Status, headers and body come back, the body put together out of chunks."""
    chunked = (
        b"HTTP/1.1 201 Made\r\nLocation: /there\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
    )
    found = ask(lambda head, body: chunked)
    assert (found.status, found.header(b"location"), found.header(b"x"), found.body) == (201, "/there", "", b"hello")


def test_what_is_asked() -> None:
    """The body is sent with its length, and the server is told to close."""
    seen: list[tuple[str, bytes]] = []

    def respond(head: str, body: bytes) -> bytes:
        seen.append((head, body))
        return http_answer(b"")

    ask(respond, b"question")
    ((head, body),) = seen
    assert body == b"question"
    assert head.startswith("POST /x HTTP/1.1\r\nHost: h\r\n")
    assert "Content-Length: 8" in head
    assert "Connection: close" in head


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "not HTTP"),
        (http_answer(bytes(MOST + 1)), "more than 1000 bytes"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + bytes(5 * MOST), "more than 1000 bytes"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", "too long"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 2000, "too long"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "not HTTP"),
    ],
)
def test_what_is_no_answer(answer: bytes, told: str) -> None:
    """Bytes that are no whole answer within the bounds are a remote error that says so."""
    with pytest.raises(RemoteError, match=told):
        ask(lambda head, body: answer)


def test_nothing_comes_back() -> None:
    """A connection that is closed without a byte is as good as none."""
    with pytest.raises(OSError, match="without an answer"):
        ask(lambda head, body: b"")


def test_a_body_up_to_the_bound() -> None:
    """The bound itself is allowed."""
    assert len(ask(lambda head, body: http_answer(bytes(MOST))).body) == MOST
