"""Opening a TCP connection by name: the addresses that it has, tried side by side as RFC 8305 has it.

asyncio does that only together with its own transports; here the socket is wanted.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain, zip_longest
from typing import Any, Final, TypeAlias

from tailhub.net.threads import in_thread

NEXT_ADDRESS_S: Final = 0.25  # RFC 8305 section 5: connection attempt delay
MAX_ADDRESSES: Final = 16  # a name may have any number of them

Address: TypeAlias = tuple[socket.AddressFamily, Any]


async def connect_tcp(
    host: str, port: int, *, prepare: Callable[[socket.socket], None] | None = None, delay_s: float = NEXT_ADDRESS_S
) -> socket.socket:
    """The first connection that comes about, not blocking; `prepare` is given each socket before it connects.

    Raises `OSError`: `socket.gaierror` when the name has no address, else what the first address met. There is no
    limit of time.
    """
    waiting = _alternating(await _addresses(host, port))
    attempts: dict[asyncio.Task[socket.socket], None] = {}  # in the order in which they began
    failure: OSError | None = None
    try:
        while waiting or attempts:
            if waiting:
                family, address = waiting.pop(0)
                attempts[asyncio.ensure_future(_connect(family, address, prepare))] = None
            done, _ = await asyncio.wait(
                attempts, timeout=delay_s if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for attempt in done:
                if attempt.exception() is None:
                    del attempts[attempt]
                    return attempt.result()
                error = attempt.exception()
                failure = failure or (error if isinstance(error, OSError) else OSError(str(error)))
                del attempts[attempt]
    finally:
        for attempt in attempts:
            attempt.add_done_callback(_close)
            attempt.cancel()
    raise failure or OSError(f"{host} has no address")


async def _addresses(host: str, port: int) -> list[Address]:
    kind = {"type": socket.SOCK_STREAM, "proto": socket.IPPROTO_TCP}
    try:  # an address needs no thread that looks it up
        found = socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV, **kind)
    except socket.gaierror:
        found = await in_thread(partial(socket.getaddrinfo, host, port, **kind))
    addresses: list[Address] = [(family, address) for family, _, _, _, address in found]
    return list(dict.fromkeys(addresses))[:MAX_ADDRESSES]


def _alternating(addresses: Sequence[Address]) -> list[Address]:
    """In the system's order, but the two families by turns."""
    first = [one for one in addresses if one[0] == addresses[0][0]]
    others = [one for one in addresses if one[0] != addresses[0][0]]
    return [one for one in chain.from_iterable(zip_longest(first, others)) if one is not None]


async def _connect(
    family: socket.AddressFamily, address: Any, prepare: Callable[[socket.socket], None] | None
) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if prepare is not None:
            prepare(sock)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


def _close(attempt: asyncio.Task[socket.socket]) -> None:
    """It was given up, and may have succeeded in the same moment."""
    with contextlib.suppress(asyncio.CancelledError, OSError):
        attempt.result().close()
