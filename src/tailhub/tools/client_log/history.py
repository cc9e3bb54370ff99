"""A whole log: what was seen how often, and how each region stands at its end.

Memory is bounded, however long the log is and whatever stands in it: of each kind of line and region one entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from tailhub.tools.client_log.errors import Meaning, while_connected, while_connecting
from tailhub.tools.client_log.kinds import Known, classify
from tailhub.tools.client_log.prefix import seconds, sortable, split_line

__all__ = ["ClientLog", "LogLine", "RegionHistory", "State", "read_client_log"]

MOST_REGIONS = 500
MOST_LINES = 2000  # entries
MOST_SAID = 400  # characters
SHORT_S = 900.0  # a connection that ends earlier is a short one
OFTEN = 3  # short connections, or redefinitions, before they mean something
HOME_CHANGES = 6  # within `FLAP_S`, before they mean that it flaps: laptops travel
FLAP_S = 1800.0
REDEFINED_S = 86400.0  # a map that changes less often is its owner's
PAGE_LINES = 8  # behind a page's first, in which its title is looked for
_TITLE = re.compile(r"<title>([^<]{1,80})</title>", re.IGNORECASE)


class State(StrEnum):
    """How a region stands."""

    UNKNOWN = "unknown"
    CONNECTED = "connected"
    FAILING = "failing"
    CLOSED = "closed"  # by the client itself: it did not need it any more


@dataclass(frozen=True, slots=True)
class LogLine:
    """One kind of line about one region, or about none: how often it stands there, and what it means.

    `name` is its kind. `code` is the finding that it means, "" where nothing is wrong or the line does not say why.
    `first` and `last` are times as the log has them, `said` is the last one's own text. `is_over`: a later line says
    that it works again.
    """

    name: str
    code: str
    region: int | None
    count: int
    first: str
    last: str
    said: str
    values: Mapping[str, str] = field(default_factory=dict)
    is_over: bool = False

    @property
    def is_trouble(self) -> bool:
        """Is something wrong that is not over?"""
        return bool(self.code) and not self.is_over


@dataclass(frozen=True, slots=True)
class RegionHistory:
    """How a client got on with one region: its `state` at the log's end, and `since` when."""

    region: int
    name: str
    is_home: bool
    state: State
    since: str
    connections: int
    failures: int


@dataclass(frozen=True, slots=True)
class ClientLog:
    """What a log says.

    `lines` are all of it, `known` those about relays. `hidden`: so many the client has kept to itself, because they
    were too many. `is_reversed`: the newest line is the first. `version` is the client's, "" if it does not say.
    """

    lines: int
    known: int
    hidden: int
    first: str
    last: str
    version: str
    is_reversed: bool
    home_changes: int
    regions: tuple[RegionHistory, ...]
    found: tuple[LogLine, ...]

    @property
    def is_healthy(self) -> bool:
        """Is nothing wrong at its end?"""
        return not any(line.is_trouble for line in self.found)


@dataclass(slots=True)
class _Entry:
    known: Known
    code: str
    first: str
    at: int  # number of the first line
    count: int = 0
    last: str = ""
    last_at: int = 0
    said: str = ""


class _Page(NamedTuple):
    known: Known
    time: str
    line: int


@dataclass(slots=True)
class _Region:
    name: str = ""
    state: State = State.UNKNOWN
    since: str = ""
    first_state: State = State.UNKNOWN
    connections: int = 0
    failures: int = 0
    lived: list[float] = field(default_factory=list)  # seconds, of the last few short connections
    short: int = 0

    @property
    def is_cut(self) -> bool:
        """Do most of its connections live for a short time?"""
        return self.short >= OFTEN and 2 * self.short >= self.connections

    def set(self, state: State, time: str) -> None:
        if self.state is not state:
            self.state, self.since = state, time
        if self.first_state is State.UNKNOWN:
            self.first_state = state


class _Reader:
    """Takes in one line after the other."""

    def __init__(self) -> None:
        self.lines = self.known = self.hidden = self.home_changes = 0
        self.first = self.last = self.version = ""
        self._last_line = ""
        self._page: _Page | None = None  # one whose title may come in the next lines
        self.home: int | None = None
        self.first_home: int | None = None
        self.flaps = False
        self._changed_at: list[float] = []  # when its home changed, the last few times
        self.regions: dict[int, _Region] = {}
        self.entries: dict[tuple[str, int | None], _Entry] = {}
        self.cures: dict[str, tuple[int, int]] = {}  # first and last line

    def receive(self, data: bytes) -> None:
        """A line, or a piece of one; whatever bytes."""
        text = data.replace(b"\0", b"").decode("utf-8", "replace").rstrip("\r\n")  # UTF-16 too, as PowerShell writes
        self.lines += 1
        if text:
            self._last_line = text
        if not self.first:
            self.first = split_line(text)[0]
        if not text or (known := classify(text)) is None:
            self._read_page(text)
            return
        time, message = split_line(text)
        if message is not text:  # it stood in JSON, where its quotes are not as they are said
            known = classify(message) or known
        self.known += known.name not in ("hidden", "started")
        self._end_page()
        self._take(known, time)

    def _read_page(self, text: str) -> None:
        """A page that came instead of the relay has several lines; its title says more than the first."""
        page, title = self._page, _TITLE.search(text)
        if page is None:
            return
        if title is not None:
            self._page = page._replace(known=page.known._replace(said=f"{page.known.said} {title[1]}"))
        if title is not None or self.lines - page.line >= PAGE_LINES:
            self._end_page()

    def _end_page(self) -> None:
        if self._page is not None:
            known, time, line = self._page
            meaning = while_connecting(known.said)
            self._page = None
            self._see(known._replace(name=meaning.name), meaning.code, time, line)

    def _take(self, known: Known, time: str) -> None:
        region = self._region(known.region)
        if region is not None:
            region.name = known.values.get("name", "") or region.name
        if known.is_connect:
            self._failed(known, region, while_connecting(known.said), time)
        elif known.is_loss:
            is_in = region is not None and region.state is State.CONNECTED
            self._failed(known, region, while_connected(known.said, is_in=is_in), time)
        elif known.name == "connected" and region is not None:
            region.set(State.CONNECTED, time)
            region.connections += 1
        elif known.name == "closing" and region is not None:
            if region.state is State.CONNECTED:  # one that failed has failed
                region.set(State.CLOSED, time)
        elif known.name in ("home", "net_info"):
            self._set_home(known.region, time)
        elif known.name == "hidden":
            self.hidden += int(known.values["count"])
        elif known.name == "started":
            self._restart(known.values["version"], time)
        elif known.name:
            self._see(known, known.code, time)
            if known.name == "relay_says" and region is not None and region.state is not State.CONNECTED:
                region.set(State.FAILING, time)
        if known.cure:
            first, _ = self.cures.get(known.cure, (self.lines, 0))
            self.cures[known.cure] = first, self.lines

    def _failed(self, known: Known, region: _Region | None, meaning: Meaning, time: str) -> None:
        cured = f"region {known.region}"
        known = known._replace(name=meaning.name, values=meaning.values, cured=cured)
        if meaning.name == "page" and known.said.rstrip().endswith(">"):  # it goes on in the lines behind
            self._page = _Page(known, time, self.lines)
        else:
            self._see(known, meaning.code, time)
        if region is None:
            return
        if region.state is State.CONNECTED:
            self._note_life(region, time)
        region.set(State.FAILING, time)
        region.failures += 1

    def _note_life(self, region: _Region, time: str) -> None:
        began, ended = seconds(region.since), seconds(time)
        if began is not None and ended is not None and 0 <= ended - began < SHORT_S:
            region.short += 1
            region.lived = [*region.lived[-8:], ended - began]

    def _see(self, known: Known, code: str, time: str, line: int = 0) -> None:
        """Count it; `line` is its number if it is not the current one."""
        key, line = (known.name, known.region), line or self.lines
        entry = self.entries.get(key)
        if entry is None:
            if len(self.entries) >= MOST_LINES:
                return
            entry = self.entries[key] = _Entry(known, code, time, line)
        entry.count += 1
        entry.last, entry.last_at, entry.said = time, line, known.said[:MOST_SAID]
        entry.known = known

    def _region(self, number: int | None) -> _Region | None:
        if number is None or (number not in self.regions and len(self.regions) >= MOST_REGIONS):
            return None
        return self.regions.setdefault(number, _Region())

    def _set_home(self, number: int | None, time: str) -> None:
        if number is None or number == self.home:
            return
        if self.home is not None:
            self.home_changes += 1
            at = seconds(time)
            self._changed_at = [*self._changed_at[1 - HOME_CHANGES :], at] if at is not None else []
            self.flaps |= (
                len(self._changed_at) == HOME_CHANGES and abs(self._changed_at[-1] - self._changed_at[0]) < FLAP_S
            )
        self.home = number
        self.first_home = self.first_home or number

    def _restart(self, version: str, time: str) -> None:
        self.version = version[:40]
        for region in self.regions.values():
            if region.state is State.CONNECTED:
                region.set(State.CLOSED, time)

    # --- the end ------------------------------------------------------------------------------------------------------

    def result(self) -> ClientLog:
        """What it all says."""
        self._end_page()
        last = split_line(self._last_line)[0] or max((one.last for one in self.entries.values()), default="")
        is_reversed = bool(sortable(last)) and sortable(last) < sortable(self.first)
        lines = _told_once(filter(None, [self._line(entry, is_reversed) for entry in self.entries.values()]))
        if self.flaps:
            said = f"home is now derp-{self.home}"
            lines.append(LogLine("home_flaps", "TH446", self.home, self.home_changes, self.first, last, said))
        home = self.first_home if is_reversed else self.home
        return ClientLog(
            self.lines,
            self.known,
            self.hidden,
            last if is_reversed else self.first,
            self.first if is_reversed else last,
            self.version,
            is_reversed,
            self.home_changes,
            tuple(
                RegionHistory(
                    number,
                    one.name,
                    number == home,
                    one.first_state if is_reversed else one.state,
                    "" if is_reversed else one.since,
                    one.connections,
                    one.failures,
                )
                for number, one in sorted(self.regions.items())
            ),
            tuple(sorted(lines, key=self._gravity)),
        )

    def _line(self, entry: _Entry, is_reversed: bool) -> LogLine | None:
        known, code, name = entry.known, entry.code, entry.known.name
        region = self.regions.get(known.region) if known.region is not None else None
        values = dict(known.values)
        first_cure, last_cure = self.cures.get(known.cured, (entry.last_at, 0))
        is_over = first_cure < entry.at if is_reversed else last_cure > entry.last_at
        if name == "no_connection" and self._has_failed(known.region):
            return None  # what was said then says why
        if name == "filtered" and ("name", known.region) in self.entries:
            return None  # the time was over while the name was looked for
        if name in ("ended", "fell_silent") and region is not None and region.is_cut:
            values["seconds"] = f"{sorted(region.lived)[len(region.lived) // 2]:.0f}"
            name, code, is_over = "cut", "TH404", False
        if name == "redefined" and not _is_often(entry):
            code = ""
        times = (entry.last, entry.first) if is_reversed else (entry.first, entry.last)
        return LogLine(name, code, known.region, entry.count, *times, entry.said, values, is_over)

    def _has_failed(self, number: int | None) -> bool:
        """Has this region failed? Without a number: any (a region may be called by its name alone)."""
        return any(one.failures for region, one in self.regions.items() if number in (None, region))

    def _gravity(self, line: LogLine) -> tuple[bool, bool, str, int]:
        """What is wrong now comes first, and of that what keeps the client's home from working."""
        return not line.is_trouble, line.region != self.home, line.code or "~", line.region or 0


def _is_often(entry: _Entry) -> bool:
    first, last = seconds(entry.first), seconds(entry.last)
    took_s = abs(last - first) if first is not None and last is not None else 0.0
    return entry.count >= OFTEN and took_s <= entry.count * REDEFINED_S


def _told_once(lines: Iterable[LogLine]) -> list[LogLine]:
    """Without a second line for one fault: that a certificate is self-signed is said apart, without its region."""
    lines = list(lines)
    apart = next((line for line in lines if line.name == "self_signed"), None)
    unknown = [line for line in lines if line.name == "issuer" and line.region is not None]
    if apart is None or not unknown:
        return lines
    lines.remove(apart)
    if len(unknown) > 1:  # which of them it is cannot be told
        return [*lines, replace(apart, code="")]
    lines[lines.index(unknown[0])] = replace(unknown[0], name=apart.name, code=apart.code)
    return lines


def read_client_log(lines: Iterable[bytes]) -> ClientLog:
    """Read a log, line by line; a long line may come in pieces, and whatever is no text is passed over."""
    reader = _Reader()
    for line in lines:
        reader.receive(line)
    return reader.result()
