"""Byte streams for tests of decoders: hypothesis strategies for frames and for the ways a stream may be cut."""

from __future__ import annotations

from hypothesis import strategies as st

from tailhub.derp.frames import FrameType, serialize
from tailhub.disco import MAGIC as DISCO_MAGIC

KEYS = [bytes((n,)) * 32 for n in (1, 2, 3)]

_packets = st.one_of(
    st.binary(max_size=40),
    st.integers(0, 3000).map(bytes),
    st.sampled_from([bytes(65536), bytes(65535), DISCO_MAGIC, DISCO_MAGIC + bytes(55)]),
    st.integers(56, 200).map(lambda n: DISCO_MAGIC + bytes(n)),
)
_send = st.builds(lambda key, packet: serialize(FrameType.SEND_PACKET, key + packet), st.sampled_from(KEYS), _packets)
_other = st.one_of(
    st.builds(lambda key: serialize(FrameType.CLOSE_PEER, key), st.sampled_from(KEYS)),
    st.sampled_from([serialize(FrameType.NOTE_PREFERRED, b"\1"), serialize(FrameType.WATCH_CONNS)]),
    st.integers(8, 1000).map(lambda n: serialize(FrameType.PING, bytes(n))),
    st.builds(
        lambda src, dst, packet: serialize(FrameType.FORWARD_PACKET, src + dst + packet),
        st.sampled_from(KEYS),
        st.sampled_from(KEYS),
        _packets,
    ),
)
# Types that a server does not read: unknown ones, and those that only servers send.
_unknown = st.builds(
    serialize,
    st.sampled_from([0x00, FrameType.KEEP_ALIVE, FrameType.PONG, FrameType.RECV_PACKET, 0x42, 0xFF]),
    st.one_of(st.binary(max_size=40), st.integers(0, 100_000).map(bytes)),
)
_bad = st.sampled_from(
    [
        serialize(FrameType.SEND_PACKET, bytes(31)),
        serialize(FrameType.SEND_PACKET, bytes(32 + 65537)),
        serialize(FrameType.NOTE_PREFERRED, b""),
        serialize(FrameType.WATCH_CONNS, b"\0"),
        serialize(FrameType.CLOSE_PEER, bytes(33)),
        serialize(FrameType.PING, bytes(7)),
        serialize(FrameType.FORWARD_PACKET, bytes(63)),
    ]
)

good_frames = st.lists(st.one_of(_send, _send, _send, _other, _unknown), max_size=12)
client_streams = good_frames.map(b"".join)
broken_client_streams = st.builds(
    lambda before, bad, after: b"".join([*before, bad, *after]), good_frames, _bad, good_frames
)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """Cut `data` into pieces of these sizes, over and over; all of it, in some hundred pieces at most."""
    pieces = []
    pos = turn = 0
    least = len(data) // 400
    while pos < len(data):
        size = max(least, sizes[turn % len(sizes)])
        pieces.append(data[pos : pos + size])
        pos += size
        turn += 1
    return pieces


piece_sizes = st.lists(
    st.one_of(st.integers(1, 64), st.integers(65, 3000), st.integers(3001, 131_072)), min_size=1, max_size=6
)
