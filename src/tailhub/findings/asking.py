"""Findings about what was asked for on the command line."""

from __future__ import annotations

import re

from tailhub.findings.finding import Finding

_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9-]+)+")


def bad_region_id(text: str) -> Finding:
    """``--region-id`` is not from 900 to 999."""
    return Finding("TH060", {"text": text})


def bad_address(text: str) -> Finding:
    """``--address`` is no IP address."""
    return Finding("TH061", {"text": text})


def bad_host_name(option: str, text: str) -> Finding:
    """`option` wants a DNS name and got something else, a URL for example."""
    bare = text.strip().partition("://")[2] or text.strip()
    bare = re.split(r"[/:]", bare, maxsplit=1)[0].rstrip(".")
    fits = _HOST_NAME.fullmatch(bare) and not bare.replace(".", "").isdigit() and bare != text
    values = {"option": option, "text": text, "suggestion": bare if fits else "", "is_host": option == "--hostname"}
    return Finding("TH062", values)


def bad_home(text: str) -> Finding:
    """``--home`` is neither ``blank`` nor a URL."""
    return Finding("TH063", {"text": text})


def bad_port(option: str, text: str) -> Finding:
    """`option` wants a port number."""
    return Finding("TH064", {"option": option, "text": text})


def option_needs_other(option: str, value: str, missing: str) -> Finding:
    """`option` came with `value` and without `missing`; both take a file."""
    return Finding("TH065", {"option": option, "value": value, "missing": missing, "missing_value": "FILE"})


def bad_language(text: str) -> Finding:
    """``--lang`` is neither ``en`` nor ``zh``."""
    return Finding("TH066", {"text": text})
