"""The check on the relay's own machine: what is looked at, in which order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tailhub.tools.doctor.local import (
    askers,
    certificates,
    clock,
    configuration,
    disk,
    duplicates,
    firewall,
    limits,
    network,
    own_client,
    ports,
    running,
    state,
)
from tailhub.tools.doctor.local.context import LocalContext
from tailhub.tools.doctor.outside import Progress, in_order
from tailhub.tools.report import Judgement, Report

__all__ = ["CHECKS", "LocalCheck", "examine_local"]

LocalCheck = Callable[[LocalContext], Awaitable[Judgement]]
"""Looks at one thing and judges it. A check's judging is a pure function of what it saw, tested without a machine."""

CHECKS: tuple[tuple[str, LocalCheck], ...] = (
    ("configuration", configuration.check),
    ("running", running.check),
    ("state", state.check),
    ("disk", disk.check),
    ("ports", ports.check),
    ("certificates", certificates.check),
    ("limits", limits.check),
    ("firewall", firewall.check),
    ("network", network.check),
    ("clock", clock.check),
    ("verifiers", askers.check),
    ("duplicates", duplicates.check),
    ("own_client", own_client.check),
)
"""Name of the part, for progress, and the check. What comes first is nearer to the cause."""


async def examine_local(context: LocalContext, progress: Progress | None = None) -> Report:
    """Look at the machine, the configuration and the state of the relay that runs here, or would."""
    whole = Judgement()
    for name, check in CHECKS:
        if progress is not None:
            progress(name)
        whole.add(await check(context))
    return Report(str(context.state_dir), in_order(whole.findings), tuple(whole.steps))
