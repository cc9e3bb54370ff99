"""Tests of reading a command line as Go does."""

from __future__ import annotations

import pytest

from tailhub.settings.go_flags import GoKind, read_duration, split_flags

KINDS: dict[str, GoKind] = {"a": "text", "stun": "bool", "stun-port": "int"}


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("-a :443", {"a": ":443"}),
        ("--a :443", {"a": ":443"}),
        ("-a=:443", {"a": ":443"}),
        ("--a=x=y", {"a": "x=y"}),
        ("-a=", {"a": ""}),
        ("-stun", {"stun": "true"}),
        ("-stun=false -a x", {"stun": "false", "a": "x"}),
        ("-a -stun", {"a": "-stun"}),
        ("-a 1 -a 2", {"a": "2"}),
        ("", {}),
    ],
)
def test_forms(words: str, values: dict[str, str]) -> None:
    """One dash or two, the value behind = or as the next word; a switch takes no word; the last one counts."""
    assert split_flags(words.split(), KINDS).values == values


@pytest.mark.parametrize(
    ("words", "fault", "named"),
    [
        ("-b 1", "unknown", ["-b"]),
        ("---a", "unknown", ["---a"]),
        ("--b=1", "unknown", ["--b"]),
        ("-stun-port", "lacking", ["stun-port"]),
        ("-stun false", "rest", ["false"]),
        ("-", "rest", ["-"]),
        ("-- -a", "rest", ["-a"]),
    ],
)
def test_faults(words: str, fault: str, named: list[str]) -> None:
    """What Go would refuse, and words that it would pass over, are told."""
    assert getattr(split_flags(words.split(), KINDS), fault) == named


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2s", 2),
        ("1m30s", 90),
        ("1.5h", 5400),
        ("300ms", 0.3),
        ("0", 0),
        ("-2s", -2),
        ("2", None),
        ("", None),
        ("s", None),
    ],
)
def test_durations(text: str, seconds: float | None) -> None:
    """Durations have units; only 0 goes without."""
    assert read_duration(text) == (None if seconds is None else pytest.approx(seconds))
