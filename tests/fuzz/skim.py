"""Fuzz target: what is read past a client that waits stays small, and a decoder goes on exactly where that ended."""

from __future__ import annotations

import random
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from tailhub.derp import frames
from tailhub.derp.codec import FrameDecoder
from tailhub.derp.frames import HEADER_LEN, SERVER_LIMITS, FrameType, serialize
from tailhub.derp.skim import Skimmer
from tailhub.exceptions import FrameError

_A = b"\x0a" * 32

SEEDS: list[bytes] = [
    frames.note_preferred(True) + frames.send_packet(_A, b"lost") * 3 + frames.note_preferred(False),
    serialize(0x42, bytes(100)) + frames.note_preferred(True),
    frames.send_packet(_A, bytes(20000)) + frames.ping(bytes(8)) + frames.WATCH_CONNS,
    serialize(FrameType.NOTE_PREFERRED, b"\1\1"),
    b"\x42\xff\xff\xff\xff" + bytes(70),
    b"",
]


def one_input(data: bytes) -> None:
    """Skim `data` in pieces; raises when what is said of the home is not what the plain decoder finds."""
    skimmer, rng, pos, failed = Skimmer(), random.Random(len(data)), 0, False
    try:
        while pos < len(data):
            size = rng.randint(1, 64)
            skimmer.receive_data(data[pos : pos + size])
            pos += size
            if len(skimmer.unread) > HEADER_LEN or (skimmer.unread and skimmer.skip):
                raise AssertionError("it keeps too much")
    except FrameError:
        failed = True
    expected, broken = _said(data)
    if failed != broken or (not failed and skimmer.prefers != expected):
        raise AssertionError("the two decoders differ")


def _said(data: bytes) -> tuple[bool | None, bool]:
    """The last NotePreferred, and whether a rule is broken, by the plain decoder."""
    decoder, said = FrameDecoder(SERVER_LIMITS), None
    try:
        for frame_type, body in decoder.receive_data(data):
            if frame_type == FrameType.NOTE_PREFERRED:
                said = body[0] != 0
    except FrameError:
        return said, True
    return said, False


if __name__ == "__main__":
    from support.fuzzing import run

    run(one_input, SEEDS)
