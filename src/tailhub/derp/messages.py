"""What a client learns from its relay: frozen values, one class a kind. At human rate and for the client's packets.

Keys in them are raw 32 bytes, as everywhere on the way of a packet; ``NodePublic(key)`` is their readable form.
"""

from __future__ import annotations

from dataclasses import dataclass

from tailhub.derp.frames import PeerPresent
from tailhub.derp.handshake import ServerInfo


@dataclass(frozen=True, slots=True)
class ReceivedPacket:
    """A packet from another client of the relay: its key, and the bytes as they were sent."""

    src: bytes
    packet: bytes


@dataclass(frozen=True, slots=True)
class PeerGone:
    """A peer cannot be reached through this relay. `reason` is a `PeerGoneReason`, or a number newer than this code."""

    key: bytes
    reason: int


@dataclass(frozen=True, slots=True)
class Health:
    """The relay reports a problem with this connection, for people to read; empty: there is none any more."""

    text: str


@dataclass(frozen=True, slots=True)
class Restarting:
    """The relay is about to restart: connect again after `reconnect_in_s`, and keep trying for `try_for_s`."""

    reconnect_in_s: float
    try_for_s: float


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a Ping of ours: its 8 bytes."""

    data: bytes


# `PeerPresent` comes to watchers of a mesh only; `ServerInfo` comes at login and may come again with another rate.
Message = ReceivedPacket | PeerGone | PeerPresent | Health | Restarting | ServerInfo

__all__ = ["Health", "Message", "PeerGone", "PeerPresent", "Pong", "ReceivedPacket", "Restarting", "ServerInfo"]
