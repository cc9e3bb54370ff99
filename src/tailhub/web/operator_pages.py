"""The operator's pages: health, metrics and the DERP map, on a loopback port and a unix socket.

They change nothing and carry no secret, but they say who runs what; so a caller over TCP must name this machine in
its Host header by an address or a loopback name, which a web page in a browser here cannot do for its own domain
(DNS rebinding). That holds for the calls of `tailhub.web.operator_api` too, which stand beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from tailhub.web.callers import is_loopback, request_host
from tailhub.web.message import JSON, Request, Response, answer, fit, method_not_allowed, text
from tailhub.web.metrics import CONTENT_TYPE

_NO_STORE = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


class MapView(Enum):
    """For whom a DERP map is."""

    LOCAL = "local"  # works on the relay's own machine
    PUBLIC = "public"  # what clients elsewhere need


@dataclass(frozen=True, slots=True)
class OperatorSources:
    """Where the operator's pages get what they show."""

    health: Callable[[], Sequence[str]]  # what is wrong; empty when all is well
    metrics: Callable[[], bytes]  # Prometheus text
    derp_map: Callable[[MapView], bytes | None]  # JSON; None while it is being found out what is in it


class OperatorPages:
    """Answers on the operator's listener. `own_names`: further names, in lower case, that a Host header may carry."""

    def __init__(self, sources: OperatorSources, own_names: frozenset[str] = frozenset()) -> None:
        self._sources = sources
        self._own_names = own_names
        self._pages: Mapping[bytes, Callable[[Request], Response]] = {
            b"/": self._index,
            b"/healthz": self._health,
            b"/metrics": self._metrics,
            b"/derpmap.json": self._derp_map,
        }

    def respond(self, request: Request) -> Response:
        """Give the answer to any request."""
        return fit(request, self._respond(request))

    def _respond(self, request: Request) -> Response:
        if (refusal := self.refusal(request)) is not None:
            return refusal
        page = self._pages.get(request.path)
        if page is None:
            return text(404, "no such page; / lists them")
        if not request.is_read:
            return method_not_allowed(b"GET, HEAD", "these pages are only read: use GET")
        return page(request)

    def refusal(self, request: Request) -> Response | None:
        """The answer to a caller who may not ask anything, by this name for the machine; None for any other."""
        if request.peer_ip and not self._is_host_allowed(request):
            return text(403, "expected a Host header with an IP address or localhost")
        return None

    def _is_host_allowed(self, request: Request) -> bool:
        host = request_host(request)
        return host is not None and (host.is_ip or host.is_loopback_name or host.name in self._own_names)

    def _index(self, _request: Request) -> Response:
        return text(200, "\n".join(("tailhub", *(path.decode() for path in self._pages if path != b"/"))), _NO_STORE)

    def _health(self, _request: Request) -> Response:
        faults = self._sources.health()
        return text(503, "\n".join(faults), _NO_STORE) if faults else text(200, "ok", _NO_STORE)

    def _metrics(self, _request: Request) -> Response:
        return answer(200, self._sources.metrics(), CONTENT_TYPE, _NO_STORE)

    def _derp_map(self, request: Request) -> Response:
        # Unasked, a caller gets the map that works from where it is. A unix socket is on this machine.
        here = not request.peer_ip or is_loopback(request.peer_ip)
        asked = request.query_value("view") or (MapView.LOCAL.value if here else MapView.PUBLIC.value)
        try:
            view = MapView(asked)
        except ValueError:
            return text(400, f"view: expected {' or '.join(view.value for view in MapView)}", _NO_STORE)
        derp_map = self._sources.derp_map(view)
        if derp_map is None:
            return text(503, "the address that others use is still being looked for; ask again", _NO_STORE)
        return answer(200, derp_map, JSON, _NO_STORE)
