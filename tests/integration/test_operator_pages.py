"""The operator's pages of a real relay: who may, what is written down, and that a page elsewhere gets nothing."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from support.pages_process import PagesProcess
from support.relay_process import RelayProcess, UnixConnection
from tailhub.admin.token_file import TOKEN_FILE
from tailhub.server.audit import AUDIT_FILE


@pytest.fixture(scope="module")
def relay() -> Iterator[RelayProcess]:
    with RelayProcess("--allow-list", "on", "--hostname", "relay.example.com") as process:
        yield process


def raw(relay: RelayProcess, request: str, body: str = "") -> tuple[int, str, str]:
    """Status, head and body of what is answered to these very bytes."""
    with socket.create_connection(("127.0.0.1", relay.admin_port), timeout=15) as connection:
        head = request.replace("PORT", str(relay.admin_port)).replace("\n", "\r\n")
        connection.sendall(f"{head}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        with connection.makefile("rb") as file:
            head, _, answer = file.read().decode().partition("\r\n\r\n")
    return int(head.split()[1]), head.lower(), answer


def token(relay: RelayProcess) -> str:
    return (relay.state_dir / TOKEN_FILE).read_text().strip()


def audit(relay: RelayProcess) -> list[dict[str, str]]:
    return [json.loads(line) for line in (relay.state_dir / AUDIT_FILE).read_text().splitlines()]


def test_the_token_is_made_once(tmp_path: Path) -> None:
    """The first start makes a token that only the relay's user can read, and the next one keeps it."""
    with RelayProcess(state_dir=tmp_path / "state") as first:
        made = token(first)
        assert len(made) >= 40
        assert (first.state_dir / TOKEN_FILE).stat().st_mode & 0o777 == 0o600
        assert made not in first.log()
    with RelayProcess(state_dir=tmp_path / "state") as second:
        assert token(second) == made


FOREIGN = (
    "Origin: http://evil.example",
    "Origin: null",
    "Origin: http://127.0.0.1:1",
    "Sec-Fetch-Site: cross-site",
    "Sec-Fetch-Site: same-site",
)


@pytest.mark.parametrize("header", FOREIGN)
def test_a_page_elsewhere_can_do_nothing(relay: RelayProcess, header: str) -> None:
    """Its requests are refused with the token and without, whether a form's or a script's, and nothing is done."""
    before = audit(relay) if (relay.state_dir / AUDIT_FILE).exists() else []
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json"):
        for authorization in ("", f"\nAuthorization: Bearer {token(relay)}"):
            request = (
                f"POST /api/v1/drain HTTP/1.1\nHost: 127.0.0.1:PORT\n{header}\nContent-Type: {kind}{authorization}"
            )
            status, head, _ = raw(relay, request, "{}")
            assert status == 403
            assert "access-control" not in head
    preflight = f"OPTIONS /api/v1/drain HTTP/1.1\nHost: 127.0.0.1:PORT\n{header}\nAccess-Control-Request-Method: POST"
    status, head, _ = raw(relay, preflight)
    assert status == 403
    assert "access-control" not in head
    assert (audit(relay) if (relay.state_dir / AUDIT_FILE).exists() else []) == before


@pytest.mark.parametrize("header", FOREIGN)
@pytest.mark.parametrize(
    "target", ["/", "/metrics", "/api/v1/overview", "/api/v1/pending", "/derpmap.json", "/healthz"]
)
def test_a_page_elsewhere_can_read_nothing(relay: RelayProcess, header: str, target: str) -> None:
    """What it asks for is refused, and no answer lets another origin read it."""
    status, head, body = raw(relay, f"GET {target} HTTP/1.1\nHost: 127.0.0.1:PORT\n{header}")
    assert status == 403
    assert "access-control" not in head
    assert "nodekey" not in body


@pytest.mark.parametrize("host", ["evil.example", "evil.example:PORT", "127.0.0.1.evil.example:PORT", ""])
def test_a_name_that_points_here(relay: RelayProcess, host: str) -> None:
    """A page whose owner points its name at this machine is of one origin with us, but its Host is not ours."""
    origin = f"Origin: http://{host}\nSec-Fetch-Site: same-origin"
    for target in ("/", "/metrics", "/api/v1/overview"):
        assert raw(relay, f"GET {target} HTTP/1.1\nHost: {host}\n{origin}")[0] in (400, 403)
    request = f"POST /api/v1/drain HTTP/1.1\nHost: {host}\n{origin}\nAuthorization: Bearer {token(relay)}"
    assert raw(relay, request)[0] in (400, 403)


def test_our_own_page(relay: RelayProcess) -> None:
    """The dashboard of the same origin may read, and act with the token, by address and by the relay's own name."""
    for host in ("127.0.0.1:PORT", "localhost:PORT", "relay.example.com:PORT"):
        same = f"Host: {host}\nOrigin: http://{host}\nSec-Fetch-Site: same-origin"
        assert raw(relay, f"GET /api/v1/overview HTTP/1.1\n{same}")[0] == 200
        assert raw(relay, f"DELETE /api/v1/drain HTTP/1.1\n{same}")[0] == 401
        assert raw(relay, f"DELETE /api/v1/drain HTTP/1.1\n{same}\nAuthorization: Bearer {token(relay)}")[0] == 200


def test_actions_are_written_down(relay: RelayProcess) -> None:
    """By whichever way an action came: who asked, for what, and what came of it; a refused one is not an action."""
    key = "nodekey:" + "5a" * 32
    body = json.dumps({"key": key, "name": "phone"})
    over_socket = UnixConnection(relay.state_dir / "admin.sock")
    over_socket.request("POST", "/api/v1/allow", body)
    assert over_socket.getresponse().status == 200
    over_socket.close()
    over_tcp = HTTPConnection("127.0.0.1", relay.admin_port, timeout=15)
    for headers, status in (({}, 401), ({"Authorization": f"Bearer {token(relay)}"}, 200)):
        over_tcp.request("DELETE", "/api/v1/allow?which=phone", headers=headers)
        response = over_tcp.getresponse()
        assert response.status == status
        response.read()
    over_tcp.request("DELETE", "/api/v1/allow?which=phone", headers={"Authorization": f"Bearer {token(relay)}"})
    assert over_tcp.getresponse().status == 409
    over_tcp.close()
    last = audit(relay)[-3:]
    assert [(entry["caller"], entry["action"]) for entry in last] == [
        ("unix socket", "POST allow"),
        ("token from 127.0.0.1", "DELETE allow"),
        ("token from 127.0.0.1", "DELETE allow"),
    ]
    assert key in last[0]["target"]
    assert [entry["outcome"] for entry in last[:2]] == ["done", "done"]
    assert "TH" in last[2]["outcome"]
    listed = json.loads(raw(relay, "GET /api/v1/audit?limit=3 HTTP/1.1\nHost: localhost")[2])["entries"]
    assert listed == last[::-1]
    assert "token from 127.0.0.1" in relay.log()
    assert token(relay) not in relay.log()


def test_the_reference_has_every_call(relay: RelayProcess) -> None:
    """Each call of a running relay has a summary, and stands in docs/reference/api.md."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "api.md").read_text()
    made = json.loads(raw(relay, "GET /api/v1/openapi.json HTTP/1.1\nHost: localhost")[2])
    calls = [(path, method, call) for path, inner in made["paths"].items() for method, call in inner.items()]
    for path, method, call in calls:
        assert call["summary"], f"{method} {path}: its Route has no summary"
        heading = f"### {method.upper()} {path.removeprefix('/api/v1/')}\n"
        assert heading in page, f"{method} {path}: own_routes in docs/make_reference.py lacks it"


def test_several_relays(relay: RelayProcess) -> None:
    """A relay shows others, by port with their token and by socket, and tells what is wrong with a third."""
    url = f"http://{token(relay)}@127.0.0.1:{relay.admin_port}"
    others = ("--dashboard-relays", f"far={url},unix:{relay.state_dir}/admin.sock,{url.replace('//', '//x')}")
    with RelayProcess(*others) as shows:
        text = raw(shows, "GET /api/v1/relays HTTP/1.1\nHost: localhost")[2]
        assert token(relay) not in text
        assert token(relay) not in shows.log()
        own, far, beside, wrong = json.loads(text)["relays"]
    assert (own["state"], own["url"], own["error"]) == ("ready", "", "")
    assert (far["name"], far["state"], far["url"]) == ("far", "ready", f"http://127.0.0.1:{relay.admin_port}")
    assert far["overview"]["relay"]["hostname"] == beside["overview"]["relay"]["hostname"] == "relay.example.com"
    assert (wrong["state"], wrong["overview"]) == ("lost", None)
    assert "401" in wrong["error"]


def test_signals_are_the_relays(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C and a hang-up are no matter of the pages' process; it ends with its channel, and says nothing."""
    with PagesProcess(tmp_path) as pages:
        assert pages.get("/api/v1/overview")["state"] == "ready"
        for number in (signal.SIGINT, signal.SIGHUP):
            pages.process.send_signal(number)
        assert pages.get("/api/v1/clients?limit=1")["total"] == 20
        half = pages.over_unix(b"POST /api/v1/reload HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\n")
    assert pages.process.returncode == 0
    half.close()
    assert capfd.readouterr().err == ""
