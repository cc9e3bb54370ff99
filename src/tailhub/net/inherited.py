"""Listening sockets that were there before this process, matched with what is asked.

They are systemd's (socket activation), so that ports below 1024 need no privilege, or were kept by it from the relay's
last run. Both stay open while the relay restarts, so nobody is refused meanwhile.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence

from tailhub.net.bind import BoundSockets
from tailhub.net.listen_spec import ListenSpec, UnixSpec

__all__ = ["InheritedSockets", "describe", "fits", "shares_of"]


class InheritedSockets:
    """Each is taken once; `close_rest` closes what nobody asked for."""

    def __init__(self, sockets: Sequence[socket.socket] = ()) -> None:
        self._sockets = list(sockets)

    def take(self, spec: ListenSpec | UnixSpec, kind: socket.SocketKind) -> BoundSockets | None:
        """Those that are bound to what `spec` asks for, None without. A socket of both families counts for both."""
        found = [sock for sock in self._sockets if sock.type == kind and fits(sock, spec)]
        for sock in found:
            self._sockets.remove(sock)
        return BoundSockets(tuple(found)) if found else None

    def close_rest(self) -> list[str]:
        """Close those that are left; where they were bound, as text."""
        left = [describe(sock) for sock in self._sockets]
        for sock in self._sockets:
            sock.close()
        self._sockets.clear()
        return left


def shares_of(bound: BoundSockets, count: int) -> tuple[BoundSockets, ...]:
    """The sockets for `count` workers: one of each address for each if there are so many, as of a relay's last run.

    Else all have the same ones, and each accepts what it is first to.
    """
    by_address: dict[str, list[socket.socket]] = {}
    for sock in bound.sockets:
        by_address.setdefault(describe(sock), []).append(sock)
    if all(len(found) == count for found in by_address.values()):
        return tuple(BoundSockets(share) for share in zip(*by_address.values(), strict=True))
    copies = (tuple(sock.dup() for sock in bound.sockets) for _ in range(count - 1))
    return (bound, *(BoundSockets(copy) for copy in copies))


def describe(sock: socket.socket) -> str:
    """Where a socket is bound: ``TCP 0.0.0.0:443``."""
    name = sock.getsockname()
    if not isinstance(name, tuple):
        return f"unix:{name}"
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"{'UDP' if sock.type == socket.SOCK_DGRAM else 'TCP'} {host}:{name[1]}"


def fits(sock: socket.socket, spec: ListenSpec | UnixSpec) -> bool:
    """Is the socket bound to what `spec` asks for, or to a part of it?"""
    name = sock.getsockname()
    if isinstance(spec, UnixSpec):
        return isinstance(name, str) and name == str(spec.path)
    if not isinstance(name, tuple):
        return False
    return any(
        (sock.family, name[0], name[1]) == (endpoint.family, endpoint.host.partition("%")[0], endpoint.port)
        for endpoint in spec.endpoints
    )
