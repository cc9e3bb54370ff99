from __future__ import annotations

import pytest

from tailhub.tools.doctor.judge.answer import Answer
from tailhub.tools.doctor.judge.fronts import front_of

# What each was seen to send, shortened.
HAPROXY = (
    b"<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n"
)
NGINX = b"<html>\r\n<body><center><h1>404 Not Found</h1></center>\r\n<hr><center>nginx</center>"
ANSWERS = [
    ("nginx", Answer(404, (("server", "nginx/1.22.1"),))),
    ("nginx", Answer(404, (("server", "openresty"),))),
    ("nginx", Answer(404, (), NGINX)),
    ("bt", Answer(200, (("server", "nginx"),), "<title>没有找到站点</title>".encode())),
    ("haproxy", Answer(503, (), HAPROXY)),
    ("caddy", Answer(502, (("server", "Caddy"),))),
    ("caddy", Answer(426, (("via", "1.1 Caddy"),), b"DERP requires connection upgrade")),
    ("traefik", Answer(404, (("content-type", "text/plain"),), b"404 page not found\n")),
    ("traefik", Answer(502, (), b"Bad Gateway")),
    ("apache", Answer(404, (("server", "Apache/2.4.57 (Debian)"),))),
    ("cloudflare", Answer(400, (("server", "cloudflare"),))),
    ("cloudflare", Answer(520, (("cf-ray", "8f"),))),
    ("", Answer(426, (), b"DERP requires connection upgrade\n")),
    ("", Answer(200, (("server", "lighttpd"),), b"<h1>Router</h1>")),
    ("", Answer(404, (("server", "Jetty"),), b"404 page not found")),
]


@pytest.mark.parametrize(("name", "answer"), ANSWERS)
def test_servers_are_told_by_what_they_say(name: str, answer: Answer) -> None:
    """By Server, Via and CF-Ray, and without those by a page that only one of them has."""
    assert front_of([answer]) == name
    assert front_of([Answer(204), answer]) == name


@pytest.mark.parametrize(
    ("body", "title"),
    [
        (b"", ""),
        (b"<html><head><title> Not\n found </title>", "Not found"),
        (b"<style>p {}</style><p>Hello <b>there</b></p><script>x()", "Hello there"),
        (b"DERP requires connection upgrade\n", "DERP requires connection upgrade"),
        (b"\xff\xfe<", "��<"),
        (b"x " * 1000, ("x " * 40).strip()),
    ],
)
def test_what_a_person_sees_of_a_page(body: bytes, title: str) -> None:
    """The title, or the first words without markup."""
    assert Answer(200, (), body).title == title
