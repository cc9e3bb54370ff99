"""Findings about bringing a relay's map to those who hand it out."""

from __future__ import annotations

from tailhub.findings.finding import Finding


def bad_push_target(to: str, setting: str = "push_map_to") -> Finding:
    """Neither Tailscale nor a file."""
    return Finding("TH500", {"to": to, "setting": setting})


def map_push_failed(place: str, reason: object, *, is_file: bool = False) -> Finding:
    """It cannot be read or written there."""
    return Finding("TH501", {"place": place, "reason": reason, "is_file": is_file})


def region_changed_elsewhere(place: str, region: int, fields: str) -> Finding:
    """Somebody else has changed what a push would undo."""
    return Finding("TH502", {"place": place, "region": region, "fields": fields})


def policy_refused(place: str, reason: object) -> Finding:
    """Tailscale would not take the policy with the change."""
    return Finding("TH503", {"place": place, "reason": reason})


def policy_changed_meanwhile(place: str) -> Finding:
    """Somebody wrote it between our reading and our writing."""
    return Finding("TH504", {"place": place})


def push_credential_refused(place: str, reason: object) -> Finding:
    """The credential may not change the policy, or is none."""
    return Finding("TH505", {"place": place, "reason": reason})


def push_needs_yes(place: str) -> Finding:
    """There is nobody to ask."""
    return Finding("TH506", {"place": place})
