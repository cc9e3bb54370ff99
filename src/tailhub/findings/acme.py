"""Findings about certificates from an ACME server."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from tailhub.findings.finding import Finding


def acme_needs_name(option: str, hostname: str) -> Finding:
    """ACME is on, and nobody says for which name or address; `hostname` is the setting that would."""
    return Finding("TH110", {"option": option, "hostname": hostname})


def acme_no_challenge(
    name: str, option: str, public_port: str, http_listen: str, hook: str, for_address: bool = False
) -> Finding:
    """No challenge can work for `name`; `public_port`, `http_listen` and `hook` are settings that would help."""
    values = {"name": name, "option": option, "public_port": public_port, "http_listen": http_listen, "hook": hook}
    return Finding("TH111", values | {"address": for_address})


def acme_challenge_port(challenge: str, needed: int, port: int | None, option: str = "--acme-challenge") -> Finding:
    """Servers look for the answer at port `needed`, and the relay has it at `port` (None: nowhere of its own)."""
    return Finding("TH112", {"challenge": challenge, "needed": needed, "port": port, "option": option})


def bad_acme_challenge(text: str, option: str = "--acme-challenge") -> Finding:
    """There is no such challenge."""
    return Finding("TH113", {"text": text, "option": option})


def acme_challenges(name: str, server: str, challenge: str, possible: Sequence[str]) -> Finding:
    """Which challenge is used for `name`, and all that are `possible` by the ports and hooks that there are."""
    return Finding("TH114", {"name": name, "server": server, "challenge": challenge, "possible": ", ".join(possible)})


def acme_waiting(name: str, server: str) -> Finding:
    """There is no certificate for `name` yet."""
    return Finding("TH115", {"name": name, "server": server})


def acme_failed(name: str, reason: str, failures: int, retry: str, served_to: str = "") -> Finding:
    """No new certificate; `retry` is when it is tried again, `served_to` until when the old one is valid."""
    values = {"name": name, "reason": reason.rstrip("."), "failures": failures, "retry": retry, "served_to": served_to}
    return Finding("TH116", values)


def bad_acme_directory(text: str, option: str = "--acme-directory") -> Finding:
    """It is no https URL."""
    return Finding("TH117", {"text": text, "option": option})


def acme_eab_half(option: str, missing: str) -> Finding:
    """Of key id and key one is `missing`."""
    return Finding("TH118", {"option": option, "missing": missing})


def acme_needs_hook(option: str, hook: str) -> Finding:
    """dns-01 without a command that writes to the DNS; `hook` is the setting that names it."""
    return Finding("TH119", {"option": option, "hook": hook})


def acme_needs_http(option: str, http_listen: str) -> Finding:
    """http-01 without a plain HTTP listener."""
    return Finding("TH120", {"option": option, "http_listen": http_listen})


def acme_challenge_not_for_address(name: str, option: str = "--acme-challenge") -> Finding:
    """dns-01 is for names only, and `name` is an address."""
    return Finding("TH121", {"name": name, "option": option})


def acme_cache_taken_over(name: str, cache: str, not_after: date) -> Finding:
    """The certificate for `name` that another program got, and left in `cache`, is served until it is renewed here."""
    return Finding("TH242", {"name": name, "cache": cache, "date": f"{not_after:%Y-%m-%d}"})
