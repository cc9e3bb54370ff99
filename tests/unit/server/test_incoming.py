"""TCP options of accepted connections, and what the first request inside TLS leads to."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from support.served import serving
from support.waiting import run, until
from tailhub.derp import frames
from tailhub.derp.upgrade import derp_response
from tailhub.server.incoming import (
    NOT_SENT_BYTES,
    has_tcp_options,
    set_tcp_options,
)

GO = b"GET /derp HTTP/1.1\r\nHost: r\r\nUser-Agent: Go\r\nConnection: Upgrade\r\n%sUpgrade: DERP\r\n\r\n"

OPTIONS = [
    (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 600),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 600),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", 15_000),
    (socket.IPPROTO_TCP, "TCP_NOTSENT_LOWAT", NOT_SENT_BYTES),
]


@contextmanager
def accepted(*, prepared: bool) -> Iterator[socket.socket]:
    """A connection as a listening socket gives it, which has the options or not."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        if prepared:
            set_tcp_options(listener, 600, 15)
        client.connect(listener.getsockname())
        sock, _ = listener.accept()
        with sock:
            yield sock


def options_of(sock: socket.socket) -> dict[str, int]:
    """What is set, of what this system knows."""
    return {name: sock.getsockopt(level, getattr(socket, name)) for level, name, _ in OPTIONS if hasattr(socket, name)}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere they are set on each connection")
def test_accepted_connections_have_the_options_of_their_listener() -> None:
    """What is set on a listening socket need not be set again on each connection: the kernel hands it down."""
    with accepted(prepared=True) as sock:
        assert has_tcp_options(sock)
        assert options_of(sock) == {name: value for _, name, value in OPTIONS}


def test_options_are_set_where_they_are_missing() -> None:
    """A connection of a listener without the options is seen to lack them, and gets them itself."""
    with accepted(prepared=False) as sock:
        assert not has_tcp_options(sock)
        set_tcp_options(sock, 600, 15)
        wanted = {name: value for _, name, value in OPTIONS if hasattr(socket, name)}
        assert options_of(sock) == wanted


@pytest.mark.parametrize(
    ("request_bytes", "answered"),
    [
        (GO % b"", True),
        (GO % b"Derp-Fast-Start: 1\r\n", False),
        (GO % b"Derp-Fast-Start: 1\r\nIdeal-Node: 900a\r\n", False),
        (GO.replace(b"Upgrade: DERP", b"upgrade: derp") % b"", True),
        (GO % b"X-Else: 1\r\nDerp-Fast-Start: 1\r\n", False),
    ],
    ids=["plain", "fast start", "ideal node", "lower case", "another header"],
)
@pytest.mark.parametrize("pieces", [1, 2])
def test_the_usual_request_and_any_other_lead_to_the_same(request_bytes: bytes, answered: bool, pieces: int) -> None:
    """Recognised at once or read by h11, whole or in pieces: the same answer, then ServerKey."""

    async def scenario() -> None:
        async with serving() as served:
            line = await served.connect()
            middle = len(request_bytes) // 2
            if pieces == 2:
                await line.write(request_bytes[:middle])
                await until(lambda: sum(served.context.events.tls_handshakes.values()))
            await line.write(request_bytes[middle * (pieces - 1) :])
            wanted = derp_response(served.public_key) if answered else b""
            wanted += frames.server_key(served.public_key)
            got = b""
            while len(got) < len(wanted):
                got += await line.read()
            assert got == wanted
            assert served.context.events.tls_handshakes.total() == 1

    run(scenario)
