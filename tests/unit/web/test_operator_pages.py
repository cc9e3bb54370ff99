from __future__ import annotations

import pytest

from tailhub.web.message import Request, Response
from tailhub.web.operator_pages import MapView, OperatorPages, OperatorSources


def ask(
    target: bytes,
    *,
    host: bytes | None = b"127.0.0.1:9912",
    peer_ip: str = "127.0.0.1",
    method: bytes = b"GET",
    faults: tuple[str, ...] = (),
    own_names: frozenset[str] = frozenset(),
) -> Response:
    sources = OperatorSources(
        health=lambda: faults, metrics=lambda: b"tailhub_clients 1.0\n", derp_map=lambda view: view.value.encode()
    )
    headers = [] if host is None else [(b"host", host)]
    return OperatorPages(sources, own_names).respond(Request(method, target, b"1.1", headers, peer_ip))


def test_health() -> None:
    """Health is 200 when all is well, else 503 with every fault on its line."""
    assert (ask(b"/healthz").status, ask(b"/healthz").body) == (200, b"ok\n")
    response = ask(b"/healthz", faults=("no STUN socket", "certificate has expired"))
    assert (response.status, response.body) == (503, b"no STUN socket\ncertificate has expired\n")


def test_metrics() -> None:
    """Metrics are the given text in Prometheus' type, never cached."""
    response = ask(b"/metrics")
    assert (response.status, response.body) == (200, b"tailhub_clients 1.0\n")
    assert (b"content-type", b"text/plain; version=0.0.4; charset=utf-8") in response.headers
    assert (b"cache-control", b"no-store") in response.headers


@pytest.mark.parametrize(
    ("peer_ip", "target", "view"),
    [
        ("127.0.0.1", b"/derpmap.json", MapView.LOCAL),
        ("::1", b"/derpmap.json", MapView.LOCAL),
        ("", b"/derpmap.json", MapView.LOCAL),
        ("192.0.2.9", b"/derpmap.json", MapView.PUBLIC),
        ("", b"/derpmap.json?view=public", MapView.PUBLIC),
        ("127.0.0.1", b"/derpmap.json?view=public", MapView.PUBLIC),
        ("192.0.2.9", b"/derpmap.json?view=local", MapView.LOCAL),
        ("127.0.0.1", b"/derpmap.json?view=", MapView.LOCAL),
    ],
)
def test_derp_map(peer_ip: str, target: bytes, view: MapView) -> None:
    """A caller on this machine gets the map that works here, others the public one, and each the one it asks for."""
    response = ask(target, peer_ip=peer_ip)
    assert (response.status, response.body) == (200, view.value.encode())
    assert (b"content-type", b"application/json") in response.headers


def test_derp_map_unknown_view() -> None:
    """A view that does not exist is 400 and says which do."""
    response = ask(b"/derpmap.json?view=all")
    assert (response.status, response.body) == (400, b"view: expected local or public\n")


@pytest.mark.parametrize("host", [b"127.0.0.1", b"localhost:9912", b"[::1]:9912", b"192.0.2.7", b"x.localhost"])
def test_hosts_of_this_machine(host: bytes) -> None:
    """A TCP caller may name the host by any address or a loopback name."""
    assert ask(b"/metrics", host=host).status == 200


@pytest.mark.parametrize("host", [b"evil.example", b"localhost.evil.example", b"127.0.0.1.evil.example", b"", None])
@pytest.mark.parametrize("target", [b"/metrics", b"/healthz", b"/derpmap.json", b"/", b"/nothing"])
def test_other_hosts(host: bytes | None, target: bytes) -> None:
    """Any other Host from a TCP caller is 403, so no web page can read these pages through its own name."""
    assert ask(target, host=host).status == 403


def test_own_names() -> None:
    """A name that the operator gave the relay is allowed too."""
    assert ask(b"/metrics", host=b"Derp.example.com:9912", own_names=frozenset({"derp.example.com"})).status == 200


@pytest.mark.parametrize("host", [None, b"tailhub"])
def test_unix_socket_needs_no_host(host: bytes | None) -> None:
    """A caller over the unix socket may send any Host or none."""
    assert ask(b"/healthz", host=host, peer_ip="").status == 200


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"OPTIONS", b"CONNECT"])
def test_only_read(method: bytes) -> None:
    """The operator's pages are only read."""
    response = ask(b"/healthz", method=method)
    assert response.status == 405
    assert (b"allow", b"GET, HEAD") in response.headers


def test_head() -> None:
    """HEAD gets the head without the body."""
    response = ask(b"/metrics", method=b"HEAD")
    assert (response.headers, response.body) == (ask(b"/metrics").headers, b"")


def test_index_and_unknown_paths() -> None:
    """The index lists the pages, and other paths are 404."""
    assert ask(b"/").body.split() == [b"tailhub", b"/healthz", b"/metrics", b"/derpmap.json"]
    assert ask(b"/nothing").status == 404


@pytest.mark.parametrize("target", [b"/metrics", b"/derpmap.json", b"/healthz", b"/"])
def test_no_page_of_another_origin_may_read(target: bytes) -> None:
    """No answer allows another origin."""
    assert not any(name.startswith(b"access-control-") for name, _ in ask(target).headers)


def test_map_that_is_not_there_yet() -> None:
    """Until the address is known the map is "ask again", not empty."""
    sources = OperatorSources(health=lambda: (), metrics=lambda: b"", derp_map=lambda _view: None)
    response = OperatorPages(sources).respond(Request(b"GET", b"/derpmap.json", b"1.1", [], ""))
    assert response.status == 503
    assert b"still being looked for" in response.body
