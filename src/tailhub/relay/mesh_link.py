"""A link to another relay of the region, without its socket: packets for that relay's clients, and who they are.

We are the other relay's mesh peer: it tells us who is there (WatchConns) and takes ForwardPacket. What it forwards to
us comes over the link that it has opened itself (`tailhub.relay.relay`).
"""

from __future__ import annotations

from tailhub.derp.frames import (
    HEADER,
    HEADER_LEN,
    KEY_LEN,
    RECV_OVERHEAD,
    FrameType,
    PeerPresent,
    PresenceFlag,
)
from tailhub.derp.messages import Message, PeerGone
from tailhub.relay.connection import Sink
from tailhub.relay.relay import Relay
from tailhub.relay.send_queue import QueuedBytes, QueueLimits, SendQueue
from tailhub.relay.stats import Stats
from tailhub.relay.tenant import Tenant

LIMITS = QueueLimits(data_bytes=8 << 20, disco_bytes=1 << 20)


class MeshLink:
    """One link to another relay, from when that has let us in; `PacketForwarder` for its clients.

    `sink` moves the bytes. `dirty` is True between a wake and the end of the sink's turn. `peers` are the keys of the
    relays that are mesh peers of that relay.
    """

    __slots__ = ("_relay", "_sink", "dirty", "forwarded_bytes", "forwarded_packets", "keys", "peers", "queue", "stats")

    def __init__(self, relay: Relay, sink: Sink) -> None:
        self._relay = relay
        self._sink = sink
        self.stats = Stats()
        self.queue = SendQueue(LIMITS, QueuedBytes(), self.stats)
        self.dirty = False
        self.keys = 0  # that are at that relay
        self.peers: set[bytes] = set()
        self.forwarded_packets = 0
        self.forwarded_bytes = 0  # payload

    def forward(self, now: float, dst: bytes, frames: bytes, count: int, disco: bool, tenant: Tenant) -> None:
        """Pass on a run: each of its RecvPacket frames becomes a ForwardPacket."""
        parts, pos = [], 0
        for _ in range(count):
            _, length = HEADER.unpack_from(frames, pos)
            start = pos + HEADER_LEN
            parts += [
                HEADER.pack(FrameType.FORWARD_PACKET, length + KEY_LEN),
                frames[start : start + KEY_LEN],
                dst,
                frames[start + KEY_LEN : start + length],
            ]
            pos = start + length
        self.forwarded_packets += count
        self._relay.stats.forwarded_out += count
        self.forwarded_bytes += len(frames) - count * RECV_OVERHEAD
        self.queue.put(now, b"".join(parts), count, disco)
        if not self.dirty:
            self.dirty = True
            self._sink.wake()

    def receive(self, message: Message, now: float) -> None:
        """Take in what that relay says."""
        presence = self._relay.presence
        if isinstance(message, PeerPresent):
            if message.flags & PresenceFlag.MESH_PEER:
                self.peers.add(message.key)
                return
            presence.mesh_present(self, message.key, now, self._relay.tenants.named(""))
        elif isinstance(message, PeerGone):
            self.peers.discard(message.key)
            presence.mesh_gone(self, message.key)

    def broken(self) -> None:
        """The link is over: forget what was learnt over it."""
        self._relay.presence.remove_mesh_link(self)
        self.queue.clear("gone_disconnected")
