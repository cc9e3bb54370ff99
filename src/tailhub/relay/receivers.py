"""Who was sent packets from which keys, and so is told when one of those has gone.

A pair of source and receiver also says what was sent from one to the other (`tailhub.relay.usage`).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final

from tailhub.derp import frames
from tailhub.derp.frames import PeerGoneReason
from tailhub.relay.connection import Connection
from tailhub.relay.odd import MOST_FORWARDED_SOURCES, MOST_UNKNOWN_SOURCES
from tailhub.relay.stats import Stats
from tailhub.relay.tenant import Tenant
from tailhub.relay.usage import Flow, Usage

MAX_SOURCES: Final = 65536  # for each connection; only a mesh peer can reach this


class _ForwardedFlow(Flow):
    """That of a source which was not of this relay when it was noted."""

    __slots__ = ()


class Receivers:
    """The receivers of each source; the mirror of `Connection.sources`."""

    __slots__ = ("_forwarded", "_of", "_stats", "_usage")

    def __init__(self, stats: Stats, usage: Usage) -> None:
        self._stats = stats
        self._usage = usage
        # Most sources have one receiver: a set for each would be most of their memory, and of the work of collections.
        self._of: dict[bytes, Connection | set[Connection]] = {}
        self._forwarded = 0  # pairs whose source was not of this relay when they were noted

    def __contains__(self, src: object) -> bool:
        return src in self._of

    @property
    def sources(self) -> list[bytes]:
        """All keys of whose leaving somebody is to be told."""
        return list(self._of)

    def note(self, receiver: Connection, src: bytes) -> Flow:
        """A connection is sent a packet from a key. Returns where to count it."""
        flow = Flow()
        if len(receiver.sources) < MAX_SOURCES:
            self._put(receiver, src, flow)
        return flow

    def note_forwarded(self, receiver: Connection, src: bytes, *, is_known: bool) -> tuple[Flow, bool]:
        """The same for a key that is not of this relay; `is_known`: another one has told of it, so it can be said that
        it has gone. Also returns whether there was room.

        A relay could invent sources, so only so many are remembered for all receivers together.
        """
        flow = _ForwardedFlow()
        most = MOST_FORWARDED_SOURCES if is_known else MOST_UNKNOWN_SOURCES
        has_room = len(receiver.sources) < MAX_SOURCES and self._forwarded < most
        if has_room:
            self._forwarded += 1
            self._put(receiver, src, flow)
        return flow, has_room

    def forget(self, receiver: Connection) -> None:
        """A connection is not told any more when those leave from whom it has had packets."""
        self._usage.gather((receiver,))
        for source, flow in receiver.sources.items():
            self._forwarded -= type(flow) is _ForwardedFlow
            receivers = self._of[source]
            if isinstance(receivers, set):
                receivers.discard(receiver)
            if not receivers or receivers is receiver:
                del self._of[source]
        receiver.sources.clear()

    def tell(self, key: bytes, tenants: Iterable[Tenant | None], most: int | None = None) -> int:
        """A key is of these tenants now, of none if it has left.

        Those who have had packets from it and reach none of them learn that it has gone, and nothing from then on; at
        most so many. Returns how many.
        """
        receivers = self._of.get(key)
        if receivers is None:
            return 0
        some = receivers if isinstance(receivers, set) else {receivers}
        lost = set(islice((one for one in some if one.tenant.reaches.isdisjoint(tenants)), most))
        some -= lost
        if not some:
            del self._of[key]
        frame = frames.peer_gone(key, PeerGoneReason.DISCONNECTED)
        for receiver in lost:
            flow = receiver.sources.pop(key)
            self._forwarded -= type(flow) is _ForwardedFlow
            self._usage.gather_flow(receiver, key, flow)
            if receiver.queue.put_control(frame):
                self._stats.peer_gone_disconnected += 1
                receiver.wake()
        return len(lost)

    def consistency_errors(self, connections: Iterable[Connection]) -> list[str]:
        """What does not add up, these being all connections; empty when all is well."""
        noted: dict[bytes, set[Connection]] = {}
        forwarded = 0
        for connection in connections:
            for source, flow in connection.sources.items():
                noted.setdefault(source, set()).add(connection)
                forwarded += type(flow) is _ForwardedFlow
        errors = []
        if noted != {source: of if isinstance(of, set) else {of} for source, of in self._of.items()}:
            errors.append(f"who is told of the leaving of {len(self._of)} keys is not who was sent their packets")
        if forwarded != self._forwarded:
            errors.append(f"{self._forwarded} sources of forwarded packets are counted, {forwarded} found")
        return errors

    def _put(self, receiver: Connection, src: bytes, flow: Flow) -> None:
        receiver.sources[src] = flow
        before = self._of.setdefault(src, receiver)
        if isinstance(before, set):
            before.add(receiver)
        elif before is not receiver:
            self._of[src] = {before, receiver}
