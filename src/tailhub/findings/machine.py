"""Findings about the machine and the program itself."""

from __future__ import annotations

from datetime import date

from tailhub.findings.finding import Finding


def relay_not_found(path: object, reason: object = "") -> Finding:
    """No relay answers on the unix socket at `path`; `reason` is the error or what else came back."""
    if isinstance(reason, OSError):
        reason = reason.strerror or reason
    return Finding("TH080", {"path": str(path), "reason": str(reason)})


def platform_unsupported(platform: str) -> Finding:
    """The relay does not run on `platform`."""
    return Finding("TH082", {"platform": platform})


def workers_unsupported(platform: str) -> Finding:
    """``--workers`` wants several, which `platform` cannot have."""
    return Finding("TH085", {"platform": platform})


def clock_before_build(now: date, built: date) -> Finding:
    """The clock is surely wrong."""
    return Finding("TH083", {"now": f"{now:%Y-%m-%d}", "built": f"{built:%Y-%m-%d}"})


def file_trouble(path: str, reason: str, look: str = "") -> Finding:
    """Reading or writing `path` fails, in the system's words (disk full, read-only file system).

    `look`: when it is what the file holds, a command that shows it.
    """
    return Finding("TH084", {"path": path, "reason": reason, "look": look})


def output_failed(reason: str) -> Finding:
    """Standard output takes nothing more, in the system's words."""
    return Finding("TH081", {"reason": reason})
