"""Findings about what was asked for on the command line."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

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
    bare = unicodedata.normalize("NFKC", text).strip(" \"'“”‘’")
    bare = bare.partition("://")[2] or bare
    bare = re.split(r"[/:]", bare, maxsplit=1)[0].rstrip(".。")
    try:
        bare = bare.encode("idna").decode()
    except UnicodeError:
        pass
    fits = _HOST_NAME.fullmatch(bare) and not bare.replace(".", "").isdigit() and bare != text
    values = {"option": option, "text": text, "suggestion": bare if fits else "", "is_host": option == "--hostname"}
    return Finding("TH062", values)


def bad_home(text: str) -> Finding:
    """``--home`` is neither ``blank`` nor a URL."""
    return Finding("TH063", {"text": text})


def bad_port(option: str, text: str) -> Finding:
    """`option` wants a port number."""
    return Finding("TH064", {"option": option, "text": text, "example": 3478 if "stun" in option else 443})


def option_needs_other(option: str, value: str, missing: str) -> Finding:
    """`option` came with `value` and without `missing`; both take a file."""
    return Finding("TH065", {"option": option, "value": value, "missing": missing, "missing_value": "FILE"})


def bad_language(text: str) -> Finding:
    """``--lang`` is neither ``en`` nor ``zh``."""
    return Finding("TH066", {"text": text})


def too_many_addresses(addresses: Sequence[str]) -> Finding:
    """``--address`` was given twice for one family."""
    return Finding("TH067", {"addresses": ", ".join(addresses), "first": addresses[0]})


def options_exclude(one: str, other: str) -> Finding:
    """Two options that do not go together."""
    return Finding("TH068", {"one": one, "other": other})


def unknown_word(word: str, near: Sequence[str], command: str) -> Finding:
    """There is no option or command `word`; `near` are some that look like it. `command` is what was called."""
    return Finding("TH069", {"unknown": word, "near": ", ".join(f"`{name}`" for name in near), "command": command})


def value_missing(option: str, command: str) -> Finding:
    """`option` has no value, or an empty one."""
    return Finding("TH069", {"lacking": option, "command": command})


def words_left(words: str, command: str) -> Finding:
    """There is more on the command line than `command` takes."""
    return Finding("TH069", {"extra": words, "command": command})


def wrong_usage(message: str, command: str) -> Finding:
    """Anything else that the reader of the command line says."""
    return Finding("TH069", {"message": message.rstrip("."), "command": command})
