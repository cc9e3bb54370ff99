"""Findings about the process of the operator's pages."""

from __future__ import annotations

from tailhub.findings.finding import Finding


def pages_ended(how: str) -> Finding:
    """The pages' process has ended by itself; `how` is the signal by name, or the exit code."""
    return Finding("TH330", {"how": how})


def pages_do_not_run(how: str, pause_s: int) -> Finding:
    """It ends again and again soon after its start; the next start is not tried before `pause_s` are over."""
    return Finding("TH331", {"how": how, "pause_s": pause_s})
