"""Reading the command line's values, and saying what is wrong with it: click's complaints as findings.

Here is what typer would say in its own words, in English only: a number that is none, an option that there is not.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from tailhub import findings
from tailhub.exceptions import UsageError
from tailhub.findings import Finding, Language, choose_language

MAX_FOR_S = 86400.0
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smh]?)")
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
# click has no class of its own for these two.
_NO_SUCH_COMMAND = re.compile(r"No such command '(.*?)'")
_WORDS_LEFT = re.compile(r"Got unexpected extra arguments?\S* \((.*)\)")


def path(option: str, command: str = "tailhub relay") -> Callable[[str], Path]:
    """A reader of paths for `option` of `command`."""

    def read(text: str) -> Path:
        if not text:
            # An unset variable of a script: it must not become the current directory.
            raise UsageError(findings.wrong_usage(option, command, "lacking"))
        try:
            return Path(text).expanduser()  # a shell leaves the ~ in --option=~/x as it is
        except RuntimeError:  # no such user
            return Path(text)

    return read


def duration(option: str, text: str, most_s: float = MAX_FOR_S, least_s: float = 0.0) -> float:
    """Seconds of a text such as ``360``, ``90s``, ``6m`` or ``1h``. Raises `UsageError`."""
    match = _DURATION.fullmatch(text.strip())
    seconds = float(match[1]) * _SECONDS[match[2]] if match else -1.0
    if not least_s <= seconds <= most_s:
        raise UsageError(findings.bad_duration(option, text, int(most_s / 3600)))
    return seconds


def language(override: str | None) -> Language:
    """The language of what is printed: ``--lang``, else by locale. Raises `UsageError`."""
    chosen = choose_language(os.environ, override)
    # A terminal for ASCII would show nothing but question marks.
    return chosen if chosen == "en" or can_print("中继") else "en"


def asked_language(arguments: Sequence[str]) -> str | None:
    """What ``--lang`` asks for, before the rest is read: what is wrong with the rest is said in that language."""
    for before, word in pairwise(["", *arguments]):
        if before == "--lang":
            return word
        if word.startswith("--lang="):
            return word.removeprefix("--lang=")
    return None


def complaint(error: Exception, arguments: Sequence[str]) -> Finding | None:
    """The finding for one of click's usage errors about `arguments`, None for any other error.

    By attributes and names of classes: typer brings its own click or imports it, and exports the classes of neither.
    """
    if not hasattr(error, "format_message") or not hasattr(error, "exit_code"):
        return None
    command = "tailhub"
    if context := getattr(error, "ctx", None):
        command = str(context.command_path)
    elif arguments and not arguments[0].startswith("-"):
        command += f" {arguments[0]}"
    message = str(error.format_message())
    option = str(getattr(error, "option_name", ""))
    if type(error).__name__ == "NoSuchOption":
        return findings.wrong_usage(option, command, "unknown", _near(error))
    if option and "does not take" not in message:
        return findings.wrong_usage(option, command, "lacking")
    if found := _NO_SUCH_COMMAND.search(message):
        return findings.wrong_usage(found[1], command, "unknown")
    if found := _WORDS_LEFT.search(message):
        return findings.wrong_usage(found[1], command, "extra")
    return findings.wrong_usage(message, command)


def _near(error: Exception) -> list[str]:
    return [str(name) for name in getattr(error, "possibilities", None) or ()]


def can_print(text: str) -> bool:
    """Do both standard streams have the characters of `text`?"""
    for stream in (sys.stdout, sys.stderr):
        try:
            text.encode(stream.encoding or "utf-8")
        except UnicodeEncodeError:
            return False
    return True
