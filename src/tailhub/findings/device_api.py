"""Findings about lists of devices that are read from an API: Tailscale's, or a Headscale's."""

from __future__ import annotations

from tailhub.findings.finding import Finding


def device_api_unreachable(url: str, reason: str, setting: str, *, clock: bool = False) -> Finding:
    """Nobody can be reached at `url`. `clock`: its certificate is out of date, or this machine's clock is."""
    return Finding("TH250", {"url": url, "reason": reason, "setting": setting, "clock": clock})


def credential_refused(url: str, reason: str, setting: str, *, is_headscale: bool = False) -> Finding:
    """The API does not know the credential, or does not any more."""
    return Finding("TH251", {"url": url, "reason": reason, "setting": setting, "headscale": is_headscale})


def credential_lacks_scope(url: str, reason: str, setting: str) -> Finding:
    """The Tailscale API knows the credential, which may not read devices."""
    return Finding("TH252", {"url": url, "reason": reason, "setting": setting})


def tailnet_unknown(url: str, reason: str, setting: str) -> Finding:
    """The Tailscale API does not know the tailnet of that name."""
    return Finding("TH253", {"url": url, "reason": reason, "setting": setting})


def device_list_unusable(url: str, reason: str, setting: str) -> Finding:
    """Somebody answers at `url`, with something that is no list of devices."""
    return Finding("TH254", {"url": url, "reason": reason, "setting": setting})


def credential_expires(url: str, at: str, days: int, setting: str, *, is_headscale: bool = False) -> Finding:
    """The credential expires `at`, in `days` whole days."""
    return Finding("TH255", {"url": url, "at": at, "days": days, "setting": setting, "headscale": is_headscale})


def credential_malformed(setting: str, expected: str, found: str, path: str = "") -> Finding:
    """`setting`, or the file at `path` that it names, has no such credential. `found` is its kind, never itself."""
    return Finding("TH256", {"setting": setting, "expected": expected, "found": found, "path": path})


def bad_api_url(setting: str, text: str, example: str) -> Finding:
    """The URL of an API is none, or has a user, a password or a query, which are not told."""
    shown = text.rpartition("@")[2].partition("?")[0]
    return Finding("TH257", {"setting": setting, "text": shown, "example": example, "more": shown != text})
