"""Which refused logins may be held, so that who cannot get in neither storms the relay nor fills it.

One for each key (the newest), some for each source address (IPv6: for each /64), and so many together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Generic, TypeAlias, TypeVar

from tailhub.relay.source import source_of

MOST_HELD = 1024  # the default for the whole relay
ADDRESS_SHARE = 16  # one address may have a sixteenth of them
LEAST_ADDRESS_SHARE = 4

Source: TypeAlias = IPv4Address | IPv6Address | None
"""None where it is not known: these are bounded together with all others only."""

_Login = TypeVar("_Login")


def _network(source: Source) -> int | None:
    """What counts as one source address."""
    return None if source is None else source_of(source)


class HeldLogins(Generic[_Login]):
    """All that are held, at most `most`; the one that has been held longest first."""

    __slots__ = ("_from", "_most", "_most_from", "_of_key")

    def __init__(self, most: int) -> None:
        self.set_most(most)
        self._of_key: dict[bytes, tuple[_Login, int | None]] = {}
        self._from: Counter[int | None] = Counter()

    def set_most(self, most: int) -> None:
        """Hold at most so many from now on; those who are held stay."""
        self._most = most
        self._most_from = max(LEAST_ADDRESS_SHARE, most // ADDRESS_SHARE)

    def __len__(self) -> int:
        return len(self._of_key)

    def __iter__(self) -> Iterator[_Login]:
        return (login for login, _ in self._of_key.values())

    def of_key(self, key: bytes) -> _Login | None:
        """The one with this key."""
        entry = self._of_key.get(key)
        return entry[0] if entry is not None else None

    def has_room(self, key: bytes, source: Source) -> bool:
        """May a login with this key, from there, be held? One that has the key already would give way to it."""
        network = _network(source)
        before = self._of_key.get(key)
        count = len(self._of_key) - (before is not None)
        from_there = self._from[network] - (before is not None and before[1] == network)
        return count < self._most and (network is None or from_there < self._most_from)

    def add(self, login: _Login, key: bytes, source: Source) -> None:
        """Hold one, whose key has none."""
        network = _network(source)
        self._of_key[key] = (login, network)
        self._from[network] += 1

    def discard(self, key: bytes) -> None:
        """Hold the one with this key no longer."""
        entry = self._of_key.pop(key, None)
        if entry is None:
            return
        self._from[entry[1]] -= 1
        if not self._from[entry[1]]:
            del self._from[entry[1]]
