"""Tenants as the relay's decisions see them: who may reach whom, and what each of them has used.

A key belongs to one tenant, the one whose verifier has admitted it, and so do all of its connections. Who may not reach
a tenant must not be able to tell whether any key of it is here. Mesh peers belong to the nameless tenant, as everybody
does where there is no other. Not here: who admits whom (`tailhub.relay.admission`).

Guests (`tailhub.relay.steering`) are let in without being admitted. They reach whom their tenant's devices reach, but
not each other: or anybody could relay here by saying that their homes are elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from operator import sub
from typing import TYPE_CHECKING, Final, NamedTuple

from tailhub.relay.stats import Stats

if TYPE_CHECKING:
    from tailhub.relay.connection import Connection

DEFAULT_TENANT: Final = "default"
"""What people call the tenant of the relay's own settings, which has no name."""


class TenantUse(NamedTuple):
    """Packets and bytes of payload that clients have sent to the relay, and that they were sent."""

    packets_received: int = 0
    bytes_received: int = 0
    packets_sent: int = 0
    bytes_sent: int = 0

    @classmethod
    def of(cls, connection: Connection) -> TenantUse:
        """That of one connection."""
        queue = connection.queue
        return cls(connection.received_packets, connection.received_bytes, queue.taken_packets, queue.taken_bytes)


class Tenant:
    """One tenant. The packet path compares it by `is`, and looks into `reaches` only for another one."""

    __slots__ = (
        "_stats",
        "name",
        "number",
        "packets_dropped",
        "past",
        "reaches",
    )

    def __init__(self, name: str, number: int, stats: Stats) -> None:
        self.name = name
        self.number = number  # by which the workers of one relay tell each other of it
        self._stats = stats
        self.reaches: frozenset[Tenant] = frozenset((self,))  # with whom its devices may exchange packets
        # What its connections that have ended had used; those that are here count for themselves.
        self.past = TenantUse()
        self.packets_dropped: Counter[str] = Counter()  # by reason

    @property
    def shown_name(self) -> str:
        """What people call it."""
        return self.name or DEFAULT_TENANT

    def drop(self, reason: str, disco: bool, packets: int, payload_bytes: int) -> None:
        """Count packets that were dropped, which one of its clients sent, or which waited for one."""
        self.packets_dropped[reason] += packets
        self._stats.drop(reason, disco, packets, payload_bytes)

    def used_by(self, connections: Iterable[Connection]) -> TenantUse:
        """All that has been used, `connections` being those that are here."""
        return TenantUse(*map(sum, zip(self.past, *map(TenantUse.of, connections), strict=True)))

    def left(self, connection: Connection) -> None:
        """A connection is about to leave: keep what it has used."""
        self.past = self.used_by((connection,))

    def handed_over(self, connection: Connection) -> None:
        """A connection comes from another tenant, where its use up to now counts."""
        self.past = TenantUse(*map(sub, self.past, TenantUse.of(connection)))


class Tenants:
    """All tenants of one relay, in the configuration's order; the first has no name. Those of guests are not listed."""

    __slots__ = ("_by_name", "_guests", "_listed", "_numbered")

    def __init__(self, stats: Stats, names: Sequence[str] = (), pairs: Iterable[tuple[str, str]] = ()) -> None:
        """`names` are those of the further tenants; the two of each of `pairs` may reach each other."""
        self._listed = tuple(Tenant(name, number, stats) for number, name in enumerate(("", *names)))
        self._by_name = {tenant.name: tenant for tenant in self._listed}
        for pair in pairs:
            one, other = (self._by_name[name] for name in pair)
            one.reaches |= {other}
            other.reaches |= {one}
        count = len(self._listed)
        self._guests = tuple(Tenant(f"{one.shown_name} guests", count + one.number, stats) for one in self._listed)
        self._numbered = self._listed + self._guests
        for hosts, guests in zip([tenant.reaches for tenant in self._listed], self._guests, strict=True):
            guests.reaches = hosts
            for host in hosts:
                host.reaches |= {guests}

    def __iter__(self) -> Iterator[Tenant]:
        return iter(self._listed)

    def __len__(self) -> int:
        return len(self._listed)

    def named(self, name: str) -> Tenant:
        """The tenant of this name. Raises `KeyError`."""
        return self._by_name[name]

    def guests_of(self, name: str) -> Tenant:
        """That of the guests of the tenant of this name. Raises `KeyError`."""
        return self._guests[self._by_name[name].number]

    def numbered(self, number: int) -> Tenant | None:
        """The tenant that another worker calls so, None if there is none."""
        return self._numbered[number] if number < len(self._numbered) else None
