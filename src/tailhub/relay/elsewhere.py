"""Which keys are not here but behind a forwarder: at another worker of this relay, or at another relay of the region.

The packet path asks `Elsewhere.routes` only for keys that have no connection here. Whatever is forwarded is delivered
there or dropped: one hop is all there is, so nothing can go round in circles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Protocol

from tailhub.relay.tenant import Tenant


class PacketForwarder(Protocol):
    """A way to a worker or a relay. Returns at once; what cannot be sent in time is dropped and counted there."""

    def forward(
        self, now: float, dst: bytes, frames: bytes, count: int, disco: bool, tenant: Tenant, hops: int = 0
    ) -> None:
        """Pass on a run of RecvPacket frames from one source, read at `now` (monotonic seconds), for the key `dst`.

        `tenant` is the source's; `hops`: how many other relays it has come by, one at the most.
        """


class Sibling(PacketForwarder, Protocol):
    """Another worker of this relay. All workers together are one relay, so each knows all keys of the others."""

    def put_present(self, frame: bytes, since: float, tenant: Tenant, *, is_login: bool = False) -> None:
        """Tell it of a key that is active here `since` then; `frame` is the PeerPresent of the connection.

        `is_login`: which is new.
        """

    def put_gone(self, key: bytes) -> None:
        """Tell it that a key has no connection here any more."""

    def catch_up(self) -> None:
        """Take in what it has told us and we have not read yet."""

    def put_close(self, key: bytes) -> None:
        """Ask it to close a key's connections."""


class Neighbour(PacketForwarder, Protocol):
    """A link to another relay of the region, whose clients it tells us of."""

    server_key: bytes
    """That relay's raw public key."""

    def ask_again(self) -> None:
        """Have it tell of all its clients once more: of some it had said what meant nothing here, and now does."""


class Claim:
    """A forwarder that has a key.

    `since` is when the key was last active there (monotonic seconds), `frame` its PeerPresent (of a sibling's),
    `tenant` the key's: None if there is no such one here, and then no tenant may reach it.
    """

    __slots__ = ("forwarder", "frame", "since", "tenant")

    def __init__(
        self, forwarder: PacketForwarder, since: float = 0.0, frame: bytes = b"", tenant: Tenant | None = None
    ) -> None:
        self.forwarder = forwarder
        self.since = since
        self.frame = frame
        self.tenant = tenant

    @property
    def is_at_relay(self) -> bool:
        """Whether that is another relay, not another worker of this one."""
        return not self.frame


class Elsewhere:
    """Key to forwarders. `routes` has the best claim to each key and is changed only here."""

    __slots__ = ("_counts", "_rivals", "routes")

    def __init__(self) -> None:
        self.routes: dict[bytes, Claim] = {}
        self._rivals: dict[bytes, dict[PacketForwarder, Claim]] = {}  # all claims to keys with two or more
        self._counts: Counter[PacketForwarder] = Counter()  # how many keys each has

    def __contains__(self, key: object) -> bool:
        return key in self.routes

    def put(self, key: bytes, claim: Claim) -> None:
        """A forwarder has the key. The latest claim is the best; its earlier one to the key is forgotten."""
        forwarder, best = claim.forwarder, self.routes.get(key)
        if best is None:
            self._counts[forwarder] += 1
            self.routes[key] = claim
            return
        rivals = self._rivals.get(key)
        if rivals is None:
            if best.forwarder is forwarder:
                self.routes[key] = claim
                return
            rivals = self._rivals[key] = {best.forwarder: best}
        if forwarder not in rivals:
            self._counts[forwarder] += 1
        rivals[forwarder] = claim
        self.routes[key] = max(rivals.values(), key=_since)

    def remove(self, key: bytes, forwarder: PacketForwarder) -> bool:
        """A forwarder has the key no more. Returns whether nobody has it now; also if nobody had."""
        rivals = self._rivals.get(key)
        if rivals is None:
            best = self.routes.get(key)
            if best is not None and best.forwarder is forwarder:
                del self.routes[key]
                self._uncount(forwarder)
                return True
            return best is None
        if rivals.pop(forwarder, None) is not None:
            self._uncount(forwarder)
        self.routes[key] = max(rivals.values(), key=_since)
        if len(rivals) == 1:
            del self._rivals[key]
        return False

    def claim_of(self, key: bytes, forwarder: PacketForwarder) -> Claim | None:
        """What a forwarder has said about a key."""
        rivals = self._rivals.get(key)
        if rivals is not None:
            return rivals.get(forwarder)
        best = self.routes.get(key)
        return best if best is not None and best.forwarder is forwarder else None

    def claims_to(self, key: bytes) -> Iterable[Claim]:
        """Who has a key, in no order."""
        rivals = self._rivals.get(key)
        if rivals is not None:
            return rivals.values()
        best = self.routes.get(key)
        return () if best is None else (best,)

    def count_of(self, forwarder: PacketForwarder) -> int:
        """How many keys a forwarder has."""
        return self._counts[forwarder]

    def keys_of(self, forwarder: PacketForwarder) -> list[bytes]:
        """All keys that a forwarder has. Takes as long as there are keys."""
        return [key for key in self.routes if self.claim_of(key, forwarder) is not None]

    def consistency_errors(self) -> list[str]:
        """What does not add up; empty when all is well."""
        found = Counter(claim.forwarder for key in self.routes for claim in self.claims_to(key))
        errors = [] if found == self._counts else ["keys that others have are counted wrongly"]
        for key, rivals in self._rivals.items():
            if len(rivals) < 2 or self.routes.get(key) not in rivals.values():
                errors.append("a key that several others have has lost one")
            elif self.routes[key].since < max(map(_since, rivals.values())):
                errors.append("packets go to one that has a key for longer than another one")
        return errors

    def _uncount(self, forwarder: PacketForwarder) -> None:
        self._counts[forwarder] -= 1
        if not self._counts[forwarder]:
            del self._counts[forwarder]  # or it would be kept for ever


def _since(claim: Claim) -> float:
    return claim.since
