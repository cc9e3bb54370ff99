from __future__ import annotations

import pytest
from hypothesis import given

from support.streams import broken_client_streams, client_streams, cut, piece_sizes
from tailhub.derp import frames
from tailhub.derp.codec import FrameDecoder
from tailhub.derp.frames import FrameType, serialize
from tailhub.derp.runs import MAX_RUN_BYTES, MAX_RUN_PACKETS, SLACK, SMALL_CARRY, Item, RunDecoder
from tailhub.disco import MAGIC as DISCO_MAGIC
from tailhub.disco import looks_like_disco
from tailhub.exceptions import FrameError

SRC = b"\x55" * 32
A, B = b"\x0a" * 32, b"\x0b" * 32
DISCO = DISCO_MAGIC + bytes(56)
JUNK = 0xEE  # what the read buffer holds from reads before; must never show


class Reader:
    """Works with the decoder as a connection does, out of one buffer full of old bytes."""

    def __init__(self) -> None:
        self.decoder = RunDecoder(SRC)
        self.buffer = bytearray([JUNK]) * (160 << 10)
        self.most_held = 0

    def read(self, data: bytes) -> list[Item]:
        start = self.decoder.prepare(self.buffer)
        end = start + len(data)
        self.buffer[start:end] = data
        assert len(self.buffer) >= end + SLACK
        items = self.decoder.decode(self.buffer, end)
        self.buffer[:end] = bytes([JUNK]) * end  # the buffer belongs to others now
        self.most_held = max(self.most_held, self.decoder.held_bytes)
        return items

    def read_all(self, pieces: list[bytes]) -> list[Item]:
        return [item for piece in pieces for item in self.read(piece)]


def packets(items: list[Item]) -> list[tuple[bytes | None, int, bytes]]:
    """Items as single frames: ``(destination, type, body)``, with runs taken apart again."""
    found: list[tuple[bytes | None, int, bytes]] = []
    for dst, data, number, _ in items:
        if dst is None:
            found.append((None, number, data))
            continue
        run = FrameDecoder({FrameType.RECV_PACKET: (32, 32 + 65536)}).receive_data(data)
        assert len(run) == number
        found += [(dst, kind, body) for kind, body in run]
    return found


def by_the_oracle(stream: bytes) -> list[tuple[bytes | None, int, bytes]]:
    """The same from `FrameDecoder`, with each SendPacket turned into a RecvPacket; ends at the first bad frame."""
    decoder = FrameDecoder(frames.SERVER_LIMITS)
    found: list[tuple[bytes | None, int, bytes]] = []
    # In pieces that end with a frame, so that frames before a bad one are not lost with it.
    pos = 0
    while len(stream) - pos >= 5:
        nxt = pos + 5 + int.from_bytes(stream[pos + 1 : pos + 5], "big")
        try:
            for kind, body in decoder.receive_data(stream[pos:nxt]):
                if kind == FrameType.SEND_PACKET:
                    found.append((body[:32], FrameType.RECV_PACKET, SRC + body[32:]))
                else:
                    found.append((None, kind, body))
        except FrameError:
            break
        pos = nxt
    return found


@given(client_streams, piece_sizes)
def test_any_split_gives_what_the_plain_decoder_gives(stream: bytes, sizes: list[int]) -> None:
    """However a stream is cut, the runs hold the frames that the plain decoder finds, in their order."""
    reader = Reader()
    assert packets(reader.read_all(cut(stream, sizes))) == by_the_oracle(stream)
    assert reader.decoder.error is None


@given(broken_client_streams, piece_sizes)
def test_frames_before_a_bad_one_are_given(stream: bytes, sizes: list[int]) -> None:
    """A bad length sets `error`; all frames before it are given, in any split, and none after it."""
    reader = Reader()
    assert packets(reader.read_all(cut(stream, sizes))) == by_the_oracle(stream)
    assert reader.decoder.error is not None
    assert reader.read(frames.send_packet(A, b"late")) == []
    assert reader.decoder.held_bytes == 0


@given(client_streams, piece_sizes)
def test_runs_keep_their_promises(stream: bytes, sizes: list[int]) -> None:
    """Runs are not over their limits, disco packets stand alone and are marked, and no others are."""
    for dst, data, number, is_disco in Reader().read_all(cut(stream, sizes)):
        if dst is None:
            assert not is_disco
            continue
        assert 1 <= number <= MAX_RUN_PACKETS
        assert number == 1 or len(data) <= MAX_RUN_BYTES
        for _, _, body in packets([(dst, data, number, is_disco)]):
            assert looks_like_disco(body[32:]) == is_disco
            assert not is_disco or number == 1


def test_a_frame_is_patched_in_its_place() -> None:
    """A SendPacket comes out as a RecvPacket of the same length with the sender's key."""
    assert Reader().read(frames.send_packet(A, b"hello")) == [(A, frames.recv_packet(SRC, b"hello"), 1, False)]
    assert Reader().read(frames.send_packet(A, b"")) == [(A, frames.recv_packet(SRC, b""), 1, False)]


def test_packets_for_one_destination_become_a_run() -> None:
    """Consecutive packets for one destination are one item, also when their lengths differ."""
    stream = [frames.send_packet(A, bytes(n)) for n in (10, 10, 300, 0)] + [frames.send_packet(B, b"b")]
    joined = b"".join(frames.recv_packet(SRC, bytes(n)) for n in (10, 10, 300, 0))
    assert Reader().read(b"".join(stream)) == [(A, joined, 4, False), (B, frames.recv_packet(SRC, b"b"), 1, False)]


def test_a_run_ends_at_any_other_frame() -> None:
    """A frame of another kind between two packets keeps its place, an unknown one is left out; both end the run."""
    a = frames.send_packet(A, b"a")
    patched = (A, frames.recv_packet(SRC, b"a"), 1, False)
    assert Reader().read(a + frames.note_preferred(True) + a) == [
        patched,
        (None, b"\1", FrameType.NOTE_PREFERRED, False),
        patched,
    ]
    assert Reader().read(a + serialize(0x42, b"?") + a) == [patched, patched]


def test_disco_stands_apart() -> None:
    """A disco packet is an item of its own, between the runs before and after it."""
    data, disco = frames.send_packet(A, b"data"), frames.send_packet(A, DISCO)
    assert [(item[2], item[3]) for item in Reader().read(data * 3 + disco * 2 + data)] == [
        (3, False),
        (1, True),
        (1, True),
        (1, False),
    ]


def test_disco_magic_behind_the_end_does_not_count() -> None:
    """Bytes behind a packet that would make it disco, from an older read or the next frame, are not looked at."""
    reader = Reader()
    stream = frames.send_packet(A, DISCO[:-1])
    reader.buffer[len(stream) :] = bytes(len(reader.buffer) - len(stream))
    assert reader.read(stream)[0][3] is False
    reader.buffer[:] = DISCO_MAGIC * (len(reader.buffer) // 6) + bytes(len(reader.buffer) % 6)
    end = len(frames.send_packet(A, b""))
    reader.buffer[:end] = frames.send_packet(A, b"")
    assert reader.decoder.decode(reader.buffer, end) == [(A, frames.recv_packet(SRC, b""), 1, False)]


def test_runs_are_limited_in_packets() -> None:
    """A long row of small packets is cut into runs of the most packets a run may have."""
    stream = frames.send_packet(A, b"x") * (2 * MAX_RUN_PACKETS + 3)
    assert [number for _, _, number, _ in Reader().read(stream)] == [MAX_RUN_PACKETS, MAX_RUN_PACKETS, 3]


def test_runs_are_limited_in_bytes() -> None:
    """A run never grows over its limit in bytes; a single packet may be longer than that."""
    packet = frames.send_packet(A, bytes(9000))
    assert [number for _, _, number, _ in Reader().read(packet * 7)] == [3, 3, 1]
    big = frames.send_packet(A, bytes(65536))
    assert [(number, len(data)) for _, data, number, _ in Reader().read(big)] == [(1, len(big))]


@pytest.mark.parametrize("piece", [1, 2, 7, 1000])
def test_dribbled_bytes_are_held_once(piece: int) -> None:
    """A frame that comes in tiny pieces is held once, and put back into the buffer only while it is small."""
    reader = Reader()
    stream = frames.send_packet(A, bytes(65536))
    put_back = 0
    items = []
    for part in (stream[at : at + piece] for at in range(0, len(stream), piece)):
        start = reader.decoder.prepare(reader.buffer)
        put_back += start
        end = start + len(part)
        reader.buffer[start:end] = part
        items += reader.decoder.decode(reader.buffer, end)
        assert reader.decoder.held_bytes <= len(stream)
    assert items == [(A, frames.recv_packet(SRC, bytes(65536)), 1, False)]
    assert reader.decoder.held_bytes == 0
    # Copied again at every read only up to SMALL_CARRY: the rest grows where it lies.
    assert put_back <= (SMALL_CARRY // piece + 1) * SMALL_CARRY


def test_unknown_frames_are_not_stored() -> None:
    """Of a frame of unknown type nothing is held, however long it is, and what follows is read."""
    reader = Reader()
    assert reader.read(b"\x42" + (4 << 20).to_bytes(4, "big")) == []
    for _ in range(64):
        assert reader.read(bytes(64 << 10)) == []
    assert reader.most_held == 0
    assert reader.decoder.skipped_frames == 1
    assert reader.read(frames.WATCH_CONNS) == [(None, b"", FrameType.WATCH_CONNS, False)]


@pytest.mark.parametrize(
    ("bad", "text", "reason"),
    [
        (serialize(FrameType.SEND_PACKET, bytes(31)), "SEND_PACKET: expected a body of 32 to 65568 bytes, found 31",
         "frame_too_short"),
        (b"\x04\x00\x01\x00\x21", "found 65569", "frame_too_long"),
        (b"\x04\xff\xff\xff\xff", "found 4294967295", "frame_too_long"),
        (b"\x0a\x00\x01\x00\x41", "FORWARD_PACKET: expected a body of 64 to 65600 bytes, found 65601",
         "frame_too_long"),
        (b"\x07\x00\x00\x00\x02", "NOTE_PREFERRED: expected a body of 1 bytes, found 2", "frame_too_long"),
        (b"\x10\x00\x00\x00\x01", "WATCH_CONNS", "frame_too_long"),
        (b"\x11\x00\x00\x00\x1f", "CLOSE_PEER", "frame_too_short"),
        (b"\x12\x00\x00\x03\xe9", "PING", "frame_too_long"),
    ],
)  # fmt: skip
def test_wrong_lengths_set_the_error(bad: bytes, text: str, reason: str) -> None:
    """A wrong length is found from the header alone; the packets before it are given as a run."""
    reader = Reader()
    items = reader.read(frames.send_packet(A, b"one") + frames.send_packet(A, b"two") + bad)
    assert [number for _, _, number, _ in items] == [2]
    assert text in str(reader.decoder.error)
    assert reader.decoder.error is not None
    assert reader.decoder.error.reason == reason


def test_an_empty_read_keeps_the_unfinished_frame() -> None:
    """A read that brings nothing loses nothing of a frame that has begun."""
    reader = Reader()
    stream = frames.send_packet(A, b"hello")
    assert reader.read(stream[:20]) == []
    assert reader.read(b"") == []
    assert reader.decoder.held_bytes == 20
    assert reader.read(stream[20:]) == [(A, frames.recv_packet(SRC, b"hello"), 1, False)]
