"""Findings about notices to users and about upgrades."""

from __future__ import annotations

from tailhub.findings.finding import Finding


def bad_notice(length: int, most: int) -> Finding:
    """A notice to users has so many characters: none, or more than `most`."""
    return Finding("TH365", {"length": length, "most": most})


def too_many_notices(most: int) -> Finding:
    """There are as many notices as there may be."""
    return Finding("TH366", {"most": most})


def upgrade_elsewhere(place: str, reason: str, command: str) -> Finding:
    """The installation at `place` is not for tailhub to upgrade; `command` does it, empty if none can be named."""
    return Finding("TH367", {"place": place, "reason": reason, "command": command})


def upgrade_failed(version: str, stage: str, reason: str, *, restored: bool = False) -> Finding:
    """The version was not taken over: `stage` is what failed. `restored`: what ran before runs again."""
    return Finding("TH368", {"version": version, "stage": stage, "reason": reason, "restored": restored})


def install_failed(command: str, reason: str) -> Finding:
    """The installer's command failed."""
    return Finding("TH369", {"command": command, "reason": reason})


def relay_still_old(version: str, running: str) -> Finding:
    """The program is upgraded, and a relay that no service runs goes on with the version from before."""
    return Finding("TH370", {"version": version, "running": running})
