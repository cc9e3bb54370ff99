"""Clients: what other programs, and tailhub's own tools and mesh links, talk to relays with.

`DERPClient` is one connection to one relay, `RegionClient` stays connected to a region. Messages are plain frozen
values. Knows asyncio and the library's TLS, runs on Linux, macOS and Windows.
"""

from __future__ import annotations

from tailhub.client.derp_client import DERPClient
from tailhub.client.region_client import Connected, Disconnected, RegionClient
from tailhub.derp.frames import PeerGoneReason, PeerPresent, PresenceFlag
from tailhub.derp.handshake import ServerInfo
from tailhub.derp.messages import Health, Message, PeerGone, ReceivedPacket, Restarting

__all__ = [
    "Connected",
    "DERPClient",
    "Disconnected",
    "Health",
    "Message",
    "PeerGone",
    "PeerGoneReason",
    "PeerPresent",
    "PresenceFlag",
    "ReceivedPacket",
    "RegionClient",
    "Restarting",
    "ServerInfo",
]
