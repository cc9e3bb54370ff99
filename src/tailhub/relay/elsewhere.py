"""Which keys are not here but behind a forwarder: at another worker of this relay, or at another relay of the region.

The packet path asks `Elsewhere.routes` only for keys that have no connection here. Whatever is forwarded is delivered
there or dropped: one hop is all there is, so nothing can go round in circles.
"""

from __future__ import annotations

from typing import Protocol

from tailhub.relay.tenant import Tenant


class PacketForwarder(Protocol):
    """A way to a worker or a relay. Returns at once; what cannot be sent in time is dropped and counted there."""

    def forward(self, now: float, dst: bytes, frames: bytes, count: int, disco: bool, tenant: Tenant) -> None:
        """Pass on a run of RecvPacket frames from one source, read at `now` (monotonic seconds), for the key `dst`.

        `tenant` is the source's.
        """


class Sibling(PacketForwarder, Protocol):
    """Another worker of this relay. All workers together are one relay, so each knows all keys of the others."""

    def put_present(self, frame: bytes, since: float, tenant: Tenant) -> None:
        """Tell it of a key that is active here `since` then; `frame` is the PeerPresent of the connection."""

    def put_gone(self, key: bytes) -> None:
        """Tell it that a key has no connection here any more."""

    def catch_up(self) -> None:
        """Take in what it has told us and we have not read yet."""

    def put_close(self, key: bytes) -> None:
        """Ask it to close a key's connections."""


class Claim:
    """A forwarder that has a key.

    `since` is when the key was last active there (monotonic seconds), `frame` its PeerPresent, `tenant` the key's: None
    if nobody has said, and then no tenant may reach it. A forwarder that needs nothing of this has one claim for all of
    its keys.
    """

    __slots__ = ("forwarder", "frame", "since", "tenant")

    def __init__(
        self, forwarder: PacketForwarder, since: float = 0.0, frame: bytes = b"", tenant: Tenant | None = None
    ) -> None:
        self.forwarder = forwarder
        self.since = since
        self.frame = frame
        self.tenant = tenant


class Elsewhere:
    """Key to forwarders. `routes` has the best claim to each key and is changed only here."""

    __slots__ = ("_rivals", "routes")

    def __init__(self) -> None:
        self.routes: dict[bytes, Claim] = {}
        self._rivals: dict[bytes, dict[PacketForwarder, Claim]] = {}  # all claims to keys with two or more

    def __contains__(self, key: object) -> bool:
        return key in self.routes

    def put(self, key: bytes, claim: Claim) -> None:
        """A forwarder has the key. The latest claim is the best; its earlier one to the key is forgotten."""
        best = self.routes.get(key)
        rivals = self._rivals.get(key)
        if rivals is None:
            if best is None or best.forwarder is claim.forwarder:
                self.routes[key] = claim
                return
            rivals = self._rivals[key] = {best.forwarder: best}
        rivals[claim.forwarder] = claim
        self.routes[key] = max(rivals.values(), key=_since)

    def remove(self, key: bytes, forwarder: PacketForwarder) -> bool:
        """A forwarder has the key no more. Returns whether nobody has it now; also if nobody had."""
        rivals = self._rivals.get(key)
        if rivals is None:
            best = self.routes.get(key)
            if best is not None and best.forwarder is forwarder:
                del self.routes[key]
                return True
            return best is None
        rivals.pop(forwarder, None)
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

    def keys_of(self, forwarder: PacketForwarder) -> list[bytes]:
        """All keys that a forwarder has. Takes as long as there are keys."""
        return [key for key in self.routes if self.claim_of(key, forwarder) is not None]


def _since(claim: Claim) -> float:
    return claim.since
