"""Fuzz target: what another relay says on a link is understood as the client's own protocol does, however it is cut."""

from __future__ import annotations

import random
import sys
from ipaddress import IPv4Address
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from tailhub.derp import frames
from tailhub.derp.codec import FrameDecoder
from tailhub.derp.frames import CLIENT_LIMITS, FrameType, PeerGoneReason, PeerPresent, serialize
from tailhub.derp.link_decoder import MAX_SMALL_LEN, Gone, LinkDecoder, Presents
from tailhub.derp.runs import SLACK
from tailhub.exceptions import FrameError

_A, _B = b"\x0a" * 32, b"\x0b" * 32
_BUFFER = bytearray(96 << 10)
_MAX_HELD = frames.HEADER_LEN + MAX_SMALL_LEN
_SMALL = (FrameType.PING, FrameType.PONG, FrameType.SERVER_INFO, FrameType.HEALTH, FrameType.RESTARTING)

_present = PeerPresent(_A, IPv4Address("192.0.2.1"), 4000).serialize()

SEEDS: list[bytes] = [
    _present * 5 + PeerPresent(_B, flags=2).serialize() + frames.pong(bytes(8)) + _present,
    serialize(FrameType.PEER_PRESENT, _A) + serialize(FrameType.PEER_PRESENT, _B + bytes(18)) + _present,
    serialize(FrameType.PEER_PRESENT, _present[5:] + b"\0\0\0\7\0name") * 3 + serialize(FrameType.PEER_GONE, _A),
    frames.peer_gone(_A, PeerGoneReason.DISCONNECTED) * 2 + frames.peer_gone(_B, PeerGoneReason.NOT_HERE) + _present,
    frames.ping(bytes(8)) + frames.KEEP_ALIVE + frames.health("a problem") + frames.restarting(1, 2),
    frames.recv_packet(_A, bytes(20000)) + frames.KEEP_ALIVE + frames.health("x" * 5000) + _present,
    serialize(0x42, bytes(100)) + serialize(FrameType.SERVER_INFO, bytes(60)) + frames.server_key(_A),
    serialize(FrameType.PEER_PRESENT, bytes(31)),
    b"\x09\0\0\4\1" + bytes(2000),
    b"",
]


def one_input(data: bytes) -> None:
    """Decode `data` in pieces and frame by frame; raises when they differ or anything but FrameError comes out."""
    if _in_pieces(data) != _by_frames(data):
        raise AssertionError("the two decoders differ")


def _in_pieces(data: bytes) -> tuple[list[tuple[int, bytes]], bool]:
    decoder, rng = LinkDecoder(), random.Random(data[:64])
    most = rng.choice((7, 100, 3000, 60000))
    found: list[tuple[int, bytes]] = []
    pos = 0
    while pos < len(data):
        size = max(rng.randint(1, most), len(data) // 500)
        piece = data[pos : pos + size]
        pos += size
        start = decoder.prepare(_BUFFER)
        end = start + len(piece)
        if end + SLACK > len(_BUFFER):
            raise AssertionError("the decoder put back more than the buffer allows for")
        _BUFFER[start:end] = piece
        for message in decoder.decode(_BUFFER, end):
            if isinstance(message, Presents):
                found += [(FrameType.PEER_PRESENT, key + bytes((flags,)) + more) for key, flags, more in message[0]]
            elif isinstance(message, Gone):
                found += [(FrameType.PEER_GONE, key) for key in message.keys]
            else:
                found.append((message.frame_type, message.body))
        if decoder.held_bytes > _MAX_HELD:
            raise AssertionError("more is held than one small frame")
    return found, decoder.error is not None


def _by_frames(data: bytes) -> tuple[list[tuple[int, bytes]], bool]:
    decoder, found, pos = FrameDecoder(CLIENT_LIMITS), list[tuple[int, bytes]](), 0
    while pos < len(data):
        nxt = pos + 5 + int.from_bytes(data[pos + 1 : pos + 5], "big")
        try:
            for kind, body in decoder.receive_data(data[pos:nxt]):
                if kind == FrameType.PEER_PRESENT:
                    found.append((kind, body[:32] + (body[50:] or b"\0")))
                elif kind == FrameType.PEER_GONE:
                    found.append((kind, body[:32]))
                elif kind in _SMALL and len(body) <= MAX_SMALL_LEN:
                    found.append((kind, body))
        except FrameError:
            return found, True
        pos = nxt
    return found, False


if __name__ == "__main__":
    from support.fuzzing import run

    run(one_input, SEEDS)
