from __future__ import annotations

import json

import pytest

from support.verifiers import http_answer, http_server
from support.waiting import run
from tailhub.exceptions import RemoteError
from tailhub.server.update_check import newest_version, parse_newest
from tailhub.verifiers.url import parse_url


def test_the_newest_version() -> None:
    """The index is asked once for the JSON of the project, which names its newest version."""

    async def scenario() -> None:
        body = json.dumps({"info": {"version": "1.2.3", "yanked": False, "name": "tailhub"}, "urls": []}).encode()
        async with http_server(lambda head, _: http_answer(body)) as (script, url):
            assert await newest_version(parse_url(url + "/pypi/tailhub/json")) == "1.2.3"
            assert len(script.heads) == 1

    run(scenario)


@pytest.mark.parametrize("status", ["404 Not Found", "302 Found", "500 Internal Server Error"])
def test_another_status(status: str) -> None:
    """Anything but 200 is no version."""

    async def scenario() -> None:
        async with http_server(lambda head, _: http_answer(b"{}", status)) as (_, url):
            with pytest.raises(RemoteError, match=r"HTTP \d+"):
                await newest_version(parse_url(url))

    run(scenario)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"info":{"version":1}}', b"\xff", b"[" * 100_000])
def test_what_is_no_index(body: bytes) -> None:
    """Bytes that are something else raise `RemoteError` and nothing else."""
    with pytest.raises(RemoteError):
        parse_newest(body)


def test_a_version_that_was_taken_back() -> None:
    """One that was yanked is none."""
    assert parse_newest(b'{"info":{"version":"1.2.3","yanked":true}}') == ""
