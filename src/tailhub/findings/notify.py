"""Findings about messages to the relay's owner."""

from __future__ import annotations

from tailhub.findings.finding import Finding


def notify_needs_apprise(setting: str) -> Finding:
    """`setting` names somebody to send messages to, and the library that sends them is not installed."""
    return Finding("TH344", {"setting": setting})


def bad_notify_url(place: str, number: int, scheme: str = "") -> Finding:
    """Address `number`, from 1, at `place` (a setting or a file) is none; never shown, for it is a secret.

    `scheme` is what it begins with if no service is called so.
    """
    return Finding("TH345", {"place": place, "number": number, "scheme": scheme})


def notify_failed(target: str, reason: str) -> Finding:
    """A message was not accepted; it is tried again."""
    return Finding("TH346", {"target": target, "reason": reason})


def notify_missing(what: str) -> Finding:
    """`what` needs somebody to send messages to."""
    return Finding("TH347", {"what": what})


def notify_file_empty(path: str, setting: str) -> Finding:
    """The file that `setting` names has no address."""
    return Finding("TH348", {"path": path, "setting": setting})


def update_index_unusable(url: str, reason: str, setting: str) -> Finding:
    """The package index does not say which version is the newest."""
    return Finding("TH349", {"url": url, "reason": reason, "setting": setting})
