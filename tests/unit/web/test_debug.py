from __future__ import annotations

import pytest

from tailhub.web.debug import MAX_TRAFFIC_ROWS, DebugPages, DebugSources, TrafficRow
from tailhub.web.message import Header, Request, Response

ROW = TrafficRow("nodekey:aa", "198.51.100.7:40000", 10, 20)


def get(
    target: bytes,
    *headers: Header,
    peer_ip: str = "127.0.0.1",
    method: bytes = b"GET",
    faults: tuple[str, ...] = (),
    rows: tuple[TrafficRow, ...] = (),
) -> Response:
    sources = DebugSources(
        values=lambda: {"accepts": 7},
        faults=lambda: faults,
        traffic=lambda: rows,
        facts=lambda: {"Version": "1.2.3 <x>"},
    )
    return DebugPages(sources).respond(Request(method, target, b"1.1", list(headers), peer_ip))


PATHS = [b"/debug", b"/debug/", b"/debug/varz", b"/debug/check", b"/debug/traffic"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("peer_ip", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_for_this_machine(path: bytes, peer_ip: str) -> None:
    """A caller on this machine gets the debug pages, never cached."""
    response = get(path, peer_ip=peer_ip)
    assert response.status == 200
    assert (b"cache-control", b"no-store") in response.headers


@pytest.mark.parametrize("path", [*PATHS, b"/debug/nothing"])
@pytest.mark.parametrize("peer_ip", ["198.51.100.7", "100.64.0.9", "::ffff:198.51.100.7", ""])
def test_for_nobody_else(path: bytes, peer_ip: str) -> None:
    """Everybody else gets 403, for pages that exist and for those that do not."""
    response = get(path, peer_ip=peer_ip)
    assert response.status == 403
    assert b"debug access denied" in response.body


def test_not_through_a_proxy() -> None:
    """A loopback caller with X-Forwarded-For gets 403."""
    assert get(b"/debug/varz", (b"x-forwarded-for", b"127.0.0.1")).status == 403


def test_unknown_page() -> None:
    """An unknown debug page is 404."""
    assert get(b"/debug/pprof").status == 404


def test_only_read() -> None:
    """Debug pages are only read."""
    assert get(b"/debug/varz", method=b"POST").status == 405


def test_index() -> None:
    """The index shows the facts, escaped, and links to every page."""
    page = get(b"/debug/").body.decode()
    assert "<b>Version:</b> 1.2.3 &lt;x&gt;" in page
    for path in ("/debug/varz", "/debug/check", "/debug/traffic"):
        assert f'href="{path}"' in page


def test_varz() -> None:
    """/debug/varz is Prometheus text with the original's names."""
    response = get(b"/debug/varz")
    assert response.body == b"# TYPE derp_accepts counter\nderp_accepts 7\n"
    assert (b"content-type", b"text/plain; version=0.0.4; charset=utf-8") in response.headers


def test_check() -> None:
    """The consistency check is the original's sentence when all is well, else 500 with every fault."""
    assert get(b"/debug/check").body == b"derp.Server ConsistencyCheck okay"
    response = get(b"/debug/check", faults=("one is off", "two is off"))
    assert (response.status, response.body) == (500, b"one is off, two is off\n")


def test_traffic() -> None:
    """Traffic lists the connections with the names that are known, the busiest first."""
    busy = TrafficRow("nodekey:bb", "[2001:db8::1]:1", 500, 1000, "laptop (ada)")
    lines = get(b"/debug/traffic", rows=(ROW, busy)).body.decode().splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["500", "1000", "nodekey:bb", "[2001:db8::1]:1", "laptop", "(ada)"],
        ["10", "20", "nodekey:aa", "198.51.100.7:40000"],
    ]


def test_traffic_is_bounded() -> None:
    """Traffic of very many connections is cut, and says how many are not shown."""
    lines = get(b"/debug/traffic", rows=(ROW,) * (MAX_TRAFFIC_ROWS + 3)).body.decode().splitlines()
    assert len(lines) == MAX_TRAFFIC_ROWS + 2
    assert lines[-1] == "and 3 more connections with less"
