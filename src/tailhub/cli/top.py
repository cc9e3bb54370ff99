"""``tailhub top``: the relay's dashboard in a terminal. How it looks: `top_frame`; what it knows: `top_feed`."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rich.console import Console

from tailhub.cli import output
from tailhub.cli.admin_socket import state_directory
from tailhub.cli.live_screen import HAS_KEYS, Screen
from tailhub.cli.operator_client import Operator, by_socket, by_url
from tailhub.cli.top_feed import EVERY_S, Asker, Feed
from tailhub.cli.top_frame import frame, waiting, where
from tailhub.cli.top_view import Seen, Wish, pressed, within
from tailhub.exceptions import FindingError
from tailhub.findings import Finding, Language

__all__ = ["top"]

SETTLE_S: Final = 1.1  # between two looks, so that there are rates
LOOK_S: Final = 10.0  # that the screen waits for news at most


def top(state_dir: Path | None, url: str, token_file: Path | None, *, once: bool, as_json: bool, lang: Language) -> int:
    """Show the relay until somebody has seen enough; the exit code. Raises `FindingError`."""
    operator = by_url(url, token_file) if url else by_socket(state_directory(state_dir))
    if as_json:
        settled(operator)
        output.write(operator.get("overview").decode() + "\n")
        return 0
    if isinstance(sys.stdout, io.TextIOWrapper):  # not all have dots for a chart
        sys.stdout.reconfigure(errors="replace")
    console = Console(highlight=False, markup=False, emoji=False)
    if once or not HAS_KEYS or not sys.stdout.isatty() or console.is_dumb_terminal:
        place = where(*console.size)
        console.print(frame(settled(operator, place.rows), Wish(), lang, place), height=place.lines, end="")
        return 0
    return _watch(operator, console, lang)


def settled(operator: Operator, rows: int = 1, sleep: Callable[[float], None] = time.sleep) -> Seen:
    """Ask until there are rates: where nobody has asked just before, twice. Raises `MachineError`."""
    asker = Asker(operator)
    seen = asker.ask(Wish(), rows)
    if not seen.samples or seen.at - seen.samples[-1].at > EVERY_S * 5:
        sleep(SETTLE_S)
        seen = asker.ask(Wish(), rows)
    return seen


def _watch(operator: Operator, console: Console, lang: Language) -> int:
    wish = Wish()
    with Screen(console) as screen:
        feed = Feed(Asker(operator), lambda error: words(error, lang), screen.wake)
        feed.start()
        while not wish.is_over:
            place = where(*console.size)
            feed.rows = place.rows
            seen, failure = feed.seen, feed.failure
            if feed.fault is not None:
                raise feed.fault
            if seen is None and failure is not None:
                break
            screen.show(frame(seen, wish, lang, place) if seen is not None else waiting(operator.place, lang))
            before = wish
            for key in screen.wait(LOOK_S):
                wish = pressed(wish, key, place.rows)
            if seen is not None:
                wish = within(wish, seen, place.rows)
            if wish != before:
                feed.wish = wish
                feed.hurry()
        feed.stop()
    if feed.seen is None and feed.failure is not None:
        raise feed.failure
    return 0


def words(error: FindingError, lang: Language) -> str:
    """What an error says, in one line."""
    return error.finding.render(lang) if isinstance(error.finding, Finding) else str(error)
