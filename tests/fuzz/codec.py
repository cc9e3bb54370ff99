"""Fuzz target: the packet path's decoders find what the plain decoder finds, however the stream is cut."""

from __future__ import annotations

import random
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from tailhub.derp import frames
from tailhub.derp.codec import FrameDecoder
from tailhub.derp.frames import SERVER_LIMITS, FrameType, serialize
from tailhub.derp.mesh_runs import MeshRunDecoder
from tailhub.derp.runs import SLACK, RunDecoder
from tailhub.disco import MAGIC as DISCO_MAGIC
from tailhub.exceptions import FrameError

_SRC, _A, _B = b"\x55" * 32, b"\x0a" * 32, b"\x0b" * 32
_MAX_HELD = frames.RECV_OVERHEAD + frames.KEY_LEN + frames.MAX_PACKET_LEN
_BUFFER = bytearray(160 << 10)

SEEDS: list[bytes] = [
    frames.send_packet(_A, b"hello") * 3 + frames.send_packet(_B, b""),
    frames.send_packet(_A, DISCO_MAGIC + bytes(56)) + frames.send_packet(_A, DISCO_MAGIC),
    frames.send_packet(_A, bytes(3000)) + frames.note_preferred(True) + frames.send_packet(_A, bytes(20000)),
    frames.WATCH_CONNS + frames.close_peer(_A) + frames.forward_packet(_A, _B, b"forwarded") + frames.ping(bytes(8)),
    serialize(0x42, bytes(100)) + frames.send_packet(_A, b"behind an unknown frame") + serialize(FrameType.PONG),
    frames.forward_packet(_A, _B, bytes(1200)) * 3 + frames.forward_packet(_B, _A, DISCO_MAGIC + bytes(56)),
    frames.forward_packet(_A, _B, b"") + frames.send_packet(_A, b"own") + frames.forward_packet(_A, _B, b"x"),
    serialize(FrameType.FORWARD_PACKET, bytes(63)),
    serialize(FrameType.SEND_PACKET, bytes(31)),
    b"\x04\x00\x01\x00\x20" + bytes(70000),
    b"",
]


def one_input(data: bytes) -> None:
    """Decode `data` all ways; raises when they differ or anything but FrameError comes out."""
    pieces = _cut(data)
    expected = _by_frames(data, pieces)
    for decoder in (RunDecoder(_SRC), MeshRunDecoder(_SRC)):
        if _by_runs(pieces, decoder) != expected:
            raise AssertionError(f"{type(decoder).__name__} and the plain decoder differ")


def _cut(data: bytes) -> list[bytes]:
    # Deterministic in the input, so that a finding repeats; coarse enough for speed.
    rng = random.Random(data[:64])
    most = rng.choice((7, 100, 3000, 70000))
    pieces = []
    pos = 0
    while pos < len(data):
        size = max(rng.randint(1, most), len(data) // 500)
        pieces.append(data[pos : pos + size])
        pos += size
    return pieces


def _by_runs(pieces: list[bytes], decoder: RunDecoder) -> tuple[list[tuple[int, bytes]], bool]:
    found: list[tuple[int, bytes]] = []
    for piece in pieces:
        start = decoder.prepare(_BUFFER)
        end = start + len(piece)
        if end + SLACK > len(_BUFFER):
            raise AssertionError("the decoder put back more than the buffer allows for")
        _BUFFER[start:end] = piece
        for dst, body, number, _ in decoder.decode(_BUFFER, end):
            if dst is None:
                found.append((number, body))
                continue
            run = FrameDecoder({FrameType.RECV_PACKET: (32, 32 + frames.MAX_PACKET_LEN)}).receive_data(body)
            src, kind = (_SRC, FrameType.SEND_PACKET) if len(dst) == 32 else (dst[:32], FrameType.FORWARD_PACKET)
            if len(run) != number or any(packet[:32] != src for _, packet in run):
                raise AssertionError("a run that is not what it says")
            found += [(int(kind), dst + packet[32:]) for _, packet in run]
        if decoder.held_bytes > _MAX_HELD:
            raise AssertionError("more is held than one frame")
    return found, decoder.error is not None


def _by_frames(data: bytes, pieces: list[bytes]) -> tuple[list[tuple[int, bytes]], bool]:
    # In pieces for what it finds and whether it fails; frame by frame for those before a bad one.
    by_pieces = FrameDecoder(SERVER_LIMITS)
    found: list[tuple[int, bytes]] = []
    try:
        for piece in pieces:
            found += by_pieces.receive_data(piece)
        return found, False
    except FrameError:
        pass
    decoder = FrameDecoder(SERVER_LIMITS)
    found = []
    pos = 0
    while pos < len(data):
        nxt = pos + 5 + int.from_bytes(data[pos + 1 : pos + 5], "big")
        try:
            found += decoder.receive_data(data[pos:nxt])
        except FrameError:
            return found, True
        pos = nxt
    raise AssertionError("the plain decoder fails in pieces only")


if __name__ == "__main__":
    from support.fuzzing import run

    run(one_input, SEEDS)
