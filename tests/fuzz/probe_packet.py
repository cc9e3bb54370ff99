"""Fuzz target: the probe's packets, which anybody may send to its keys. Whatever comes is a packet or None."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from tailhub.tools.probe.packet import Kind, ProbePacket, parse, serialize

SEEDS: list[bytes] = [
    serialize(ProbePacket(1, Kind.MEASURE, 0, 1, 7, 8), 100),
    serialize(ProbePacket(2**64 - 1, Kind.FILL, 65535, 65535, 2**64 - 1, 0), 0),
    b"THprobe\x01",
    b"",
]


def one_input(data: bytes) -> None:
    """Read `data`; what is read is written the same."""
    packet = parse(data)
    if packet is not None and parse(serialize(packet, len(data))) != packet:
        raise AssertionError("a packet that changes when it is written again")


if __name__ == "__main__":
    from support.fuzzing import run

    run(one_input, SEEDS)
