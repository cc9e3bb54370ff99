"""``tailhub probe``: measures until somebody has seen enough, and prints, draws and serves what `tools.probe` says."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import queue
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from rich.console import Console

from tailhub.cli import output
from tailhub.cli.admin_socket import state_directory
from tailhub.cli.derpmap_running import fetch_map
from tailhub.cli.doctor import find_targets
from tailhub.cli.live_screen import HAS_KEYS, Screen
from tailhub.cli.probe_screen import ProbeWish, frame, pressed
from tailhub.cli.probe_texts import TEXTS
from tailhub.exceptions import MachineError
from tailhub.findings import Finding, Language, probing
from tailhub.net.listen_spec import parse_listen
from tailhub.tools.map_source import read_map_text
from tailhub.tools.probe.as_json import plain
from tailhub.tools.probe.background import Background
from tailhub.tools.probe.bandwidth import FRAME_BYTES
from tailhub.tools.probe.csv_file import CsvFile
from tailhub.tools.probe.ends import CONNECTING
from tailhub.tools.probe.keys import probe_key, public_keys
from tailhub.tools.probe.measurement import PathView, Row, View
from tailhub.tools.probe.paths import Path as ProbePath
from tailhub.tools.probe.paths import paths_to
from tailhub.tools.probe.run import ProbeOptions
from tailhub.tools.probe.svg_chart import svg as draw
from tailhub.tools.probe.wall_clock import WallClock
from tailhub.tools.probe.words import ms, percent, sentence, span
from tailhub.tools.target import Target, map_targets

__all__ = ["Wish", "print_keys", "probe"]

_FRAME_S = 0.5
_TICK_S = 0.1
_SVG_EVERY_S = 60.0
_MOST_OUTAGES = 5  # that the summary lists, of each way


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for: the command's flags."""

    targets: tuple[str, ...]
    map_name: str
    stun_port: int
    pin: str
    rate: float
    size: int
    interval_s: float
    timeout_s: float
    duration_s: float | None
    bandwidth_s: float
    csv: Path | None
    svg: Path | None
    listen: str
    key_file: Path | None
    state_dir: Path | None
    as_json: bool


def print_keys(wish: Wish) -> int:
    """Print the keys by which the probe logs in; the exit code. Raises `MachineError`."""
    key = probe_key(wish.key_file, state_directory(wish.state_dir))
    output.write("\n".join(public_keys(key.base)) + "\n")
    return 0


def probe(wish: Wish, lang: Language) -> int:
    """Measure; the exit code. Raises `FindingError`."""
    directory = state_directory(wish.state_dir)
    paths = _paths(wish, directory)
    key = probe_key(wish.key_file, directory)
    options = ProbeOptions(
        wish.rate,
        wish.size,
        wish.interval_s,
        wish.timeout_s,
        stun_every_s=max(1.0, wish.interval_s),
        bandwidth_s=wish.bandwidth_s,
    )
    with contextlib.ExitStack() as stack:
        slot = stack.enter_context(key.slot())
        if wish.svg is not None:
            _draw(wish.svg, None, lang)
        asked = stack.enter_context(_interruptible())
        wall = WallClock()
        rows = stack.enter_context(CsvFile(wish.csv, wall)) if wish.csv is not None else None
        background = Background(paths, key.base, options, slot=slot, duration_s=wish.duration_s)
        unchecked = [one.name for one in paths if one.receiver.insecure_for_tests and not one.receiver.region_id]
        if unchecked and not wish.as_json:
            sys.stderr.write(TEXTS[lang]["unchecked"].format(relay=", ".join(unchecked)) + "\n")
        with background.running(), _exporter(wish.listen, background) as served:
            show = _Show(wish, background, rows, wall, lang, served)
            show.run(asked)
        view = background.view()
        show.take_rows()
        show.draw(view)
        if wish.as_json:
            output.write(json.dumps(plain(view), ensure_ascii=False) + "\n")
        else:
            output.write("".join(line + "\n" for line in _summary(view, wall, lang)))
        show.tell_fault()
        return max(_verdict(view, public_keys(key.base, slot), wish, lang), 1 if show.fault is not None else 0)


# --- what is measured -------------------------------------------------------------------------------------------------


def _paths(wish: Wish, directory: Path) -> list[ProbePath]:
    """The ways that are meant."""
    if wish.map_name:
        derp_map = read_map_text(wish.map_name).derp_map()
        if not wish.targets:
            return paths_to(map_targets(derp_map, wish.map_name))
        found = [map_targets(derp_map, wish.map_name, region) for region in wish.targets]
        for region, some in zip(wish.targets, found, strict=True):
            if not some:
                raise MachineError(probing.nothing_to_measure(wish.map_name, region))
        return paths_to([one for some in found for one in some], within_region=len(found) == 1)
    if not wish.targets:
        return paths_to(_local(directory))
    named = [find_targets(name, "", stun_port=wish.stun_port, pin=wish.pin, insecure=False) for name in wish.targets]
    return paths_to([target for asked in named for target in asked.relays()])


def _local(directory: Path) -> list[Target]:
    """The relay of this machine, as its map has it."""
    targets = map_targets(fetch_map(directory), "tailhub relay")
    if not targets:
        raise MachineError(probing.nothing_to_measure("tailhub relay", ""))
    return targets


# --- while it measures ------------------------------------------------------------------------------------------------


class _Show:
    """What somebody sees meanwhile: a screen, lines, or nothing; and what is written beside it.

    A file that cannot be written any more, as when the disk is full, ends nothing: `fault` is the first such finding.
    """

    def __init__(
        self, wish: Wish, background: Background, csv: CsvFile | None, wall: WallClock, lang: Language, served: str
    ) -> None:
        self._wish, self._background, self._csv, self._wall, self._lang = wish, background, csv, wall, lang
        self.fault: MachineError | None = None
        self._has_told = self._has_screen = False
        self._setup = TEXTS[lang]["setup"].format(rate=wish.rate, size=wish.size) + (f" · {served}" if served else "")
        self._prints = False
        self._drawn_at = time.monotonic()
        self._is_over = False
        self._reasons: dict[str, str] = {}

    def run(self, asked: Sequence[int]) -> None:
        """Until the probe ends or somebody ends it, which `asked` has."""
        console = Console(highlight=False, markup=False, emoji=False)
        can_show = HAS_KEYS and sys.stdout.isatty() and not console.is_dumb_terminal
        if can_show and not self._wish.as_json:
            self._on_screen(console)
        else:
            self._prints = not self._wish.as_json
            self._in_lines(asked)

    def take_rows(self) -> None:
        """Write down the intervals that are over."""
        with contextlib.suppress(queue.Empty):
            while True:
                row = self._background.rows.get_nowait()
                if row is None:
                    self._is_over = True
                else:
                    self._take(row)

    def _take(self, row: Row) -> None:
        if self._csv is not None:
            try:
                self._csv.add(row)
            except MachineError as exc:
                self._failed(exc)
        if self._prints:
            output.write(self._line(row) + "\n")

    def draw(self, view: View) -> None:
        """Write the picture, if one was asked for."""
        if self._wish.svg is not None:
            try:
                _draw(self._wish.svg, view, self._lang)
            except MachineError as exc:
                self._failed(exc)

    def _failed(self, fault: MachineError) -> None:
        self.fault = self.fault or fault
        if not self._has_screen:
            self.tell_fault()

    def tell_fault(self) -> None:
        """Say it once, if there is one."""
        finding = self.fault.finding if self.fault is not None else None
        if isinstance(finding, Finding) and not self._has_told:
            self._has_told = True
            output.write_finding(finding, self._lang)

    def _on_screen(self, console: Console) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):  # not all have dots for a chart
            sys.stdout.reconfigure(errors="replace")
        wish = ProbeWish()
        self._has_screen = True
        with Screen(console) as screen:
            while not (wish.is_over or self._is_over):
                view = self._background.view()
                screen.show(frame(view, wish, self._setup, self._lang, *console.size))
                for key in screen.wait(_FRAME_S):
                    wish = pressed(wish, key, len(view.paths))
                self.take_rows()
                self._draw_now_and_then()

    def _in_lines(self, asked: Sequence[int]) -> None:
        while not (asked or self._is_over):
            self.take_rows()
            self._tell_reasons()
            self._draw_now_and_then()
            time.sleep(_TICK_S)

    def _tell_reasons(self) -> None:
        """Say once why there is no connection."""
        if not self._prints:
            return
        for name, reason in self._background.reasons().items():
            if reason != self._reasons.get(name, "") and not (reason == CONNECTING and name not in self._reasons):
                sys.stderr.write(f"{name}: {reason or TEXTS[self._lang]['up']}\n")
            self._reasons[name] = reason

    def _draw_now_and_then(self) -> None:
        if self._wish.svg is not None and time.monotonic() - self._drawn_at > _SVG_EVERY_S:
            self._drawn_at = time.monotonic()
            self.draw(self._background.view())

    def _line(self, row: Row) -> str:
        one, texts = row.interval, TEXTS[self._lang]
        values = {"time": _clock(self._wall.at(one.start_s)), "path": row.path, "sent": one.sent, "missed": one.missed}
        if not one.received:
            reason = self._reasons.get(row.path, "")
            return texts["line_nothing"].format(**values, reason=f": {reason}" if reason else "")
        delays = {"p50": ms(one.p50_s), "p99": ms(one.p99_s), "max": ms(one.max_s)}
        rest = {"received": one.received, "jitter": ms(one.jitter_s), "queue": ms(one.queue_s)}
        return texts["line"].format(**values, **delays, **rest)


@contextlib.contextmanager
def _interruptible() -> Iterator[list[int]]:
    """SIGINT and SIGTERM are noted in the list, instead of ending the program before it has said what it knows.

    A second one does no more than the first: a probe ends in two seconds, also where a relay hangs.
    """
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _exporter(listen: str, background: Background) -> Iterator[str]:
    """Serve metrics while it lasts; yields where. Raises `FindingError`."""
    spec = parse_listen(listen, "--listen") if listen else None
    if spec is None:
        yield ""
        return
    from prometheus_client import start_http_server

    from tailhub.tools.probe.exporter import registry_of

    first = spec.endpoints[0]
    try:
        server, thread = start_http_server(first.port, first.host, registry_of(background.view))
    except OSError as exc:
        raise MachineError(probing.exporter_cannot_listen(listen, exc.strerror or str(exc))) from exc
    try:
        yield f"http://{spec.host or first.host}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _draw(path: Path, view: View | None, lang: Language) -> None:
    """Write the picture, whole or not at all; without a view only see whether it can be. Raises `MachineError`."""
    new = path.parent / f"{path.name}.new"
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        new.write_text(draw(view, lang) if view is not None else "", encoding="utf-8")
        if view is not None:
            new.replace(path)
        else:
            new.unlink()
    except OSError as exc:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        raise MachineError(probing.measured_file_unusable(str(path), "--svg", exc.strerror or str(exc))) from exc


# --- at the end -------------------------------------------------------------------------------------------------------


def _summary(view: View, wall: WallClock, lang: Language) -> Iterator[str]:
    """A sentence for each way, its last outages, and the table between homes."""
    texts = TEXTS[lang]
    for one in view.paths:
        yield texts["summary"].format(path=one.path.name, sentence=sentence(one, lang))
        yield from _outages(one, wall, lang)
    if view.pairs:
        yield texts["pairs"]
    for pair in view.pairs:
        delays = pair.delays
        figures = {"p50": ms(delays.quantile_s(0.5)), "p99": ms(delays.quantile_s(0.99)), "max": ms(delays.max_s)}
        yield "  " + texts["pair"].format(asks=pair.asks, asked=pair.asked, loss=percent(pair.loss), **figures)


def _outages(one: PathView, wall: WallClock, lang: Language) -> Iterator[str]:
    texts = TEXTS[lang]
    if not one.is_up and not one.latest_outages:
        yield texts["away_from_start"].format(reason=one.reason)
    for outage in list(one.latest_outages)[-_MOST_OUTAGES:]:
        at = _clock(wall.at(outage.start_s))
        if outage.length_s is None:
            yield texts["is_away"].format(time=at, reason=one.reason or outage.reason)
        else:
            yield texts["was_away"].format(time=at, span=span(outage.length_s), reason=outage.reason)


def _verdict(view: View, keys: Sequence[str], wish: Wish, lang: Language) -> int:
    """Say what is wrong; the exit code."""
    silent = [one for one in view.paths if not one.received]
    if silent:
        names = ", ".join(one.path.name for one in silent)
        reason = next((one.reason for one in silent if one.reason), "")
        output.write_finding(probing.nothing_came_through(names, reason, *keys), lang)
    wanted = round(wish.rate * (wish.size + FRAME_BYTES))
    for one in view.paths:
        if 0 < one.limit_bytes_per_s < wanted:
            output.write_finding(probing.measures_the_limit(one.path.name, wanted, one.limit_bytes_per_s), lang)
    return 1 if silent else 0


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))
