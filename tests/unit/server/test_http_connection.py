"""Pages that another process makes: the answer comes when its future is done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from support.served import Line, Served, serving
from support.waiting import run, until
from tailhub.web.message import Request, Response, text

Page = asyncio.Future[Response]


class Elsewhere:
    """Makes pages later: those asked for, each with its future. ``/now`` is answered at once."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, Page]] = []

    def respond(self, request: Request) -> Response | Page:
        if request.path == b"/now":
            return text(200, "now")
        page: Page = asyncio.get_running_loop().create_future()
        self.asked.append((request.path, page))
        return page

    async def next(self, count: int = 1) -> Page:
        """The future of the request number `count`, once it has come."""
        await until(lambda: len(self.asked) >= count)
        return self.asked[count - 1][1]


@asynccontextmanager
async def asking(*paths: str, method: str = "GET") -> AsyncIterator[tuple[Served, Elsewhere, Line]]:
    """A relay whose pages come from elsewhere, and a connection that has asked for `paths` in one write."""
    elsewhere = Elsewhere()
    async with serving(pages=elsewhere.respond) as served:
        line = await served.connect()
        await line.write(b"".join(f"{method} {path} HTTP/1.1\r\nHost: r\r\n\r\n".encode() for path in paths))
        yield served, elsewhere, line


def test_the_answer_is_sent_when_it_is_there() -> None:
    """A page that comes later is sent as it is, and the connection takes the next request."""

    async def scenario() -> None:
        async with asking("/a") as (served, elsewhere, line):
            (await elsewhere.next()).set_result(text(200, "a"))
            assert await line.response() == (200, b"a\n")
            assert served.context.events.http_requests == {200: 1}
            await line.write(b"GET /now HTTP/1.1\r\nHost: r\r\n\r\n")
            assert await line.response() == (200, b"now\n")

    run(scenario)


def test_a_later_answer_to_head_has_no_body() -> None:
    """An answer that comes later is fitted to its request as any other."""

    async def scenario() -> None:
        async with asking("/a", method="HEAD") as (_, elsewhere, line):
            (await elsewhere.next()).set_result(text(200, "a"))
            assert (await line.read_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
            await line.write(b"GET /now HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n")
            rest = await line.read_all()
            assert rest.startswith(b"HTTP/1.1 200 ")
            assert rest.endswith(b"now\n")

    run(scenario)


def test_nothing_is_answered_before_its_turn() -> None:
    """While a page is awaited no further request is looked at, neither one in the same read nor a later one."""

    async def scenario() -> None:
        async with asking("/a", "/now", "/b") as (served, elsewhere, line):
            page = await elsewhere.next()
            await line.write(b"GET /now HTTP/1.1\r\nHost: r\r\n\r\n")
            other = await served.connect()
            await other.write(b"GET /now HTTP/1.1\r\nHost: r\r\n\r\n")
            assert await other.response() == (200, b"now\n")
            assert [path for path, _ in elsewhere.asked] == [b"/a"]
            page.set_result(text(200, "a"))
            assert [await line.response() for _ in range(2)] == [(200, b"a\n"), (200, b"now\n")]
            (await elsewhere.next(2)).set_result(text(200, "b"))
            assert [await line.response() for _ in range(2)] == [(200, b"b\n"), (200, b"now\n")]
            assert [path for path, _ in elsewhere.asked] == [b"/a", b"/b"]

    run(scenario)


def _fail(page: Page) -> None:
    page.set_exception(ConnectionResetError("gone"))


def _cancel(page: Page) -> None:
    page.cancel()


@pytest.mark.parametrize("give_up", [_fail, _cancel])
def test_a_page_that_is_given_up_is_a_503(give_up: Callable[[Page], None]) -> None:
    """When its maker fails or is cancelled the caller gets one sentence, and the connection goes on."""

    async def scenario() -> None:
        async with asking("/a") as (_, elsewhere, line):
            give_up(await elsewhere.next())
            status, body = await line.response()
            assert status == 503
            assert body == b"This page cannot be made now: the part of the relay that makes it did not answer.\n"
            await line.write(b"GET /now HTTP/1.1\r\nHost: r\r\n\r\n")
            assert await line.response() == (200, b"now\n")

    run(scenario)


def test_a_connection_that_ends_cancels_its_page() -> None:
    """When the connection is closed meanwhile, its page is no longer wanted, and nothing is left of it."""

    async def scenario() -> None:
        async with asking("/a") as (served, elsewhere, line):
            page = await elsewhere.next()
            assert served.context.newcomers.give_way("no more room")
            assert page.cancelled()
            assert await line.read_all() == b""
            assert len(served.context.newcomers) == 0

    run(scenario)


def test_an_exception_after_the_end_is_nobodys() -> None:
    """A page whose maker fails in the turn in which its connection ends raises nothing anywhere."""

    async def scenario() -> None:
        async with asking("/a") as (served, elsewhere, line):
            page = await elsewhere.next()
            page.set_exception(ConnectionResetError("gone"))
            assert served.context.newcomers.give_way("no more room")
            assert await line.read_all() == b""

    run(scenario)


def test_a_page_that_was_asked_with_connection_close_ends_the_connection() -> None:
    """The connection closes behind a later answer too when its request said so."""

    async def scenario() -> None:
        async with asking() as (_, elsewhere, line):
            await line.write(b"GET /a HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n")
            (await elsewhere.next()).set_result(text(200, "a"))
            assert (await line.read_all()).endswith(b"\r\n\r\na\n")

    run(scenario)


def test_no_body_on_the_public_port() -> None:
    """What a request brings along there is read and dropped."""

    async def scenario() -> None:
        bodies: list[bytes] = []

        def respond(request: Request) -> Response:
            bodies.append(request.body)
            return text(200, "done")

        async with serving(pages=respond) as served:
            line = await served.connect()
            await line.write(b"POST /a HTTP/1.1\r\nHost: r\r\nContent-Length: 6\r\n\r\nabcdef")
            assert await line.response() == (200, b"done\n")
        assert bodies == [b""]

    run(scenario)
