"""Who has used how much: bytes by device and by pair of devices, counted on the packet path, gathered now and then.

The packet path adds to one `Flow` for each source that a receiver has heard of; dropping, which is rare, takes off
again. Gathering takes what has been added since the last time. No clock, no sockets.

What comes in is counted by the relay to which it was sent, what goes out by the one that has the receiver. So where
these are two of a region each knows its own clients' use, and in a store that they share it stands once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from tailhub.derp.frames import KEY_LEN, RECV_OVERHEAD

if TYPE_CHECKING:
    from tailhub.relay.connection import Connection

NOBODY: Final = bytes(KEY_LEN)
"""In the place of a receiver: there was none."""
MOST_PAIRS: Final = 100_000  # that are told apart between two gatherings; what further ones send counts as for nobody


class Flow:
    """What was sent from one source to one connection since the last gathering.

    `packets` and `size` are what came in here; what another relay has forwarded is taken off from `dropped`.
    """

    __slots__ = ("dropped", "packets", "size")

    def __init__(self) -> None:
        self.packets = 0
        self.size = 0  # bytes, with `RECV_OVERHEAD` for each packet
        self.dropped = 0  # bytes of payload that came in here and were not written, less those written that did not


class UsageRow(NamedTuple):
    """So many packets came from `src` for `dst`, a device of `tenant`, and bytes of payload in and out.

    Where `dst` is at another relay `tenant` is that of `src`, and nothing goes out; where `src` was, nothing came in.
    For `NOBODY`, of the tenant of `src`: packets for keys that are not here. All that `src` sent is the sum of its
    rows' `in_bytes`, all that `dst` was sent that of its rows' `out_bytes`.
    """

    tenant: str
    src: bytes
    dst: bytes
    packets: int
    in_bytes: int
    out_bytes: int


class Usage:
    """What has been used since it was last taken. Off until somebody wants to know."""

    __slots__ = ("_pairs", "is_on")

    def __init__(self) -> None:
        self.is_on = False
        self._pairs: dict[tuple[str, bytes, bytes], tuple[int, int, int]] = {}

    def gather(self, connections: Iterable[Connection]) -> None:
        """Add what these have used since the last time."""
        if not self.is_on:
            return
        for connection in connections:
            tenant = connection.payer
            for src, flow in connection.sources.items():
                if flow.packets or flow.dropped:
                    self._gather(tenant, src, connection.key, flow)
            if connection.nowhere is not None and connection.nowhere.packets:
                # A guest's is not its tenant's: strangers could use up the quota without knowing any of its keys.
                self._gather(connection.tenant.name, connection.key, NOBODY, connection.nowhere)

    def gather_flow(self, receiver: Connection, src: bytes, flow: Flow) -> None:
        """Add what this pair has used since the last time: it ends."""
        if self.is_on:
            self._gather(receiver.payer, src, receiver.key, flow)

    def forwarded(self, sender: Connection, dst: bytes, packets: int, size: int) -> None:
        """A client has sent packets, `size` as a `Flow` has it, for a key at another relay: they have come in."""
        if self.is_on:
            self._add(sender.payer, sender.key, dst, (packets, size - packets * RECV_OVERHEAD, 0))

    def take(self, most: int) -> list[UsageRow]:
        """What has not been taken yet, at most so many rows of it, and forget that."""
        pairs = self._pairs
        rows: list[UsageRow] = []
        while pairs and len(rows) < most:
            pair, numbers = pairs.popitem()
            rows.append(UsageRow(*pair, *numbers))
        return rows

    def _gather(self, tenant: str, src: bytes, dst: bytes, flow: Flow) -> None:
        size = flow.size - flow.packets * RECV_OVERHEAD
        written = size - flow.dropped if dst is not NOBODY else 0
        self._add(tenant, src, dst, (flow.packets, size, written))
        flow.packets = flow.size = flow.dropped = 0

    def _add(self, tenant: str, src: bytes, dst: bytes, numbers: tuple[int, int, int]) -> None:
        pair = (tenant, src, dst)
        before = self._pairs.get(pair)
        if before is None and len(self._pairs) >= MOST_PAIRS:  # keep what the tenant used, without who it was
            pair = (tenant, NOBODY, NOBODY)
            before = self._pairs.get(pair)
        before = before or (0, 0, 0)
        self._pairs[pair] = (before[0] + numbers[0], before[1] + numbers[1], before[2] + numbers[2])
