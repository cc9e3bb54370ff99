"""Lines of the log in their three forms."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.logfmt import parse_logfmt
from tailhub.log_event import log_event
from tailhub.server.log_format import FORMATS, LogFormatter
from tailhub.server.log_line import MAX_FIELD, MAX_TEXT, row_of
from tailhub.server.log_setup import is_journal

HOSTILE = 'a"b\\c=d e\n\r\x00\x1b[2J\x7f\x85\u2028\u202e\u00a0\ud800\U000e0001 名 😀'
PARSERS: dict[str, Callable[[str], dict[str, Any]]] = {"logfmt": parse_logfmt, "json": json.loads}


def record(message: str, level: int = logging.INFO, **fields: str | float) -> logging.LogRecord:
    made = logging.LogRecord("tailhub", level, __file__, 1, "%s", (message,), None)
    made.created = 1795789281.1239
    made.__dict__.update(log_event("login", **fields))
    return made


def traced() -> logging.LogRecord:
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        return logging.LogRecord("tailhub", logging.ERROR, __file__, 1, "error", (), sys.exc_info())


@given(st.text(), st.text())
@example(HOSTILE, HOSTILE)
@example("x" * 100_000, "x" * 100_000)
@pytest.mark.parametrize("form", PARSERS)
def test_whatever_is_said_comes_back_from_one_line(form: str, message: str, name: str) -> None:
    """Any text and any value make one printable line, from which a parser gets both again."""
    one = record(message, name=name, port=41641)
    line = LogFormatter(form).format(one)
    assert line.isprintable()
    found, row = PARSERS[form](line), row_of(one)
    assert found["msg"] == row.text
    assert found.get("name", "") == row.fields.get("name", "")
    if len(name) <= MAX_FIELD and not re.search("[\ud800-\udfff]", name):
        assert found.get("name", "") == name
    assert len(line) < 12 * (MAX_TEXT + MAX_FIELD) + 1000


@pytest.mark.parametrize("form", FORMATS)
@given(st.text())
@example(HOSTILE)
def test_only_ascii_where_the_stream_knows_nothing_else(form: str, name: str) -> None:
    """For a stream that is not UTF-8 every format for programs is ASCII, and says the same."""
    line = LogFormatter(form, ascii_only=True).format(record("login", name=name))
    if form != "text":
        assert line.isascii()
        row = row_of(record("login", name=name))
        assert PARSERS[form](line).get("name", "") == row.fields.get("name", "")


def test_what_the_lines_look_like() -> None:
    """The form of each format: time in UTC with milliseconds, level, event, text, and the fields that say something."""
    one = record("login   client", name="Ada's laptop", owner="", port=41641, held_s=1.5)
    assert LogFormatter("logfmt").format(one) == (
        'time=2026-11-27T14:21:21.123Z level=info event=login msg="login   client" name="Ada\'s laptop" port=41641 '
        "held_s=1.5"
    )
    assert json.loads(LogFormatter("json").format(one)) == {
        "time": "2026-11-27T14:21:21.123Z",
        "level": "info",
        "event": "login",
        "msg": "login   client",
        "name": "Ada's laptop",
        "port": 41641,
        "held_s": 1.5,
    }
    assert re.fullmatch(r"\d\d:\d\d:21  login   client", LogFormatter("text").format(one))


def test_switches_are_words_in_logfmt() -> None:
    """True and false are written as logfmt's readers expect them."""
    made = record("refused", held=True)
    assert LogFormatter("logfmt").format(made).endswith(" held=true")


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.DEBUG, 7), (logging.CRITICAL, 3)],
)
@pytest.mark.parametrize("form", FORMATS)
def test_the_journal_gets_its_priorities(form: str, level: int, priority: int) -> None:
    """For the journal a line begins with its priority, and text has no second time of its own."""
    plain = LogFormatter(form).format(record("login", level))
    line = LogFormatter(form, for_journal=True).format(record("login", level))
    assert line == f"<{priority}>" + (plain.split("  ", 1)[1] if form == "text" else plain)


def test_a_traceback_is_one_line_for_programs_and_many_for_people() -> None:
    """A traceback is a field of one line, or lines of its own of which each has its priority and none steers us."""
    for form, parse in PARSERS.items():
        assert "ValueError" in parse(LogFormatter(form).format(traced()))["traceback"]
    lines = LogFormatter("text", for_journal=True).format(traced()).split("\n")
    assert len(lines) > 3
    assert all(line.startswith("<3>") and line.isprintable() for line in lines)


def test_the_journal_is_known_by_its_file(tmp_path: Path) -> None:
    """Only the file that systemd names is its journal: not another one, none at all, nor a closed one."""
    with (tmp_path / "journal").open("w") as stream:
        status = os.fstat(stream.fileno())
        assert is_journal(stream, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
        assert not is_journal(stream, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino + 1}"})
        assert not is_journal(stream, {})
    assert not is_journal(stream, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
