from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailhub.web.message import Header, Request, Response
from tailhub.web.plain import PlainPages


def get(target: bytes, *headers: Header, method: bytes = b"GET", https_port: int = 443) -> Response:
    return PlainPages(https_port).respond(Request(method, target, b"1.1", list(headers), "198.51.100.7"))


@pytest.mark.parametrize(
    ("host", "target", "https_port", "location"),
    [
        (b"derp.example.com", b"/", 443, b"https://derp.example.com/"),
        (b"derp.example.com:80", b"/a?b=%0d", 443, b"https://derp.example.com/a?b=%0d"),
        (b"Derp.Example.com", b"/x", 8443, b"https://derp.example.com:8443/x"),
        (b"192.0.2.7:8080", b"/", 8443, b"https://192.0.2.7:8443/"),
        (b"[2001:db8::7]", b"//evil.example", 443, b"https://[2001:db8::7]//evil.example"),
        (b"a.example", b"http://b.example/x", 443, b"https://b.example/x"),
        (b"a.example", b"/debug/varz", 443, b"https://a.example/debug/varz"),
    ],
)
def test_redirect(host: bytes, target: bytes, https_port: int, location: bytes) -> None:
    """Everything is redirected with 302 to the same host and path, at the port that speaks TLS."""
    for method in (b"GET", b"HEAD"):
        response = get(target, (b"host", host), method=method, https_port=https_port)
        assert (response.status, response.body) == (302, b"")
        assert (b"location", location) in response.headers


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"POST"])
def test_generate_204(method: bytes) -> None:
    """The captive portal check is answered here, without a Host too."""
    response = get(b"/generate_204", (b"x-tailscale-challenge", b"ts_x"), method=method)
    assert response.status == 204
    assert (b"x-tailscale-response", b"response ts_x") in response.headers


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"OPTIONS", b"CONNECT"])
def test_other_methods(method: bytes) -> None:
    """Other methods are 400: a redirect would make clients repeat them in clear."""
    response = get(b"/", (b"host", b"a.example"), method=method)
    assert (response.status, response.body) == (400, b"Use HTTPS\n")


@pytest.mark.parametrize(
    "headers",
    [(), ((b"host", b""),), ((b"host", b"a b"),), ((b"host", b"a\r\nx: y"),), ((b"host", b"a"), (b"host", b"b"))],
)
def test_bad_host(headers: tuple[Header, ...]) -> None:
    """A missing, malformed or second Host is 400."""
    assert get(b"/", *headers).status == 400


@pytest.mark.parametrize("target", [b"*", b"example.com:443", b"x", b"/a b", b"/\r\nx: y", b"/\xff"])
def test_bad_target(target: bytes) -> None:
    """A target that is no path is 400."""
    assert get(target, (b"host", b"a.example")).status == 400


@given(st.binary(max_size=30), st.binary(max_size=30))
def test_no_header_injection(host: bytes, target: bytes) -> None:
    """Whatever is sent, no header of the answer contains a line break."""
    response = get(b"/" + target, (b"host", host))
    assert response.status in (302, 400)
    assert not any(byte in name + value for name, value in response.headers for byte in b"\r\n\x00")


def test_acme_challenges_are_answered_while_they_last() -> None:
    """An ACME server gets the answer to a token that it has given; any other token is redirected like all else."""
    tokens = {"abc": b"abc.thumbprint"}
    pages = PlainPages(443, tokens)

    def ask(token: bytes) -> Response:
        target = b"/.well-known/acme-challenge/" + token
        return pages.respond(Request(b"GET", target, b"1.1", [(b"host", b"a.example")], "198.51.100.7"))

    assert (ask(b"abc").status, ask(b"abc").body) == (200, b"abc.thumbprint")
    assert ask(b"other").status == 302
    del tokens["abc"]
    assert ask(b"abc").status == 302
