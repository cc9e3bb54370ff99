"""Tenants as the relay's decisions see them: who may reach whom, and what each of them has used.

A key belongs to one tenant, the one whose verifier has admitted it, and so do all of its connections. Who may not reach
a tenant must not be able to tell whether any key of it is here. Mesh peers belong to the nameless tenant, as everybody
does where there is no other. Not here: who admits whom (`tailhub.relay.admission`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from tailhub.relay.stats import Stats

if TYPE_CHECKING:
    from tailhub.relay.connection import Connection

DEFAULT_TENANT: Final = "default"
"""What people call the tenant of the relay's own settings, which has no name."""


class Tenant:
    """One tenant. The packet path compares it by `is`, and looks into `reaches` only for another one."""

    __slots__ = (
        "_stats",
        "bytes_received",
        "bytes_sent",
        "name",
        "number",
        "packets_dropped",
        "packets_received",
        "packets_sent",
        "reaches",
    )

    def __init__(self, name: str, number: int, stats: Stats) -> None:
        self.name = name
        self.number = number  # by which the workers of one relay tell each other of it
        self._stats = stats
        self.reaches: frozenset[Tenant] = frozenset((self,))  # with whom its devices may exchange packets
        # What its connections that have ended have used; those that are here count for themselves.
        self.packets_received = 0
        self.bytes_received = 0  # payload, as all bytes here
        self.packets_sent = 0
        self.bytes_sent = 0
        self.packets_dropped: Counter[str] = Counter()  # by reason

    @property
    def shown_name(self) -> str:
        """What people call it."""
        return self.name or DEFAULT_TENANT

    def drop(self, reason: str, disco: bool, packets: int, payload_bytes: int) -> None:
        """Count packets that were dropped, which one of its clients sent, or which waited for one."""
        self.packets_dropped[reason] += packets
        self._stats.drop(reason, disco, packets, payload_bytes)

    def keep(self, connection: Connection, times: int = 1) -> None:
        """A connection is about to leave: remember what it has used. With -1: it comes, and that was used before."""
        queue = connection.queue
        self.packets_received += times * connection.received_packets
        self.bytes_received += times * connection.received_bytes
        self.packets_sent += times * queue.taken_packets
        self.bytes_sent += times * queue.taken_bytes


class Tenants:
    """All tenants of one relay, in the configuration's order; the first has no name."""

    __slots__ = ("_by_name", "_by_number")

    def __init__(self, stats: Stats, names: Sequence[str] = (), pairs: Iterable[tuple[str, str]] = ()) -> None:
        """`names` are those of the further tenants; the two of each of `pairs` may reach each other."""
        self._by_number = tuple(Tenant(name, number, stats) for number, name in enumerate(("", *names)))
        self._by_name = {tenant.name: tenant for tenant in self._by_number}
        for pair in pairs:
            one, other = (self._by_name[name] for name in pair)
            one.reaches |= {other}
            other.reaches |= {one}

    def __iter__(self) -> Iterator[Tenant]:
        return iter(self._by_number)

    def __len__(self) -> int:
        return len(self._by_number)

    def named(self, name: str) -> Tenant:
        """The tenant of this name. Raises `KeyError`."""
        return self._by_name[name]

    def numbered(self, number: int) -> Tenant | None:
        """The tenant that another worker calls so, None if there is none."""
        return self._by_number[number] if number < len(self._by_number) else None
