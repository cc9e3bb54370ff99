"""Findings about taking another configuration while the relay runs."""

from __future__ import annotations

from tailhub.findings.finding import Finding


def reload_refused(count: int, first: str) -> Finding:
    """The configuration that was read again has so many errors, of which the `first` is told."""
    return Finding("TH355", {"count": count, "first": first})


def reload_failed(reason: str) -> Finding:
    """What could not be foreseen has failed on the way; all is as it was."""
    return Finding("TH356", {"reason": reason})


def reload_late(after_s: int) -> Finding:
    """Nobody knows yet what a reload comes to."""
    return Finding("TH378", {"after_s": after_s})


def too_many_new_listeners(count: int, most: int) -> Finding:
    """A reload opens `count` sockets for one process, of which `most` can be handed over."""
    return Finding("TH379", {"count": count, "most": most})
