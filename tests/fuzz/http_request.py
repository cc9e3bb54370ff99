"""Fuzz target: whatever the public port gets inside TLS as a request, it answers in HTTP or DERP, and keeps nothing."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from support.served import Served, serving
from support.waiting import RelayLoop
from tailhub.derp.frames import MAGIC
from tailhub.net.stream import Stream
from tailhub.server.http_connection import HttpConnection

UPGRADE = b"GET /derp HTTP/1.1\r\nHost: r\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n"
SEEDS: list[bytes] = [
    b"GET / HTTP/1.1\r\nHost: r\r\n\r\nHEAD /derp/probe HTTP/1.1\r\nHost: r\r\n\r\n",
    UPGRADE + b"\r\n",
    UPGRADE + b"Derp-Fast-Start: 1\r\n\r\n\x02\x00\x00\x00\x40" + bytes(64),
    b"GET /derp HTTP/1.1\r\nHost: r\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: derp\r\n\r\n\x82\x80\x00\x00\x00\x00",
    b"POST /generate_204 HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
    b"GET /generate_204 HTTP/1.0\r\nX-Tailscale-Challenge: c\r\n\r\n",
    b"CONNECT r:443 HTTP/1.1\r\nHost: r\r\nContent-Length: 99999\r\n\r\n",
    b"",
]


def one_input(data: bytes) -> None:
    """Send `data` and the end on one connection (a socket pair, without TLS); raises on a fault of ours."""
    faults: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: faults.append(record.getMessage())  # type: ignore[method-assign]
    log = logging.getLogger("tailhub")
    log.addHandler(handler)
    try:
        with asyncio.Runner(loop_factory=RelayLoop) as runner:
            answer = runner.run(_answer(data))
    finally:
        log.removeHandler(handler)
    if faults:
        raise AssertionError(faults)
    # With fast start there is no HTTP: the first frame is ServerKey.
    if answer and not answer.startswith(b"HTTP/1.1 ") and answer[5:13] != MAGIC:
        raise AssertionError(f"neither HTTP nor DERP: {answer[:40]!r}")


async def _answer(data: bytes) -> bytes:
    async with serving() as served:
        ours, theirs = socket.socketpair()
        with theirs:
            _connect(served, ours)
            theirs.setblocking(False)
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(10):
                answer, _ = await asyncio.gather(_read(theirs), _send(loop, theirs, data))
        if len(served.context.newcomers) or served.context.derp_connections:
            raise AssertionError("a connection that has ended is still there")
    return answer


def _connect(served: Served, sock: socket.socket) -> None:
    context = served.context
    newcomer = context.newcomers.make(("127.0.0.1", 1))
    http = HttpConnection(context, newcomer, context.pages, can_upgrade=True)
    context.newcomers.add(newcomer, Stream(context.loop, sock, context.buffers, context.watch, http))


async def _send(loop: asyncio.AbstractEventLoop, sock: socket.socket, data: bytes) -> None:
    try:
        for piece in (data[: len(data) // 2], data[len(data) // 2 :]):
            await loop.sock_sendall(sock, piece)
            await asyncio.sleep(0)  # the relay reads them apart
        sock.shutdown(socket.SHUT_WR)
    except OSError:  # it has closed already
        pass


async def _read(sock: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    answer = b""
    try:
        while piece := await loop.sock_recv(sock, 65536):
            answer += piece
    except ConnectionResetError:
        pass
    return answer


if __name__ == "__main__":
    from support.fuzzing import run

    run(one_input, SEEDS)
