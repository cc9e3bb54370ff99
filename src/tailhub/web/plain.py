"""The plain HTTP port: the captive portal check, answers to ACME servers, and a redirect to HTTPS for everything else.

Source: the reference's ``tsweb.Port80Handler``. Ours sends people to the port that speaks TLS even if it is not 443,
where the reference repeats whatever port the Host header had; and it has no debug pages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from tailhub.web.callers import request_host
from tailhub.web.message import Request, Response, answer, fit, text
from tailhub.web.pages import no_content

_ACME = b"/.well-known/acme-challenge/"
_OCTETS = b"application/octet-stream"
_TARGET = re.compile(rb"/[\x21-\x7e]*")


class PlainPages:
    """Answers on the plain port; `https_port` is the port that clients reach the relay's TLS at.

    `acme_tokens` are the ``http-01`` challenges of the moment and their answers (RFC 8555 section 8.3).
    """

    def __init__(self, https_port: int, acme_tokens: Mapping[str, bytes] = MappingProxyType({})) -> None:
        self._acme_tokens = acme_tokens
        self._suffix = "" if https_port == 443 else f":{https_port}"

    def respond(self, request: Request) -> Response:
        """Give the answer to any request."""
        if request.path == b"/generate_204" and request.method != b"CONNECT":  # to which a 2xx would promise a tunnel
            return no_content(request)
        if not request.is_read:
            return text(400, "Use HTTPS")
        answered = self._acme_tokens.get(request.path.removeprefix(_ACME).decode("latin-1"))
        if answered is not None and request.path.startswith(_ACME):
            return fit(request, answer(200, answered, _OCTETS))
        host = request_host(request)
        target = request.path_and_query
        if host is None or not _TARGET.fullmatch(target):
            return fit(request, text(400, "expected one Host header with a host name, and a path"))
        location = f"https://{host.url_name}{self._suffix}".encode() + target
        return fit(request, answer(302, headers=[(b"location", location)]))
