"""A link to another relay of the region, without its socket: packets for that relay's clients, and who they are.

We are the other relay's mesh peer: it tells us who is there (WatchConns) and takes ForwardPacket. What it forwards to
us comes over the link that it has opened itself (`tailhub.relay.relay`).
"""

from __future__ import annotations

from tailhub.derp.frames import RECV_OVERHEAD, FrameType, PeerPresent, PresenceFlag, pong
from tailhub.derp.link_decoder import Gone, LinkDecoder, Present, Presents, SmallFrame
from tailhub.derp.mesh_runs import forward_packets
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

    __slots__ = (
        "_decoder",
        "_relay",
        "_sink",
        "dirty",
        "forwarded_bytes",
        "forwarded_packets",
        "keys",
        "peers",
        "queue",
        "stats",
    )

    def __init__(self, relay: Relay, sink: Sink) -> None:
        self._relay = relay
        self._sink = sink
        self._decoder = LinkDecoder()
        self.stats = Stats()
        self.queue = SendQueue(LIMITS, QueuedBytes(), self.stats)
        self.dirty = False
        self.keys = 0  # that are at that relay
        self.peers: set[bytes] = set()
        self.forwarded_packets = 0
        self.forwarded_bytes = 0  # payload

    def forward(self, now: float, dst: bytes, frames: bytes, count: int, disco: bool, tenant: Tenant) -> None:
        """Pass on a run: each of its RecvPacket frames becomes a ForwardPacket."""
        self.forwarded_packets += count
        self.forwarded_bytes += len(frames) - count * RECV_OVERHEAD
        self.queue.put(now, forward_packets(dst, frames, count), count, disco)
        self._wake()

    def _wake(self) -> None:
        if not self.dirty:
            self.dirty = True
            self._sink.wake()

    # --- what that relay says -----------------------------------------------------------------------------------------

    def prepare(self, buf: bytearray) -> int:
        """Put the start of an unfinished frame back into `buf`, as a `Receiver` does."""
        return self._decoder.prepare(buf)

    def data_received(self, buf: bytearray, end: int, now: float) -> list[SmallFrame]:
        """Take in ``buf[:end]``, bytes of that relay from behind its first ServerInfo, read at `now`.

        Presence is dealt with, and Ping answered. Returned is what is of interest to whoever keeps the link: Pong,
        ServerInfo, Health and Restarting. Raises `FrameError`, behind which nothing is to be read.
        """
        small: list[SmallFrame] = []
        for message in self._decoder.decode(buf, end):
            if isinstance(message, Presents):
                self._present(message.presents, now)
            elif isinstance(message, Gone):
                self._gone(message.keys)
            elif message.frame_type == FrameType.PING:
                self._answer(message.body)
            else:
                small.append(message)
        if self._decoder.error is not None:
            raise self._decoder.error
        return small

    @property
    def skipped_frames(self) -> int:
        """Frames of no use that have come: of unknown types, packets for our own key."""
        return self._decoder.skipped_frames

    def _answer(self, ping: bytes) -> None:
        # Without room for it that relay does not read; then whoever keeps the link finds that out.
        if self.queue.put_control(pong(ping[:8])):
            self._wake()

    def _present(self, presents: list[Present], now: float) -> None:
        present, nameless = self._relay.presence.mesh_present, self._relay.tenants.named("")
        for key, flags, _ in presents:
            if flags & PresenceFlag.MESH_PEER:
                self.peers.add(key)
            else:
                present(self, key, now, nameless)

    def _gone(self, keys: list[bytes]) -> None:
        gone = self._relay.presence.mesh_gone
        for key in keys:
            self.peers.discard(key)
            gone(self, key)

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
