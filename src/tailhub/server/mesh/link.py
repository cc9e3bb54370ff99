"""The link to one relay of the region for as long as that is named: dialled, kept, lost, and dialled again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final, Protocol

from tailhub.exceptions import RemoteError
from tailhub.findings import Finding
from tailhub.keys import MeshKey, NodePublic, short_key
from tailhub.log_event import log_event
from tailhub.relay.mesh_link import MeshLink
from tailhub.server.context import ServerContext
from tailhub.server.mesh.back_off import BackOff
from tailhub.server.mesh.dialing import CertificateRules, NotNeededError, dial
from tailhub.server.mesh.failures import failure_of, loss_of
from tailhub.server.mesh.link_socket import LinkSocket, Pulse
from tailhub.server.mesh.link_state import LinkPhase, LinkState
from tailhub.server.mesh.peer_spec import PeerSpec

__all__ = ["Link", "LinkOwner", "LinkTimes"]

KEY_REFUSED: Final = "TH531"
PROTOCOL_BROKEN: Final = "TH538"

_log = logging.getLogger("tailhub")


@dataclass(frozen=True, slots=True)
class LinkTimes:
    """How long things take and last, in seconds."""

    dial_s: float = 10.0  # TCP, TLS and login together
    wait_least_s: float = 0.25  # what a wait after a failure is at most, the first time; see `BackOff`
    wait_most_s: float = 5.0
    proven_s: float = 30.0  # a link that was up for so long was good: waits begin anew
    not_needed_s: float = 300.0  # until it is seen again whether a relay that is ourselves, or has a link, still is
    say_again_s: float = 600.0  # until a failure that goes on is written to the log again
    pulse: Pulse = field(default_factory=Pulse)


class LinkOwner(Protocol):
    """All links of the process together."""

    def claim(self, server_key: bytes, link: Link, *, is_proven: bool) -> LinkPhase | None:
        """Whether this link may lead to the relay with that key; else why it is not needed."""

    def release(self, link: Link) -> None:
        """It leads nowhere now."""

    def taken(self, link: Link) -> None:
        """It is up."""


class Link:
    """From its making to `stop`, with a task of its own. `logs`: does this process write of it?"""

    def __init__(
        self,
        context: ServerContext,
        owner: LinkOwner,
        rules: CertificateRules,
        spec: PeerSpec,
        keys: Sequence[MeshKey],
        times: LinkTimes,
        *,
        logs: bool,
    ) -> None:
        self._context, self._owner, self._rules, self._spec, self._times = context, owner, rules, spec, times
        self._keys = keys
        self._key_index = 0
        self._logs = logs
        self._back_off = BackOff(times.wait_least_s, times.wait_most_s, Random())
        self._socket: LinkSocket | None = None
        self._over: asyncio.Future[str] | None = None  # of the link that is open: why it has ended
        self._waiting: asyncio.Future[None] | None = None  # for the time of the next attempt
        self._state = LinkState(spec.name, since=time.time())
        self._said: dict[str, float] = {}  # what was written of it, by code, and when
        self._says_up = False  # the last line
        self._down_since = 0.0  # Unix time; 0.0 while it is up, or has never been
        self._name = spec.name
        self._task = context.loop.create_task(self._run(), name=f"mesh {self._name}")

    @property
    def state(self) -> LinkState:
        """How it does, as of now."""
        state, socket = replace(self._state), self._socket
        if socket is not None:
            _add_counts(state, socket.link)
            state.keys, state.peers = socket.link.keys, sorted(socket.link.peers)
            state.rtt_s, state.says = socket.rtt_s, socket.says
        return state

    @property
    def phase(self) -> LinkPhase:
        """What it is doing."""
        return self._state.phase

    @property
    def server_key(self) -> bytes:
        """That relay's key, as far as it is known."""
        return self._state.server_key

    @property
    def open_with(self) -> MeshKey | None:
        """The mesh key that it is open with."""
        return self._key if self._socket is not None else None

    def follow(self, keys: Sequence[MeshKey]) -> None:
        """Settings were read again: use the first of these mesh keys. A link that is open with another begins anew."""
        used, self._keys, self._key_index = self._key, keys, 0
        if self._socket is not None:
            if used == self._key:
                self._socket.link.ask_again()
            else:
                self._socket.say_goodbye("the mesh key has changed")
        self.retry()

    def retry(self) -> None:
        """What stood in the way may have changed: try again at once, if it waits."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def stop(self) -> None:
        """End it in good order."""
        self._task.cancel()
        if self._socket is not None:
            self._socket.say_goodbye("not kept any more")

    @property
    def _key(self) -> MeshKey:
        return self._keys[self._key_index]

    # --- its life -----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            try:
                wait_s = await self._attempt()
            except Exception:  # ours: it must not be the link's last attempt
                _log.exception("error while a link to another relay is opened")
                wait_s = self._times.wait_most_s
            self._owner.release(self)
            self._waiting = self._context.loop.create_future()
            await asyncio.wait((self._waiting,), timeout=wait_s)
            self._waiting = None

    async def _attempt(self) -> float:
        """One link from dialling to its end. Returns how long to wait before the next."""
        context, spec, times, peer = self._context, self._spec, self._times, self._name
        key = self._key
        try:
            dialled = await dial(context, self._rules, spec, key, self._recognise, times.dial_s)
        except NotNeededError:
            return times.not_needed_s
        except (OSError, RemoteError) as exc:
            if key != self._key:
                return 0.0
            self._fail(failure_of(peer, spec.dial_host or spec.host, f"{spec.dial_host or spec.host}:{spec.port}", exc))
            return self._back_off.next_s()
        if key != self._key:  # which has changed meanwhile: this one may soon be nobody's
            dialled.stream.abort("the mesh key has changed")
            return 0.0
        if not self._is_needed(dialled.server_key, is_proven=True):
            dialled.stream.abort("not needed")
            return times.not_needed_s
        self._state.server_key, self._state.version = dialled.server_key, dialled.version
        over = self._over = context.loop.create_future()
        opened_at = context.loop.time()
        socket = self._socket = LinkSocket(
            context, dialled, times.pulse, on_taken=self._taken, on_says=self._says, on_closed=self._closed
        )
        reason = await over
        self._socket = None
        _add_counts(self._state, socket.link)
        if socket.is_taken and context.loop.time() - opened_at >= times.proven_s:
            self._back_off.reset()
            self._said.clear()
        self._fail(loss_of(peer, reason, socket.says, was_taken=socket.has_told))
        return self._back_off.next_s()

    def _recognise(self, server_key: bytes) -> None:
        if not self._is_needed(server_key, is_proven=False):
            raise NotNeededError

    def _is_needed(self, server_key: bytes, *, is_proven: bool) -> bool:
        phase = self._owner.claim(server_key, self, is_proven=is_proven)
        if phase is None:
            return True
        self._state.server_key = server_key
        if phase is not self._state.phase:
            self._enter(phase)
            what = "this relay itself" if phase is LinkPhase.SELF else "a relay to which there is a link already"
            self._write(logging.INFO, f"{self._name} is {what}")
        return False

    def _taken(self) -> None:
        """That relay takes us for a mesh peer, and has told who is there."""
        state = self._state
        state.connects += 1
        self._enter(LinkPhase.UP)
        self._owner.taken(self)
        of, down_since = f", tailhub {state.version}" if state.version else "", self._down_since
        again = f" again after {time.time() - down_since:.0f} s" if down_since else ""
        self._down_since = 0.0
        if not self._says_up:
            self._says_up = True
            self._write(logging.INFO, f"the link to {self._name} ({short_key(state.server_key)}{of}) is up{again}")

    def _says(self, text: str) -> None:
        if text and self._may_say("says"):
            self._write(logging.WARNING, f"{self._name} says: {text}", says=text)

    def _closed(self, reason: str) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_result(reason)

    def _fail(self, finding: Finding) -> None:
        state = self._state
        if state.phase is LinkPhase.UP:
            self._down_since = time.time()
        is_refused = finding.code == KEY_REFUSED
        if is_refused:
            self._key_index = (self._key_index + 1) % len(self._keys)
        state.violations += finding.code == PROTOCOL_BROKEN
        self._enter(LinkPhase.REFUSED if is_refused else LinkPhase.WAITING, finding)
        if self._may_say(finding.code):
            self._says_up = False
            self._write(logging.WARNING, str(finding))

    def _may_say(self, what: str) -> bool:
        """Whether a line about this may be written: not if there was one a short while ago."""
        now = self._context.loop.time()
        said_at = self._said.get(what)
        if said_at is not None and now - said_at < self._times.say_again_s:
            return False
        self._said[what] = now
        return True

    def _enter(self, phase: LinkPhase, finding: Finding | None = None) -> None:
        state = self._state
        if phase is not state.phase:
            state.since = time.time()
        state.phase, state.finding = phase, finding
        state.reason, state.code = (finding.what(), finding.code) if finding is not None else ("", "")

    def _write(self, level: int, text: str, says: str = "") -> None:
        if not self._logs:
            return
        state = self._state
        key = str(NodePublic(state.server_key)) if state.server_key else ""
        extra = log_event(
            "mesh", peer=self._name, phase=state.phase.value, key=key, version=state.version, code=state.code, says=says
        )
        _log.log(level, "mesh    %s", text, extra=extra)


def _add_counts(state: LinkState, link: MeshLink) -> None:
    state.forwarded_packets += link.forwarded_packets
    state.forwarded_bytes += link.forwarded_bytes
    state.dropped_packets += sum(link.stats.packets_dropped.values())
    drops = dict(state.drops)
    for key, count in link.stats.packets_dropped.items():
        if count:
            packets, size = drops.get(key, (0, 0))
            drops[key] = packets + count, size + link.stats.bytes_dropped[key]
    state.drops = drops
    state.odd = dict(Counter(state.odd) + link.odd)
