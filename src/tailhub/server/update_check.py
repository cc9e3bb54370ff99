"""Asks a package index which version of tailhub is the newest. Off unless the settings ask for it."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

import tailhub
from tailhub.exceptions import RemoteError
from tailhub.net.http_exchange import exchange
from tailhub.verifiers.url import VerifyUrl, connect, trust_of

__all__ = ["newest_version", "parse_newest"]

LIMIT_S: Final = 30.0
MOST_BYTES: Final = 16 << 20  # all files of all versions are in the answer


class _Info(msgspec.Struct):
    version: str
    yanked: bool = False


class _Project(msgspec.Struct):
    info: _Info


_project = msgspec.json.Decoder(_Project)


async def newest_version(url: VerifyUrl) -> str:
    """The newest release; empty if it was taken back. Raises `OSError` or `RemoteError`."""
    headers = [
        ("Host", url.host_header),
        ("Accept", "application/json"),
        ("User-Agent", f"tailhub/{tailhub.__version__}"),
    ]
    async with asyncio.timeout(LIMIT_S):
        reader, writer = await connect(url, trust_of(url))
        answer = await exchange(reader, writer, "GET", url.target, headers, most_bytes=MOST_BYTES)
    if answer.status != 200:
        raise RemoteError(f"HTTP {answer.status}", "http")
    return parse_newest(answer.body)


def parse_newest(body: bytes) -> str:
    """The version that the JSON of a project names as its newest. Raises `RemoteError`."""
    try:
        info = _project.decode(body).info
    except (msgspec.MsgspecError, ValueError, RecursionError) as exc:
        raise RemoteError("the answer is no JSON of a project with `info.version`", "index") from exc
    return "" if info.yanked else info.version
