"""The last lines of the log, as the operator's pages get them."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tailhub import findings
from tailhub.admin.event_row import EventRow
from tailhub.log_event import log_event
from tailhub.server.log_line import MAX_FIELD, MAX_TEXT
from tailhub.server.recent_events import RecentEvents

_log = logging.getLogger("tailhub")


@pytest.fixture
def recent(caplog: pytest.LogCaptureFixture) -> Iterator[RecentEvents]:
    caplog.set_level(logging.INFO, "tailhub")
    recent = RecentEvents(most=3)
    yield recent
    recent.detach()


def texts(rows: list[EventRow]) -> list[str]:
    return [row.text for row in rows]


def test_a_line_keeps_its_parts(recent: RecentEvents) -> None:
    """A line has its time, its level, the name of what happened, its text, and its fields without the empty ones."""
    _log.warning("login   %s", "laptop", extra=log_event("login", name="laptop", owner="", port=41641))
    ((at, level, event, text, fields),), _ = recent.after(0)
    assert at > 0
    assert (level, event, text) == ("warning", "login", "login   laptop")
    assert fields == {"name": "laptop", "port": 41641}


def test_a_finding_gives_its_code(recent: RecentEvents) -> None:
    """A line that shows a finding has its code and name as fields."""
    finding = findings.options_exclude("--a", "--b")
    _log.error("%s", finding)
    (row,), _ = recent.after(0)
    assert (row.event, row.text) == ("finding", str(finding))
    assert row.fields == {"code": finding.code, "finding": finding.name}


def test_a_fault_of_ours_has_its_traceback(recent: RecentEvents) -> None:
    """A line about an exception is an internal error, with the traceback as a field."""
    try:
        raise ValueError("no")
    except ValueError:
        _log.exception("error while testing")
    (row,), _ = recent.after(0)
    assert (row.event, row.text) == ("internal_error", "error while testing")
    assert str(row.fields["traceback"]).endswith("ValueError: no\n")


def test_what_a_library_says_is_kept_too(recent: RecentEvents) -> None:
    """A warning of another package, such as asyncio about a fault in a callback, is a line with the package's name."""
    logging.getLogger("asyncio").error("Exception in a callback", exc_info=ValueError("no"))
    logging.getLogger("asyncio").info("nothing that matters")
    (row,), _ = recent.after(0)
    assert (row.event, row.fields["logger"]) == ("library", "asyncio")
    assert "ValueError" in str(row.fields["traceback"])


def test_whatever_a_peer_says_is_bounded_and_printable(recent: RecentEvents, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name of any length and any characters makes one printable line with fields that UTF-8 can say."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [recent])  # pytest's report cannot say it
    name = "\n\x1b[2J\udc80" + 10_000 * "\U000e0001"
    _log.info("login   %s", name, extra=log_event("login", name=name))
    (row,), _ = recent.after(0)
    assert row.text.isprintable()
    assert len(row.text) <= MAX_TEXT
    assert len(str(row.fields["name"])) <= MAX_FIELD
    assert str(row.fields["name"]).encode().decode() == row.fields["name"]


def test_only_the_last_lines_are_kept(recent: RecentEvents) -> None:
    """Of more lines than there is room for the oldest go, and each has its number all the same."""
    for number in range(5):
        _log.info("%d", number)
    rows, last = recent.after(0)
    assert (texts(rows), last) == (["2", "3", "4"], 5)
    assert recent.after(4) == (rows[2:], 5)
    assert recent.after(5) == ([], 5)


def test_a_number_of_an_earlier_life_gives_all_lines(recent: RecentEvents) -> None:
    """Who asks for what is behind a number that there has not been gets everything."""
    _log.info("first")
    rows, last = recent.after(1000)
    assert (texts(rows), last) == (["first"], 1)


def test_news_is_told_once_until_somebody_looks(recent: RecentEvents) -> None:
    """Many lines are one piece of news."""
    told: list[int] = []
    recent.on_news = lambda: told.append(1)
    for _ in range(3):
        _log.info("line")
    assert len(told) == 1
    recent.after(0)
    _log.info("line")
    assert len(told) == 2


def test_after_the_end_nothing_is_kept(recent: RecentEvents) -> None:
    """A relay that has stopped does not gather another one's lines."""
    recent.detach()
    _log.info("line")
    assert recent.after(0) == ([], 0)
