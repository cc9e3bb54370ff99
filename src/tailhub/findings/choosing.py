"""Findings about which region clients choose, and why."""

from __future__ import annotations

from collections.abc import Sequence

from tailhub.findings.finding import Finding


def no_region_answers(regions: int) -> Finding:
    """Neither STUN nor HTTPS reached any region of the map."""
    return Finding("TH510", {"regions": regions})


def home_does_not_relay(region: str, step: str) -> Finding:
    """The region that clients choose, because its STUN answers, cannot be used. `step`: tcp, tls or login."""
    return Finding("TH511", {"region": region, "step": step.upper() if step != "login" else step})


def region_without_stun(regions: Sequence[str]) -> Finding:
    """Regions that relay but did not answer STUN, while others did."""
    return Finding("TH512", {"regions": ", ".join(regions)})


def mapping_varies() -> Finding:
    """A NAT gives another address or port for each destination."""
    return Finding("TH513")


def udp_blocked() -> Finding:
    """No STUN answer came from anywhere."""
    return Finding("TH514")
