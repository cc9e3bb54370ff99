from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.streams import KEYS, broken_client_streams, client_streams, cut, piece_sizes
from tailhub.derp import frames
from tailhub.derp.codec import FrameDecoder
from tailhub.derp.frames import MAX_PACKET_LEN, SERVER_LIMITS, FrameType, serialize
from tailhub.derp.mesh_runs import MeshRunDecoder, forward_packets
from tailhub.derp.runs import ENDS_LEN, MAX_RUN_BYTES, MAX_RUN_PACKETS, SLACK, Item
from tailhub.disco import MAGIC as DISCO_MAGIC
from tailhub.disco import looks_like_disco
from tailhub.exceptions import FrameError

PEER = b"\x55" * 32
A, B, C = b"\x0a" * 32, b"\x0b" * 32, b"\x0c" * 32
DISCO = DISCO_MAGIC + bytes(56)
JUNK = 0xEE
RECV_LIMITS = {FrameType.RECV_PACKET: (32, 32 + MAX_PACKET_LEN)}

_packets = st.one_of(
    st.binary(max_size=40),
    st.integers(0, 3000).map(bytes),
    st.sampled_from([bytes(65536), DISCO_MAGIC, DISCO_MAGIC + bytes(55), DISCO]),
)
_forward = st.builds(frames.forward_packet, st.sampled_from(KEYS), st.sampled_from(KEYS), _packets)
mesh_streams = st.builds(
    lambda forwards, others: b"".join([*forwards, others, *forwards[::-1]]),
    st.lists(_forward, max_size=12),
    client_streams,
)


class Reader:
    """Works with the decoder as a connection does, out of one buffer full of old bytes."""

    def __init__(self) -> None:
        self.decoder = MeshRunDecoder(PEER)
        self.buffer = bytearray([JUNK]) * (160 << 10)

    def read(self, *pieces: bytes) -> list[Item]:
        items = []
        for data in pieces:
            start = self.decoder.prepare(self.buffer)
            end = start + len(data)
            self.buffer[start:end] = data
            assert len(self.buffer) >= end + SLACK
            items += self.decoder.decode(self.buffer, end)
            self.buffer[:end] = bytes([JUNK]) * end
        return items


def single_frames(items: list[Item]) -> list[tuple[int, bytes]]:
    """Items as the frames that the mesh peer has sent: ``(type, body)``."""
    found: list[tuple[int, bytes]] = []
    for dst, data, number, is_disco in items:
        if dst is None:
            found.append((number, data))
            continue
        src, kind = (PEER, FrameType.SEND_PACKET) if len(dst) == 32 else (dst[:32], FrameType.FORWARD_PACKET)
        run = FrameDecoder(RECV_LIMITS).receive_data(data)
        assert 1 <= len(run) == number <= MAX_RUN_PACKETS
        assert number == 1 or len(data) <= MAX_RUN_BYTES
        for _, body in run:
            assert body[:32] == src
            assert looks_like_disco(body[32:]) == is_disco
            found.append((kind, dst + body[32:]))
    return found


def by_the_plain_decoder(stream: bytes) -> list[tuple[int, bytes]]:
    """All frames up to the first bad one."""
    decoder, found, pos = FrameDecoder(SERVER_LIMITS), list[tuple[int, bytes]](), 0
    while len(stream) - pos >= 5:
        nxt = pos + 5 + int.from_bytes(stream[pos + 1 : pos + 5], "big")
        try:
            found += decoder.receive_data(stream[pos:nxt])
        except FrameError:
            break
        pos = nxt
    return found


@given(mesh_streams, piece_sizes)
def test_any_split_gives_what_the_plain_decoder_gives(stream: bytes, sizes: list[int]) -> None:
    """However a mesh peer's stream is cut, the items hold the frames that the plain decoder finds, in their order."""
    reader = Reader()
    assert single_frames(reader.read(*cut(stream, sizes))) == by_the_plain_decoder(stream)
    assert reader.decoder.error is None
    assert reader.decoder.held_bytes == 0


@given(mesh_streams, broken_client_streams, piece_sizes)
def test_frames_before_a_bad_one_are_given(before: bytes, broken: bytes, sizes: list[int]) -> None:
    """A bad length sets `error`; all frames before it are given, and none after it."""
    reader, stream = Reader(), before + broken
    assert single_frames(reader.read(*cut(stream, sizes))) == by_the_plain_decoder(stream)
    assert reader.decoder.error is not None
    assert reader.read(frames.forward_packet(A, B, b"late")) == []


def test_forwarded_packets_of_one_pair_become_a_run() -> None:
    """Consecutive ForwardPacket frames with the same keys are one item, also when their lengths differ."""
    sizes = (10, 10, 300, 0, 10)
    stream = b"".join(frames.forward_packet(A, B, bytes(size)) for size in sizes)
    joined = b"".join(frames.recv_packet(A, bytes(size)) for size in sizes)
    assert Reader().read(stream) == [(A + B, joined, 5, False)]


def test_a_run_ends_where_source_or_destination_change() -> None:
    """Packets of another source, and packets for another key, are another run."""
    pairs = [(A, B), (A, B), (C, B), (C, A), (A, B)]
    items = Reader().read(b"".join(frames.forward_packet(src, dst, b"packet") for src, dst in pairs))
    assert [(ends, number) for ends, _, number, _ in items] == [(A + B, 2), (C + B, 1), (C + A, 1), (A + B, 1)]
    assert items[1][1] == frames.recv_packet(C, b"packet")


def test_other_frames_keep_their_places_among_forwarded_ones() -> None:
    """What a mesh peer sends for itself comes as from any client, between the runs that it came between."""
    forwarded = frames.forward_packet(A, B, b"1")
    run: Item = (A + B, frames.recv_packet(A, b"1"), 1, False)
    own: Item = (B, frames.recv_packet(PEER, b"own"), 1, False)
    stream = [forwarded, frames.send_packet(B, b"own"), forwarded, serialize(0x42, b"?"), forwarded, frames.WATCH_CONNS]
    reader = Reader()
    assert reader.read(b"".join(stream)) == [run, own, run, run, (None, b"", FrameType.WATCH_CONNS, False)]
    assert reader.decoder.skipped_frames == 1


def test_forwarded_disco_stands_apart() -> None:
    """A forwarded disco packet is an item of its own; one that is too short for disco is not."""
    data, disco = frames.forward_packet(A, B, b"data"), frames.forward_packet(A, B, DISCO)
    almost = frames.forward_packet(A, B, DISCO[:-1])
    items = Reader().read(data * 3 + disco * 2 + almost + data)
    assert [(number, is_disco) for _, _, number, is_disco in items] == [(3, False), (1, True), (1, True), (2, False)]
    assert items[1][:2] == (A + B, frames.recv_packet(A, DISCO))


def test_forwarded_runs_are_limited() -> None:
    """A run has at most so many packets and bytes; a single packet may be longer."""
    small = frames.forward_packet(A, B, b"x") * (2 * MAX_RUN_PACKETS + 3)
    assert [number for _, _, number, _ in Reader().read(small)] == [MAX_RUN_PACKETS, MAX_RUN_PACKETS, 3]
    assert [number for _, _, number, _ in Reader().read(frames.forward_packet(A, B, bytes(9000)) * 7)] == [3, 3, 1]
    big = frames.forward_packet(A, B, bytes(MAX_PACKET_LEN))
    assert Reader().read(big) == [(A + B, frames.recv_packet(A, bytes(MAX_PACKET_LEN)), 1, False)]


def test_an_unknown_frame_that_is_longer_than_a_read_is_skipped() -> None:
    """Forwarded packets before and behind an unknown frame that comes in several reads are given."""
    packet = frames.forward_packet(A, B, b"x")
    items = Reader().read(packet + b"\x42\x00\x01\x00\x00" + bytes(60000), bytes(5536) + packet)
    assert [ends for ends, *_ in items] == [A + B, A + B]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (serialize(FrameType.FORWARD_PACKET, bytes(ENDS_LEN - 1)), "frame_too_short"),
        (b"\x0a\x00\x01\x00\x41", "frame_too_long"),
        (b"\x0a\xff\xff\xff\xff", "frame_too_long"),
        (b"\x04\x00\x01\x00\x21", "frame_too_long"),
    ],
)
def test_wrong_lengths_set_the_error(bad: bytes, reason: str) -> None:
    """A wrong length is found from the header alone; the packets before it are given as a run."""
    reader = Reader()
    items = reader.read(frames.forward_packet(A, B, b"one") + frames.forward_packet(A, B, b"two") + bad)
    assert [number for _, _, number, _ in items] == [2]
    assert reader.decoder.error is not None
    assert reader.decoder.error.reason == reason


@given(st.sampled_from(KEYS), st.sampled_from(KEYS), st.lists(_packets, min_size=1, max_size=MAX_RUN_PACKETS))
def test_a_run_is_forwarded_packet_by_packet(src: bytes, dst: bytes, packets: list[bytes]) -> None:
    """A run of RecvPacket frames becomes the ForwardPacket frames of its packets, with the source it names."""
    run = b"".join(frames.recv_packet(src, packet) for packet in packets)
    expected = b"".join(frames.forward_packet(src, dst, packet) for packet in packets)
    assert forward_packets(dst, run, len(packets)) == expected


@given(st.lists(st.binary(max_size=50).filter(lambda packet: not looks_like_disco(packet)), min_size=1, max_size=32))
def test_what_one_relay_forwards_the_other_delivers(packets: list[bytes]) -> None:
    """A run that went out as ForwardPacket comes in as the same run at the other relay."""
    run = b"".join(frames.recv_packet(A, packet) for packet in packets)
    assert Reader().read(forward_packets(B, run, len(packets))) == [(A + B, run, len(packets), False)]
