"""What is shown of control frames, and that looking changes nothing."""

from __future__ import annotations

from ipaddress import ip_address
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailhub.derp import frames
from tailhub.derp.frames import HEADER_LEN, FrameType, PeerGoneReason
from tailhub.derp.runs import SLACK, Item, RunDecoder
from tailhub.server.frame_watch import WatchedDecoder, describe

A, B = bytes([1]) * 32, bytes([2]) * 32
SENT = (
    frames.note_preferred(True),
    frames.send_packet(B, b"packet"),
    frames.send_packet(B, b"packets" * 1000),
    frames.ping(b"12345678"),
    frames.serialize(0x60, b"what nobody knows"),
    frames.forward_packet(A, B, b"forwarded"),
    frames.note_preferred(False),
)


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (frames.note_preferred(True), ": its home is here"),
        (frames.note_preferred(False), ": its home is elsewhere"),
        (frames.peer_gone(B, PeerGoneReason.NOT_HERE), ": [AgICA], not here"),
        (frames.peer_gone(B, PeerGoneReason.DISCONNECTED), ": [AgICA], disconnected"),
        (frames.PeerPresent(B, ip_address("192.0.2.1"), 1, 1).serialize(), ": [AgICA]"),
        (frames.close_peer(B), ": [AgICA]"),
        (frames.health("over quota"), ": over quota"),
        (frames.health(""), ": all is well"),
        (frames.ping(b"12345678"), ""),
        (frames.serialize(FrameType.SERVER_INFO, b"sealed"), ""),
    ],
)
def test_what_is_said_of_a_frame(frame: bytes, said: str) -> None:
    """Homes, keys, reasons and texts are told; what is sealed is not."""
    assert describe(frame[0], frame[HEADER_LEN:]) == said


def decoded(decoder: RunDecoder | WatchedDecoder, pieces: list[bytes]) -> list[list[Item]]:
    found = []
    for piece in pieces:
        buffer = bytearray(80_000)
        start = decoder.prepare(buffer)
        buffer[start : start + len(piece)] = piece
        assert start + len(piece) + SLACK <= len(buffer)
        found.append(decoder.decode(buffer, start + len(piece)))
    return found


@given(st.lists(st.sampled_from(SENT), max_size=12), st.lists(st.integers(0, 60_000), max_size=5))
def test_a_watched_connection_gets_what_any_other_gets(sent: list[bytes], cuts: list[int]) -> None:
    """However a stream is cut, the decoder that is watched gives the same, and tells each control frame but packets."""
    stream = b"".join(sent)
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[one:other] for one, other in pairwise(edges)]
    told: list[tuple[int, bytes]] = []
    plain, watched = RunDecoder(A), WatchedDecoder(RunDecoder(A), lambda kind, body: told.append((kind, body)))
    assert decoded(plain, pieces) == decoded(watched, pieces)
    assert (plain.skipped_frames, plain.error) == (watched.skipped_frames, watched.error)
    shown = {FrameType.NOTE_PREFERRED, FrameType.PING}
    assert told == [(frame[0], frame[HEADER_LEN:]) for frame in sent if frame[0] in shown]
