"""Ports for relays whose port has to be known before they start, or to stay the same over several starts.

They lie below the ports that the system gives to outgoing connections, so that no connection of another test takes one
in between.
"""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack

_FIRST, _BEHIND = 20000, 32000


def free_ports(count: int = 1) -> int:
    """The first of `count` neighbouring TCP ports of 127.0.0.1 that nobody has."""
    for _ in range(100):
        port = random.randrange(_FIRST, _BEHIND - count)
        try:
            with ExitStack() as stack:
                for number in range(port, port + count):
                    stack.enter_context(socket.create_server(("127.0.0.1", number)))
        except OSError:
            continue
        return port
    raise AssertionError(f"no {count} neighbouring ports are free")
