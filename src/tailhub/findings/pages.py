"""Findings about the operator's pages: who may see them, and other relays that they show."""

from __future__ import annotations

from tailhub.findings.finding import Finding


def pages_host_unknown(name: str) -> Finding:
    """A request over TCP is for `name`, which is neither an address nor a name of this relay; empty: for none."""
    return Finding("TH335", {"name": name})


def pages_foreign() -> Finding:
    """A browser asks for a page of another origin."""
    return Finding("TH336")


def pages_token(*, wrong: bool) -> Finding:
    """The operator's token is needed, or that which was given is `wrong`."""
    return Finding("TH337", {"wrong": wrong})


def relay_lost() -> Finding:
    """The relay does not answer the process of its pages."""
    return Finding("TH338")


def bad_dashboard_relay(place: str, found: str, reason: str) -> Finding:
    """`found`, without its token, is no way to ask another relay; `reason` is "url", "token" or "name"."""
    values = {"place": place, "found": found, "token": reason == "token", "name": reason == "name"}
    return Finding("TH339", values)
