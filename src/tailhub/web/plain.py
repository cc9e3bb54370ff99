"""The plain HTTP port: the captive portal check, and a redirect to HTTPS for everything else.

Source: the reference's ``tsweb.Port80Handler``. Ours sends people to the port that speaks TLS even if it is not 443,
where the reference repeats whatever port the Host header had; and it has no debug pages.
"""

from __future__ import annotations

import re

from tailhub.web.callers import request_host
from tailhub.web.message import Request, Response, answer, fit, text
from tailhub.web.pages import no_content

_TARGET = re.compile(rb"/[\x21-\x7e]*")


class PlainPages:
    """Answers on the plain port; `https_port` is the port that clients reach the relay's TLS at."""

    def __init__(self, https_port: int) -> None:
        self._suffix = "" if https_port == 443 else f":{https_port}"

    def respond(self, request: Request) -> Response:
        """Give the answer to any request."""
        if request.path == b"/generate_204" and request.method != b"CONNECT":  # to which a 2xx would promise a tunnel
            return no_content(request)
        if not request.is_read:
            return text(400, "Use HTTPS")
        host = request_host(request)
        target = request.path_and_query
        if host is None or not _TARGET.fullmatch(target):
            return fit(request, text(400, "expected one Host header with a host name, and a path"))
        location = f"https://{host.url_name}{self._suffix}".encode() + target
        return fit(request, answer(302, headers=[(b"location", location)]))
