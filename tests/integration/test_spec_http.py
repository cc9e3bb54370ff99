"""What the public port and the plain port answer to HTTP requests, over real connections."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any

import pytest

from support.wire import UPGRADE, Answer, Wire, believing_context, open_client, relay, run
from tailhub.derp.frames import FrameType

BROWSER = ("content-security-policy", "strict-transport-security", "x-content-type-options", "x-frame-options")
NO_BODY = b"Content-Length: 0\r\n"


def ask(line: str, *headers: bytes, **options: Any) -> Answer:
    """Ask a relay with these options one thing on its public port."""
    return ask_on(lambda server: 0, line, *headers, **options)


def ask_plain(line: str, *headers: bytes, **options: Any) -> Answer:
    """Ask it on its plain port."""
    options.setdefault("http_listen", "127.0.0.1:0")
    return ask_on(lambda server: server.listeners.http.port, line, *headers, **options)


def ask_on(port_of: Callable[[Any], int], line: str, *headers: bytes, **options: Any) -> Answer:
    answers: list[Answer] = []

    async def scenario() -> None:
        async with relay(**options) as server:
            port = port_of(server)
            client = await Wire.open(server, port=port, tls=not port)
            answers.append(await client.ask(line, *headers))

    run(scenario)
    return answers[0]


def on_one_connection(scenario: Callable[[Wire], Awaitable[None]], **options: Any) -> None:
    """Run a scenario with one connection to the public port."""

    async def whole() -> None:
        async with relay(**options) as server:
            await scenario(await Wire.open(server))

    run(whole)


# --- pages ------------------------------------------------------------------------------------------------------------


def test_every_page() -> None:
    """Each path has the status and the headers that clients, probes and browsers of the original rely on."""

    async def scenario(client: Wire) -> None:
        for path in ("/", "/anything", "/derp/", "/derp/x", "//derp"):
            home = await client.ask(f"GET {path}")
            assert (home.status, home.headers["content-type"]) == (200, "text/html; charset=utf-8")
            assert b"DERP" in home.body
            assert home.headers.keys() >= set(BROWSER)
        for path in ("/derp/probe", "/derp/latency-check"):
            probe = await client.ask(f"GET {path}")
            assert (probe.status, probe.body, probe.headers["access-control-allow-origin"]) == (200, b"", "*")
            assert (await client.ask(f"HEAD {path}")).status == 200
            assert (await client.ask(f"POST {path}", NO_BODY)).status == 405
            assert (await client.ask(f"OPTIONS {path}")).status == 405
        robots = await client.ask("GET /robots.txt")
        assert (robots.status, robots.body) == (200, b"User-agent: *\nDisallow: /\n")
        assert robots.headers.keys() >= set(BROWSER)
        assert robots.headers["x-frame-options"] == "DENY"
        assert robots.headers["x-content-type-options"] == "nosniff"

    on_one_connection(scenario)


@pytest.mark.parametrize("asked", [ask, ask_plain])
def test_captive_portal_check(asked: Callable[..., Answer]) -> None:
    """/generate_204 is a 204 for any method on both ports, never cached; a legal challenge is answered, another not."""
    answer = asked("GET /generate_204", b"X-Tailscale-Challenge: ts_a.b-c:1\r\n")
    assert (answer.status, answer.reason, answer.body) == (204, "No Content", b"")
    assert answer.headers["x-tailscale-response"] == "response ts_a.b-c:1"
    assert "no-cache" in answer.headers["cache-control"]
    answer = asked("POST /generate_204", NO_BODY, b"X-Tailscale-Challenge: a/b\r\n")
    assert answer.status == 204
    assert "x-tailscale-response" not in answer.headers


def test_home_can_be_blank_or_elsewhere() -> None:
    """``home`` makes the home page empty, or a redirect with 302."""
    blank = ask("GET /", home="blank")
    assert (blank.status, blank.body) == (200, b"")
    elsewhere = ask("GET /", home="https://example.com/about")
    assert (elsewhere.status, elsewhere.headers["location"]) == (302, "https://example.com/about")


def test_bootstrap_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    """/bootstrap-dns has the addresses of the configured names, whatever is asked for, and closes the connection."""

    async def resolve(name: str, _limit_s: float) -> tuple[Any, ...]:
        return (ip_address("192.0.2.7"), ip_address("2001:db8::7")) if name == "a.example" else ()

    monkeypatch.setattr("tailhub.server.pages.resolve", resolve)
    for target in ("/bootstrap-dns", "/bootstrap-dns?q=a.example", "/bootstrap-dns?q=unknown"):

        async def scenario(client: Wire, target: str = target) -> None:
            await asyncio.sleep(0)  # the names are looked up in a task of their own
            answer = await client.ask(f"GET {target}")
            assert answer.status == 200
            assert json.loads(answer.body) == {"a.example": ["192.0.2.7", "2001:db8::7"], "b.example": []}
            assert (answer.headers["content-type"], answer.headers["connection"]) == ("application/json", "close")
            assert answer.headers.keys() >= set(BROWSER)
            assert await client.rest() == b""

        on_one_connection(scenario, bootstrap_dns_names=("a.example", "b.example"))


def test_unpublished_bootstrap_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unpublished name is told, alone, to who asks for it; to others it does not exist."""

    async def resolve(_name: str, _limit_s: float) -> tuple[Any, ...]:
        return (ip_address("192.0.2.7"),)

    monkeypatch.setattr("tailhub.server.pages.resolve", resolve)
    for target, known in (("?q=b.example", "b.example"), ("?q=a.example", "a.example"), ("", "a.example")):

        async def scenario(client: Wire, target: str = target, known: str = known) -> None:
            await asyncio.sleep(0)
            answer = await client.ask(f"GET /bootstrap-dns{target}")
            assert json.loads(answer.body) == {known: ["192.0.2.7"]}

        names = {"bootstrap_dns_names": ("a.example",), "unpublished_bootstrap_dns_names": ("b.example",)}
        on_one_connection(scenario, **names)


@pytest.mark.parametrize(("quiet", "has_words"), [(False, True), (True, False)])
def test_errors_of_a_quiet_relay(quiet: bool, has_words: bool) -> None:
    """Who is quiet answers errors with their status alone, by whose words nobody knows it."""
    answer = ask("CONNECT relay.example:443", quiet=quiet)
    assert answer.status == 405
    assert bool(answer.body) is has_words
    assert ("content-type" in answer.headers) is has_words


def test_bootstrap_dns_without_names() -> None:
    """Without configured names the answer is empty."""
    answer = ask("GET /bootstrap-dns")
    assert (answer.status, answer.body, answer.headers["connection"]) == (200, b"", "close")


def test_debug_is_for_this_machine() -> None:
    """A loopback caller gets metrics, consistency check and traffic; with a proxy's header it gets 403."""

    async def scenario() -> None:
        async with relay() as server:
            logged_in = await open_client(server)
            client = await Wire.open(server)
            varz = await client.ask("GET /debug/varz")
            assert varz.status == 200
            assert b"\nderp_current_connections 1\n" in varz.body
            check = await client.ask("GET /debug/check")
            assert (check.status, check.body) == (200, b"derp.Server ConsistencyCheck okay")
            traffic = await client.ask("GET /debug/traffic")
            assert f"nodekey:{logged_in.key.hex()} 127.0.0.1".encode() in traffic.body
            assert (await client.ask("GET /debug/")).status == 200
            for header in (b"X-Forwarded-For: 127.0.0.1\r\n", b"X-Real-IP: ::1\r\n", b"Forwarded: for=_x\r\n"):
                for path in ("/debug/", "/debug/varz", "/debug/check", "/debug/nothing"):
                    assert (await client.ask(f"GET {path}", header)).status == 403

    run(scenario)


def test_connect_is_refused() -> None:
    """CONNECT is 405: a 2xx would promise a tunnel."""
    assert ask("CONNECT example.com:443").status == 405


def test_answers_have_a_date_and_words() -> None:
    """Every answer tells the time and says its status in words."""
    answer = ask("GET /derp/probe")
    assert answer.reason == "OK"
    assert parsedate_to_datetime(answer.headers["date"]).tzinfo is not None


# --- the upgrade ------------------------------------------------------------------------------------------------------


def test_the_answer_to_an_upgrade() -> None:
    """The 101 names DERP, version 2 and the relay's key; frames follow on the same stream."""

    async def scenario() -> None:
        async with relay() as server:
            client = await Wire.open(server)
            answer = await client.ask("GET /derp", UPGRADE)
            key = server.context.public_key
            assert (answer.status, answer.reason) == (101, "Switching Protocols")
            assert answer.headers["upgrade"] == "DERP"
            assert answer.headers["connection"] == "Upgrade"
            assert answer.headers["derp-version"] == "2"
            assert answer.headers["derp-public-key"] == key.hex()
            assert await client.server_key() == key

    run(scenario)


@pytest.mark.parametrize(
    ("line", "headers"),
    [
        ("GET /derp", [b"Upgrade: derp\r\n"]),
        ("GET /derp", [b"uPGRADE: dErP\r\nConnection: upgrade\r\n"]),
        ("GET /derp?x=1", [UPGRADE]),
        ("GET http://relay.example/derp", [UPGRADE]),
        ("POST /derp", [UPGRADE, NO_BODY]),
        ("GET /derp HTTP/1.0", [UPGRADE]),
        ("GET /derp", [b"Upgrade: WebSocket\r\nConnection: Upgrade\r\n"]),
        ("GET /derp", [b"Upgrade: websocket\r\nSec-WebSocket-Protocol: chat\r\n"]),
        ("GET /derp", [UPGRADE, b"Derp-Fast-Start: true\r\n"]),
        ("GET /derp", [UPGRADE, b"Derp-Fast-Start: 0\r\n"]),
    ],
)
def test_what_is_an_upgrade(line: str, headers: list[bytes]) -> None:
    """An upgrade needs the word in any case, and neither Connection nor GET nor HTTP/1.1.

    WebSocket without the subprotocol ``derp`` is one too, and only the value 1 asks for a fast start.
    """

    async def scenario(client: Wire) -> None:
        answer = await client.ask(line, *headers)
        assert (answer.status, answer.headers["upgrade"]) == (101, "DERP")
        await client.server_key()

    on_one_connection(scenario)


def test_after_a_426_the_connection_goes_on() -> None:
    """/derp without an upgrade, or with an unknown one, is 426 with the reason in its body; the connection stays."""

    async def scenario(client: Wire) -> None:
        for headers in ([], [b"Upgrade: h2c\r\nConnection: Upgrade\r\n"], [b"Upgrade: derp/2\r\n"]):
            answer = await client.ask("GET /derp", *headers)
            assert (answer.status, answer.reason) == (426, "Upgrade Required")
            assert answer.body == b"DERP requires connection upgrade\n"
        assert (await client.ask("GET /derp/probe")).status == 200
        await client.log_in()

    on_one_connection(scenario)


@pytest.mark.parametrize("path", ["/", "/derp/", "/derp/probe", "/derp/latency-check", "/generate_204", "//derp", "/x"])
@pytest.mark.parametrize("upgrade", [UPGRADE, b"Upgrade: websocket\r\nSec-WebSocket-Protocol: derp\r\n"])
def test_no_101_anywhere_else(path: str, upgrade: bytes) -> None:
    """An upgrade on any other path gets that path's page: a 101 there makes clients hang."""
    assert ask(f"GET {path}", upgrade).status in (200, 204)


def test_a_client_that_is_not_on_its_ideal_node_is_counted() -> None:
    """A connection with Ideal-Node counts as not ideal, one without it or with an empty one does not."""

    async def scenario() -> None:
        async with relay() as server:
            clients = []
            for headers in ([], [b"Ideal-Node: 901a\r\n"], [b"Ideal-Node: \r\n"]):
                client = await Wire.open(server)
                await client.log_in(b"{}", *headers)
                clients.append(client)
            pages = await Wire.open(server)
            varz = (await pages.ask("GET /debug/varz")).body
            assert b"\nderp_current_notideal_connections 1\n" in varz

    run(scenario)


# --- limits -----------------------------------------------------------------------------------------------------------


def test_a_long_head_gets_431() -> None:
    """A request head of over 16 KiB is answered 431 and ends the connection."""

    async def scenario(client: Wire) -> None:
        client.write(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 17000)
        assert (await client.answer()).status == 431
        assert await client.rest() == b""

    on_one_connection(scenario)


def test_a_head_of_ten_thousand_bytes_is_fine() -> None:
    """Heads well below the limit are read."""
    assert ask("GET /derp/probe", b"X: " + b"x" * 10_000 + b"\r\n").status == 200


def test_malformed_http_gets_400() -> None:
    """What is no HTTP inside TLS is answered 400 and ends the connection."""

    async def scenario(client: Wire) -> None:
        client.write(b"\x16\x03\x01 nonsense\r\n\r\n")
        assert (await client.answer()).status == 400
        assert await client.rest() == b""

    on_one_connection(scenario)


def test_a_client_that_waits_for_100_continue_is_told_to_go_on() -> None:
    """Who announces a body and waits gets the 100, then the answer."""

    async def scenario(client: Wire) -> None:
        first = await client.ask("POST /x", b"Content-Length: 3\r\nExpect: 100-continue\r\n")
        assert first.status == 100
        client.write(b"abc")
        assert (await client.answer()).status == 200

    on_one_connection(scenario)


# --- plain HTTP -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "location"),
    [
        (b"relay.example", "https://relay.example:9443/x?y=1"),
        (b"relay.example:80", "https://relay.example:9443/x?y=1"),
        (b"192.0.2.7", "https://192.0.2.7:9443/x?y=1"),
    ],
)
@pytest.mark.parametrize("headers", [b"", UPGRADE])
def test_the_plain_port_redirects(host: bytes, location: str, headers: bytes) -> None:
    """Everything but the captive portal check is sent to the advertised TLS port with 302, upgrades too."""

    async def scenario() -> None:
        async with relay(http_listen="127.0.0.1:0", public_port=9443) as server:
            assert server.listeners.http is not None
            client = await Wire.open(server, port=server.listeners.http.port, tls=False)
            answer = await client.ask("GET /x?y=1", headers, host=b"Host: " + host + b"\r\n")
            assert (answer.status, answer.headers["location"]) == (302, location)

    run(scenario)


def test_the_plain_port_refuses_the_rest() -> None:
    """Methods that change something are 400, and there are no debug pages."""
    assert ask_plain("POST /x", NO_BODY).status == 400
    assert ask_plain("GET /debug/varz").status == 302


def test_plain_http_on_the_tls_port_is_told_so() -> None:
    """A plain request to the TLS port gets a 400 that says what to do."""

    async def scenario() -> None:
        async with relay() as server:
            client = await Wire.open(server, tls=False)
            answer = await client.ask("GET /derp", UPGRADE)
            assert answer.status == 400
            assert b"https://" in answer.body
            assert await client.rest() == b""

    run(scenario)


# --- WebSocket --------------------------------------------------------------------------------------------------------


def test_websocket_upgrade() -> None:
    """With subprotocol ``derp`` the answer is RFC 6455's, from any origin, without compression."""

    async def scenario() -> None:
        async with relay() as server:
            client = await Wire.open(server, context=believing_context())
            answer = await client.ask(
                "GET /derp",
                b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n",
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: derp\r\n",
                b"Sec-WebSocket-Extensions: permessage-deflate\r\nOrigin: https://elsewhere.example\r\n",
            )
            assert (answer.status, answer.headers["upgrade"].lower()) == (101, "websocket")
            assert answer.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
            assert answer.headers["sec-websocket-protocol"] == "derp"
            assert "sec-websocket-extensions" not in answer.headers
            message = await client.reader.readexactly(2 + 45)
            assert message[:3] == bytes((0x82, 45, FrameType.SERVER_KEY))

    run(scenario)
