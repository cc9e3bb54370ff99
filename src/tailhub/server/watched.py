"""Looks at a running relay for `tailhub.server.watchman`: what holds now, as values that `tailhub.alerts` can judge.

Not here: what of it is worth telling.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

import tailhub
from tailhub.alerts.reach import SelfTest
from tailhub.alerts.seen import CertificateSeen, CredentialSeen, MeshSeen, QuotaSeen, RenewalSeen, Seen, VerifierSeen
from tailhub.certs.files import Certificate
from tailhub.findings.catalogue import Severity
from tailhub.keys import short_key
from tailhub.relay.quota import FINE, Quotas, QuotaState
from tailhub.relay.tenant import DEFAULT_TENANT
from tailhub.relay.usage import NOBODY
from tailhub.server.config import RelayConfig
from tailhub.server.events import name_of
from tailhub.server.limits_config import billing_of, quotas_of
from tailhub.tailcfg.derpmap import DERPNode
from tailhub.web.operator_pages import MapView

if TYPE_CHECKING:
    from tailhub.findings import Finding
    from tailhub.server.acme_keeper import AcmeKeeper
    from tailhub.server.advertised import Advertised
    from tailhub.server.bookkeeping import Bookkeeping
    from tailhub.server.fleet import Fleet
    from tailhub.server.mesh.watch import MeshWatch
    from tailhub.server.service import RelayService
    from tailhub.server.stun import StunServer
    from tailhub.server.verification import Verification
    from tailhub.verifiers.device_list import DeviceListVerifier
    from tailhub.verifiers.verifier import Verifier

__all__ = ["Watched"]

_SLICE: Final = 500  # keys in a turn
_MOST_RESTARTS: Final = 100
SELF_TEST_S: Final = 5.0


@dataclass(slots=True)
class Watched:
    """The parts of a relay that are looked at; None for one that it has not."""

    config: RelayConfig
    service: RelayService
    advertised: Advertised
    fleet: Fleet | None = None
    stun: StunServer | None = None
    verification: Verification | None = None
    books: Bookkeeping | None = None
    acme: AcmeKeeper | None = None
    mesh: MeshWatch | None = None
    newest: str = ""  # version in the package index
    _heard_stun: bool = False
    _accepted: int = 0  # connections from outside, at the last look
    _restarts: int = 0
    _restarted_at: deque[float] = field(default_factory=lambda: deque(maxlen=_MOST_RESTARTS))

    def __post_init__(self) -> None:
        """What came before is no news: a reload makes this anew."""
        self._accepted = self._outside()[0]
        self._restarts = self.fleet.restarts if self.fleet is not None else 0

    async def look(self, now: float) -> Seen:
        """All that the rules judge."""
        return Seen(
            certificates=tuple(map(_certificate, self._served())),
            renewals=self._renewals(),
            credentials=tuple(self._credentials(now)),
            verifiers=tuple(self._verifiers(now)),
            quotas=await self._quotas(now),
            store_trouble=self.books.journal.trouble if self.books is not None else None,
            worker_restarts=self._worker_restarts(now),
            mesh=tuple(self._mesh()),
            running=tailhub.__version__,
            newest=self.newest,
        )

    @property
    def relay_name(self) -> str:
        """What its owner calls it: the name or address that clients use, else the machine's name."""
        from socket import gethostname

        known = (node.ipv4 or node.ipv6 for node in self._nodes(MapView.PUBLIC))
        return self.config.hostname or next(iter(self.config.addresses), "") or next(known, "") or gethostname()

    def _nodes(self, view: MapView) -> list[DERPNode]:
        """What the map has of us."""
        derp_map = self.advertised.derp_map(view)
        regions = derp_map.regions.values() if derp_map is not None else ()
        return [node for region in regions if region is not None for node in region.nodes]

    # --- certificates -------------------------------------------------------------------------------------------------

    def _served(self) -> list[Certificate]:
        """Each one that clients may get, once."""
        everything = (one for served in self.service.keeper.served.all for one in served)
        return list({one.leaf_der: one for one in everything}.values())

    def _renewals(self) -> tuple[RenewalSeen, ...] | None:
        if self.acme is None:
            return ()
        renewals = self.acme.renewals
        return tuple(RenewalSeen(*one) for one in renewals) if renewals is not None else None

    # --- those who say who may relay ----------------------------------------------------------------------------------

    def _asked(self) -> Iterator[tuple[str, Verifier, DeviceListVerifier | None]]:
        """All who are asked, with their names, and again those that have a list of devices."""
        if self.verification is None:
            return
        has_lists = any(tenant.has_device_lists for tenant in self.config.tenants)
        if has_lists:
            from tailhub.verifiers.device_list import DeviceListVerifier  # not needed elsewhere
        for verifier in self.verification.verifiers:
            source = verifier if has_lists and isinstance(verifier, DeviceListVerifier) else None
            yield self.verification.label(verifier), verifier, source

    def _credentials(self, now: float) -> Iterator[CredentialSeen]:
        for name, _, source in self._asked():
            if source is not None:
                refused = source.trouble if _is_refused(source.trouble) else None
                is_known = source.has_read or source.trouble is not None
                yield CredentialSeen(name, is_known, refused, source.credential_expires, source.expiring(now))

    def _verifiers(self, now: float) -> Iterator[VerifierSeen]:
        for name, verifier, source in self._asked():
            if source is not None:
                trouble = None if _is_refused(source.trouble) else source.trouble
                answers = trouble is None if source.has_read or source.trouble is not None else None
                yield VerifierSeen(name, answers, source.trouble_since, now, finding=trouble)
            elif self.verification is not None:
                state = self.verification.state_of(verifier)
                yield VerifierSeen(
                    name,
                    None if state.state == "unknown" else state.state == "ok",
                    state.silent_since,
                    state.seen_at,
                    state.detail,
                    fails_open=verifier.fails_open and state.state == "unreachable",
                    remembers=self.verification.memory.is_on,
                )

    async def ask_silent(self, told: frozenset[str]) -> None:
        """See whether verifiers are back that could not be reached, or of which that was `told` before a restart."""
        for name, verifier, source in self._asked():
            if self.verification is not None and source is None:
                state = self.verification.state_of(verifier).state
                if state == "unreachable" or (state == "unknown" and name in told):
                    await self.verification.probe(verifier)

    # --- use ----------------------------------------------------------------------------------------------------------

    async def _quotas(self, now: float) -> tuple[QuotaSeen, ...] | None:
        if self.books is None:
            return ()
        journal = self.books.journal
        quotas = quotas_of(self.config, journal.used)
        if quotas is None:
            return ()
        if not journal.has_loaded:
            return None
        default = DEFAULT_TENANT if self.config.more_tenants else ""
        found = [
            self._quota(tenant.tenant, b"", tenant.tenant or default, state)
            for tenant in self.config.tenants
            if (state := quotas.state_of(tenant.tenant, NOBODY, now)) != FINE
        ]
        names: Mapping[bytes, tuple[str, str]] | None = None
        async for tenant_name, key, state in self._keys(quotas, now):
            if names is None:
                names = self.verification.memory.names() if self.verification is not None else {}
            name = " ".join(word for word in (name_of(*names.get(key, ("", ""))), short_key(key)) if word)
            found.append(self._quota(tenant_name, key, name, state))
        return tuple(found)

    async def _keys(self, quotas: Quotas, now: float) -> AsyncIterator[tuple[str, bytes, QuotaState]]:
        """Keys that are near the end of their own quotas, not their tenants'."""
        assert self.books is not None  # noqa: S101  who calls this has looked
        for number, (tenant, key) in enumerate(list(self.books.journal.keys())):
            state = quotas.state_of(tenant, key, now)
            if state != FINE and not state.is_tenants:
                yield tenant, key, state
            if number % _SLICE == _SLICE - 1:
                await asyncio.sleep(0)

    def _quota(self, tenant: str, key: bytes, name: str, state: QuotaState) -> QuotaSeen:
        billing = billing_of(self.config)
        price = state.used_gb * billing.price_per_gb
        cost = f"{price:.2f} {billing.currency}".strip() if billing.price_per_gb else ""
        ends_on = f"{datetime.fromtimestamp(state.ends, billing.zone):%Y-%m-%d}"
        return QuotaSeen(tenant, key.hex(), name, state, ends_on, cost)

    def _worker_restarts(self, now: float) -> tuple[float, ...]:
        if self.fleet is not None:
            for _ in range(min(self.fleet.restarts - self._restarts, _MOST_RESTARTS)):
                self._restarted_at.append(now)
            self._restarts = self.fleet.restarts
        return tuple(self._restarted_at)

    def _mesh(self) -> Iterator[MeshSeen]:
        for one in self.mesh.troubles if self.mesh is not None else ():
            if one.finding.severity is not Severity.NOTE:
                is_down = one.finding.name in ("mesh-link-down", "mesh-link-refused")
                yield MeshSeen(" ".join(one.subject), one.name, one.finding, is_down)

    # --- outside ------------------------------------------------------------------------------------------------------

    def contact(self) -> tuple[bool, int]:
        """Did anything come from outside since the last call, or is somebody connected? And how many connections."""
        accepted, is_open = self._outside()
        came, self._accepted = max(0, accepted - self._accepted), accepted
        heard, self._heard_stun = self._heard_stun, False
        if self.stun is not None:
            self.stun.watch_outside(self._hear)
        return bool(came or is_open or heard), came

    def _outside(self) -> tuple[int, int]:
        events = self.service.context.events
        accepted, is_open = events.outside_accepted, events.outside_open
        for snapshot in self.fleet.snapshots if self.fleet is not None else ():
            accepted += _number(snapshot.values.get("outside_accepted"))
            is_open += _number(snapshot.values.get("outside_open"))
        return accepted, is_open

    def _hear(self, ip: str) -> None:
        from ipaddress import ip_address

        self._heard_stun = self._heard_stun or ip_address(ip).is_global

    async def test_own_port(self) -> SelfTest:
        """Connect to the relay's own port: on this machine, and by its public address."""
        here, public = await asyncio.gather(*(self._connects(view) for view in (MapView.LOCAL, MapView.PUBLIC)))
        return SelfTest(here, public)

    async def _connects(self, view: MapView) -> bool | None:
        nodes = self._nodes(view)
        if not nodes or not self.advertised.derp_port:
            return None
        node = nodes[0]
        with contextlib.suppress(OSError):
            async with asyncio.timeout(SELF_TEST_S):
                _, writer = await asyncio.open_connection(node.ipv4 or node.host_name, node.derp_port or 443)
            writer.close()
            return True
        return False


def _certificate(one: Certificate) -> CertificateSeen:
    name = next(iter((*one.names, *one.ips)), one.pin)
    dates = one.not_before.timestamp(), one.not_after.timestamp()
    return CertificateSeen(name, one.pin, *dates, is_pinned=one.needs_pin, is_acme=one.never_pinned)


def _is_refused(finding: Finding | None) -> bool:
    return finding is not None and finding.name == "credential-refused"


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0
