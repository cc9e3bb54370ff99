"""Tenants as the relay's decisions see them: who may reach whom, and what each of them has used.

A key belongs to one tenant, the one whose verifier has admitted it, and so do all of its connections. Who may not reach
a tenant must not be able to tell whether any key of it is here. Mesh peers belong to the nameless tenant, as everybody
does where there is no other. Not here: who admits whom (`tailhub.relay.admission`).

Guests (`tailhub.relay.steering`) are let in without being admitted. They reach whom their tenant's devices reach, but
not each other: or anybody could relay here by saying that their homes are elsewhere.

The relay's own probe (`tailhub.server.probe_key`) is let in whatever verifiers say, and reaches nobody but itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from operator import sub
from typing import TYPE_CHECKING, Final, NamedTuple

from tailhub.relay.stats import Stats

if TYPE_CHECKING:
    from tailhub.relay.connection import Connection

OWN_PROBE: Final = "own probe"
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
        "tag",
    )

    def __init__(self, name: str, number: int, stats: Stats, tag: bytes = b"") -> None:
        self.name = name
        self.number = number  # by which the workers of one relay tell each other of it
        self.tag = tag  # by which relays of one region do (`frames.extend_present`); empty: they are not told
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
    """All tenants of one relay, in the configuration's order; the first has no name. Those of guests are not listed.

    They may become others while the relay runs. One that is listed no more is known still: it has connections that are
    about to be closed, but nobody else reaches it. `own_probe` is that of the relay's own probe, and not listed.
    """

    __slots__ = ("_known", "_listed", "_numbered", "_stats", "_tagged", "own_probe")

    def __init__(self, stats: Stats, names: Sequence[str] = (), pairs: Iterable[tuple[str, str]] = ()) -> None:
        """`names` are those of the further tenants; the two of each of `pairs` may reach each other."""
        self._stats = stats
        self._known: dict[str, tuple[Tenant, Tenant]] = {}  # with that of its guests
        self._numbered: list[Tenant] = []
        self._tagged: dict[bytes, Tenant] = {}
        self._listed: tuple[Tenant, ...] = ()
        self.know(("",))
        self.own_probe = Tenant(OWN_PROBE, len(self._numbered), stats)  # at a place that each worker has for it
        self._numbered.append(self.own_probe)
        self.set(names, pairs)

    def know(self, names: Iterable[str]) -> None:
        """Know these, too. Whoever is to be told of them by number must come to know the same, in the same order."""
        for name in names:
            if name not in self._known:
                tags = b"\0" + name.encode(), b"\1" + name.encode()
                host = Tenant(name, len(self._numbered), self._stats, tags[0])
                guests = Tenant(f"{host.shown_name} guests", host.number + 1, self._stats, tags[1])
                self._known[name] = host, guests
                self._numbered += (host, guests)
                self._tagged.update(zip(tags, (host, guests), strict=True))

    def set(self, names: Sequence[str], pairs: Iterable[tuple[str, str]]) -> None:
        """From now on these are listed, and reach each other so; see `__init__`."""
        self.know(names)
        self._listed = tuple(self._known[name][0] for name in ("", *names))
        reaches = {host: {host} for host, _ in self._known.values()}
        for pair in pairs:
            one, other = (self._known[name][0] for name in pair)
            reaches[one].add(other)
            reaches[other].add(one)
        guests_of = dict(self._known.values())
        for host, hosts in reaches.items():
            guests_of[host].reaches = frozenset(hosts)
            host.reaches = frozenset((*hosts, *(guests_of[one] for one in hosts)))

    def __iter__(self) -> Iterator[Tenant]:
        return iter(self._listed)

    def __len__(self) -> int:
        return len(self._listed)

    def named(self, name: str) -> Tenant:
        """The tenant of this name. Raises `KeyError`."""
        return self._known[name][0]

    def guests_of(self, name: str) -> Tenant:
        """That of the guests of the tenant of this name. Raises `KeyError`."""
        return self._known[name][1]

    def numbered(self, number: int) -> Tenant | None:
        """The tenant that another worker calls so, None if there is none."""
        return self._numbered[number] if number < len(self._numbered) else None

    def tagged(self, tag: bytes) -> Tenant | None:
        """The tenant of which another relay says this, None if there is none of that name here."""
        return self._tagged.get(tag)
