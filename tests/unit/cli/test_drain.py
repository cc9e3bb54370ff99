"""``tailhub drain``: what it says while it watches, when it ends, and times as people write them."""

from __future__ import annotations

from typing import Any

import pytest

from tailhub.cli.drain import EMPTY_S, LEFT_S, LINE_S, duration, progress, those_left, watch, watch_closing
from tailhub.cli.drain_texts import TEXTS
from tailhub.cli.text_layout import display_width
from tailhub.exceptions import UsageError
from tailhub.findings import Language


def status(phase: str, homes: int, elapsed_s: float = 0.0) -> dict[str, Any]:
    return {
        "phase": phase,
        "delay_s": 360.0,
        "elapsed_s": elapsed_s,
        "closes_in_s": max(0.0, 360.0 - elapsed_s),
        "homes": homes,
        "visitors": 1,
        "left": [],
    }


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("360", 360), ("90s", 90), ("6m", 360), ("1.5h", 5400), ("0", 0), (" 5m ", 300), ("24h", 86400)],
)
def test_durations(text: str, seconds: float) -> None:
    """A time is a number of seconds, or has its unit behind it."""
    assert duration("--for", text) == seconds


@pytest.mark.parametrize("text", ["", "x", "-1", "5 m", "25h", "1d", "1e3", "m", "５m"])
def test_what_is_no_duration(text: str) -> None:
    """Anything else, and more than a day, is refused."""
    with pytest.raises(UsageError, match="expected a time"):
        duration("--for", text)


class Clock:
    """The time, which passes only in `sleep`, and the relay as it is then."""

    def __init__(self, homes_until: float, ends_at: float = 1e9) -> None:
        self.now = 0.0
        self._homes_until = homes_until
        self._ends_at = ends_at

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def look(self) -> dict[str, Any]:
        phase = "off" if self.now >= self._ends_at else "delaying" if self.now < 360 else "closing"
        return status(phase, 2 if self.now < self._homes_until else 0, self.now)


def watched(clock: Clock, capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], list[str]]:
    found = watch(clock.look(), clock.look, "en", clock, clock.sleep)
    return dict(found), capsys.readouterr().out.splitlines()


def test_it_ends_when_nobody_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    """It ends when there has been no home for a while, and says something at each change and now and then."""
    clock = Clock(homes_until=300)
    found, said = watched(clock, capsys)
    assert found["homes"] == 0
    assert 300 + EMPTY_S <= clock.now <= 300 + EMPTY_S + 4
    assert len(said) == 300 // LINE_S + 1
    assert "6:00" in said[0]
    assert "Homes left: 0" in said[-1]


def test_it_ends_when_somebody_stays(capsys: pytest.CaptureFixture[str]) -> None:
    """It ends some time after quiet homes are closed, when somebody is still there."""
    clock = Clock(homes_until=1e9)
    found, said = watched(clock, capsys)
    assert (found["phase"], found["homes"]) == ("closing", 2)
    assert 360 + LEFT_S <= clock.now <= 360 + LEFT_S + 4
    assert said[-1].startswith("Quiet devices are asked to move.")


def test_it_ends_when_it_is_ended(capsys: pytest.CaptureFixture[str]) -> None:
    """It ends when somebody else ends the evacuation."""
    clock = Clock(homes_until=1e9, ends_at=50)
    found, _ = watched(clock, capsys)
    assert found["phase"] == "off"
    assert clock.now == 50


@pytest.fixture(params=["en", "zh"])
def lang(request: pytest.FixtureRequest) -> Language:
    chosen: Language = request.param
    return chosen


@pytest.mark.parametrize("phase", ["off", "delaying", "closing"])
def test_progress(phase: str, lang: Language) -> None:
    """In both languages each phase has its line, with how many are there; a terminal has room for it."""
    line = progress(status(phase, 42, 61.0), lang)
    assert "42" in line
    assert display_width(line) < 80
    assert ("4:59" in line) is (phase == "delaying")
    assert list(TEXTS["en"]) == list(TEXTS["zh"])


def test_those_left() -> None:
    """Who is left stands in columns, wide characters too, by short keys; who is not shown is counted."""
    rows = [
        {"name": "laptop", "key": f"nodekey:{'00' * 32}", "address": "192.0.2.1"},
        {"name": "小明", "key": f"nodekey:{'ff' * 32}", "address": "192.0.2.2"},
        {"name": "", "key": f"nodekey:{'0f' * 32}", "address": ""},
    ]
    assert list(those_left(status("closing", 5) | {"left": rows}, "en")) == [
        "  laptop  [AAAAA]  192.0.2.1",
        "  小明    [/////]  192.0.2.2",
        "          [Dw8PD]",
        "  and 2 more",
    ]


def test_closing_is_watched_until_it_is_over(capsys: pytest.CaptureFixture[str]) -> None:
    """While clients are closed it says how many are left, now and then; until the relay is gone, or serves again."""
    left = iter([30, 20, 10, 0])

    def look() -> dict[str, Any]:
        here = next(left, None)
        return {"phase": "gone"} if here is None else status("draining", here) | {"ends_in_s": here / 10}

    clock = Clock(0)
    began = status("draining", 40) | {"ends_in_s": 4.0}
    assert watch_closing(began, look, "en", clock, clock.sleep) == {"phase": "gone"}
    assert capsys.readouterr().out == "Connections are being closed, 0:04 more. Left: 41.\n"
    assert watch_closing({"phase": "off"}, look, "en", clock, clock.sleep) == {"phase": "off"}
