"""The public port's small pages. The upgrade on ``/derp`` is not here, and no page ever answers 101.

Paths, statuses and headers are those of the reference's ``cmd/derper`` and ``derp/derpserver/handler.go``, because
clients, probes and captive portal checks rely on them: an unknown path is the home page with 200, for one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tailhub.web.callers import is_on_this_machine
from tailhub.web.debug import DebugPages, DebugSources
from tailhub.web.home import HOME_PAGE, HOME_STYLE_SOURCE
from tailhub.web.message import HTML, JSON, TEXT, Request, Response, answer, fit, method_not_allowed, text
from tailhub.web.public_settings import PublicSettings
from tailhub.web.security import browser_headers

_CHALLENGE = re.compile(rb"[a-zA-Z0-9._:-]{1,64}")
_HOME_HEADERS = browser_headers(HOME_STYLE_SOURCE, b"data:")
_BARE_HEADERS = browser_headers()
_NO_CACHE = (b"cache-control", b"no-cache, no-store, must-revalidate, no-transform, max-age=0")


@dataclass(frozen=True, slots=True)
class PublicSources:
    """Where the pages get what they show.

    `bootstrap_dns` is asked with the query's q and gives names and their addresses, in the order in which clients
    should try them (the reference shuffles, so that they are not biased to one family); None when no names are
    configured.
    """

    bootstrap_dns: Callable[[str | None], Mapping[str, Sequence[str]] | None]
    debug: DebugSources


class PublicPages:
    """All small pages of the public port: make it once, ask it for each request."""

    def __init__(self, settings: PublicSettings, sources: PublicSources) -> None:
        self._sources = sources
        self._quiet = settings.quiet
        self._debug = DebugPages(sources.debug)
        self._home = _home(settings.home)
        self._pages: Mapping[bytes, Callable[[Request], Response]] = {
            b"/derp": _upgrade_required,
            b"/derp/probe": _probe,
            b"/derp/latency-check": _probe,
            b"/generate_204": no_content,
            b"/robots.txt": _robots,
            b"/bootstrap-dns": self._bootstrap_dns,
        }
        if settings.quiet:  # clients never ask for it without an upgrade
            self._pages = {path: page for path, page in self._pages.items() if path != b"/derp"}

    def respond(self, request: Request) -> Response:
        """Give the answer to any request that is not an upgrade to DERP."""
        if request.method == b"CONNECT":  # a 2xx would promise a tunnel
            what = "method not allowed" if self._quiet else "this is a DERP relay, not an HTTP proxy"
            return method_not_allowed(b"GET, HEAD", what)
        path = request.path
        page = self._pages.get(path)
        if page is not None:
            return fit(request, page(request))
        is_debug = path == b"/debug" or path.startswith(b"/debug/")
        if is_debug and not (self._quiet and not is_on_this_machine(request)):
            return fit(request, self._debug.respond(request))
        return fit(request, self._home)

    def _bootstrap_dns(self, request: Request) -> Response:
        names = self._sources.bootstrap_dns(request.query_value("q"))
        body = b"" if names is None else json.dumps(names, indent="\t", sort_keys=True).encode()
        # Clients ask relays of any region, once: an open connection would be no use to them.
        return answer(200, body, JSON, (*_BARE_HEADERS, (b"connection", b"close")))


def no_content(request: Request) -> Response:
    """Answer ``/generate_204``: clients recognise a captive portal by a wrong answer to their challenge."""
    headers = [_NO_CACHE]
    challenge = request.header(b"x-tailscale-challenge")
    if challenge is not None and _CHALLENGE.fullmatch(challenge):
        headers.append((b"x-tailscale-response", b"response " + challenge))
    return answer(204, headers=headers)


def _home(choice: str) -> Response:
    if choice == "blank":
        return answer(200, b"", HTML, _BARE_HEADERS)
    if choice:
        return answer(302, b"", None, (*_BARE_HEADERS, (b"location", choice.encode("ascii"))))
    return answer(200, HOME_PAGE, HTML, _HOME_HEADERS)


def _upgrade_required(_request: Request) -> Response:
    # Clients show this body in their logs.
    return text(426, "DERP requires connection upgrade", [(b"upgrade", b"DERP"), (b"connection", b"Upgrade")])


def _probe(request: Request) -> Response:
    if not request.is_read:
        return method_not_allowed(b"GET, HEAD", "bogus probe method")
    return answer(200, headers=[(b"access-control-allow-origin", b"*")])


def _robots(_request: Request) -> Response:
    return answer(200, "User-agent: *\nDisallow: /\n", TEXT, _BARE_HEADERS)
