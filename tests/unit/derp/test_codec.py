from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.streams import broken_client_streams, client_streams, cut, piece_sizes
from tailhub.derp.codec import FrameDecoder
from tailhub.derp.frames import CLIENT_LIMITS, SERVER_LIMITS, FrameType, serialize
from tailhub.exceptions import FrameError


def frames_by_slicing(data: bytes) -> list[tuple[int, bytes]]:
    """The plainest reading of a whole stream there is."""
    found = []
    while len(data) >= 5:
        length = int.from_bytes(data[1:5], "big")
        if len(data) < 5 + length:
            break
        if data[0] in SERVER_LIMITS:
            found.append((data[0], data[5 : 5 + length]))
        data = data[5 + length :]
    return found


@given(client_streams, piece_sizes)
def test_any_split_gives_the_same_frames(stream: bytes, sizes: list[int]) -> None:
    """However a stream is cut, the frames are those that lie in it."""
    decoder = FrameDecoder(SERVER_LIMITS)
    assert [frame for piece in cut(stream, sizes) for frame in decoder.receive_data(piece)] == frames_by_slicing(stream)


@given(client_streams, st.integers(0, 1 << 18), piece_sizes)
def test_another_decoder_reads_on_from_the_rest(stream: bytes, before: int, sizes: list[int]) -> None:
    """Wherever a decoder is left, one that is given its rest first finds the frames that are still to come."""
    first, second = FrameDecoder(SERVER_LIMITS), FrameDecoder(SERVER_LIMITS)
    found = first.receive_data(stream[:before])
    for piece in (first.rest, *cut(stream[before:], sizes)):
        found += second.receive_data(piece)
    assert found == frames_by_slicing(stream)


@given(broken_client_streams, piece_sizes)
def test_a_bad_length_raises_in_any_split(stream: bytes, sizes: list[int]) -> None:
    """A frame of a wrong length raises FrameError however the stream is cut, and nothing else is raised."""
    decoder = FrameDecoder(SERVER_LIMITS)
    pieces = iter(cut(stream, sizes))
    with pytest.raises(FrameError):
        deque((decoder.receive_data(piece) for piece in pieces), maxlen=0)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_bytes_like_type_is_taken(kind: type) -> None:
    """Data may be bytes, bytearray or memoryview, also in the middle of a skipped frame."""
    decoder = FrameDecoder(CLIENT_LIMITS)
    stream = serialize(0x42, bytes(10)) + serialize(FrameType.PING, bytes(8))
    assert decoder.receive_data(kind(stream[:8])) == []
    assert decoder.receive_data(kind(stream[8:])) == [(FrameType.PING, bytes(8))]


def test_a_length_is_judged_from_the_header_alone() -> None:
    """A frame that is too long is refused when its header is there, before any of its body is stored."""
    decoder = FrameDecoder(CLIENT_LIMITS)
    assert decoder.receive_data(b"\x05\xff\xff\xff") == []
    with pytest.raises(FrameError, match="RECV_PACKET: expected a body of 32 to 65568 bytes, found 4294967295"):
        decoder.receive_data(b"\xff")


def test_unknown_frames_are_counted_and_not_stored() -> None:
    """A frame of an unknown type, however long, is skipped as it comes and counted once."""
    decoder = FrameDecoder(CLIENT_LIMITS)
    decoder.receive_data(b"\x42" + (1 << 20).to_bytes(4, "big"))
    for _ in range(1 << 8):
        assert decoder.receive_data(bytes(1 << 12)) == []
        assert len(decoder._buffer) == 0
    assert decoder.skipped_frames == 1
    assert decoder.receive_data(serialize(FrameType.KEEP_ALIVE)) == [(FrameType.KEEP_ALIVE, b"")]


def test_empty_data_changes_nothing() -> None:
    """No bytes give no frames, in the middle of a frame too."""
    decoder = FrameDecoder(CLIENT_LIMITS)
    stream = serialize(FrameType.PONG, bytes(8))
    assert decoder.receive_data(b"") == []
    assert decoder.receive_data(stream[:6]) == []
    assert decoder.receive_data(b"") == []
    assert decoder.receive_data(stream[6:]) == [(FrameType.PONG, bytes(8))]
