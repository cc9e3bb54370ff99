from __future__ import annotations

import socket
import sys

import pytest

from bench.fairness.socket_queues import SocketQueues
from support.waiting import LIMIT_S

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sock_diag is Linux's")


def test_unread_bytes_are_seen_until_the_connection_closes() -> None:
    """What one end has written and the other has not read is counted; a closed end is no longer there."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), LIMIT_S) as client:
            relay_end, _ = listening.accept()
            queues = SocketQueues(port, client.getsockname()[1])
            with relay_end:
                relay_end.sendall(bytes(1234))
                client.recv(34)
                assert queues.sample()
                assert queues.unread == [1200]
                assert len(queues.unsent) == 1
            assert not queues.sample()
            queues.close()
