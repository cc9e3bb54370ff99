"""Fuzz target: what is recognised as the usual upgrade without an HTTP parser, h11 reads as the same upgrade."""

from __future__ import annotations

import sys
from pathlib import Path

import h11

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from tailhub.derp.upgrade import (
    ClientUpgrade,
    UpgradeKind,
    is_not_ideal,
    requested_upgrade,
    usual_request,
    wants_fast_start,
)

GO = b"GET /derp HTTP/1.1\r\nHost: relay.example:8443\r\nUser-Agent: Go-http-client/1.1\r\nConnection: Upgrade\r\n"
SEEDS: list[bytes] = [
    GO + b"Upgrade: DERP\r\n\r\n",
    GO + b"Derp-Fast-Start: 1\r\nUpgrade: DERP\r\n\r\n\x02\x00\x00\x00\x40" + bytes(64),
    GO + b"Derp-Fast-Start: 1\r\nIdeal-Node: 900a\r\nUpgrade: DERP\r\n\r\n",
    ClientUpgrade("[2001:db8::1]:443", fast_start=True, ideal_node="1a").request,
    ClientUpgrade("relay.example").request + b"GET / HTTP/1.1\r\n\r\n",
    GO + b"Upgrade: DERP\r\nUpgrade: DERP\r\n\r\n",
    GO + b"Host: twice\r\nUpgrade: DERP\r\n\r\n",
    GO + b"Content-Length: 5\r\nUpgrade: DERP\r\n\r\n",
    GO + b"Upgrade: websocket\r\n\r\n",
    b"",
]


def one_input(data: bytes) -> None:
    """Read `data` both ways; raises when the short way accepts what h11 reads as anything else."""
    usual = usual_request(data)
    if usual is None:
        return
    http = h11.Connection(h11.SERVER)
    http.receive_data(data)
    request = http.next_event()
    if not isinstance(request, h11.Request) or (request.method, request.target) != (b"GET", b"/derp"):
        raise AssertionError(f"not an upgrade: {request!r}")
    if not isinstance(end := http.next_event(), h11.EndOfMessage):
        raise AssertionError(f"a body: {end!r}")
    headers = list(request.headers)
    if requested_upgrade(headers) is not UpgradeKind.DERP:
        raise AssertionError("no upgrade to DERP")
    found = (data[usual.length :], usual.fast_start, usual.not_ideal)
    if found != (http.trailing_data[0], wants_fast_start(headers), is_not_ideal(headers)):
        raise AssertionError(f"something else: {found!r}")


if __name__ == "__main__":
    from support.fuzzing import run

    run(one_input, SEEDS)
