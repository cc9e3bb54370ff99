"""What the system tells of TCP."""

from __future__ import annotations

import socket
import sys
from typing import Any, cast

import pytest

from tailhub.client import DERPClient
from tailhub.tools.doctor.judge.packets import SegmentsSeen
from tailhub.tools.doctor.look.tcp_info import TCPInfo, read_tcp_info, segments_between


class HasSocket:
    """Of a client only what is asked for here."""

    def __init__(self, sock: socket.socket | None) -> None:
        self._sock = sock

    def get_extra_info(self, name: str) -> Any:
        return {"socket": self._sock}[name]


def ask(sock: socket.socket | None) -> TCPInfo | None:
    return read_tcp_info(cast(DERPClient, HasSocket(sock)))


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells it")
def test_of_a_connection() -> None:
    """Segments with data are counted, and a healthy connection sends none again."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        before = ask(client)
        with server.accept()[0] as accepted:
            for _ in range(3):
                client.sendall(b"x")
                assert accepted.recv(1) == b"x"
            after = ask(client)
        assert segments_between([before], [after]) == SegmentsSeen(3, 0, 0)
        assert after is not None
        assert 0 < after.rtt_s < 10


def test_where_nothing_is_told() -> None:
    """Of a connection that is over, or has no socket, nothing is known."""
    closed = socket.socket()
    closed.close()
    assert ask(closed) is None
    assert ask(None) is None
    assert segments_between([None], [None]) is None


def test_of_several_connections() -> None:
    """The numbers of all are added, for the time between; what one does not tell is not known."""
    first, second = TCPInfo(0.1, 10, 1, 5), TCPInfo(0.1, 30, 4, 6)
    assert segments_between([first, first], [second, second]) == SegmentsSeen(40, 6, 2)
    assert segments_between([first, None], [second, None]) == SegmentsSeen(20, 3, 1)
    old = TCPInfo(0.1, 30, 4, None)
    assert segments_between([TCPInfo(0.1, 10, 1, None)], [old]) == SegmentsSeen(20, 3, None)
