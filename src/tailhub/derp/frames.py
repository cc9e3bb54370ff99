"""DERP frames: types, limits for each type and state, and bodies. Pure; no buffering (that is `codec` and `runs`).

A frame is ``1B type + 4B big-endian length + body``. Source: the reference's ``derp/derp.go``; the limits where the
reference is silent are ours and stand beside the frame they belong to.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, ip_address

from tailhub.exceptions import FrameError, LocalError

HEADER = struct.Struct(">BI")
HEADER_LEN = HEADER.size  # 5
KEY_LEN = 32
MAGIC = b"DERP\xf0\x9f\x94\x91"  # "DERP🔑", opens the body of ServerKey
PROTOCOL_VERSION = 2
MAX_PACKET_LEN = 65536  # bytes of payload in SendPacket, RecvPacket and ForwardPacket
RECV_OVERHEAD = HEADER_LEN + KEY_LEN  # bytes that a packet grows by on the wire, as SendPacket and as RecvPacket


class FrameType(IntEnum):
    """The frame types of DERP; numbers are the wire's. On the packet path they are compared as plain ints."""

    SERVER_KEY = 0x01
    CLIENT_INFO = 0x02
    SERVER_INFO = 0x03
    SEND_PACKET = 0x04
    RECV_PACKET = 0x05
    KEEP_ALIVE = 0x06
    NOTE_PREFERRED = 0x07
    PEER_GONE = 0x08
    PEER_PRESENT = 0x09
    FORWARD_PACKET = 0x0A
    WATCH_CONNS = 0x10
    CLOSE_PEER = 0x11
    PING = 0x12
    PONG = 0x13
    HEALTH = 0x14
    RESTARTING = 0x15


class PeerGoneReason(IntEnum):
    """Why a peer cannot be reached: byte 33 of PeerGone."""

    DISCONNECTED = 0
    NOT_HERE = 1


class PresenceFlag(IntEnum):
    """Flags of PeerPresent. REGULAR stands alone, the others combine."""

    REGULAR = 1
    MESH_PEER = 2
    PROBER = 4
    NOT_IDEAL = 8


# Body lengths (least, most). A type that is not in the table of a side is skipped there, whatever its length.
Limits = Mapping[int, tuple[int, int]]

# What the server accepts first: one ClientInfo and nothing else. The reference takes 256 KiB; a real client's is some
# 200 bytes, and anyone may send one before we know who it is.
MAX_CLIENT_INFO_LEN = 16384
LOGIN_LIMITS: Limits = {FrameType.CLIENT_INFO: (KEY_LEN + 24, MAX_CLIENT_INFO_LEN)}

# What the server accepts from a client that has logged in.
SERVER_LIMITS: Limits = {
    FrameType.SEND_PACKET: (KEY_LEN, KEY_LEN + MAX_PACKET_LEN),
    FrameType.NOTE_PREFERRED: (1, 1),
    FrameType.FORWARD_PACKET: (2 * KEY_LEN, 2 * KEY_LEN + MAX_PACKET_LEN),
    FrameType.WATCH_CONNS: (0, 0),
    FrameType.CLOSE_PEER: (KEY_LEN, KEY_LEN),
    FrameType.PING: (8, 1000),
}

# What a client accepts from the server, at any time.
CLIENT_LIMITS: Limits = {
    FrameType.SERVER_KEY: (len(MAGIC) + KEY_LEN, 1024),
    FrameType.SERVER_INFO: (24 + 16, 1 << 16),
    FrameType.RECV_PACKET: (KEY_LEN, KEY_LEN + MAX_PACKET_LEN),
    FrameType.KEEP_ALIVE: (0, 1024),
    FrameType.PEER_GONE: (KEY_LEN, 1024),
    FrameType.PEER_PRESENT: (KEY_LEN, 1024),
    FrameType.PING: (8, 1000),
    FrameType.PONG: (8, 1000),
    FrameType.HEALTH: (0, 1 << 16),
    FrameType.RESTARTING: (8, 1024),
}


def serialize(frame_type: int, body: bytes = b"") -> bytes:
    """One whole frame."""
    return HEADER.pack(frame_type, len(body)) + body


def check_length(frame_type: int, length: int, limits: Limits) -> bool:
    """Whether this side reads frames of this type (else: skip it). Raises `FrameError` when the length is wrong."""
    bounds = limits.get(frame_type)
    if bounds is None:
        return False
    least, most = bounds
    if least <= length <= most:
        return True
    name = FrameType(frame_type).name
    expected = f"{least}" if least == most else f"{least} to {most}"
    raise FrameError(
        f"{name}: expected a body of {expected} bytes, found {length}",
        "frame_too_short" if length < least else "frame_too_long",
    )


# --- bodies, server to client -----------------------------------------------------------------------------------------


def server_key(public: bytes) -> bytes:
    """ServerKey frame: magic + 32B key."""
    return serialize(FrameType.SERVER_KEY, MAGIC + public)


def parse_server_key(body: bytes) -> bytes:
    """The server's 32-byte public key; future bytes after it are allowed. Raises `FrameError`."""
    if len(body) < len(MAGIC) + KEY_LEN or body[: len(MAGIC)] != MAGIC:
        raise FrameError("SERVER_KEY: expected the DERP magic and a key; this is not a DERP server", "bad_magic")
    return bytes(body[len(MAGIC) : len(MAGIC) + KEY_LEN])


def recv_packet(src: bytes, packet: bytes) -> bytes:
    """RecvPacket frame: 32B source key + packet."""
    return HEADER.pack(FrameType.RECV_PACKET, KEY_LEN + len(packet)) + src + packet


def peer_gone(key: bytes, reason: PeerGoneReason) -> bytes:
    """PeerGone frame: 32B key + 1B reason."""
    return serialize(FrameType.PEER_GONE, key + bytes((reason,)))


def parse_peer_gone(body: bytes) -> tuple[bytes, int]:
    """``(key, reason)``; very old servers send no reason, which means DISCONNECTED."""
    return bytes(body[:KEY_LEN]), body[KEY_LEN] if len(body) > KEY_LEN else PeerGoneReason.DISCONNECTED


_NO_ADDRESS = IPv6Address("::")  # how a PeerPresent of the full length says that the address is not known
_PRESENT_LEN = KEY_LEN + 16 + 2 + 1  # what the reference writes, and reads of what is longer
_AGE = struct.Struct(">I")
MAX_TENANT_NAME = 64  # bytes of UTF-8
_MOST_AGE_MS = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class PeerPresent:
    """A connection that a watching mesh peer is told of. `address` is unmapped; None when the sender left it out.

    `age_ms` and `tenant_tag` are what a tailhub relay adds for another one (`extend_present`); None and empty without.
    """

    key: bytes
    address: IPv4Address | IPv6Address | None = None
    port: int = 0
    flags: int = PresenceFlag.REGULAR
    age_ms: int | None = None
    tenant_tag: bytes = b""

    def serialize(self) -> bytes:
        """PeerPresent frame of 51 bytes, which all understand: 32B key + 16B IP (v4 mapped) + 2B port + 1B flags."""
        packed = (self.address or _NO_ADDRESS).packed
        if len(packed) == 4:
            packed = b"\0" * 10 + b"\xff\xff" + packed
        return serialize(
            FrameType.PEER_PRESENT, self.key + packed + self.port.to_bytes(2, "big") + bytes((self.flags,))
        )

    @classmethod
    def parse(cls, body: bytes) -> PeerPresent:
        """Read a body of 32, 50, or 51 and more bytes. Raises `FrameError`."""
        if len(body) < KEY_LEN:
            raise FrameError(f"PEER_PRESENT: expected at least {KEY_LEN} bytes, found {len(body)}", "frame_too_short")
        address: IPv4Address | IPv6Address | None = None
        port = 0
        if len(body) >= KEY_LEN + 18:
            address = ip_address(bytes(body[KEY_LEN : KEY_LEN + 16]))
            if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
                address = address.ipv4_mapped
            if address == _NO_ADDRESS:
                address = None
            port = int.from_bytes(body[KEY_LEN + 16 : KEY_LEN + 18], "big")
        flags = body[KEY_LEN + 18] if len(body) > KEY_LEN + 18 else 0
        return cls(bytes(body[:KEY_LEN]), address, port, flags, *parse_extension(bytes(body[_PRESENT_LEN:])))


def extend_present(frame: bytes, age_s: float, tenant_tag: bytes) -> bytes:
    """A PeerPresent frame with what only tailhub relays tell each other: how old the connection is, and whose.

    Behind the 51 bytes: 4B milliseconds since it became its key's active one, big-endian and at most 2^32 - 1, then
    `tenant_tag`: 1B flags (1: a guest of that tenant) and the tenant's name, at most 64 bytes of UTF-8. The reference
    skips what it does not know at the end of a body.
    """
    age_ms = min(max(int(age_s * 1000), 0), _MOST_AGE_MS)
    length = len(frame) - HEADER_LEN + _AGE.size + len(tenant_tag)
    return HEADER.pack(FrameType.PEER_PRESENT, length) + frame[HEADER_LEN:] + _AGE.pack(age_ms) + tenant_tag


def parse_extension(more: bytes) -> tuple[int | None, bytes]:
    """``(age_ms, tenant_tag)`` from what lies behind the first 51 bytes of a PeerPresent's body.

    ``(None, b"")`` if that is no extension of ours.
    """
    if not _AGE.size < len(more) <= _AGE.size + 1 + MAX_TENANT_NAME:
        return None, b""
    tag = more[_AGE.size :]
    try:
        tag[1:].decode()
    except UnicodeDecodeError:
        return None, b""
    return _AGE.unpack_from(more)[0], tag


def printable(text: str) -> str:
    """`text` fit to be shown: control characters, which would reach a terminal or break a line, become spaces.

    So do lone surrogates, which JSON can carry and UTF-8 cannot.
    """
    return text if text.isprintable() else "".join(ch if ch.isprintable() else " " for ch in text)


def health(problem: str) -> bytes:
    """Health frame; empty clears it. Made printable: a newline breaks the layout of `tailscale status`."""
    return serialize(FrameType.HEALTH, printable(problem).encode())


def parse_health(body: bytes) -> str:
    """The problem that a Health frame reports, made printable; empty: there is none any more."""
    return printable(bytes(body).decode("utf-8", "replace"))


def restarting(reconnect_in_ms: int, try_for_ms: int) -> bytes:
    """Restarting frame: reconnect after, keep trying for, in milliseconds."""
    return serialize(FrameType.RESTARTING, struct.pack(">II", reconnect_in_ms, try_for_ms))


def parse_restarting(body: bytes) -> tuple[int, int]:
    """``(reconnect_in_ms, try_for_ms)``. Raises `FrameError`."""
    if len(body) < 8:
        raise FrameError(f"RESTARTING: expected 8 bytes, found {len(body)}", "frame_too_short")
    first, second = struct.unpack_from(">II", body)
    return int(first), int(second)


KEEP_ALIVE = serialize(FrameType.KEEP_ALIVE)

# --- bodies, client to server -----------------------------------------------------------------------------------------


def send_packet(dst: bytes, packet: bytes) -> bytes:
    """SendPacket frame: 32B destination key + packet. Raises `LocalError` over 65,536 bytes."""
    if len(packet) > MAX_PACKET_LEN:
        raise LocalError(f"a packet has at most {MAX_PACKET_LEN} bytes, found {len(packet)}")
    return HEADER.pack(FrameType.SEND_PACKET, KEY_LEN + len(packet)) + dst + packet


def forward_packet(src: bytes, dst: bytes, packet: bytes) -> bytes:
    """ForwardPacket frame: 32B source + 32B destination + packet. Raises `LocalError` over 65,536 bytes."""
    if len(packet) > MAX_PACKET_LEN:
        raise LocalError(f"a packet has at most {MAX_PACKET_LEN} bytes, found {len(packet)}")
    return HEADER.pack(FrameType.FORWARD_PACKET, 2 * KEY_LEN + len(packet)) + src + dst + packet


def note_preferred(home: bool) -> bytes:
    """NotePreferred frame: whether this relay is the client's home."""
    return serialize(FrameType.NOTE_PREFERRED, b"\x01" if home else b"\x00")


WATCH_CONNS = serialize(FrameType.WATCH_CONNS)


def close_peer(key: bytes) -> bytes:
    """ClosePeer frame: 32B key."""
    return serialize(FrameType.CLOSE_PEER, key)


# --- both ways --------------------------------------------------------------------------------------------------------


def ping(data: bytes) -> bytes:
    """Ping frame: 8 bytes that come back in the Pong."""
    return serialize(FrameType.PING, data)


def pong(data: bytes) -> bytes:
    """Pong frame: the 8 bytes of the Ping."""
    return serialize(FrameType.PONG, data)
