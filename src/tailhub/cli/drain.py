"""``tailhub drain``: has the running relay emptied before maintenance, and shows how far that is.

Two ways: clients are moved to another region, or they are closed bit by bit and the relay ends.

The relay does it, so that this command may end, and be called again, at any time. Texts: `tailhub.cli.drain_texts`.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from tailhub import findings
from tailhub.cli import output
from tailhub.cli.admin_socket import call, is_relay_running, state_directory
from tailhub.cli.called import program
from tailhub.cli.drain_texts import TEXTS
from tailhub.cli.text_layout import display_width, pad
from tailhub.exceptions import MachineError, UsageError
from tailhub.findings import Language
from tailhub.keys import NodePublic, short_key

LOOK_S = 2.0
CLOSING_LOOK_S = 0.5  # while clients are closed
LINE_S = 30.0  # between lines that say the same, where there is no terminal to write over
EMPTY_S = 15.0  # without a home: one that was closed has been given up or is back by then
LEFT_S = 120.0  # since quiet homes are closed: whoever is still there then is named
MAX_FOR_S = 86400.0
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smh]?)")
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}

Status = Mapping[str, Any]


def duration(option: str, text: str, most_s: float = MAX_FOR_S) -> float:
    """Seconds of a text such as ``360``, ``90s``, ``6m`` or ``1h``. Raises `UsageError`."""
    match = _DURATION.fullmatch(text.strip())
    seconds = float(match[1]) * _SECONDS[match[2]] if match else -1.0
    if not 0 <= seconds <= most_s:
        raise UsageError(findings.bad_duration(option, text, int(most_s / 3600)))
    return seconds


def evacuate(state_dir: Path | None, delay_s: float | None, *, as_json: bool, lang: Language) -> int:
    """Begin, or go on watching; the exit code: 0 when nobody is left, 1 when somebody is, 130 when interrupted."""
    directory = state_directory(state_dir)
    fields = {} if delay_s is None else {"delay_s": f"{delay_s:g}"}
    status: Status = call(directory, "POST", "drain", fields)
    if as_json:
        return _as_json(status)
    option = f" --state-dir {state_dir}" if state_dir is not None else ""
    try:
        status = watch(status, lambda: call(directory, "GET", "drain"), lang, time.monotonic, time.sleep)
    except KeyboardInterrupt:
        output.write("\n" + TEXTS[lang]["interrupted"].format(program=program(), option=option) + "\n")
        return 130
    for line in _ending(status, lang, option):
        output.write(line + "\n")
    return 1 if status["homes"] else 0


def close(state_dir: Path | None, over_s: float, *, stays: bool, as_json: bool, lang: Language) -> int:
    """Have all clients closed over this time, and say how far that is until the relay has ended; the exit code."""
    directory = state_directory(state_dir)
    status: Status = call(directory, "POST", "drain", {"over_s": over_s, "stays": stays})
    if as_json:
        return _as_json(status)
    option = f" --state-dir {state_dir}" if state_dir is not None else ""

    def look() -> Status:
        try:
            return call(directory, "GET", "drain")
        except MachineError:
            if is_relay_running(directory):
                raise
            return {"phase": "gone"}

    try:
        status = watch_closing(status, look, lang, time.monotonic, time.sleep)
    except KeyboardInterrupt:
        output.write("\n" + TEXTS[lang]["interrupted"].format(program=program(), option=option) + "\n")
        return 130
    output.write(
        TEXTS[lang]["anew" if status["phase"] == "off" else status["phase"]].format(program=program(), option=option)
        + "\n"
    )
    return 0


def show(state_dir: Path | None, *, stop: bool, as_json: bool, lang: Language) -> int:
    """Print how far it is, or end it; the exit code."""
    status = call(state_directory(state_dir), "DELETE" if stop else "GET", "drain")
    if as_json:
        return _as_json(status)
    option = f" --state-dir {state_dir}" if state_dir is not None else ""
    if status["phase"] == "drained":
        output.write(TEXTS[lang]["drained"].format(program=program(), option=option) + "\n")
        return 0
    output.write((TEXTS[lang]["stopped"] if stop else progress(status, lang)) + "\n")
    if not stop and status["phase"] == "closing":
        for line in those_left(status, lang):
            output.write(line + "\n")
    return 0


def watch(
    status: Status,
    look: Callable[[], Status],
    lang: Language,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Status:
    """Say how far it is until nobody is left, or those who are will not move; the last status."""
    with _Progress(clock) as shown:
        empty_since: float | None = None
        while status["phase"] != "off":
            now = clock()
            empty_since = None if status["homes"] else now if empty_since is None else empty_since
            if empty_since is not None and now - empty_since >= EMPTY_S:
                break
            if status["homes"] and status["elapsed_s"] - status["delay_s"] >= LEFT_S:
                break
            shown.show(progress(status, lang), (status["phase"], status["homes"]))
            sleep(LOOK_S)
            status = look()
    return status


def watch_closing(
    status: Status,
    look: Callable[[], Status],
    lang: Language,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Status:
    """Say how far it is until all are closed; the last status."""
    with _Progress(clock) as shown:
        while status["phase"] == "draining":
            shown.show(progress(status, lang), (status["phase"],))
            sleep(CLOSING_LOOK_S)
            status = look()
    return status


class _Progress:
    """A line that is written over; where there is no terminal, a new one when its key is new, and now and then."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._is_terminal = sys.stdout.isatty()
        self._key: tuple[object, ...] = ()
        self._at, self._width = -LINE_S, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._width:
            output.write("\n")

    def show(self, line: str, key: tuple[object, ...]) -> None:
        """Show how far it is now."""
        now = self._clock()
        if self._is_terminal:
            output.write("\r" + pad(line, self._width))
            self._width = display_width(line)
        elif now - self._at >= LINE_S or key != self._key:
            output.write(line + "\n")
            self._key, self._at = key, now


def progress(status: Status, lang: Language) -> str:
    """One line: what is done, and who is there."""
    seconds = round(status["ends_in_s" if status["phase"] == "draining" else "closes_in_s"])
    homes, visitors = status["homes"], status["visitors"]
    return TEXTS[lang][status["phase"]].format(
        homes=homes, visitors=visitors, all=homes + visitors, left=f"{seconds // 60}:{seconds % 60:02d}"
    )


def _ending(status: Status, lang: Language, option: str) -> Iterator[str]:
    texts = TEXTS[lang]
    if status["phase"] == "off":
        yield texts["ended"]
        return
    if status["homes"]:
        yield texts["left"].format(homes=status["homes"])
        yield from those_left(status, lang)
        yield texts["stuck"]
    else:
        yield texts["empty"]
    yield texts["stop"].format(program=program(), option=option)


def those_left(status: Status, lang: Language) -> Iterator[str]:
    """Who is still there."""
    names = [findings.printable(row["name"]) for row in status["left"]]
    width = max([display_width(name) + 2 for name in names if name], default=0)
    for name, row in zip(names, status["left"], strict=True):
        key = short_key(NodePublic.parse(row["key"]).raw)
        yield f"  {pad(name, width)}{key}  {findings.printable(row['address'])}".rstrip()
    if (more := status["homes"] - len(status["left"])) > 0:
        yield "  " + TEXTS[lang]["more"].format(more=more)


def _as_json(status: Status) -> int:
    output.write(json.dumps(status, indent=1, ensure_ascii=False) + "\n")
    return 0
