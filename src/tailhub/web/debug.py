"""``/debug/`` on the public port: numbers and a consistency check, for callers on the relay's own machine only.

A request that came through a proxy is refused even from there. Source: the reference's ``tsweb`` (AllowDebugAccess,
DebugHandler) and ``cmd/derper``; ours has no profiling, and does not let tailnet addresses in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from tailhub.web.callers import is_on_this_machine
from tailhub.web.message import HTML, TEXT, Request, Response, answer, method_not_allowed, text
from tailhub.web.metrics import CONTENT_TYPE, MetricValues
from tailhub.web.security import browser_headers
from tailhub.web.varz import render_varz

MAX_TRAFFIC_ROWS = 1000

_HEADERS = (*browser_headers(), (b"cache-control", b"no-store"))
_LINKS = (
    ("/debug/varz", "numbers in Prometheus' form, under the names of the original relay"),
    ("/debug/check", "consistency check"),
    ("/debug/traffic", "traffic of each connection"),
)


@dataclass(frozen=True, slots=True)
class TrafficRow:
    """What one connection has moved since it logged in; bytes are packet payload."""

    key: str
    address: str
    received_bytes: int
    sent_bytes: int
    name: str = ""  # of the device and its owner, where that is known
    is_home: bool = False
    connected_at: float = 0.0  # monotonic seconds
    is_mesh: bool = False  # another relay's


@dataclass(frozen=True, slots=True)
class DebugSources:
    """Where the debug pages get what they show."""

    values: Callable[[], MetricValues]
    faults: Callable[[], Sequence[str]]  # what is inconsistent; empty when all is well
    traffic: Callable[[], Sequence[TrafficRow]]
    facts: Callable[[], Mapping[str, str]]  # lines of the index: "Uptime", "Version" …


class DebugPages:
    """Answers everything under ``/debug``."""

    def __init__(self, sources: DebugSources) -> None:
        self._sources = sources
        self._pages: Mapping[bytes, Callable[[], Response]] = {
            b"/debug": self._index,
            b"/debug/": self._index,
            b"/debug/varz": self._varz,
            b"/debug/check": self._check,
            b"/debug/traffic": self._traffic,
        }

    def respond(self, request: Request) -> Response:
        """Give the page, or 403 to whoever is not on this machine."""
        if not is_on_this_machine(request):
            return text(403, "debug access denied: only from the relay's own machine, and not through a proxy")
        page = self._pages.get(request.path)
        if page is None:
            return text(404, "no such debug page; /debug/ lists them")
        if not request.is_read:
            return method_not_allowed(b"GET, HEAD", "debug pages are only read: use GET")
        return page()

    def _index(self) -> Response:
        facts = [f"<li><b>{escape(name)}:</b> {escape(value)}</li>" for name, value in self._sources.facts().items()]
        links = [f'<li><a href="{path}">{path}</a> ({escape(what)})</li>' for path, what in _LINKS]
        page = "\n".join(
            [
                '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>tailhub debug</title></head>',
                "<body>\n<h1>tailhub debug</h1>\n<ul>",
                *facts,
                *links,
                "</ul>\n</body>\n</html>\n",
            ]
        )
        return answer(200, page, HTML, _HEADERS)

    def _varz(self) -> Response:
        return answer(200, render_varz(self._sources.values()), CONTENT_TYPE, _HEADERS)

    def _check(self) -> Response:
        faults = self._sources.faults()
        if faults:
            return answer(500, ", ".join(faults) + "\n", TEXT, _HEADERS)
        return answer(200, "derp.Server ConsistencyCheck okay", TEXT, _HEADERS)  # the original's words, for monitors

    def _traffic(self) -> Response:
        rows = sorted(self._sources.traffic(), key=lambda row: row.received_bytes + row.sent_bytes, reverse=True)
        lines = [f"{'received':>16} {'sent':>16}  client"]
        lines += [
            f"{row.received_bytes:>16} {row.sent_bytes:>16}  {row.key} {row.address} {row.name}".rstrip()
            for row in rows[:MAX_TRAFFIC_ROWS]
        ]
        if len(rows) > MAX_TRAFFIC_ROWS:
            lines.append(f"and {len(rows) - MAX_TRAFFIC_ROWS} more connections with less")
        return answer(200, "\n".join(lines) + "\n", TEXT, _HEADERS)
