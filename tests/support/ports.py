"""Ports for relays whose port has to be known before they start, or to stay the same over several starts.

They lie below the ports that the system gives to outgoing connections, so that no connection of another test takes one
in between. Tests that run side by side (pytest-xdist) have a part of them each, so that none takes another's.
"""

from __future__ import annotations

import os
import random
import socket
from contextlib import ExitStack

_FIRST, _BEHIND = 20000, 32000
_LANES = 8  # more workers than this share a part, and are told apart by chance
_PER_LANE = (_BEHIND - _FIRST) // _LANES


def free_ports(count: int = 1, kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """The first of `count` neighbouring ports of 127.0.0.1 that nobody has: of TCP, or of UDP (``SOCK_DGRAM``)."""
    lane = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _LANES
    first = _FIRST + lane * _PER_LANE
    for _ in range(100):
        port = random.randrange(first, first + _PER_LANE - count + 1)
        try:
            with ExitStack() as stack:
                for number in range(port, port + count):
                    probe = stack.enter_context(socket.socket(socket.AF_INET, kind))
                    if kind == socket.SOCK_STREAM:  # of UDP it would let us have one that somebody has
                        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", number))
                    if kind == socket.SOCK_STREAM:
                        probe.listen()
        except OSError:
            continue
        return port
    raise AssertionError(f"no {count} neighbouring ports are free")
