from __future__ import annotations

import pytest

from tailhub.web.message import Request, Response
from tailhub.web.operator_pages import MapView, OperatorPages, OperatorSources


def ask(target: bytes, *, method: bytes = b"GET", faults: tuple[str, ...] = ()) -> Response:
    sources = OperatorSources(health=lambda: faults, derp_map=lambda view: view.value.encode())
    return OperatorPages(sources).respond(Request(method, target, b"1.1", [], ""))


def test_health() -> None:
    """Health is 200 when all is well, else 503 with every fault on its line."""
    assert (ask(b"/healthz").status, ask(b"/healthz").body) == (200, b"ok\n")
    response = ask(b"/healthz", faults=("no STUN socket", "certificate has expired"))
    assert (response.status, response.body) == (503, b"no STUN socket\ncertificate has expired\n")


@pytest.mark.parametrize(
    ("target", "view"),
    [
        (b"/derpmap.json", MapView.LOCAL),
        (b"/derpmap.json?view=public", MapView.PUBLIC),
        (b"/derpmap.json?view=local", MapView.LOCAL),
        (b"/derpmap.json?view=", MapView.LOCAL),
    ],
)
def test_derp_map(target: bytes, view: MapView) -> None:
    """A caller, who is on this machine, gets the map that works here, or the one that it asks for."""
    response = ask(target)
    assert (response.status, response.body) == (200, view.value.encode())
    assert (b"content-type", b"application/json") in response.headers


def test_derp_map_unknown_view() -> None:
    """A view that does not exist is 400 and says which do."""
    response = ask(b"/derpmap.json?view=all")
    assert (response.status, response.body) == (400, b"view: expected local or public\n")


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"OPTIONS", b"CONNECT"])
def test_only_read(method: bytes) -> None:
    """These pages are only read."""
    response = ask(b"/healthz", method=method)
    assert response.status == 405
    assert (b"allow", b"GET, HEAD") in response.headers


def test_head() -> None:
    """HEAD gets the head without the body."""
    response = ask(b"/healthz", method=b"HEAD")
    assert (response.headers, response.body) == (ask(b"/healthz").headers, b"")


@pytest.mark.parametrize(
    ("target", "is_here"),
    [
        (b"/healthz", True),
        (b"/derpmap.json?view=local", True),
        (b"http://localhost/healthz", True),
        (b"/", False),
        (b"/metrics", False),
        (b"/healthz/", False),
        (b"*", False),
    ],
)
def test_which_pages(target: bytes, is_here: bool) -> None:
    """Health and the map are made here, and nothing else."""
    pages = OperatorPages(OperatorSources(health=lambda: (), derp_map=lambda _view: None))
    assert pages.has(Request(b"GET", target, b"1.1", [], "")) is is_here


def test_map_that_is_not_there_yet() -> None:
    """Until the address is known the map is "ask again", not empty."""
    sources = OperatorSources(health=lambda: (), derp_map=lambda _view: None)
    response = OperatorPages(sources).respond(Request(b"GET", b"/derpmap.json", b"1.1", [], ""))
    assert response.status == 503
    assert b"still being looked for" in response.body
