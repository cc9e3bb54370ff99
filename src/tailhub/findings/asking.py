"""Findings about what was asked for: on the command line, in the environment or in the configuration file."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from tailhub.findings.finding import Finding
from tailhub.findings.place import name_of

_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9-]+)+")


def bad_region_id(text: str, option: str = "--region-id") -> Finding:
    """``--region-id`` is not from 900 to 999."""
    return Finding("TH060", {"text": text, "option": option})


def bad_address(text: str, option: str = "--address") -> Finding:
    """``--address`` is no IP address."""
    return Finding("TH061", {"text": text, "option": option})


def bad_host_name(option: str, text: str) -> Finding:
    """`option` wants a DNS name and got something else, a URL for example."""
    bare = unicodedata.normalize("NFKC", text).strip(" \"'“”‘’")
    bare = bare.partition("://")[2] or bare
    bare = re.split(r"[/:]", bare, maxsplit=1)[0].rstrip(".。")
    try:
        bare = bare.encode("idna").decode()
    except UnicodeError:
        pass
    fits = _HOST_NAME.fullmatch(bare) and not bare.replace(".", "").isdigit() and bare != text
    values = {
        "option": option,
        "text": text,
        "suggestion": bare if fits else "",
        "is_host": name_of(option) == "hostname",
    }
    return Finding("TH062", values)


def bad_home(text: str, option: str = "--home") -> Finding:
    """``--home`` is neither ``blank`` nor a URL."""
    return Finding("TH063", {"text": text, "option": option})


def bad_port(option: str, text: str) -> Finding:
    """`option` wants a port number."""
    return Finding("TH064", {"option": option, "text": text, "example": 3478 if "stun" in name_of(option) else 443})


def option_needs_other(option: str, value: str, missing: str) -> Finding:
    """`option` came with `value` and without `missing`; both take a file."""
    return Finding("TH065", {"option": option, "value": value, "missing": missing, "missing_value": "FILE"})


def bad_workers(text: str, most: int, option: str = "--workers") -> Finding:
    """``--workers`` is neither ``auto`` nor a number up to `most`."""
    return Finding("TH086", {"text": text, "most": most, "option": option})


def bad_decimal(option: str, text: str, most: int) -> Finding:
    """`option` wants a number, whole or not, from 0 to `most`."""
    return Finding("TH190", {"option": option, "text": text, "most": most})


def bad_language(text: str) -> Finding:
    """``--lang`` is neither ``en`` nor ``zh``."""
    return Finding("TH066", {"text": text})


def too_many_addresses(addresses: Sequence[str], option: str = "--address") -> Finding:
    """``--address`` was given twice for one family."""
    return Finding("TH067", {"addresses": ", ".join(addresses), "first": addresses[0], "option": option})


def options_exclude(one: str, other: str) -> Finding:
    """Two options that do not go together."""
    return Finding("TH068", {"one": one, "other": other})


def wrong_usage(message: str, command: str, kind: str = "", near: Sequence[str] = ()) -> Finding:
    """The words after `command` cannot be read.

    `kind` says what `message` is: "unknown", a word that is no option or command (`near`: some that look like it);
    "lacking", an option without its value; "extra", words too many; else what the reader of the command line says.
    """
    values = {
        "message": message.rstrip("."),
        "command": command,
        "unknown": kind == "unknown",
        "lacking": kind == "lacking",
        "extra": kind == "extra",
        "near": ", ".join(near),
    }
    return Finding("TH069", values)
