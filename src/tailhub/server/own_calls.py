"""All calls of the operator's API that the relay answers itself: a new group of them is named here, nowhere else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tailhub.server.access_actions import AccessActions
from tailhub.server.checkup_actions import CheckupActions
from tailhub.server.client_actions import ClientActions
from tailhub.server.drain_actions import DrainActions
from tailhub.server.log_actions import LogActions
from tailhub.server.notice_actions import NoticeActions
from tailhub.server.reload_actions import ReloadActions
from tailhub.web.operator_api import Route

if TYPE_CHECKING:
    from tailhub.findings import Finding
    from tailhub.relay.refusals import Here
    from tailhub.relay.tenant import Tenant
    from tailhub.server.audit import AuditLog
    from tailhub.server.client_debug import ClientDebug, LogState
    from tailhub.server.draining import Draining
    from tailhub.server.evacuating import Drain
    from tailhub.server.foundation import Foundation
    from tailhub.server.mesh.watch import MeshWatch
    from tailhub.server.notices import NoticeKeeper
    from tailhub.server.reload import ReloadOutcome
    from tailhub.server.verification import Verification
    from tailhub.web.debug import TrafficRow
    from tailhub.web.metrics import MetricValues

__all__ = ["BehindCalls", "own_routes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BehindCalls:
    """What the calls are about, and who does what they ask for. `now` is the loop's time."""

    verification: Verification | None
    drain: Drain
    draining: Draining
    notices: NoticeKeeper
    tenants: Iterable[Tenant]
    debug: ClientDebug
    audit: AuditLog
    now: Callable[[], float]
    who_is_here: Callable[[], Awaitable[Here]]
    traffic: Callable[[], Awaitable[Sequence[TrafficRow]]]
    disconnect: Callable[[bytes, str], Awaitable[int]]
    tell_log_state: Callable[[LogState], None]  # to workers
    reload: Callable[[], Awaitable[ReloadOutcome]]
    foundation: Foundation
    values: Callable[[], Awaitable[MetricValues]]
    notes: Callable[[], Iterable[Finding]]  # what is doubtful now
    first_stun: Callable[[], str]
    mesh: Callable[[], MeshWatch | None]


def own_routes(behind: BehindCalls) -> list[Route]:
    """Each of them."""
    groups = (
        AccessActions(behind.verification, behind.who_is_here),
        DrainActions(behind.drain, behind.draining, behind.traffic),
        NoticeActions(behind.notices, behind.tenants, behind.who_is_here),
        ClientActions(behind.disconnect),
        LogActions(behind.debug, behind.now, behind.tell_log_state),
        ReloadActions(behind.reload),
        CheckupActions(
            behind.foundation, behind.values, behind.notes, behind.first_stun, behind.traffic, behind.now, behind.mesh
        ),
        behind.audit,
    )
    return [route for group in groups for route in group.routes]
