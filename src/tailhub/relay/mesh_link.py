"""A link to another relay of the region, without its socket: packets for that relay's clients, and who they are.

We are the other relay's mesh peer: it tells us who is there (WatchConns) and takes ForwardPacket. What it forwards to
us comes over the link that it has opened itself (`tailhub.relay.relay`).
"""

from __future__ import annotations

from collections import Counter

from tailhub.derp.frames import (
    RECV_OVERHEAD,
    WATCH_CONNS,
    FrameType,
    PresenceFlag,
    parse_extension,
    pong,
)
from tailhub.derp.link_decoder import Gone, LinkDecoder, Presents, SmallFrame
from tailhub.derp.mesh_runs import forward_packets
from tailhub.relay.connection import Sink
from tailhub.relay.odd import (
    MOST_KEYS,
    MOST_PEERS,
    OUR_KEY,
    TOO_MANY_KEYS,
    TOO_MANY_PEERS,
    UNKNOWN_GONE,
    UNKNOWN_TENANT,
)
from tailhub.relay.relay import Relay
from tailhub.relay.send_queue import QueuedBytes, QueueLimits, SendQueue
from tailhub.relay.stats import GONE_DISCONNECTED, Stats
from tailhub.relay.tenant import Tenant

LONG_AGO = float("-inf")
LIMITS = QueueLimits(data_bytes=8 << 20, disco_bytes=1 << 20)


class MeshLink:
    """One link to another relay, from when that has let us in; `PacketForwarder` for its clients.

    `sink` moves the bytes, `server_key` is that relay's raw public key, `is_tailhub` whether it is one of ours, which
    says more than others do. `dirty` is True between a wake and the end of the sink's turn. `peers` are the keys of the
    relays that are mesh peers of that relay, ours among them. `odd` counts what that relay does that none should
    (`tailhub.relay.odd`). `is_flood`: it may still be telling of those who were there when we began to watch, and is to
    be asked again.
    """

    __slots__ = (
        "_decoder",
        "_is_over",
        "_is_tailhub",
        "_relay",
        "_sink",
        "dirty",
        "forwarded_bytes",
        "forwarded_packets",
        "heard_at",
        "is_flood",
        "odd",
        "peers",
        "queue",
        "server_key",
        "stats",
    )

    def __init__(self, relay: Relay, sink: Sink, server_key: bytes, *, is_tailhub: bool = False) -> None:
        self._relay = relay
        self._sink = sink
        self._decoder = LinkDecoder()
        self.server_key = server_key
        self.stats = Stats()
        self.queue = SendQueue(LIMITS, QueuedBytes(), self.stats)
        self.dirty = False
        self._is_tailhub = is_tailhub
        self.is_flood = True
        self._is_over = False
        self.peers: set[bytes] = set()
        self.odd: Counter[str] = Counter()
        self.heard_at = 0.0  # when its last frame came
        self.forwarded_packets = 0
        self.forwarded_bytes = 0  # payload
        relay.presence.add_mesh_link(self)

    @property
    def keys(self) -> int:
        """How many clients are at that relay."""
        return self._relay.presence.elsewhere.count_of(self)

    def forward(
        self, now: float, dst: bytes, frames: bytes, count: int, disco: bool, tenant: Tenant, hops: int = 0
    ) -> None:
        """Pass on a run: each of its RecvPacket frames becomes a ForwardPacket."""
        self.forwarded_packets += count
        self._relay.stats.forwarded_out += count
        self.forwarded_bytes += len(frames) - count * RECV_OVERHEAD
        self.queue.put(now, forward_packets(dst, frames, count), count, disco)
        self._wake()

    # --- what that relay says -----------------------------------------------------------------------------------------

    def prepare(self, buf: bytearray) -> int:
        """Put the start of an unfinished frame back into `buf`, as a `Receiver` does."""
        return self._decoder.prepare(buf)

    def data_received(self, buf: bytearray, end: int, now: float) -> list[SmallFrame]:
        """Take in ``buf[:end]``, bytes of that relay from behind its first ServerInfo, read at `now`.

        Presence is dealt with, and Ping answered. Returned is what is of interest to whoever keeps the link: Pong,
        ServerInfo, Health and Restarting. A Pong ends what that relay tells of all its clients at the beginning, if
        it has told of any: see `is_flood`. Raises `FrameError`, behind which nothing is to be read.
        """
        small: list[SmallFrame] = []
        is_tailhub = self._is_tailhub
        messages = self._decoder.decode(buf, end)
        if self._decoder.has_read:
            self.heard_at = now
        for message in messages:
            if isinstance(message, Presents):
                # Of other relays, what comes behind the 51 bytes may mean something else one day.
                for key, flags, more in message.presents:
                    self.present(key, flags, *parse_extension(more if is_tailhub else b""), now)
            elif isinstance(message, Gone):
                for key in message.keys:
                    self.gone(key)
            elif message.frame_type == FrameType.PING:
                # Without room for it that relay does not read; then whoever keeps the link finds that out.
                if self.queue.put_control(pong(message.body[:8])):
                    self._wake()
            else:
                if message.frame_type == FrameType.PONG:
                    self._answered()  # not later: what is told behind it in the same read is news
                small.append(message)
        if self._decoder.error is not None:
            raise self._decoder.error
        return small

    def present(self, key: bytes, flags: int, age_ms: int | None, tenant_tag: bytes, now: float) -> None:
        """That relay has a connection of a key; age and tenant as in `frames.parse_extension`.

        Where it does not say how old one is: as good as new if it has come since we are told of all, else of no age at
        all, so that whoever knows more is believed.
        """
        relay = self._relay
        if self._is_over:
            return
        if flags & PresenceFlag.MESH_PEER:
            if len(self.peers) < MOST_PEERS or key in self.peers:
                self.peers.add(key)
            else:
                self.odd[TOO_MANY_PEERS] += 1
            return
        if key == relay.own_key:
            self.odd[OUR_KEY] += 1
            return
        presence = relay.presence
        elsewhere = presence.elsewhere
        if elsewhere.count_of(self) >= MOST_KEYS and elsewhere.claim_of(key, self) is None:
            self.odd[TOO_MANY_KEYS] += 1
            return
        if age_ms is None:
            presence.mesh_present(self, key, LONG_AGO if self.is_flood else now, relay.tenants.named(""))
            return
        tenant = relay.tenants.tagged(tenant_tag)
        if tenant is None:
            self.odd[UNKNOWN_TENANT] += 1
        presence.mesh_present(self, key, now - age_ms / 1000, tenant)

    def gone(self, key: bytes) -> None:
        """That relay has no connection of a key any more, or never had: it has answered a packet for it so."""
        if key in self.peers:
            self.peers.discard(key)
        elif not self._relay.presence.mesh_gone(self, key):
            self.odd[UNKNOWN_GONE] += 1

    def _answered(self) -> None:
        # The original mostly answers a Ping before it tells of anybody; but then of all in one go, and of us too.
        if self._is_tailhub or self._relay.own_key in self.peers:
            self.is_flood = False

    def flood_over(self) -> None:
        """What comes from now on is new, whether or not we have been told of all."""
        self.is_flood = False

    def ask_again(self) -> None:
        """Have it tell of all its clients once more, if there were some of tenants that had not been here."""
        if self.odd[UNKNOWN_TENANT] and self.queue.put_control(WATCH_CONNS):
            self._wake()

    def broken(self) -> None:
        """The link is over: what was learnt over it counts no more."""
        self._is_over = True
        self._relay.presence.remove_mesh_link(self)
        self.queue.clear(GONE_DISCONNECTED)

    def _wake(self) -> None:
        if not self.dirty:
            self.dirty = True
            self._sink.wake()
