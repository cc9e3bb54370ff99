"""What the relay counts. Plain ints; the names follow the reference's where it counts the same thing."""

from __future__ import annotations

from typing import Final

# Why a packet was dropped. The first six are the reference's words, the others ours.
UNKNOWN_DEST: Final = "unknown_dest"
UNKNOWN_DEST_ON_FWD: Final = "unknown_dest_on_fwd"
GONE_DISCONNECTED: Final = "gone_disconnected"
QUEUE_HEAD: Final = "queue_head"  # the queue was full in bytes, the oldest gave way
WRITE_ERROR: Final = "write_error"  # the connection broke or timed out while packets waited for it
DUP_CLIENT: Final = "dup_client"  # never happens here: the last writer is always active
QUEUE_AGE: Final = "queue_age"  # waited longer than the queue's age
QUEUE_TOTAL: Final = "queue_total"  # all queues together were full; the longest gave way
OTHER_TENANT: Final = "other_tenant"  # for a client of a tenant that the sender's may not reach

DROP_REASONS: Final = (
    UNKNOWN_DEST,
    UNKNOWN_DEST_ON_FWD,
    GONE_DISCONNECTED,
    QUEUE_HEAD,
    WRITE_ERROR,
    DUP_CLIENT,
    QUEUE_AGE,
    QUEUE_TOTAL,
    OTHER_TENANT,
)


class Stats:
    """Counters over the life of a relay. All bytes are packet payload without frame headers."""

    __slots__ = (
        "accepts",
        "bytes_dropped",
        "bytes_received",
        "bytes_sent",
        "control_dropped",
        "disco_received",
        "dup_connections_total",
        "forwarded",
        "forwarded_in",
        "forwarded_out",
        "got_ping",
        "home_moves_in",
        "home_moves_out",
        "packets_dropped",
        "packets_received",
        "packets_sent",
        "peer_gone_disconnected",
        "peer_gone_not_here",
        "rate_paused_s",
        "rate_pauses",
        "sent_pong",
        "unknown_frames",
    )

    def __init__(self) -> None:
        self.accepts = 0  # logins that were admitted
        self.packets_received = 0
        self.bytes_received = 0
        self.disco_received = 0  # packets, part of packets_received
        self.packets_sent = 0  # handed to the connection's writer
        self.bytes_sent = 0
        self.forwarded = 0  # packets handed to other workers of this relay, or to other relays
        self.forwarded_in = 0  # packets that came from mesh peers
        self.forwarded_out = 0  # packets that went to other relays, part of forwarded
        self.got_ping = 0
        self.sent_pong = 0
        self.peer_gone_disconnected = 0  # frames
        self.peer_gone_not_here = 0  # frames
        self.unknown_frames = 0
        self.home_moves_in = 0
        self.home_moves_out = 0
        self.dup_connections_total = 0
        self.control_dropped = 0  # control frames for clients that do not read
        self.rate_pauses = 0  # times that a client was not read for a while because it had sent too much
        self.rate_paused_s = 0.0  # seconds that these pauses took
        # By (reason, kind), where kind is "disco" or "other".
        keys = [(reason, kind) for reason in DROP_REASONS for kind in ("disco", "other")]
        self.packets_dropped: dict[tuple[str, str], int] = dict.fromkeys(keys, 0)
        self.bytes_dropped: dict[tuple[str, str], int] = dict.fromkeys(keys, 0)

    def drop(self, reason: str, disco: bool, packets: int, payload_bytes: int) -> None:
        """Count dropped packets."""
        key = (reason, "disco" if disco else "other")
        self.packets_dropped[key] += packets
        self.bytes_dropped[key] += payload_bytes

    def add_drops(self, other: Stats) -> None:
        """Count what another one has counted as dropped."""
        for mine, theirs in ((self.packets_dropped, other.packets_dropped), (self.bytes_dropped, other.bytes_dropped)):
            for key, count in theirs.items():
                mine[key] += count
