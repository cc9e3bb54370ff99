"""Findings about running as a service of systemd."""

from __future__ import annotations

from tailhub.findings.finding import Finding


def no_systemd(command: str) -> Finding:
    """No systemd runs here; `command` is how the relay is started by hand."""
    return Finding("TH151", {"command": command})


def service_needs_root(command: str) -> Finding:
    """`command` changes services, and this user may not."""
    return Finding("TH152", {"command": command})


def program_out_of_reach(user: str, program: str, reason: str) -> Finding:
    """`user` may not run `program`."""
    return Finding("TH153", {"user": user, "program": program, "reason": reason})


def service_not_up(name: str, reason: str, *, restored: bool = False) -> Finding:
    """The service was started and is not active; `restored` if an earlier unit was put back."""
    return Finding("TH154", {"name": name, "reason": reason, "restored": restored})


def service_missing(name: str, command: str) -> Finding:
    """There is no unit of this name; `command` makes one."""
    return Finding("TH155", {"name": name, "command": command})


def bad_service_name(name: str) -> Finding:
    """It becomes the name of directories and of a unit, and cannot."""
    return Finding("TH232", {"name": name})
