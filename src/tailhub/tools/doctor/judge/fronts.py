"""Which web server or proxy answers, by its `Server` and `Via` headers, or by a page that it is known for. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from tailhub.tools.doctor.judge.answer import Answer

__all__ = ["front_of"]


# First those that hide behind another's Server header. The panel of 宝塔 (BT, aaPanel) runs an nginx of its own.
_BT_PAGES: Final = re.compile(
    rb"bt\.cn|aapanel|\xe5\xae\x9d\xe5\xa1\x94|\xe6\xb2\xa1\xe6\x9c\x89\xe6\x89\xbe\xe5\x88\xb0\xe7\xab\x99\xe7\x82\xb9"
)
_BY_SERVER: Final = (
    ("cloudflare", re.compile(r"\bcloudflare\b", re.IGNORECASE)),
    ("caddy", re.compile(r"\bcaddy\b", re.IGNORECASE)),
    ("apache", re.compile(r"\bapache\b|\bhttpd\b", re.IGNORECASE)),
    ("haproxy", re.compile(r"\bhaproxy\b", re.IGNORECASE)),
    ("traefik", re.compile(r"\btraefik\b", re.IGNORECASE)),
    ("nginx", re.compile(r"\bnginx\b|\bopenresty\b|\btengine\b", re.IGNORECASE)),
)
_BY_PAGE: Final = (
    # HAProxy's own errors; it adds no header.
    ("haproxy", re.compile(rb"\A<html><body><h1>\d{3} [A-Za-z ]+</h1>\s[^<]+\.\s?</body></html>\s*\Z")),
    ("nginx", re.compile(rb"<center>(nginx|openresty|tengine)[^<]*</center>", re.IGNORECASE)),
    ("apache", re.compile(rb"<address>Apache", re.IGNORECASE)),
)
_TRAEFIK_PAGES: Final = (b"404 page not found", b"Bad Gateway", b"Service Unavailable", b"Gateway Timeout")


def front_of(answers: Sequence[Answer]) -> str:
    """``nginx``, ``bt``, ``haproxy``, ``caddy``, ``traefik``, ``apache``, ``cloudflare``; "" if none of those."""
    if any(_BT_PAGES.search(answer.body) for answer in answers):
        return "bt"
    for answer in answers:
        said = f"{answer.header('server')} {answer.header('via')}" + (" cloudflare" if answer.header("cf-ray") else "")
        for name, pattern in _BY_SERVER:
            if pattern.search(said):
                return name
    for answer in answers:
        for name, page in _BY_PAGE:
            if page.search(answer.body):
                return name
        # Go programs answer 404 with these words too, but no Go program but Traefik is a usual front.
        if not answer.header("server") and answer.status >= 404 and answer.body.strip() in _TRAEFIK_PAGES:
            return "traefik"
    return ""
