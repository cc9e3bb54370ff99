"""Findings about a long-running measurement of relays."""

from __future__ import annotations

from tailhub.findings.finding import Finding


def probe_key_unusable(path: str, reason: str) -> Finding:
    """The key of the relay's own probe can be neither read nor made."""
    return Finding("TH515", {"path": path, "reason": reason})


def nothing_to_measure(origin: str, wanted: str) -> Finding:
    """The map `origin` has no relay, or none in the region `wanted` if that is not empty."""
    return Finding("TH516", {"origin": origin, "wanted": wanted})


def too_much_to_measure(found: int, most: int) -> Finding:
    """`found` ways through relays are more than are measured at a time."""
    return Finding("TH517", {"found": found, "most": most})


def nothing_came_through(relay: str, reason: str, sender: str, receiver: str) -> Finding:
    """Not one packet; `reason` is why there was no connection, empty if there was. The others: the probe's keys."""
    return Finding("TH518", {"relay": relay, "reason": reason, "sender": sender, "receiver": receiver})


def measures_the_limit(relay: str, wanted: int, limit: int) -> Finding:
    """More is sent than the relay lets one key send; both in bytes a second."""
    return Finding("TH519", {"relay": relay, "wanted": wanted, "limit": limit})


def measured_file_unusable(path: str, option: str, reason: str) -> Finding:
    """A file for what is measured cannot be written; `option` named it."""
    return Finding("TH520", {"path": path, "option": option, "reason": reason})


def time_out_of_range(option: str, found: str, least: str, most: str) -> Finding:
    """`option` takes a time from `least` to `most`."""
    return Finding("TH522", {"option": option, "found": found, "least": least, "most": most})


def exporter_cannot_listen(address: str, reason: str) -> Finding:
    """There is no listening at ``--listen``."""
    return Finding("TH521", {"address": address, "reason": reason})


def too_many_probes(most: int, path: str) -> Finding:
    """So many probes run with the key at `path`, and more cannot be told apart."""
    return Finding("TH523", {"most": most, "path": path})
