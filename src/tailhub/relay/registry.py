"""Which connections a key has, and which of them is active.

Several connections with one key all stay open. A new one is active at once; after that the last one that wrote a frame
is; when one leaves, the most recent writer that is left takes over. Source: the reference's ``clientSet``, with its
rule "last writer is active" and without its other one, which cuts off both when they take turns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tailhub.relay.connection import Connection


class Registry:
    """Key to connections. `active` is read directly by the packet path and changed only here."""

    __slots__ = ("_groups", "active", "count")

    def __init__(self) -> None:
        self.active: dict[bytes, Connection] = {}
        # Only keys with two or more connections; in the order of their last frame, the active one last.
        self._groups: dict[bytes, dict[Connection, None]] = {}
        self.count = 0  # connections

    def __iter__(self) -> Iterator[Connection]:
        for connection in self.active.values():
            yield from self._groups.get(connection.key) or (connection,)

    @property
    def duplicates(self) -> Mapping[bytes, Mapping[Connection, None]]:
        """Keys that have two or more connections now, with those."""
        return self._groups

    def of_key(self, key: bytes) -> tuple[Connection, ...]:
        """All connections of a key."""
        group = self._groups.get(key)
        if group is not None:
            return tuple(group)
        connection = self.active.get(key)
        return () if connection is None else (connection,)

    def add(self, connection: Connection) -> bool:
        """Add a connection, which becomes the active one. Returns whether its key had none before."""
        key = connection.key
        self.count += 1
        old = self.active.get(key)
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
        group = self._groups.get(key)
        if group is None:
            del self.active[key]
            return True
        del group[connection]
        connection.has_duplicates = False
        last = next(reversed(group))
        self.active[key] = last
        if len(group) == 1:
            last.has_duplicates = False
            del self._groups[key]
        return False

    def note_activity(self, connection: Connection) -> None:
        """A connection with duplicates wrote a frame: it is the active one now."""
        key = connection.key
        if self.active[key] is connection:
            return
        group = self._groups[key]
        del group[connection]
        group[connection] = None
        self.active[key] = connection
