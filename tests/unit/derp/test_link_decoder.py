from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.streams import KEYS, cut, piece_sizes
from tailhub import box
from tailhub.derp import frames
from tailhub.derp.client_protocol import ClientProtocol
from tailhub.derp.frames import HEADER_LEN, FrameType, PeerGoneReason, PeerPresent, serialize
from tailhub.derp.link_decoder import MAX_SMALL_LEN, Gone, LinkDecoder, LinkMessage, Presents, SmallFrame
from tailhub.derp.messages import Health, PeerGone, Pong, Restarting
from tailhub.derp.runs import SLACK
from tailhub.exceptions import FrameError

A, B, C = b"\x0a" * 32, b"\x0b" * 32, b"\x0c" * 32
JUNK = 0xEE
EXTENSION = b"\0\0\x27\x10\0tenant"

_addresses = st.sampled_from([IPv4Address("192.0.2.1"), IPv6Address("2001:db8::1"), None])
_present = st.one_of(
    st.builds(
        lambda key, address, flags, more: serialize(
            FrameType.PEER_PRESENT, PeerPresent(key, address, 4000, flags).serialize()[HEADER_LEN:] + more
        ),
        st.sampled_from(KEYS),
        _addresses,
        st.sampled_from([1, 2, 4, 12]),
        st.sampled_from([b"", b"", EXTENSION, bytes(900)]),
    ),
    st.builds(lambda key: serialize(FrameType.PEER_PRESENT, key), st.sampled_from(KEYS)),
    st.builds(lambda key: serialize(FrameType.PEER_PRESENT, key + bytes(18)), st.sampled_from(KEYS)),
)
_gone = st.builds(frames.peer_gone, st.sampled_from(KEYS), st.sampled_from(PeerGoneReason))
_small = st.one_of(
    st.binary(min_size=8, max_size=30).map(frames.pong),
    st.builds(frames.restarting, st.integers(0, 1000), st.integers(0, 1000)),
    st.text(max_size=30).map(frames.health),
)
_useless = st.one_of(
    st.just(frames.KEEP_ALIVE),
    st.integers(0, 65536).map(lambda size: frames.recv_packet(A, bytes(size))),
    st.integers(0, 90000).map(lambda size: serialize(0x42, bytes(size))),
    st.just(frames.health("x" * (MAX_SMALL_LEN + 1))),
)
_good = st.lists(st.one_of(_present, _present, _gone, _small, _useless), max_size=15)
good_streams = _good.map(b"".join)
_bad = st.sampled_from(
    [
        serialize(FrameType.PEER_PRESENT, bytes(31)),
        serialize(FrameType.PEER_PRESENT, bytes(1025)),
        serialize(FrameType.PEER_GONE, bytes(31)),
        serialize(FrameType.PONG, bytes(7)),
        serialize(FrameType.RESTARTING, bytes(7)),
        b"\x05\x00\x01\x00\x21",
        b"\x14\xff\xff\xff\xff",
    ]
)


class Reader:
    """Works with the decoder as a link does, out of one buffer full of old bytes."""

    def __init__(self) -> None:
        self.decoder = LinkDecoder()
        self.buffer = bytearray([JUNK]) * (512 << 10)
        self.most_held = 0

    def read(self, *pieces: bytes) -> list[LinkMessage]:
        messages = []
        for data in pieces:
            start = self.decoder.prepare(self.buffer)
            end = start + len(data)
            self.buffer[start:end] = data
            assert len(self.buffer) >= end + SLACK
            messages += self.decoder.decode(self.buffer, end)
            self.buffer[:end] = bytes([JUNK]) * end
            self.most_held = max(self.most_held, self.decoder.held_bytes)
        return messages


def plain(messages: list[LinkMessage]) -> list[object]:
    """One by one, however they were grouped."""
    found: list[object] = []
    for message in messages:
        if isinstance(message, Presents):
            found += [("present", *present) for present in message.presents]
        elif isinstance(message, Gone):
            found += [("gone", key) for key in message.keys]
        else:
            found.append(message)
    return found


@given(good_streams, piece_sizes)
def test_any_split_gives_what_one_piece_gives(stream: bytes, sizes: list[int]) -> None:
    """However a stream is cut, the same is understood, and no more is held than one small frame."""
    reader, whole = Reader(), LinkDecoder()
    found = plain(reader.read(*cut(stream, sizes)))
    assert found == plain(whole.decode(bytearray(stream + bytes([JUNK]) * SLACK), len(stream)))
    assert reader.decoder.error is None
    assert reader.decoder.skipped_frames == whole.skipped_frames
    assert reader.most_held <= HEADER_LEN + MAX_SMALL_LEN


@given(good_streams, _bad, good_streams, piece_sizes)
def test_what_comes_before_a_bad_frame_is_given(before: bytes, bad: bytes, after: bytes, sizes: list[int]) -> None:
    """A bad length sets `error`; what came before it is given, and nothing after it."""
    reader = Reader()
    assert plain(reader.read(*cut(before + bad + after, sizes))) == plain(Reader().read(before))
    assert reader.decoder.error is not None
    assert reader.read(frames.pong(bytes(8))) == []


@given(good_streams, piece_sizes)
def test_it_understands_what_the_clients_protocol_does(stream: bytes, sizes: list[int]) -> None:
    """Keys, flags, reasons' keys and small frames are those that `ClientProtocol` finds in the same bytes."""
    expected: list[object] = []
    protocol = logged_in()
    for message in protocol.receive_data(stream):
        match message:
            case PeerPresent():
                expected.append((message.key, message.flags))
            case PeerGone():
                expected.append(message.key)
            case Pong() | Restarting() | Health():
                expected.append(message)
    found: list[object] = []
    for one in plain(Reader().read(*cut(stream, sizes))):
        match one:
            case ("present", key, flags, _):
                found.append((key, flags))
            case ("gone", key):
                found.append(key)
            case SmallFrame():
                found += logged_in().receive_data(serialize(one.frame_type, one.body))
    assert found == [one for one in expected if not (isinstance(one, Health) and len(one.text) > MAX_SMALL_LEN)]


def logged_in() -> ClientProtocol:
    """The protocol of a client behind its login."""
    server = box.generate()
    protocol = ClientProtocol(box.generate(), "localhost", meta_key=box.public_key(server).raw)
    protocol.receive_data(frames.server_key(box.public_key(server).raw))
    return protocol


def test_presences_in_a_row_are_one_message() -> None:
    """Consecutive PeerPresent frames come as one list: 32B key, flags, and what lies behind the first 51 bytes."""
    long = serialize(FrameType.PEER_PRESENT, PeerPresent(B, IPv4Address("192.0.2.1"), 1, 2).serialize()[5:] + EXTENSION)
    stream = PeerPresent(A).serialize() + long + serialize(FrameType.PEER_PRESENT, C)
    assert Reader().read(stream) == [Presents([(A, 1, b""), (B, 2, EXTENSION), (C, 0, b"")])]


def test_order_is_kept() -> None:
    """Presence, leaving and a Pong between them come in the order in which they were sent."""
    present, gone = PeerPresent(A).serialize(), frames.peer_gone(A, PeerGoneReason.NOT_HERE)
    assert Reader().read(present * 2 + gone + gone + present + frames.pong(b"12345678") + present) == [
        Presents([(A, 1, b"")] * 2),
        Gone([A, A]),
        Presents([(A, 1, b"")]),
        SmallFrame(FrameType.PONG, b"12345678"),
        Presents([(A, 1, b"")]),
    ]


def test_what_is_of_no_use_is_not_stored() -> None:
    """Packets, unknown frames and texts that are too long are passed over and counted; keep-alives are not counted."""
    reader = Reader()
    for useless in (frames.recv_packet(A, bytes(65536)), serialize(0x42, bytes(70000)), frames.health("x" * 60000)):
        assert reader.read(useless[:30000], useless[30000:] + frames.KEEP_ALIVE + frames.KEEP_ALIVE[:3]) == []
        assert reader.read(frames.KEEP_ALIVE[3:]) == []
    assert reader.decoder.skipped_frames == 3
    assert reader.most_held == 3


@pytest.mark.parametrize(
    ("bad", "text", "reason"),
    [
        (
            serialize(FrameType.PEER_PRESENT, bytes(31)),
            "PEER_PRESENT: expected a body of 32 to 1024",
            "frame_too_short",
        ),
        (serialize(FrameType.PEER_GONE, bytes(31)), "PEER_GONE: expected a body of 32", "frame_too_short"),
        (b"\x05\x00\x01\x00\x21", "RECV_PACKET: expected a body of 32 to 65568", "frame_too_long"),
    ],
)
def test_wrong_lengths_are_named(bad: bytes, text: str, reason: str) -> None:
    """A wrong length is found from the header alone, and said with what was expected."""
    reader = Reader()
    assert reader.read(PeerPresent(A).serialize() + bad) == [Presents([(A, 1, b"")])]
    assert isinstance(reader.decoder.error, FrameError)
    assert text in str(reader.decoder.error)
    assert reader.decoder.error.reason == reason
