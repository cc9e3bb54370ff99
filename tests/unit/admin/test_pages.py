from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from support.pages_process import TOKEN, ScriptedRelay, key_of
from tailhub.admin import pull, relay_link
from tailhub.admin.feed import ActionRequest, Facts, SnapshotRequest
from tailhub.admin.pages import MAX_BODY_BYTES, Pages
from tailhub.admin.relay_link import RelayLink
from tailhub.admin.serving import OVER_UNIX
from tailhub.admin.token_file import TOKEN_FILE
from tailhub.admin.view import View
from tailhub.net.message_channel import MessageChannel

BEARER = {"authorization": f"Bearer {TOKEN}"}
READS = ["overview", "history", "clients", "pairs", "talkers", "tenants", "quotas", "mesh", "certificates"]
READS += ["verifiers", "events", "relays", "openapi.json", f"clients/nodekey:{key_of(1).hex()}"]
PAGES = ["/", "/static/index.html", "/healthz", "/readyz", "/metrics", "/derpmap.json"]
PAGES += [f"/api/v1/{path}" for path in READS]


class Answer:
    """An answer of the application."""

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status, self.body = status, body
        self.headers = {name.decode(): value.decode() for name, value in headers}
        assert len(self.headers) == len(headers)  # each once

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class World:
    """The application with a relay at the other end of its channel, in one loop."""

    def __init__(self, link: RelayLink, relay: ScriptedRelay, channel: MessageChannel) -> None:
        self.pages, self.link, self.relay, self.channel = Pages(link), link, relay, channel

    async def ask(
        self,
        target: str,
        method: str = "GET",
        body: bytes = b"",
        peer: str | None = "127.0.0.1",
        leaves: bool = False,
        **headers: str,
    ) -> Answer:
        """One request; `peer` None: over the unix socket; `leaves`: the caller is gone before its body has come."""
        lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        if "host" not in headers:
            lines.append((b"host", b"127.0.0.1:9912"))
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": lines,
            "client": (peer, 1) if peer else None,
            "state": {} if peer else {OVER_UNIX: True},
        }
        pieces = [body[start : start + 1000] for start in range(0, len(body), 1000)] or [b""]
        sent: list[Any] = []

        async def receive() -> Any:
            if leaves:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

        async def send(event: Any) -> None:
            sent.append(event)

        await self.pages(scope, receive, send)
        return Answer(sent[0]["status"], sent[0]["headers"], b"".join(event["body"] for event in sent[1:]))

    def tell(self) -> None:
        """Say again what the relay is."""
        self.channel.send(self.relay.facts())


@contextlib.asynccontextmanager
async def world(state_dir: Path, *, with_facts: bool = True) -> AsyncIterator[World]:
    (state_dir / TOKEN_FILE).write_text(TOKEN)
    relay = ScriptedRelay(20, state_dir)
    ours, theirs = socket.socketpair()

    def received(message: object) -> None:
        if isinstance(message, SnapshotRequest):
            for answer in relay.answers(message):
                channel.send(answer)
        elif isinstance(message, ActionRequest):
            answer = relay.act(message)
            if not relay.is_silent:
                channel.send(answer)

    channel = MessageChannel(theirs, received)
    link = RelayLink(ours, View(), lambda: None)
    made = World(link, relay, channel)
    if with_facts:
        made.tell()
    try:
        yield made
    finally:
        link.close()
        channel.close()
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions may follow each other at once."""
    monkeypatch.setattr(pull, "EVERY_S", 0.002)
    monkeypatch.setattr(pull, "TOGETHER_S", 0.001)


def run(state_dir: Path, work: Callable[[World], Awaitable[None]], **options: bool) -> None:
    async def whole() -> None:
        async with asyncio.timeout(20), world(state_dir, **options) as made:
            await work(made)

    asyncio.run(whole())


@pytest.mark.parametrize("target", PAGES)
def test_every_page(tmp_path: Path, target: str) -> None:
    """Each page is there for whoever is on this machine, and over the unix socket."""

    async def work(world: World) -> None:
        for peer in ("127.0.0.1", "::1", None):
            answer = await world.ask(target, peer=peer)
            assert answer.status == 200, answer.body
            if "/api/" in target:
                assert answer.headers["content-type"] == "application/json"
                assert isinstance(answer.json, dict)

    run(tmp_path, work)


@pytest.mark.parametrize(
    ("target", "method", "headers", "status"),
    [
        *((target, "GET", {}, 200) for target in PAGES),
        ("/nothing", "GET", {}, 404),
        ("/api/v1/nothing", "GET", {}, 404),
        ("/api/v1/overview?x=1", "GET", {}, 400),
        ("/metrics", "POST", BEARER, 405),
        ("/api/v1/overview", "POST", BEARER, 405),
        ("/api/v1/reload", "POST", BEARER, 200),
        ("/api/v1/reload", "POST", {}, 401),
        ("/", "GET", {"host": "evil.example"}, 403),
        ("/static/nothing.js", "GET", {}, 404),
    ],
)
def test_headers(tmp_path: Path, target: str, method: str, headers: dict[str, str], status: int) -> None:
    """Whatever the answer, a browser may not frame it, guess its type, give it to others or run what is not ours."""

    async def work(world: World) -> None:
        answer = await world.ask(target, method, **headers)
        assert answer.status == status
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "*" not in policy
        assert not any(name.startswith("access-control") for name in answer.headers)
        is_file = status == 200 and (target == "/" or target.startswith("/static/"))
        assert answer.headers["cache-control"] == ("no-cache" if is_file else "no-store")
        assert answer.headers["content-length"] == str(len(answer.body))

    run(tmp_path, work)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("headers", [{"origin": "http://evil.example"}, {"sec_fetch_site": "cross-site"}])
@pytest.mark.parametrize("target", ["/", "/static/index.html", "/metrics", "/api/v1/overview", "/api/v1/reload"])
def test_a_page_on_another_origin(tmp_path: Path, method: str, headers: dict[str, str], target: str) -> None:
    """It can neither see nor do anything, not even with the token, and a preflight is not answered."""

    async def work(world: World) -> None:
        answer = await world.ask(target, method, b'{"a": 1}', **headers, **BEARER)
        assert answer.status == 403
        assert answer.json["error"]["code"] == "TH336"
        assert not any(name.startswith("access-control") for name in answer.headers)
        assert world.relay.actions == []

    run(tmp_path, work)


def test_a_name_that_points_here(tmp_path: Path) -> None:
    """A page whose DNS name was pointed at this machine gets nothing; the relay's own name is answered."""

    async def work(world: World) -> None:
        for target in PAGES:
            assert (await world.ask(target, host="evil.example:9912")).status == 403
        assert (await world.ask("/metrics", host="relay.example.com:9912")).status == 200

    run(tmp_path, work)


def test_actions_need_the_token(tmp_path: Path) -> None:
    """Without it, or with another one, nothing is done; the answer says what is missing, with the code of a finding."""

    async def work(world: World) -> None:
        for headers in ({}, {"authorization": "Bearer wrong-wrong-wrong-wrong"}):
            answer = await world.ask("/api/v1/pending/3/approve", "POST", **headers)
            assert (answer.status, answer.json["error"]["code"]) == (401, "TH337")
            assert answer.headers["www-authenticate"].startswith("Bearer")
        assert world.relay.actions == []

    run(tmp_path, work)


def test_a_token_that_changes(tmp_path: Path) -> None:
    """The token is that of the file now."""

    async def work(world: World) -> None:
        assert (await world.ask("/api/v1/reload", "POST", **BEARER)).status == 200
        (tmp_path / "new").write_text("another-token-for-tests")
        (tmp_path / "new").replace(tmp_path / TOKEN_FILE)
        assert (await world.ask("/api/v1/reload", "POST", **BEARER)).status == 401
        assert (await world.ask("/api/v1/reload", "POST", authorization="Bearer another-token-for-tests")).status == 200

    run(tmp_path, work)


def test_reading_from_elsewhere(tmp_path: Path) -> None:
    """From another machine reading needs the token; the dashboard's files, which ask for it, do not."""

    async def work(world: World) -> None:
        for target in PAGES:
            is_file = target == "/" or target.startswith("/static/")
            assert (await world.ask(target, peer="203.0.113.9")).status == (200 if is_file else 401)
            assert (await world.ask(target, x_forwarded_for="203.0.113.9")).status == (200 if is_file else 401)
        assert (await world.ask("/api/v1/clients", peer="203.0.113.9", **BEARER)).status == 200

    run(tmp_path, work)


def test_the_relays_own_calls(tmp_path: Path) -> None:
    """They go to the relay whole: method, path as it was sent, query, body, and who asks."""

    async def work(world: World) -> None:
        answer = await world.ask("/api/v1/pending/3%2F4/approve?a=b%26", "POST", b'{"name": "x"}', **BEARER)
        assert answer.status == 200
        (action,) = world.relay.actions
        assert (action.method, action.path, action.query) == ("POST", "pending/3%2F4/approve", "a=b%26")
        assert (action.body, action.caller) == (b'{"name": "x"}', "token from 127.0.0.1")
        await world.ask("/api/v1/pending", "HEAD")
        await world.ask("/api/v1/reload", "POST", peer=None)
        assert [(one.method, one.caller) for one in world.relay.actions[1:]] == [
            ("GET", "127.0.0.1"),
            ("POST", "unix socket"),
        ]

    run(tmp_path, work)


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("reload", "GET", "POST"),
        ("pending", "DELETE", "GET"),
        (f"clients/nodekey:{key_of(1).hex()}", "PUT", "DELETE, GET"),
        ("clients", "POST", "GET"),
        ("openapi.json", "POST", "GET"),
        ("reload", "TRACE", "POST"),
        ("overview", "BREW", "GET"),
    ],
)
def test_another_method(tmp_path: Path, path: str, method: str, allowed: str) -> None:
    """A path that is there tells which methods it has, those of the relay and ours."""

    async def work(world: World) -> None:
        answer = await world.ask(f"/api/v1/{path}", method, **BEARER)
        assert (answer.status, answer.headers["allow"]) == (405, allowed)
        assert "what" in answer.json["error"]
        assert world.relay.actions == []

    run(tmp_path, work)


@pytest.mark.parametrize(
    "path", ["", "nothing", "pending/3", "pending/3/approve/4", "../metrics", "static/x", "//", "%00", "explain/%0A"]
)
def test_no_such_call(tmp_path: Path, path: str) -> None:
    """A path that is not there is JSON, too, and does not bother the relay."""

    async def work(world: World) -> None:
        answer = await world.ask(f"/api/v1/{path}", "POST", **BEARER)
        assert answer.status == 404
        assert "what" in answer.json["error"]
        assert world.relay.actions == []

    run(tmp_path, work)


def test_a_body_that_is_too_large(tmp_path: Path) -> None:
    """A large body is refused, and the relay does not see it."""

    async def work(world: World) -> None:
        answer = await world.ask("/api/v1/reload", "POST", b"x" * (MAX_BODY_BYTES + 1), **BEARER)
        assert (answer.status, world.relay.actions) == (413, [])
        assert (await world.ask("/api/v1/reload", "POST", b"x" * MAX_BODY_BYTES, **BEARER)).status == 200

    run(tmp_path, work)


def test_a_caller_who_leaves(tmp_path: Path) -> None:
    """Who leaves in the middle of a request is no fault of ours: nothing is raised, and the relay hears nothing."""

    async def work(world: World) -> None:
        await world.ask("/api/v1/reload", "POST", leaves=True, **BEARER)
        assert world.relay.actions == []

    run(tmp_path, work)


def test_two_lengths(tmp_path: Path) -> None:
    """A request that is both chunked and of a length may be two requests to a proxy in front; it is none to us."""

    async def work(world: World) -> None:
        headers = {"content_length": "5", "transfer_encoding": "chunked", **BEARER}
        assert (await world.ask("/api/v1/reload", "POST", **headers)).status == 400
        assert world.relay.actions == []

    run(tmp_path, work)


def test_an_absolute_target(tmp_path: Path) -> None:
    """A target with scheme and host is the page behind them (RFC 9112 section 3.2.2), if the host is this machine."""

    async def work(world: World) -> None:
        assert (await world.ask("http://127.0.0.1:9912/api/v1/clients?limit=1")).json["total"] == 20
        assert (await world.ask("http://127.0.0.1:9912/api/v1/reload", "POST", **BEARER)).status == 200
        assert world.relay.actions[0].path == "reload"
        assert (await world.ask("http://evil.example/api/v1/clients")).status == 403

    run(tmp_path, work)


def test_files(tmp_path: Path) -> None:
    """Files of the package and nothing else, each with its type; who has it already is told so."""

    async def work(world: World) -> None:
        page = await world.ask("/")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        again = await world.ask("/static/index.html", if_none_match=f'"x", {page.headers["etag"]}')
        assert (again.status, again.body) == (304, b"")
        for target in (
            "/static/",
            "/static/../pages.py",
            "/static/..%2fpages.py",
            "/static//etc/passwd",
            "/static/x\0",
        ):
            assert (await world.ask(target)).status == 404

    run(tmp_path, work)


def test_health(tmp_path: Path) -> None:
    """Healthy is a relay that answers and finds no fault; ready one that is not being emptied besides."""

    async def work(world: World) -> None:
        world.relay.drain = {"phase": "delaying"}
        world.tell()
        await world.ask("/api/v1/reload", "POST", **BEARER)  # what is known is old then
        assert (await world.ask("/healthz")).status == 200
        ready = await world.ask("/readyz")
        assert (ready.status, ready.body) == (503, b"evacuating\n")
        world.relay.drain, world.relay.faults = None, ["worker 1 does not run"]
        await world.ask("/api/v1/reload", "POST", **BEARER)
        for target in ("/healthz", "/readyz"):
            answer = await world.ask(target)
            assert (answer.status, answer.body) == (503, b"worker 1 does not run\n")

    run(tmp_path, work)


def test_a_relay_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When snapshots stop health fails, the overview says so and is shown with what was known last; lists are not."""

    async def work(world: World) -> None:
        before = (await world.ask("/api/v1/overview")).json
        assert before["state"] == "ready"
        world.relay.is_silent = True
        monkeypatch.setattr(pull, "ANSWER_S", 0.05)
        monkeypatch.setattr(relay_link, "ACTION_S", 0.05)
        answer = await world.ask("/api/v1/reload", "POST", **BEARER)
        assert (answer.status, answer.json["error"]["code"]) == (503, "TH338")
        for target in ("/healthz", "/readyz", "/metrics", "/derpmap.json"):
            assert (await world.ask(target)).status == 503
        overview = (await world.ask("/api/v1/overview")).json
        assert (overview["state"], overview["totals"]["clients"]) == ("lost", 20)
        for path in ("clients", "pairs", "tenants", "certificates"):
            answer = await world.ask(f"/api/v1/{path}")
            assert (answer.status, answer.json["error"]["code"]) == (503, "TH338")
        relays = (await world.ask("/api/v1/relays")).json["relays"]
        assert relays[0]["state"] == "lost"
        world.relay.is_silent = False
        monkeypatch.setattr(pull, "ANSWER_S", 3.0)
        async with asyncio.timeout(5):
            while (await world.ask("/healthz")).status != 200:  # noqa: ASYNC110  each look is a request
                await asyncio.sleep(0.01)

    run(tmp_path, work)


def test_a_relay_that_says_nothing_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the relay has said who it is nobody gets anything: not even the token's place is known."""
    monkeypatch.setattr(relay_link, "FACTS_S", 0.05)

    async def work(world: World) -> None:
        for target in ("/", "/healthz", "/api/v1/overview"):
            assert (await world.ask(target)).status == 503
        assert (await world.ask("/api/v1/reload", "POST", **BEARER)).status == 503
        world.tell()
        async with asyncio.timeout(5):
            while (await world.ask("/healthz")).status != 200:  # noqa: ASYNC110  each look is a request
                await asyncio.sleep(0.01)

    run(tmp_path, work, with_facts=False)


def test_the_end(tmp_path: Path) -> None:
    """When the relay is gone, whoever waits for it is told at once."""

    async def work(world: World) -> None:
        world.relay.is_silent = True
        looking = asyncio.create_task(world.ask("/healthz"))
        acting = asyncio.create_task(world.ask("/api/v1/reload", "POST", **BEARER))
        while not world.relay.requests or not world.relay.actions:  # noqa: ASYNC110  no event tells
            await asyncio.sleep(0.001)
        world.link.close()
        async with asyncio.timeout(2):
            assert [answer.status for answer in await asyncio.gather(looking, acting)] == [503, 503]

    run(tmp_path, work)


def test_many_share_a_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many ask at once, the relay is asked once."""
    monkeypatch.setattr(pull, "EVERY_S", 1.0)
    monkeypatch.setattr(pull, "TOGETHER_S", 0.3)

    async def work(world: World) -> None:
        targets = ["/metrics", "/healthz", "/api/v1/overview", "/api/v1/clients", "/api/v1/pairs"] * 10
        answers = await asyncio.gather(*(world.ask(target) for target in targets))
        assert {answer.status for answer in answers} == {200}
        assert len(world.relay.requests) == 1

    run(tmp_path, work)


def test_metrics(tmp_path: Path) -> None:
    """Metrics are those of the relay, as Prometheus reads them."""

    async def work(world: World) -> None:
        answer = await world.ask("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert b"\ntailhub_clients 20.0\n" in answer.body
        assert b'tailhub_stun_requests_total{disposition="not_stun"} 2.0' in answer.body

    run(tmp_path, work)


def test_the_map(tmp_path: Path) -> None:
    """Callers here get the map that works here, others the public one, which may not be known yet."""

    async def work(world: World) -> None:
        assert (await world.ask("/derpmap.json")).body == b'{"Regions": {}}\n'
        assert (await world.ask("/derpmap.json", peer=None)).status == 200
        assert (await world.ask("/derpmap.json?view=public")).status == 503
        assert (await world.ask("/derpmap.json", peer="203.0.113.9", **BEARER)).status == 503
        assert (await world.ask("/derpmap.json?view=x")).status == 400

    run(tmp_path, work)


def test_this_relay_comes_first(tmp_path: Path) -> None:
    """The list of relays begins with this one; another one that is not there is told of with its error."""

    async def work(world: World) -> None:
        facts = dict(world.relay.facts().values) | {"dashboard_relays": [f"far=unix:{tmp_path}/none.sock"]}
        world.channel.send(Facts(facts))
        await world.ask("/api/v1/pending")  # answered after that was heard
        rows = (await world.ask("/api/v1/relays")).json["relays"]
        assert [(row["name"], row["state"]) for row in rows] == [("relay.example.com", "ready"), ("far", "lost")]
        assert rows[0]["overview"]["totals"]["clients"] == 20
        assert rows[1]["overview"] is None
        assert "No such file" in rows[1]["error"]

    run(tmp_path, work)
