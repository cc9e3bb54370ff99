"""Who has used how much: bytes by device and by pair of devices, counted on the packet path, gathered now and then.

The packet path adds to the counters that a connection has anyway, and to one `Flow` for each source that its receiver
has heard of. Gathering takes what has been added since the last time. No clock, no sockets.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from tailhub.derp.frames import KEY_LEN, RECV_OVERHEAD

if TYPE_CHECKING:
    from tailhub.relay.connection import Connection

NOBODY: Final = bytes(KEY_LEN)
"""In the place of one key of a pair: all that the other one sent, or was sent."""
MOST_PAIRS: Final = 100_000  # that are told apart between two gatherings; what further ones use counts for no pair


class Flow:
    """What one connection was given from one source since the last gathering."""

    __slots__ = ("packets", "size")

    def __init__(self) -> None:
        self.packets = 0
        self.size = 0  # bytes, with `RECV_OVERHEAD` for each packet


class UsageRow(NamedTuple):
    """So many packets, and bytes of payload, from `src` to `dst`, which belongs to `tenant`.

    With `dst` `NOBODY`: all that the relay read from `src`; with `src` `NOBODY`: all that it wrote to `dst`. What was
    dropped on the way is in the former and not in the latter. Of a pair it is what was taken in for it.
    """

    tenant: str
    src: bytes
    dst: bytes
    packets: int
    size: int


class Usage:
    """What has been used since it was last taken. Off until somebody wants to know."""

    __slots__ = ("_pairs", "is_on")

    def __init__(self) -> None:
        self.is_on = False
        self._pairs: dict[tuple[str, bytes, bytes], tuple[int, int]] = {}

    def gather(self, connections: Iterable[Connection]) -> None:
        """Add what these have used since the last time."""
        if not self.is_on:
            return
        for connection in connections:
            tenant, key = connection.identity.tenant, connection.key
            packets, size = connection.received_packets, connection.received_bytes
            before = connection.gathered
            taken_packets, taken_size = connection.queue.taken_packets, connection.queue.taken_bytes
            now = (packets, size, taken_packets, taken_size)
            if now != before:
                connection.gathered = now
                self._add(tenant, key, NOBODY, packets - before[0], size - before[1])
                self._add(tenant, NOBODY, key, taken_packets - before[2], taken_size - before[3])
            for src, flow in connection.sources.items():
                self.gather_flow(connection, src, flow)

    def gather_flow(self, receiver: Connection, src: bytes, flow: Flow) -> None:
        """Add what this pair has used since the last time."""
        if flow.packets and self.is_on:
            payload = flow.size - flow.packets * RECV_OVERHEAD
            self._add(receiver.identity.tenant, src, receiver.key, flow.packets, payload)
            flow.packets = flow.size = 0

    def take(self) -> list[UsageRow]:
        """Everything since the last time, and forget it."""
        pairs, self._pairs = self._pairs, {}
        return [UsageRow(*pair, *numbers) for pair, numbers in pairs.items()]

    def _add(self, tenant: str, src: bytes, dst: bytes, packets: int, size: int) -> None:
        if not packets:
            return
        pair = (tenant, src, dst)
        before = self._pairs.get(pair)
        if before is not None:
            self._pairs[pair] = (before[0] + packets, before[1] + size)
        elif len(self._pairs) < MOST_PAIRS or NOBODY in (src, dst):
            self._pairs[pair] = (packets, size)
