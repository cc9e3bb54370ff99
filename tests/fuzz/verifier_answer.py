"""Fuzz target: what a verifier sends back is a verdict that can be shown, or a RemoteError; a yes is never made up."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from tailhub.exceptions import RemoteError
from tailhub.net.http_exchange import Answer, exchange
from tailhub.relay import admission
from tailhub.verifiers import headscale_api, tailscale_api
from tailhub.verifiers.tailscaled import parse_status, parse_whois
from tailhub.verifiers.url import verdict_of

SEEDS: list[bytes] = [
    b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"Allow":true}',
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nf\r\n{"Allow":false}\r\n0\r\n\r\n',
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
    b'HTTP/1.1 200 OK\r\n\r\n{"Node":{"Key":"nodekey:00","Name":"a.b."},"UserProfile":{"ID":1}}',
    b'HTTP/1.1 200 OK\r\n\r\n{"BackendState":"Running","Self":{"PublicKey":"k"},"Peer":{"k":{"PublicKey":"k"}}}',
    b'HTTP/1.1 200 OK\r\n\r\n{"devices":[{"nodeKey":"nodekey:'
    + b"0a" * 32
    + b'","authorized":true,"expires":"","tags":[""]}]}',
    b'HTTP/1.1 200 OK\r\n\r\n{"nodes":[{"nodeKey":"nodekey:' + b"0a" * 32 + b'","expiry":"0001-01-01T00:00:00Z"}]}',
    b'HTTP/1.1 200 OK\r\n\r\n{"apiKeys":[{"prefix":"hskey-api-a-***","expiration":"2026-11-27T11:23:20.3Z"}]}',
    b'HTTP/1.1 200 OK\r\n\r\n{"expires":"2026-11-27T11:23:20Z"}',
    b'HTTP/1.1 200 OK\r\n\r\n{"access_token":"tskey-api-a","expires_in":3600}',
    b"HTTP/1.0 404 Not Found\r\n\r\nno match for IP:port",
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"",
]
_KEY = "hskey-api-a-b"
_loop = asyncio.new_event_loop()


class _Nowhere:
    """A writer that drops everything."""

    def __init__(self) -> None:
        self.transport = self

    def write(self, data: bytes) -> None:
        pass

    def abort(self) -> None:
        pass


def one_input(data: bytes) -> None:
    """Read `data` as the answer to a question; raises when something else comes out than may."""
    try:
        answer = _loop.run_until_complete(_read(data))
    except (RemoteError, ConnectionResetError) as exc:
        if not str(exc).isprintable():
            raise AssertionError("an error that cannot be shown") from exc
        return
    verdict = verdict_of("fuzz", answer)
    if not str(verdict).isprintable():
        raise AssertionError(f"a verdict that cannot be shown: {verdict!r}")
    if verdict.answer is admission.Answer.ADMITTED and b"true" not in answer.body:
        raise AssertionError("a yes that nobody said")
    parse_whois(answer.body)
    try:
        parse_status(answer)
    except RemoteError:
        pass
    read_lists(answer.body)


def read_lists(body: bytes) -> None:
    """The same with the lists of devices: whoever is admitted has a key, and names that can be shown."""
    for parse in (tailscale_api.parse_devices, headscale_api.parse_nodes):
        try:
            listed = parse(body, 1.8e9)
        except RemoteError as exc:
            if not str(exc).isprintable():
                raise AssertionError("an error that cannot be shown") from exc
            continue
        for key, device in listed.items():
            if len(key) != 32 or not "".join(device).isprintable():
                raise AssertionError(f"a device that nobody named: {device!r}")
    for read in (
        tailscale_api.parse_token,
        tailscale_api.parse_expiry,
        partial(headscale_api.parse_expiry, secret=_KEY),
    ):
        try:
            read(body)
        except RemoteError:
            pass


async def _read(data: bytes) -> Answer:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return await exchange(reader, _Nowhere(), "GET", "/", [("Host", "h")], most_bytes=4096)  # type: ignore[arg-type]


if __name__ == "__main__":
    from support.fuzzing import run

    run(one_input, SEEDS)
