"""The check on the relay's own machine: what is looked at, in which order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from tailhub.findings import Finding, Severity
from tailhub.findings.remark import Remark
from tailhub.tools.doctor.local import (
    askers,
    certificates,
    clock,
    configuration,
    disk,
    duplicates,
    firewall,
    limits,
    mesh,
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
    ("mesh", mesh.check),
    ("own_client", own_client.check),
)
"""Name of the part, for progress, and the check. What comes first is nearer to the cause."""


NEEDED_TO_START = frozenset({"configuration", "state", "disk", "ports", "certificates"})
"""Parts whose errors keep a relay from starting."""

OF_SETTINGS = frozenset({"ports", "certificates", "firewall", "verifiers"})
"""Parts that look at what the settings name, and make no sense where those cannot be read."""


async def examine_local(context: LocalContext, progress: Progress | None = None) -> Report:
    """Look at the machine, the configuration and the state of the relay that runs here, or would."""
    whole = Judgement()
    causes: list[Finding] = []
    for name, check in CHECKS:
        if progress is not None:
            progress(name)
        if context.is_closed and name in OF_SETTINGS:
            whole.untested(name, Remark("settings_unknown"))
            continue
        part = await check(context)
        part.findings = [finding for finding in part.findings if finding not in whole.findings]  # said once
        whole.add(part)
        if name in NEEDED_TO_START:
            causes += (finding for finding in part.findings if finding.severity is Severity.ERROR)
    _put_down_to(causes, whole)
    return Report(str(context.state_dir), in_order(whole.findings), tuple(whole.steps))


def _put_down_to(causes: Sequence[Finding], whole: Judgement) -> None:
    """That the service does not run is no finding of its own where it is known why it cannot."""
    down = next((finding for finding in whole.findings if finding.name == "service-not-running"), None)
    if down is None or not causes:
        return
    said = str(down.values["reason"])  # a start that fails says by which code
    cause = next((one for one in causes if f"[{one.code}]" in said), causes[0])
    whole.findings.remove(down)
    for at, step in enumerate(whole.steps):
        if step.code == down.code:
            whole.steps[at] = replace(step, code=cause.code)
