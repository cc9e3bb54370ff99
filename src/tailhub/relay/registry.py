"""Which connections a key has, and which of them is active.

Several connections with one key all stay open. A new one is active at once; after that the last one that wrote a frame
is; when one leaves, the most recent writer that is left takes over. Source: the reference's ``clientSet``, with its
rule "last writer is active" and without its other one, which cuts off both when they take turns.

A key may also have connections at other workers of this relay, or at other relays of the region. It is then *shared*,
and active where it was last; if that is not here, it is *displaced* here, until its connection writes something.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tailhub.relay.connection import Connection


class Registry:
    """Key to connections. `active` is read directly by the packet path and changed only here."""

    __slots__ = ("_displaced", "_groups", "active", "count", "shared")

    def __init__(self) -> None:
        self.active: dict[bytes, Connection] = {}
        # Only keys with two or more connections; in the order of their last frame, the active one last.
        self._groups: dict[bytes, dict[Connection, None]] = {}
        # Keys that are active elsewhere, with the connection that would be active.
        self._displaced: dict[bytes, Connection] = {}
        self.shared: set[bytes] = set()
        self.count = 0  # connections

    def __iter__(self) -> Iterator[Connection]:
        for table in (self.active, self._displaced):
            for connection in table.values():
                yield from self._groups.get(connection.key) or (connection,)

    def all_keys(self) -> list[bytes]:
        """Each key that has a connection."""
        return [*self.active, *self._displaced]

    @property
    def duplicates(self) -> Mapping[bytes, Mapping[Connection, None]]:
        """Keys that have two or more connections here now, with those."""
        return self._groups

    def current(self, key: bytes) -> Connection | None:
        """The connection that is active, or would be if the key were not active elsewhere."""
        return self.active.get(key) or self._displaced.get(key)

    def of_key(self, key: bytes) -> tuple[Connection, ...]:
        """All connections of a key."""
        group = self._groups.get(key)
        if group is not None:
            return tuple(group)
        connection = self.current(key)
        return () if connection is None else (connection,)

    def add(self, connection: Connection) -> bool:
        """Add a connection, which becomes the active one. Returns whether its key had none before."""
        key = connection.key
        self.count += 1
        old = self.active.get(key) or self._displaced.pop(key, None)
        self.active[key] = connection
        if old is None:
            return True
        group = self._groups.setdefault(key, {old: None})
        group[connection] = None
        old.has_duplicates = connection.has_duplicates = True
        return False

    def remove(self, connection: Connection) -> bool:
        """Remove a connection. Returns whether it was the last of its key."""
        key = connection.key
        self.count -= 1
        table = self._displaced if key in self._displaced else self.active
        group = self._groups.get(key)
        connection.has_duplicates = False
        if group is None:
            del table[key]
            self.shared.discard(key)
            return True
        del group[connection]
        last = next(reversed(group))
        table[key] = last
        if len(group) == 1:
            last.has_duplicates = key in self.shared
            del self._groups[key]
        return False

    def note_activity(self, connection: Connection) -> bool:
        """A connection with duplicates wrote a frame: it is the active one now. Returns whether it was not before."""
        key = connection.key
        if self.active.get(key) is connection:
            return False
        group = self._groups.get(key)
        if group is not None:
            del group[connection]
            group[connection] = None
        self._displaced.pop(key, None)
        self.active[key] = connection
        return True

    # --- keys that are elsewhere too ----------------------------------------------------------------------------------

    def share(self, key: bytes, *, displaced: bool) -> None:
        """Another worker or relay has the key too (and we have it); it is active there if `displaced`, else here."""
        self.shared.add(key)
        table, other = (self._displaced, self.active) if displaced else (self.active, self._displaced)
        connection = other.pop(key, None)
        if connection is not None:
            table[key] = connection
        table[key].has_duplicates = True

    def unshare(self, key: bytes) -> None:
        """Nobody else has the key any more."""
        if key in self.shared:
            self.share(key, displaced=False)
            self.shared.discard(key)
            self.active[key].has_duplicates = key in self._groups
