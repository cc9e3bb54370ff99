"""Fuzz target: what a client reads as the answer to its upgrade is a 101, not yet whole, or an UpgradeError."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from tailhub.derp.upgrade import ClientUpgrade, derp_response
from tailhub.exceptions import UpgradeError

SEEDS: list[bytes] = [
    derp_response(bytes(32)) + b"\x01\x00\x00\x00\x28",
    b"HTTP/1.1 100 Continue\r\n\r\n" + derp_response(bytes(32)),
    b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\nServer: nginx\r\n\r\nno",
    b"HTTP/1.1 302 Found\r\nLocation: /\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    b"HTTP/1.0 404 Not Found\r\n\r\ngone",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"",
]


def one_input(data: bytes) -> None:
    """Read `data` as a relay's answer in one piece and in halves; raises when the two differ."""
    whole = _read([data])
    if whole != _read([data[: len(data) // 2], data[len(data) // 2 :]]):
        raise AssertionError("another answer when it comes in halves")


def _read(pieces: list[bytes]) -> tuple[str, int | None, bytes]:
    upgrade = ClientUpgrade("relay")
    try:
        for number, piece in enumerate(pieces):
            if not piece:
                continue
            found = upgrade.receive_data(piece)
            if found is not None:
                return "upgraded", 101, found + b"".join(pieces[number + 1 :])
        upgrade.receive_data(b"")
    except UpgradeError as exc:
        if not str(exc).isprintable():
            raise AssertionError("an error that cannot be shown") from exc
        return "refused", exc.status, b""
    raise AssertionError("the end of the connection was not noticed")


if __name__ == "__main__":
    from support.fuzzing import run

    run(one_input, SEEDS)
