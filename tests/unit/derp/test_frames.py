from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from tailhub.derp import frames
from tailhub.derp.frames import (
    CLIENT_LIMITS,
    LOGIN_LIMITS,
    SERVER_LIMITS,
    FrameType,
    Limits,
    PeerGoneReason,
    PeerPresent,
    PresenceFlag,
    check_length,
)
from tailhub.exceptions import FrameError, LocalError

KEY, OTHER = bytes(range(32)), bytes(range(32, 64))
KEY_HEX, OTHER_HEX = KEY.hex(), OTHER.hex()

# The wire and what makes it: both as hex of whole frames, so that a change of the wire cannot hide.
WIRE = [
    ("01 00000028 444552 50f09f9491" + KEY_HEX, frames.server_key(KEY)),
    ("04 00000022" + KEY_HEX + "abcd", frames.send_packet(KEY, b"\xab\xcd")),
    ("04 00000020" + KEY_HEX, frames.send_packet(KEY, b"")),
    ("05 00000022" + KEY_HEX + "abcd", frames.recv_packet(KEY, b"\xab\xcd")),
    ("06 00000000", frames.KEEP_ALIVE),
    ("07 00000001 01", frames.note_preferred(True)),
    ("07 00000001 00", frames.note_preferred(False)),
    ("08 00000021" + KEY_HEX + "00", frames.peer_gone(KEY, PeerGoneReason.DISCONNECTED)),
    ("08 00000021" + KEY_HEX + "01", frames.peer_gone(KEY, PeerGoneReason.NOT_HERE)),
    ("0a 00000041" + KEY_HEX + OTHER_HEX + "ff", frames.forward_packet(KEY, OTHER, b"\xff")),
    ("10 00000000", frames.WATCH_CONNS),
    ("11 00000020" + KEY_HEX, frames.close_peer(KEY)),
    ("12 00000008 0102030405060708", frames.ping(bytes(range(1, 9)))),
    ("13 00000008 0102030405060708", frames.pong(bytes(range(1, 9)))),
    ("14 00000003 e99ba8", frames.health("雨")),
    ("14 00000000", frames.health("")),
    ("15 00000008 00000001 00010000", frames.restarting(1, 65536)),
]

# (body of PeerPresent, what it means): read and, in its one written form, written.
PRESENT = [
    (KEY_HEX + "00" * 10 + "ffff 7f000001 1f90 01", PeerPresent(KEY, ip_address("127.0.0.1"), 8080, 1)),
    (
        KEY_HEX + "20010db8" + "00" * 11 + "01 0001 0e",
        PeerPresent(KEY, ip_address("2001:db8::1"), 1, 2 | 4 | 8),
    ),
    (KEY_HEX + "00" * 18 + "01", PeerPresent(KEY)),
]


@pytest.mark.parametrize(("wire", "frame"), WIRE)
def test_frames_as_on_the_wire(wire: str, frame: bytes) -> None:
    """Each frame is one type byte, a big-endian length and its body, to the byte."""
    assert frame.hex() == bytes.fromhex(wire).hex()


def test_bodies_are_read_as_they_are_written() -> None:
    """What one side puts into a body, the other takes out."""
    assert frames.parse_server_key(frames.server_key(KEY)[5:]) == KEY
    assert frames.parse_peer_gone(frames.peer_gone(KEY, PeerGoneReason.NOT_HERE)[5:]) == (KEY, 1)
    assert frames.parse_health(frames.health("雨 ok")[5:]) == "雨 ok"
    assert frames.parse_restarting(frames.restarting(500, 2000)[5:]) == (500, 2000)


@pytest.mark.parametrize(("body", "value"), PRESENT)
def test_peer_present_both_ways(body: str, value: PeerPresent) -> None:
    """PeerPresent has one written form of 51 bytes: key, address (v4 mapped), port, flags."""
    raw = bytes.fromhex(body)
    assert len(raw) == 51
    assert PeerPresent.parse(raw) == value
    assert value.serialize() == frames.serialize(FrameType.PEER_PRESENT, raw)


@pytest.mark.parametrize(
    ("length", "value"),
    [
        (32, PeerPresent(KEY, None, 0, 0)),
        (33, PeerPresent(KEY, None, 0, 0)),
        (50, PeerPresent(KEY, ip_address("2001:db8::1"), 1, 0)),
        (51, PeerPresent(KEY, ip_address("2001:db8::1"), 1, 14)),
        (55, PeerPresent(KEY, ip_address("2001:db8::1"), 1, 14)),
        (121, PeerPresent(KEY, ip_address("2001:db8::1"), 1, 14)),
    ],
)
def test_peer_present_of_other_lengths(length: int, value: PeerPresent) -> None:
    """A reader takes what older servers leave out as unknown, and ignores what newer ones add."""
    body = (bytes.fromhex(PRESENT[1][0]) + bytes(70))[:length]
    assert PeerPresent.parse(body) == value


@pytest.mark.parametrize(
    ("age_s", "tag", "more"),
    [
        (0.0, b"\0", "00000000 00"),
        (1.5, b"\1one", "000005dc 01 6f6e65"),
        (-1.0, b"\0" + "租户".encode(), "00000000 00 e7a79fe688b7"),
        (1e9, b"\0" + b"x" * 64, "ffffffff 00" + "78" * 64),
    ],
)
def test_what_tailhub_relays_add_to_peer_present(age_s: float, tag: bytes, more: str) -> None:
    """Behind the 51 bytes: milliseconds, which neither wrap nor go below 0, a byte of flags, the tenant's name."""
    raw, value = bytes.fromhex(PRESENT[0][0]), PRESENT[0][1]
    frame = frames.extend_present(value.serialize(), age_s, tag)
    assert frame == frames.serialize(FrameType.PEER_PRESENT, raw + bytes.fromhex(more))
    read = PeerPresent.parse(frame[5:])
    assert read == replace(value, age_ms=int.from_bytes(bytes.fromhex(more)[:4], "big"), tenant_tag=tag)
    assert read.serialize() == value.serialize()


def test_an_addition_to_peer_present_that_is_none() -> None:
    """A tenant's name that is not UTF-8 makes the whole addition count as absent; the rest is read."""
    raw, value = bytes.fromhex(PRESENT[0][0]), PRESENT[0][1]
    assert PeerPresent.parse(raw + bytes(5) + b"\xff\xfe") == value


def test_short_bodies_are_refused() -> None:
    """A body too short for its meaning raises FrameError, whatever checked its length before."""
    with pytest.raises(FrameError, match="PEER_PRESENT: expected at least 32 bytes, found 31"):
        PeerPresent.parse(bytes(31))
    with pytest.raises(FrameError, match="RESTARTING: expected 8 bytes, found 7"):
        frames.parse_restarting(bytes(7))
    with pytest.raises(FrameError, match="not a DERP server"):
        frames.parse_server_key(frames.MAGIC + bytes(31))


def test_a_wrong_magic_is_refused() -> None:
    """ServerKey without the magic is from something else than a DERP server."""
    with pytest.raises(FrameError) as caught:
        frames.parse_server_key(b"DERP\xf0\x9f\x94\x92" + KEY)
    assert caught.value.reason == "bad_magic"


def test_server_key_may_grow() -> None:
    """Bytes behind the key in ServerKey are left to future versions."""
    assert frames.parse_server_key(frames.MAGIC + KEY + b"future") == KEY


def test_peer_gone_without_a_reason() -> None:
    """A PeerGone of old, without a reason, means disconnected."""
    assert frames.parse_peer_gone(KEY) == (KEY, PeerGoneReason.DISCONNECTED)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("one\ntwo\ttab", "one two tab"), ("\x1b[31mred", " [31mred"), ("\ud800", " "), ("雨 ok", "雨 ok"), ("", "")],
)
def test_health_carries_no_control_characters(text: str, shown: str) -> None:
    """Control characters and lone surrogates in a Health text become spaces, written and read."""
    assert frames.parse_health(frames.health(text)[5:]) == shown
    assert frames.parse_health(text.encode("utf-8", "surrogatepass")).count("\x1b") == 0


def test_health_that_is_not_utf8_is_shown_all_the_same() -> None:
    """Bytes that are no UTF-8 in a Health text are replaced, not refused."""
    assert frames.parse_health(b"bad \xff byte") == "bad \ufffd byte"


# What the original closes a connection for, and what it allows.
SERVER_BOUNDS = [
    (FrameType.SEND_PACKET, 32, 32 + 65536),
    (FrameType.NOTE_PREFERRED, 1, 1),
    (FrameType.FORWARD_PACKET, 64, 65600),
    (FrameType.WATCH_CONNS, 0, 0),
    (FrameType.CLOSE_PEER, 32, 32),
    (FrameType.PING, 8, 1000),
]


@pytest.mark.parametrize(("kind", "least", "most"), SERVER_BOUNDS)
def test_limits_of_a_server(kind: FrameType, least: int, most: int) -> None:
    """A server takes each type between its bounds and refuses one byte beyond them."""
    assert check_length(kind, least, SERVER_LIMITS)
    assert check_length(kind, most, SERVER_LIMITS)
    with pytest.raises(FrameError, match=kind.name) as caught:
        check_length(kind, most + 1, SERVER_LIMITS)
    assert caught.value.reason == "frame_too_long"
    if least:
        with pytest.raises(FrameError, match=f"found {least - 1}") as caught:
            check_length(kind, least - 1, SERVER_LIMITS)
        assert caught.value.reason == "frame_too_short"


def test_a_server_skips_all_other_types() -> None:
    """Types that no client sends are unknown to a server at any length; KeepAlive and Pong are such."""
    known = {kind for kind, _, _ in SERVER_BOUNDS}
    for kind in set(range(256)) - known:
        assert not check_length(kind, 0, SERVER_LIMITS)
        assert not check_length(kind, 0xFFFFFFFF, SERVER_LIMITS)


@pytest.mark.parametrize(
    ("limits", "kind", "length", "ok"),
    [
        (LOGIN_LIMITS, FrameType.CLIENT_INFO, 56, True),
        (LOGIN_LIMITS, FrameType.CLIENT_INFO, 55, False),
        (LOGIN_LIMITS, FrameType.CLIENT_INFO, frames.MAX_CLIENT_INFO_LEN + 1, False),
        (CLIENT_LIMITS, FrameType.RECV_PACKET, 32 + 65536, True),
        (CLIENT_LIMITS, FrameType.RECV_PACKET, 32 + 65537, False),
        (CLIENT_LIMITS, FrameType.RECV_PACKET, 31, False),
        (CLIENT_LIMITS, FrameType.PONG, 7, False),
        (CLIENT_LIMITS, FrameType.SERVER_INFO, 39, False),
        (CLIENT_LIMITS, FrameType.HEALTH, 3000, True),
        (CLIENT_LIMITS, FrameType.PEER_GONE, 31, False),
    ],
)
def test_limits_of_the_login_and_of_a_client(limits: Limits, kind: FrameType, length: int, ok: bool) -> None:
    """The login and the client's side have bounds of their own."""
    if ok:
        assert check_length(kind, length, limits)
    else:
        with pytest.raises(FrameError):
            check_length(kind, length, limits)


def test_a_packet_that_is_too_long_is_our_own_fault() -> None:
    """Packets of 65,536 bytes can be sent, longer ones raise LocalError."""
    assert len(frames.send_packet(KEY, bytes(65536))) == 5 + 32 + 65536
    assert len(frames.forward_packet(KEY, KEY, bytes(65536))) == 5 + 64 + 65536
    with pytest.raises(LocalError, match="65536 bytes, found 65537"):
        frames.send_packet(KEY, bytes(65537))
    with pytest.raises(LocalError, match="65536 bytes, found 65537"):
        frames.forward_packet(KEY, KEY, bytes(65537))


def test_presence_flags() -> None:
    """The flags of PeerPresent are the reference's bits."""
    assert [int(flag) for flag in PresenceFlag] == [1, 2, 4, 8]
