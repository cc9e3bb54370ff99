"""Mesh peers that watch who is here, and what they are told: all there is, then every change.

All there is, the flood, is told in pieces, each as things are then, and the next one when the watcher has read. So
neither packets wait for a flood of thousands, nor does one that is not read take memory; and a key that has left
meanwhile is not told of any more.

A relay of the original is told of those whom its tenant, the nameless one, may reach. One of tailhub is told of all but
the relay's own probe, and with each of its age and its tenant (`tailhub.derp.frames.extend_present`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from tailhub.derp import frames
from tailhub.derp.frames import PeerGoneReason
from tailhub.relay.connection import Connection
from tailhub.relay.tenant import Tenant

PIECE: Final = 250  # keys told of at a time
ROOM_BYTES: Final = 128 << 10  # with more than that waiting for it a watcher gets no further piece
WAIT_S: Final = 0.02  # until it is looked whether one has read


class Presented(NamedTuple):
    """A connection of this relay, or a key at another worker: its PeerPresent, since when it is active, and whose."""

    frame: bytes
    since: float  # monotonic seconds
    tenant: Tenant


class _Flood:
    __slots__ = ("keys", "withdraws")

    def __init__(self, keys: list[bytes], withdraws: bool) -> None:
        self.keys = keys  # not told of yet
        self.withdraws = withdraws  # the watcher may know of keys that it is not to know of


class Watchers:
    """Those who watch one relay. `presented` says what there is to tell of a key now."""

    __slots__ = ("_floods", "_presented", "_reaches")

    def __init__(self, presented: Callable[[bytes], Iterable[Presented]]) -> None:
        self._presented = presented
        # With whom each may reach, as far as it was told.
        self._reaches: dict[Connection, frozenset[Tenant]] = {}
        self._floods: dict[Connection, _Flood] = {}

    def __len__(self) -> int:
        return len(self._reaches)

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._reaches)

    # --- they come and go ---------------------------------------------------------------------------------------------

    def add(self, watcher: Connection, keys: Iterable[bytes], now: float) -> None:
        """One watches from now on. It is told of these, itself included; if it watches already, again.

        Of some at once, if it reads: on a small relay that is the whole flood, and what the watcher asks next is
        answered behind it.
        """
        watcher.is_watcher = True
        self._reaches[watcher] = watcher.tenant.reaches
        self._begin(watcher, list(keys), withdraws=False)
        if watcher.queue.control_bytes <= ROOM_BYTES:
            self._piece(watcher, now)

    def discard(self, watcher: Connection) -> None:
        """One watches no more."""
        watcher.is_watcher = False
        self._reaches.pop(watcher, None)
        self._floods.pop(watcher, None)

    def reaches_changed(self, tenants: Callable[[], Mapping[bytes, Tenant]]) -> bool:
        """Tenants reach others than before; `tenants` says whose each key is. Returns whether anybody is to be told."""
        changed = [one for one, told in self._reaches.items() if told != one.tenant.reaches]
        whose = tenants() if changed else {}
        for watcher in changed:
            concerned = self._reaches[watcher] | watcher.tenant.reaches
            self._reaches[watcher] = watcher.tenant.reaches
            if not watcher.identity.is_tailhub:
                self._begin(watcher, [key for key, tenant in whose.items() if tenant in concerned], withdraws=True)
        return bool(changed)

    def _begin(self, watcher: Connection, keys: list[bytes], *, withdraws: bool) -> None:
        before = self._floods.get(watcher)
        if before is not None and before.withdraws:  # of what it was still to be told some may have left
            keys = list(dict.fromkeys(keys + before.keys))
            withdraws = True
        self._floods[watcher] = _Flood(keys, withdraws)

    # --- what they are told -------------------------------------------------------------------------------------------

    def present(self, what: Presented, now: float) -> None:
        """There is one more connection, or another one of its key is at another worker."""
        for watcher in self._reaches:
            if _may_know(watcher, what.tenant):
                self._tell(watcher, _present(watcher, what, now))

    def gone(self, key: bytes, tenant: Tenant) -> None:
        """A key, which was of this tenant, is here no more, nor at another worker."""
        frame = frames.peer_gone(key, PeerGoneReason.DISCONNECTED)
        for watcher in self._reaches:
            if _may_know(watcher, tenant):
                self._tell(watcher, frame)

    def moved(self, key: bytes, before: Tenant, tenant: Tenant) -> None:
        """A key has come to another tenant: for those who may not know of that one's it is gone."""
        frame = frames.peer_gone(key, PeerGoneReason.DISCONNECTED)
        for watcher in self._reaches:
            if _may_know(watcher, before) and not _may_know(watcher, tenant):
                self._tell(watcher, frame)

    def flood(self, now: float) -> float | None:
        """Tell one of them of a few more of those who are here. Returns in how many seconds to go on; None: told."""
        watcher = next((one for one in self._floods if one.queue.control_bytes <= ROOM_BYTES), None)
        if watcher is None:
            return WAIT_S if self._floods else None
        self._piece(watcher, now)
        return 0.0 if self._floods else None

    def _piece(self, watcher: Connection, now: float) -> None:
        flood = self._floods.pop(watcher)
        some = flood.keys[-PIECE:]
        del flood.keys[-PIECE:]
        if flood.keys:
            self._floods[watcher] = flood  # behind the others
        self._tell(watcher, b"".join(self._of_keys(watcher, some, flood.withdraws, now)))

    def _of_keys(self, watcher: Connection, keys: Iterable[bytes], withdraws: bool, now: float) -> Iterator[bytes]:
        for key in keys:
            is_told = False
            for what in self._presented(key):
                if _may_know(watcher, what.tenant):
                    is_told = True
                    yield _present(watcher, what, now)
            if withdraws and not is_told:
                yield frames.peer_gone(key, PeerGoneReason.DISCONNECTED)

    def _tell(self, watcher: Connection, data: bytes) -> None:
        if watcher.queue.put_control(data):
            watcher.wake()
        else:
            # A watcher that misses a change would believe something wrong for ever; a new connection starts afresh.
            watcher.sink.close("mesh peer does not read: presence would be lost")


def _may_know(watcher: Connection, tenant: Tenant) -> bool:
    return bool(tenant.tag) if watcher.identity.is_tailhub else tenant in watcher.tenant.reaches


def _present(watcher: Connection, what: Presented, now: float) -> bytes:
    if not watcher.identity.is_tailhub:
        return what.frame
    return frames.extend_present(what.frame, now - what.since, what.tenant.tag)
