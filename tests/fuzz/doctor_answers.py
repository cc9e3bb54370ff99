"""Fuzz target: whatever a port says first is classified, in a short printable text; nothing is raised."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from tailhub.tools.doctor.judge.heard import MAX_TEXT, classify

SEEDS: list[bytes] = [
    b"",
    b"\x16\x03\x03\x00\x7a\x02",
    b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n",
    b"<html>",
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"220 mx.example.com ESMTP\r\n",
]


def one_input(data: bytes) -> None:
    """Classify `data`; raises for a fault."""
    heard = classify(data)
    for text in (heard.text, heard.server):
        if len(text) > MAX_TEXT or not text.isascii() or not (text.isprintable() or not text):
            raise AssertionError(f"{text!r} is told")
    if (heard.kind == "closed") != (not data):
        raise AssertionError(f"{heard.kind} for {data!r}")


if __name__ == "__main__":
    from support.fuzzing import run

    run(one_input, SEEDS)
