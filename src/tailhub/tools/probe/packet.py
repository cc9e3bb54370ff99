"""What is in a packet of the probe: whose it is, which way it goes and which number it has. Pure.

``8B magic + 8B run + 1B kind + 1B 0 + 2B path + 2B answer path + 2B 0 + 8B number + 8B answer number + filling``, big
endian. `run` keeps apart what an earlier probe with the same key left on its way.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final, NamedTuple

__all__ = ["MAX_SIZE", "MIN_SIZE", "Kind", "ProbePacket", "parse", "serialize"]

_MAGIC: Final = b"THprobe\x01"
_HEAD: Final = struct.Struct(">8sQBxHH2xQQ")
MIN_SIZE: Final = _HEAD.size
MAX_SIZE: Final = 65536  # that DERP carries


class Kind(IntEnum):
    """What it is for."""

    MEASURE = 1  # one way
    ANSWER = 2  # what came of one that asked for an answer
    FILL = 3  # as many as there can be


class ProbePacket(NamedTuple):
    """`path` is the way that it goes; `answer_path` the one by which an answer goes or went, equal to it for none."""

    run: int
    kind: Kind
    path: int
    answer_path: int
    number: int
    answer_number: int = 0


def serialize(packet: ProbePacket, size: int) -> bytes:
    """`size` bytes, at least `MIN_SIZE`."""
    head = _HEAD.pack(
        _MAGIC, packet.run, packet.kind, packet.path, packet.answer_path, packet.number, packet.answer_number
    )
    return head.ljust(size, b"\0")


def parse(data: bytes) -> ProbePacket | None:
    """None for whatever else somebody sends."""
    if len(data) < MIN_SIZE:
        return None
    magic, run, kind, path, answer_path, number, answer_number = _HEAD.unpack_from(data)
    if magic != _MAGIC or kind not in Kind._value2member_map_:
        return None
    return ProbePacket(run, Kind(kind), path, answer_path, number, answer_number)
