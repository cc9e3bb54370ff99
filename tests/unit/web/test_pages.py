from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailhub.web.debug import DebugSources
from tailhub.web.message import Header, Request, Response
from tailhub.web.pages import PublicPages, PublicSources
from tailhub.web.public_settings import PublicSettings

DEBUG = DebugSources(values=dict, faults=tuple, traffic=tuple, facts=dict)
BROWSER = {b"content-security-policy", b"strict-transport-security", b"x-content-type-options", b"x-frame-options"}


def pages(home: str = "", dns: Mapping[str, Sequence[str]] | None = None) -> PublicPages:
    return PublicPages(PublicSettings(home), PublicSources(lambda _asked: dns, DEBUG))


def get(
    target: bytes,
    *headers: Header,
    method: bytes = b"GET",
    of: PublicPages | None = None,
    peer_ip: str = "198.51.100.7",
) -> Response:
    return (of or pages()).respond(Request(method, target, b"1.1", [(b"host", b"a.example"), *headers], peer_ip))


def header(response: Response, name: bytes) -> bytes | None:
    return dict(response.headers).get(name)


def test_home() -> None:
    """The home page says what this is, in HTML, with the browser's headers, and fetches nothing."""
    response = get(b"/")
    assert response.status == 200
    assert header(response, b"content-type") == b"text/html; charset=utf-8"
    assert dict(response.headers).keys() >= BROWSER
    page = response.body.decode()
    assert "DERP relay" in page
    assert "tailhub" in page
    assert "src=" not in page
    assert "url(" not in page


@pytest.mark.parametrize("target", [b"/nothing", b"/derp/", b"/derp/x", b"//derp", b"/favicon.ico", b"*", b"/debugger"])
@pytest.mark.parametrize("method", [b"GET", b"POST", b"DELETE"])
def test_unknown_paths_are_home(target: bytes, method: bytes) -> None:
    """Any other path is the home page with 200, whatever the method."""
    response = get(target, method=method)
    assert response == get(b"/")


def test_home_blank() -> None:
    """A blank home page is an empty 200."""
    response = get(b"/", of=pages("blank"))
    assert (response.status, response.body) == (200, b"")
    assert dict(response.headers).keys() >= BROWSER


def test_home_redirect() -> None:
    """A home page that is a URL redirects there with 302."""
    response = get(b"/x", of=pages("https://example.com/about?x=1"))
    assert response.status == 302
    assert header(response, b"location") == b"https://example.com/about?x=1"


@pytest.mark.parametrize("headers", [(), ((b"upgrade", b"h2c"),), ((b"connection", b"upgrade"), (b"upgrade", b""))])
def test_derp_without_upgrade(headers: tuple[Header, ...]) -> None:
    """/derp without an upgrade, or with another one, is 426 and says why in its body."""
    response = get(b"/derp", *headers)
    assert response.status == 426
    assert response.body == b"DERP requires connection upgrade\n"
    assert header(response, b"upgrade") == b"DERP"
    assert header(response, b"connection") == b"Upgrade"


@pytest.mark.parametrize("target", [b"/derp/probe", b"/derp/latency-check", b"/derp/latency-check?x=1"])
def test_probe(target: bytes) -> None:
    """Latency probes are an empty 200 that pages of any origin may read."""
    for method in (b"GET", b"HEAD"):
        response = get(target, method=method)
        assert (response.status, response.body) == (200, b"")
        assert header(response, b"access-control-allow-origin") == b"*"
        assert header(response, b"content-length") == b"0"


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"OPTIONS"])
def test_probe_other_methods(method: bytes) -> None:
    """Latency probes by other methods are 405."""
    response = get(b"/derp/probe", method=method)
    assert response.status == 405
    assert header(response, b"allow") == b"GET, HEAD"
    assert header(response, b"access-control-allow-origin") is None


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"POST"])
def test_generate_204(method: bytes) -> None:
    """The captive portal check is a 204 for any method, never cached, without length, type or body."""
    response = get(b"/generate_204", method=method)
    assert (response.status, response.body) == (204, b"")
    assert response.headers == [(b"cache-control", b"no-cache, no-store, must-revalidate, no-transform, max-age=0")]


@pytest.mark.parametrize("challenge", [b"ts_derp.example-1:x", b"a", b"Z9" * 32])
def test_challenge(challenge: bytes) -> None:
    """A challenge of up to 64 permitted characters is repeated in the answer."""
    response = get(b"/generate_204", (b"x-tailscale-challenge", challenge))
    assert header(response, b"x-tailscale-response") == b"response " + challenge


@pytest.mark.parametrize("challenge", [b"", b"a b", b"a" * 65, b"a\n", b"a/b", "é".encode(), b"<a>"])
def test_illegal_challenge(challenge: bytes) -> None:
    """An illegal challenge still gets its 204, but is not repeated."""
    response = get(b"/generate_204", (b"x-tailscale-challenge", challenge))
    assert response.status == 204
    assert header(response, b"x-tailscale-response") is None


def test_robots() -> None:
    """Robots are asked to stay away."""
    response = get(b"/robots.txt")
    assert (response.status, response.body) == (200, b"User-agent: *\nDisallow: /\n")
    assert header(response, b"content-type") == b"text/plain; charset=utf-8"
    assert dict(response.headers).keys() >= BROWSER


def test_bootstrap_dns() -> None:
    """Bootstrap DNS is the map of all published names as JSON, also when one name or an unknown one is asked for."""
    names = {"login.example.com": ["192.0.2.1", "2001:db8::1"], "a.example.com": ["192.0.2.2"]}
    for target in (b"/bootstrap-dns", b"/bootstrap-dns?q=a.example.com", b"/bootstrap-dns?q=unknown"):
        response = get(target, of=pages(dns=names))
        assert response.status == 200
        assert json.loads(response.body) == names
        assert header(response, b"content-type") == b"application/json"
        assert header(response, b"connection") == b"close"
        assert dict(response.headers).keys() >= BROWSER


def test_bootstrap_dns_without_names() -> None:
    """Without configured names bootstrap DNS is an empty 200."""
    response = get(b"/bootstrap-dns")
    assert (response.status, response.body) == (200, b"")
    assert header(response, b"connection") == b"close"


@pytest.mark.parametrize("target", [b"example.com:443", b"/derp", b"/"])
def test_connect(target: bytes) -> None:
    """CONNECT is never answered with a 2xx: that would promise a tunnel."""
    assert get(target, method=b"CONNECT").status == 405


@pytest.mark.parametrize("target", [b"/", b"/derp", b"/robots.txt", b"/bootstrap-dns", b"/debug/", b"/derp/probe"])
@pytest.mark.parametrize("peer_ip", ["127.0.0.1", "198.51.100.7"])
def test_head(target: bytes, peer_ip: str) -> None:
    """HEAD gets the same head as GET and no body."""
    full, head = (get(target, method=method, peer_ip=peer_ip) for method in (b"GET", b"HEAD"))
    assert (head.status, head.headers, head.body) == (full.status, full.headers, b"")


def test_absolute_target() -> None:
    """A target in absolute form is read like its path."""
    assert get(b"http://other.example/robots.txt") == get(b"/robots.txt")


TARGETS = st.sampled_from([b"/derp", b"/derp/probe", b"/derp/latency-check", b"/", b"/generate_204", b"/debug/", b"*"])
UPGRADES = st.sampled_from([b"DERP", b"websocket", b"WebSocket", b"h2c", b"derp, websocket"])


@given(TARGETS | st.binary(max_size=20), UPGRADES, st.sampled_from([b"GET", b"POST", b"HEAD", b"CONNECT", b"PRI"]))
def test_never_101(target: bytes, upgrade: bytes, method: bytes) -> None:
    """No request at all gets a 101 from a page, and every answer's length is that of its body."""
    response = get(target, (b"connection", b"upgrade"), (b"upgrade", upgrade), method=method)
    assert 200 <= response.status < 600
    length = header(response, b"content-length")
    if response.status == 204:
        assert length is None
    elif method != b"HEAD":
        assert length == str(len(response.body)).encode()
