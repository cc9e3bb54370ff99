"""What happens to connections, as log lines and counters. Scanners are folded into counts.

The lines' names and fields: `tailhub.log_event`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from tailhub.findings import mesh_peers
from tailhub.keys import NodePublic, short_key
from tailhub.log_event import FieldValue, log_event
from tailhub.relay.admission import Answer, Verdict
from tailhub.relay.connection import Connection, Identity

if TYPE_CHECKING:
    from tailhub.server.gatekeeper import Decision

_log = logging.getLogger("tailhub")

FOLD_S = 60.0  # how often folded lines are written
FIRST_LINES = 5  # about newcomers that failed: written as they come before folding starts, for each interval
CLIENT_LINES = 200  # the same for logins, and for logouts: anyone may make up keys and log in a thousand times a second
TOO_OFTEN = "too many new connections from its address"
MEMORY_S = 3600.0  # how often it is written that one key is let in from memory only
MOST_TOLD = 10_000  # keys of which that is known; addresses of which something else is
HIDDEN = "hidden"  # in the place of a client's address
MAX_REASONS = 64  # different reasons counted; a peer chooses some of their words

# TLS alerts by which a client says that it does not accept our certificate.
REJECTIONS = ("bad certificate", "certificate unknown", "unknown ca")


class Events:
    """Listens to what connections go through.

    `on_first_outside` is called with the address of the first connection that is not from this machine;
    `on_pin_rejected` with address and TLS alert when a client refuses our certificate for the first time.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, shows_addresses: bool = True) -> None:
        """`shows_addresses`: may clients' addresses be shown?"""
        self._loop = loop
        self.shows_addresses = shows_addresses
        self._from_memory: dict[bytes, float] = {}  # keys of which it was written that they are, and when
        self._mesh_keys: dict[
            IPv4Address | IPv6Address, float
        ] = {}  # where wrong ones came from, and when it was written
        self._lines: Counter[str] = Counter()  # by kind, in this interval
        self._folded: Counter[tuple[str, str]] = Counter()  # by event and line
        self._fold_timer: asyncio.TimerHandle | None = None
        self._has_told_of_proxy = False
        self.failures: Counter[str] = Counter()  # by reason, connections that ended before they were logged in
        self.disconnects: Counter[str] = Counter()  # by reason, logged-in connections
        self.http_requests: Counter[int] = Counter()  # by status
        self.tls_handshakes: Counter[str] = Counter()  # by version
        self.passthrough: Counter[str] = Counter()  # by result, connections for other names than ours
        self.verdicts: Counter[tuple[str, str]] = Counter()  # by verifier and answer
        self.memory_admissions = 0
        self.websocket_logins = 0
        self.certificate_rejections = 0
        self.counts_outside = False  # whether new connections from the public Internet are counted
        self.outside_accepted = 0  # these
        self.outside_open = 0  # clients from there that are logged in
        self.on_first_outside: Callable[[str], None] | None = None
        self.on_pin_rejected: Callable[[str, str], None] | None = None

    def accepted(self, address: IPv4Address | IPv6Address | None) -> None:
        """A connection came in on the public port."""
        if self.counts_outside and is_public(address):
            self.outside_accepted += 1
        if self.on_first_outside is not None and address is not None and not address.is_loopback:
            report, self.on_first_outside = self.on_first_outside, None
            report(self.shown(str(address)))

    def failed(self, ip: str, reason: str, *, silent: bool = False) -> None:
        """A connection ended before it was logged in: a scanner, a broken client, a wrong pin.

        `silent`: it said nothing at all, as a client does that dialled two addresses and took the other; no log line.
        """
        self._count(self.failures, _kind(reason))
        alert = next((words for words in REJECTIONS if words in reason), None)
        if alert is not None:
            self.certificate_rejections += 1
            if self.on_pin_rejected is not None:
                report, self.on_pin_rejected = self.on_pin_rejected, None
                report(self.shown(ip), alert)
        if not silent:
            line = f"not logged in: {reason}"
            if self._may_write("not_logged_in", FIRST_LINES, line):
                extra = log_event("not_logged_in", address=self.shown(ip), reason=reason)
                _log.info("%s (%s)", line, self.shown(ip), extra=extra)

    def put_off(self, key: bytes, address: IPv4Address | IPv6Address, port: int, reason: str, *, is_held: bool) -> None:
        """A client may relay, but not now; `is_held`: its connection stays open until it may."""
        self._count(self.failures, reason)
        if self._may_write("refused", CLIENT_LINES, f"refused: {reason}"):
            self._refused(key, address, port, reason, is_held=is_held, why=reason)

    def mesh_key_unknown(self, key: bytes, address: IPv4Address | IPv6Address, port: int, *, has_key: bool) -> None:
        """Somebody showed a mesh key that is none of ours; `has_key`: we have one. Said once a minute and address."""
        now = self._loop.time()
        if now - self._mesh_keys.get(address, -FOLD_S) < FOLD_S:
            return
        if len(self._mesh_keys) >= MOST_TOLD:
            self._mesh_keys.clear()
        self._mesh_keys[address] = now
        if self._may_write("finding", CLIENT_LINES, "a mesh key that is not this relay's", kind="mesh_key"):
            finding = mesh_peers.mesh_key_unknown(str(NodePublic(key)), self.host_port(address, port), has_key=has_key)
            _log.warning("%s", finding)

    def out_of_descriptors(self) -> None:
        """A connection came for which there is no descriptor left."""
        line = "no file descriptor is left for a new connection: raise the limit of open files"
        if self._may_write("descriptors", 1, line):
            _log.warning(line, extra=log_event("descriptors"))

    def backend_failed(self, backend: str, reason: str) -> None:
        """A connection for another name was closed, because the server that it is for cannot be reached."""
        self.passthrough["backend unreachable"] += 1
        line = f"passthrough: {backend} cannot be reached"
        if self._may_write("passthrough", 1, line, kind=line):
            _log.warning("%s: %s", line, reason, extra=log_event("passthrough", backend=backend, reason=reason))

    def proxy_told_nothing(self, ip: str) -> None:
        """A client came by way of a trusted proxy that did not say whose connection it is; written once."""
        if not self._has_told_of_proxy:
            self._has_told_of_proxy = True
            _log.warning(
                "a client came through the trusted proxy %s, which does not tell its address: have it send a PROXY "
                "header, or X-Forwarded-For where it speaks HTTP",
                ip or "at the unix socket",
                extra=log_event("proxy", address=ip),
            )

    def verdict(self, verdict: Verdict, *, opens: bool, remembers: bool = False) -> None:
        """A verifier was asked. Who is let in while it cannot be reached: everyone (`opens`), who was (`remembers`)?"""
        self.verdicts[verdict.verifier, verdict.answer.value] += 1
        if verdict.answer in (Answer.ADMITTED, Answer.REFUSED):
            return
        line = f"verifier {verdict.verifier}: {verdict.answer.value}"
        if self._may_write("verifier", 1, line, kind=line):
            is_open = opens and verdict.answer is Answer.UNREACHABLE
            effect = "everyone is let in" if is_open else "whom it alone knows is refused"
            if remembers and not is_open:
                effect += ", unless it was admitted before"
            extra = log_event("verifier", verifier=verdict.verifier, answer=verdict.answer.value, detail=verdict.detail)
            _log.warning("verifier %s; meanwhile %s", verdict, effect, extra=extra)

    def from_memory(self, key: bytes, decision: Decision) -> None:
        """A client is admitted only because it was before."""
        self.memory_admissions += 1
        now = self._loop.time()
        if now - self._from_memory.get(key, -MEMORY_S) < MEMORY_S:
            return
        if len(self._from_memory) >= MOST_TOLD:
            self._from_memory.clear()
        self._from_memory[key] = now
        if self._may_write("from_memory", CLIENT_LINES, "admitted from memory"):
            names = {"name": decision.node, "owner": decision.owner, "tenant": decision.tenant}
            _log.warning(
                "%s is admitted from memory; %s",
                _who(key, decision.node, decision.owner, decision.tenant),
                decision,
                extra=log_event("from_memory", key=str(NodePublic(key)), **names),
            )

    def refused(
        self,
        key: bytes,
        address: IPv4Address | IPv6Address,
        port: int,
        decision: Decision,
        *,
        is_held: bool = False,
    ) -> None:
        """A client was not admitted; `is_held`: its connection stays open."""
        reason = "not admitted" if decision.is_known else "no verifier answered"
        self._count(self.failures, reason)
        if self._may_write("refused", CLIENT_LINES, f"refused: {reason}"):
            verifiers = ", ".join(verdict.verifier for verdict in decision.verdicts)
            self._refused(key, address, port, str(decision), is_held=is_held, why=reason, verifier=verifiers)

    def _refused(
        self,
        key: bytes,
        address: IPv4Address | IPv6Address,
        port: int,
        detail: str,
        *,
        is_held: bool,
        **fields: FieldValue,
    ) -> None:
        place = self.place(key, address, port)
        _log.info(
            "refused %s from %s%s; %s",
            short_key(key),
            self.host_port(address, port),
            ", held" if is_held else "",
            detail,
            extra=log_event("refused", **place, **fields, detail=detail, held=is_held),
        )

    def logged_in(self, identity: Identity, held_s: float = 0.0) -> None:
        """A client was admitted, perhaps after it had been held for so long."""
        if is_public(identity.address):
            self.outside_open += 1
        kind = _LOGIN_WORDS[kind_of(identity)]
        if not self._may_write("login", CLIENT_LINES, f"login   {kind}"):
            return
        held = f", held for {_duration(held_s)} before" if held_s else ""
        extra = log_event("login", **self._fields(identity), held_s=round(held_s, 3) if held_s else "")
        _log.info("login   %s %s from %s%s", kind, _who_is(identity), self._endpoint(identity), held, extra=extra)

    def logged_out(self, connection: Connection, reason: str, now: float) -> None:
        """A logged-in connection is over."""
        self._count(self.disconnects, _kind(reason))
        if is_public(connection.identity.address):
            self.outside_open -= 1
        if not self._may_write("logout", CLIENT_LINES, "logout"):
            return
        identity, queue = connection.identity, connection.queue
        _log.info(
            "logout  %s from %s after %s: received %s B, sent %s B; %s",
            _who_is(identity),
            self._endpoint(identity),
            _duration(now - identity.connected_at),
            connection.received_bytes,
            queue.taken_bytes,
            reason,
            extra=log_event(
                "logout",
                **self._fields(identity),
                reason=reason,
                duration_s=round(now - identity.connected_at, 3),
                received_bytes=connection.received_bytes,
                received_packets=connection.received_packets,
                sent_bytes=queue.taken_bytes,
                sent_packets=queue.taken_packets,
            ),
        )

    def shown(self, ip: str) -> str:
        """A client's address as it may stand in the log."""
        return ip if self.shows_addresses else HIDDEN

    def _endpoint(self, identity: Identity) -> str:
        return self.host_port(identity.address, identity.port)

    def _fields(self, identity: Identity) -> dict[str, FieldValue]:
        """Who it is, for programs."""
        names = {"name": identity.node, "owner": identity.owner, "tenant": identity.tenant, "app": identity.app_name}
        return {"kind": kind_of(identity), **self.place(identity.key, identity.address, identity.port), **names}

    def place(self, key: bytes, address: IPv4Address | IPv6Address | None, port: int) -> dict[str, FieldValue]:
        """Key, if it is known, and address of a client, as fields; the address as it may stand in the log."""
        shown = self.shown(str(address)) if address is not None else ""
        named: dict[str, FieldValue] = {"key": str(NodePublic(key)) if key else "", "address": shown}
        return named | {"port": port} if self.shows_addresses else named

    def host_port(self, address: IPv4Address | IPv6Address, port: int) -> str:
        """Address and port of a client as they may stand in the log."""
        if not self.shows_addresses:
            return HIDDEN
        return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"

    def stop(self) -> None:
        """Write what is folded and forget the timer."""
        if self._fold_timer is not None:
            self._fold_timer.cancel()
            self._unfold()

    def _count(self, counter: Counter[str], reason: str) -> None:
        counter[reason if reason in counter or len(counter) < MAX_REASONS else "other"] += 1

    def _may_write(self, event: str, most: int, folded: str, *, kind: str = "") -> bool:
        """Whether a line of this kind (else: event) may be written; if not, it is counted under `folded`."""
        kind = kind or event
        if self._fold_timer is None:
            self._fold_timer = self._loop.call_later(FOLD_S, self._unfold)
        if self._lines[kind] < most:
            self._lines[kind] += 1
            return True
        line = event, folded
        self._folded[line if line in self._folded or len(self._folded) < MAX_REASONS else (event, "other")] += 1
        return False

    def _unfold(self) -> None:
        self._fold_timer = None
        self._lines.clear()
        for (event, line), count in self._folded.items():
            _log.info("%s (%d more in the last minute)", line, count, extra=log_event("folded", of=event, count=count))
        self._folded.clear()


@lru_cache(maxsize=4096)
def is_public(address: IPv4Address | IPv6Address | None) -> bool:
    """Is that an address of the public Internet?"""
    return address is not None and address.is_global


def _kind(reason: str) -> str:
    """What a reason is counted as: its first words, because what follows may be of the peer's choosing."""
    kind, colon, detail = reason.partition(": ")
    return f"tls: {detail}" if colon and kind == "tls" else kind


_LOGIN_WORDS = {"mesh": "mesh peer", "guest": "guest", "probe": "own probe", "prober": "client", "client": "client"}


def kind_of(identity: Identity) -> str:
    """What it is, in a word: ``mesh``, ``guest``, ``probe`` (our own), ``prober`` (it says so itself) or ``client``."""
    if identity.is_mesh or identity.is_guest:
        return "mesh" if identity.is_mesh else "guest"
    if identity.is_own_probe:
        return "probe"
    return "prober" if identity.is_prober else "client"


def name_of(node: str, owner: str) -> str:
    """A device and its owner as people know them: ``laptop (ada@example.com)``; empty where nobody told."""
    return f"{node} ({owner})" if node and owner else node or owner


def _who(key: bytes, node: str, owner: str, tenant: str) -> str:
    """A key, shortened, with the names that belong to it."""
    tenant = f"of {tenant}" if tenant else ""
    return " ".join(word for word in (short_key(key), name_of(node, owner), tenant) if word)


def _who_is(identity: Identity) -> str:
    return _who(identity.key, identity.node, identity.owner, identity.tenant)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{rest:02}s" if minutes else f"{seconds:.1f}s"
