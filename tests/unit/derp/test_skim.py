"""Reading past what a client sends: what is kept of it, and where the stream stands then."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailhub.derp import frames
from tailhub.derp.runs import SLACK, RunDecoder
from tailhub.derp.skim import Skimmer
from tailhub.exceptions import FrameError

KEY, PEER = bytes(32), bytes((7,)) * 32
STREAM = b"".join(
    [
        frames.note_preferred(True),
        frames.send_packet(PEER, b"lost" * 100),
        frames.ping(b"eight by"),
        frames.serialize(0x77, bytes(300)),  # of an unknown type
        frames.note_preferred(False),
        frames.send_packet(PEER, b""),
    ]
)


def test_what_the_client_says_of_its_home() -> None:
    """The last NotePreferred is remembered."""
    skimmer = Skimmer()
    assert skimmer.prefers is None
    skimmer.receive_data(frames.note_preferred(True) + frames.send_packet(PEER, bytes(1000)))
    assert skimmer.prefers is True
    skimmer.receive_data(frames.note_preferred(False))
    assert skimmer.prefers is False


@given(st.lists(st.integers(0, len(STREAM)), max_size=12), st.integers(0, len(STREAM)))
def test_a_decoder_goes_on_anywhere(cuts: list[int], end: int) -> None:
    """However the stream is split, a decoder that takes over in the middle sees the frames that begin from there on."""
    skimmer = Skimmer()
    places = sorted({0, end, *(cut for cut in cuts if cut < end)})
    for start, stop in pairwise(places):
        skimmer.receive_data(STREAM[start:stop])
        assert len(skimmer.unread) <= frames.HEADER_LEN
    tail = frames.send_packet(PEER, b"wanted")
    data = skimmer.unread + STREAM[end:] + tail
    decoder = RunDecoder(KEY, skimmer.skip)
    items = decoder.decode(bytearray(data) + bytes(SLACK), len(data))
    assert decoder.error is None
    assert items[-1][1].endswith(b"wanted")
    taken = end - len(skimmer.unread)
    noted = [at for at in (0, STREAM.rindex(frames.note_preferred(False))) if at + 6 <= taken]
    assert skimmer.prefers is ([None, True, False][len(noted)])


def test_a_frame_that_cannot_be() -> None:
    """A frame of a known type with a wrong length is a violation, as from a client that is in."""
    with pytest.raises(FrameError):
        Skimmer().receive_data(frames.serialize(frames.FrameType.SEND_PACKET, b"short"))
