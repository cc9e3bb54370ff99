"""The operator's pages that the relay itself makes, on the unix socket: whether it is alive, and the DERP map.

They must be there, and soon, when nothing else is. All other pages are made by a process of their own
(`tailhub.admin`), which has the TCP port and looks at who asks there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from tailhub.web.message import JSON, Request, Response, answer, fit, method_not_allowed, text

_NO_STORE = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


class MapView(Enum):
    """For whom a DERP map is."""

    LOCAL = "local"  # works on the relay's own machine
    PUBLIC = "public"  # what clients elsewhere need


@dataclass(frozen=True, slots=True)
class OperatorSources:
    """Where these pages get what they show."""

    health: Callable[[], Sequence[str]]  # what is wrong; empty when all is well
    derp_map: Callable[[MapView], bytes | None]  # JSON; None while it is being found out what is in it


class OperatorPages:
    """Answers requests for one of its pages."""

    def __init__(self, sources: OperatorSources) -> None:
        self._sources = sources
        self._pages: Mapping[bytes, Callable[[Request], Response]] = {
            b"/healthz": self._health,
            b"/derpmap.json": self._derp_map,
        }

    def has(self, request: Request) -> bool:
        """Is it for one of these?"""
        return request.path in self._pages

    def respond(self, request: Request) -> Response:
        """The answer."""
        if not request.is_read:
            return method_not_allowed(b"GET, HEAD", "these pages are only read: use GET")
        return fit(request, self._pages[request.path](request))

    def _health(self, _request: Request) -> Response:
        faults = self._sources.health()
        return text(503, "\n".join(faults), _NO_STORE) if faults else text(200, "ok", _NO_STORE)

    def _derp_map(self, request: Request) -> Response:
        asked = request.query_value("view") or MapView.LOCAL.value
        try:
            view = MapView(asked)
        except ValueError:
            return text(400, f"view: expected {' or '.join(view.value for view in MapView)}", _NO_STORE)
        derp_map = self._sources.derp_map(view)
        if derp_map is None:
            return text(503, "the address that others use is still being looked for; ask again", _NO_STORE)
        return answer(200, derp_map, JSON, _NO_STORE)
