"""Fuzz target: whatever answers `GET /derp` gives a bounded answer or none, in any pieces."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from tailhub.tools.doctor.judge.answer import MAX_BODY_BYTES, Exchange
from tailhub.tools.doctor.judge.fronts import front_of

SEEDS = [
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n\r\n\x01\x00\x00\x00\x28DERP",
    b"HTTP/1.1 404 Not Found\r\nServer: nginx\r\nContent-Length: 27\r\n\r\n<title>404 Not Found</title>",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.0 503 Service Unavailable\r\n\r\n<html><body><h1>503 No</h1>\nNo server.\n</body></html>\n",
    b"SSH-2.0-OpenSSH_9.2\r\n",
]


def one_input(data: bytes) -> None:
    """Take it, the connection closed behind it; with an upgrade asked for, and without."""
    for headers in ((("Upgrade", "DERP"), ("Connection", "Upgrade")), (("Connection", "close"),)):
        exchange = Exchange("derp.example.com", "/derp", headers)
        for piece in (data[: len(data) // 2], data[len(data) // 2 :], b""):
            if not exchange.is_over:
                exchange.receive_data(piece)
        answer = exchange.answer()
        if answer is not None:
            assert len(answer.body) <= MAX_BODY_BYTES
            assert len(answer.title) <= 80
            front_of([answer])


if __name__ == "__main__":
    from support.fuzzing import run

    run(one_input, SEEDS)
