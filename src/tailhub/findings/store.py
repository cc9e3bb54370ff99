"""Findings about the store: usage, admissions and what else survives a restart."""

from __future__ import annotations

from tailhub.findings.finding import Finding


def bad_store(place: str, reason: str) -> Finding:
    """The setting is neither empty nor ``off`` nor the URL of a database. Its text may be secret and is not told."""
    return Finding("TH260", {"place": place, "reason": reason})


def store_driver_missing(module: str) -> Finding:
    """The Python `module` that speaks to the database is not installed."""
    return Finding("TH261", {"module": module})


def store_unreachable(where: str, reason: str) -> Finding:
    """The database does not answer."""
    return Finding("TH262", {"where": where, "reason": reason})


def store_not_writable(path: str, reason: str) -> Finding:
    """The file cannot be opened or written: a full disk, no permission."""
    return Finding("TH263", {"path": path, "reason": reason})


def store_corrupt(path: str, aside: str, reason: str, backups: str = "") -> Finding:
    """The file is damaged, was moved to `aside`, and a new one has been begun. `backups`: where copies are."""
    return Finding("TH264", {"path": path, "aside": aside, "reason": reason, "backups": backups})


def store_gone(path: str) -> Finding:
    """The file was removed, or another put in its place, while it was open."""
    return Finding("TH319", {"path": path})


def store_newer(where: str, found: str, known: str, backups: str = "") -> Finding:
    """A newer tailhub has changed the tables. `backups` has copies from before; "" for a database."""
    return Finding("TH265", {"where": where, "found": found, "known": known, "backups": backups})


def store_older(where: str, found: str) -> Finding:
    """The tables are an older tailhub's, and only a relay may change them."""
    return Finding("TH266", {"where": where, "found": found})


def store_missing(where: str, *, off: bool = False) -> Finding:
    """There is no store to read: nothing has been counted yet, or (`off`) is to be."""
    return Finding("TH267", {"where": where, "off": off})


def store_refuses(where: str, reason: str) -> Finding:
    """The database answers and does not let us in, or not do what we must."""
    return Finding("TH268", {"where": where, "reason": reason})


def bad_period(option: str, text: str, *, month: bool = False, backwards: bool = False) -> Finding:
    """What was given is no day (or, with `month`, no month), or ends before it begins."""
    return Finding("TH269", {"option": option, "text": text, "month": month, "backwards": backwards})
