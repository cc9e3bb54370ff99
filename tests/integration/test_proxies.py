"""Proxies in front of the relay tell whose connection it is, and connections for other names go to their own server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from support.ports import free_ports
from support.waiting import until
from support.wire import Wire, believing_context, relay, run
from tailhub.certs.tls_alpn import make_answer
from tailhub.net.tls_context import server_context
from tailhub.preface.proxy_header import parse_proxy_header, serialize_proxy_header
from tailhub.server.app import RelayServer
from tailhub.server.incoming import NOT_TRUSTED

CLIENT = (ip_address("203.0.113.7"), 4711)
RELAY = (ip_address("192.0.2.1"), 443)
V1 = b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\n"
V2 = serialize_proxy_header(CLIENT, RELAY)
LOCAL = serialize_proxy_header(None, None)
FORWARDED = b"X-Forwarded-For: 198.51.100.1, 203.0.113.7\r\n"
LOOPBACK = ("127.0.0.1",)


async def through_proxy(server: RelayServer, *pieces: bytes) -> Wire:
    """A connection that begins with `pieces`, each in a packet of its own, and then speaks TLS."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.listeners.public.port)
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    await writer.start_tls(believing_context("http/1.1"), server_hostname="relay.example")
    return Wire(reader, writer)


def address_of(server: RelayServer, client: Wire) -> tuple[str, int]:
    """Where the relay says that a client is."""
    (identity,) = [one.identity for one in server.context.relay.registry if one.key == client.key]
    return str(identity.address), identity.port


@pytest.mark.parametrize(
    ("pieces", "address"),
    [
        ((V1,), ("203.0.113.7", 4711)),
        ((V2,), ("203.0.113.7", 4711)),
        ((V1[:3], V1[3:20], V1[20:]), ("203.0.113.7", 4711)),
        (tuple(V2[at : at + 1] for at in range(len(V2))), ("203.0.113.7", 4711)),
        ((LOCAL,), None),
        ((b"PROXY UNKNOWN\r\n",), None),
        ((), None),
    ],
    ids=["v1", "v2", "v1 in pieces", "v2 byte by byte", "local", "unknown", "no header"],
)
def test_proxy_header_of_a_trusted_proxy(pieces: tuple[bytes, ...], address: tuple[str, int] | None) -> None:
    """The client's address is the one that the proxy tells; without one it is the proxy's own."""

    async def scenario() -> None:
        async with relay(trusted_proxies=LOOPBACK) as server:
            client = await through_proxy(server, *pieces)
            await client.log_in()
            assert address_of(server, client) == (address or ("127.0.0.1", client.port))
            client.close()

    run(scenario)


@pytest.mark.parametrize(("header", "lines"), [(V2, 0), (b"", 1)], ids=["told", "not told"])
def test_a_proxy_that_hides_its_clients_is_told_of(header: bytes, lines: int, caplog: pytest.LogCaptureFixture) -> None:
    """When clients log in through a trusted proxy that names none of them, the log says so once."""

    async def scenario() -> None:
        async with relay(trusted_proxies=LOOPBACK) as server:
            for _ in range(2):
                client = await through_proxy(server, header)
                await client.log_in()
                client.close()

    with caplog.at_level("WARNING", "tailhub"):
        run(scenario)
    assert caplog.text.count("have it send a PROXY header") == lines


@pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
@pytest.mark.parametrize("tls", [True, False], ids=["tls", "plain"])
def test_proxy_header_of_anybody_else(header: bytes, tls: bool) -> None:
    """A header from an address that is not trusted closes the connection, and is counted."""

    async def scenario() -> None:
        async with relay(trusted_proxies=("192.0.2.1",), tls=tls) as server:
            client = await Wire.open(server, tls=False)
            client.write(header)
            assert await client.rest() == b""
            assert server.context.events.failures == {NOT_TRUSTED.partition(":")[0]: 1}

    run(scenario)


def test_malformed_proxy_header() -> None:
    """A header that breaks its rules closes the connection, and is counted, whatever it says."""

    async def scenario() -> None:
        async with relay(trusted_proxies=LOOPBACK) as server:
            client = await Wire.open(server, tls=False)
            client.write(b"PROXY TCP9 x y z\r\n")
            assert await client.rest() == b""
            assert server.context.events.failures == {"PROXY header": 1}

    run(scenario)


@pytest.mark.parametrize("first", [b"", LOCAL], ids=["nothing", "local"])
@pytest.mark.parametrize("tls", [True, False], ids=["tls", "plain"])
def test_health_checks_leave_no_line(first: bytes, tls: bool, caplog: pytest.LogCaptureFixture) -> None:
    """A proxy that only looks whether somebody answers is not written about."""

    async def scenario() -> None:
        async with relay(trusted_proxies=LOOPBACK, tls=tls) as server:
            client = await Wire.open(server, tls=False)
            client.write(first)
            client.writer.write_eof()
            await client.rest()
            await until(lambda: server.context.events.failures)

    with caplog.at_level("INFO", "tailhub"):
        run(scenario)
    assert "not logged in" not in caplog.text


@pytest.mark.parametrize(
    ("trusted", "address"), [(LOOPBACK, "203.0.113.7"), ((), "127.0.0.1")], ids=["trusted", "not trusted"]
)
@pytest.mark.parametrize("tls", [True, False], ids=["tls", "plain"])
def test_x_forwarded_for(trusted: tuple[str, ...], address: str, tls: bool) -> None:
    """Behind an HTTP proxy that is trusted the client is whom it names last; anybody else's word counts for nothing."""

    async def scenario() -> None:
        async with relay(trusted_proxies=trusted, tls=tls) as server:
            client = await Wire.open(server, tls=tls)
            await client.log_in(b"{}", FORWARDED)
            assert address_of(server, client) == (address, 0 if trusted else client.port)
            client.close()

    run(scenario)


def test_a_proxy_names_another_client_in_each_request() -> None:
    """One connection of a proxy carries requests of several clients; each request has its own address."""

    async def scenario() -> None:
        async with relay(trusted_proxies=LOOPBACK, tls=False) as server:
            proxy = await Wire.open(server, tls=False)
            assert (await proxy.ask("GET /debug/", FORWARDED)).status == 403
            assert (await proxy.ask("GET /debug/")).status == 200
            await proxy.log_in(b"{}", b"X-Forwarded-For: 203.0.113.9\r\n")
            assert address_of(server, proxy) == ("203.0.113.9", 0)
            proxy.close()

    run(scenario)


@pytest.mark.parametrize(
    ("header", "line", "address"),
    [
        (b"", FORWARDED, ("203.0.113.7", 0)),
        (V2, b"", ("203.0.113.7", 4711)),
        (b"", b"", ("127.0.0.1", 0)),
    ],
    ids=["X-Forwarded-For", "PROXY", "neither"],
)
def test_unix_socket(tmp_path: Path, header: bytes, line: bytes, address: tuple[str, int]) -> None:
    """Who can open the relay's unix socket is believed; without a word it is this machine."""

    async def scenario() -> None:
        path = tmp_path / "relay.sock"
        async with relay(listen=f"unix:{path}", tls=False) as server:
            client = Wire(*await asyncio.open_unix_connection(str(path)))
            client.write(header)
            await client.log_in(b"{}", line)
            assert address_of(server, client) == address
            client.close()

    run(scenario)


# --- passing other names on -------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def backend(answers: dict[str, Any]) -> AsyncIterator[int]:
    """A server that answers what it got up to the other side's end; `answers` gets that too."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers["got"] = await reader.read()
        writer.write(b"<" + answers["got"] + b">")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def hello(name: str) -> bytes:
    """A ClientHello as OpenSSL writes it, h2 being all that it offers."""
    outgoing = ssl.MemoryBIO()
    context = believing_context("h2")
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("prefix", ["", "proxy:"])
@pytest.mark.parametrize("more", [0, 3_000_000])
def test_other_names_go_to_their_server(prefix: str, more: int) -> None:
    """What a client of another name says arrives untouched, and so does the answer, up to the end of both."""

    async def scenario() -> None:
        answers: dict[str, Any] = {}
        async with backend(answers) as port, relay(passthrough=(f"*={prefix}127.0.0.1:{port}",)) as server:
            client = await Wire.open(server, tls=False)
            sent = hello("www.example.com") + bytes(more)
            client.write(sent[:50])
            await client.writer.drain()
            client.write(sent[50:])
            client.writer.write_eof()
            got = await client.rest()
            assert got == b"<" + answers["got"] + b">"
            if prefix:
                header = parse_proxy_header(answers["got"])
                assert header is not None
                assert header.source == (ip_address("127.0.0.1"), client.port)
                answers["got"] = answers["got"][header.length :]
            assert answers["got"] == sent
            assert server.context.events.passthrough == {"passed on": 1}
            assert not server.context.events.failures
            assert len(server.context.newcomers) == 0

    run(scenario)


@pytest.mark.parametrize("name", ["relay.example", "127.0.0.1"])
def test_the_relays_own_name_stays(name: str) -> None:
    """For its own name, and without any, a client reaches the relay."""

    async def scenario() -> None:
        async with relay(hostname="relay.example", passthrough=("*=127.0.0.1:9",)) as server:
            client = await Wire.open(server, name=name)
            await client.log_in()
            client.close()

    run(scenario)


def test_a_backend_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    """When the other server cannot be reached the connection is closed, counted, and written about once."""

    async def scenario() -> None:
        async with relay(passthrough=(f"*=127.0.0.1:{free_ports()}",)) as server:
            for _ in range(3):
                client = await Wire.open(server, tls=False)
                client.write(hello("www.example.com"))
                assert await client.rest() == b""
            assert server.context.events.passthrough == {"backend unreachable": 3}

    with caplog.at_level("WARNING", "tailhub"):
        run(scenario)
    assert caplog.text.count("cannot be reached: Connection refused\n") == 1


def test_a_slow_client_gets_everything() -> None:
    """A client that reads more slowly than its server writes gets all of it, also after both have ended their side."""

    async def scenario() -> None:
        answers: dict[str, Any] = {}
        async with backend(answers) as port, relay(passthrough=(f"*=127.0.0.1:{port}",)) as server:
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # before it connects, to count
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", server.listeners.public.port))
            reader, writer = await asyncio.open_connection(sock=sock, limit=1024)
            sent = hello("www.example.com") + bytes(1_500_000)
            writer.write(sent)
            writer.write_eof()
            got = bytearray()
            while piece := await reader.read(1024):
                got += piece
                await asyncio.sleep(0)
            assert len(got) == len(sent) + 2
            writer.close()

    run(scenario)


def test_an_acme_server_that_asks_for_an_address_is_not_passed_on() -> None:
    """An address is asked for by a name below ``in-addr.arpa``: while its challenge waits it is the relay's own."""

    async def scenario() -> None:
        name = "7.2.0.192.in-addr.arpa"
        made = make_answer("192.0.2.7", "token.print", datetime.now(UTC))
        answering = server_context(made, b"", alpn=("acme-tls/1",))
        async with relay(passthrough=("*=127.0.0.1:9",)) as server:
            server.context.answer_acme = {name: answering}.get
            client = await Wire.open(server, name=name, context=believing_context("acme-tls/1"))
            assert client.tls.selected_alpn_protocol() == "acme-tls/1"
            client.close()

    run(scenario)


@pytest.mark.parametrize("prefix", ["", "proxy:"])
def test_a_backend_that_is_the_relay_itself(prefix: str, caplog: pytest.LogCaptureFixture) -> None:
    """A route that leads back to the relay costs one connection and a line in the log, not all that there can be."""

    async def scenario() -> None:
        port = free_ports(1)
        routes = (f"*={prefix}127.0.0.1:{port}",)
        async with relay(listen=f"127.0.0.1:{port}", passthrough=routes, trusted_proxies=LOOPBACK) as server:
            client = await Wire.open(server, tls=False)
            client.write(hello("www.example.com"))
            assert await client.rest() == b""
            assert server.context.events.passthrough == {"passed on": 1, "backend unreachable": 1}

    with caplog.at_level("WARNING", "tailhub"):
        run(scenario)
    assert "it leads back to this relay" in caplog.text


def test_connections_that_are_passed_on_end_with_the_relay() -> None:
    """When the relay stops both ends of a connection that it passes on are closed."""

    async def scenario() -> None:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                while await reader.read(1 << 16):
                    begun.set()
            writer.close()
            ended.set()

        other = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = other.sockets[0].getsockname()[1]
        async with other:
            async with relay(passthrough=(f"*=127.0.0.1:{port}",)) as server:
                client = await Wire.open(server, tls=False)
                client.write(hello("www.example.com"))
                await begun.wait()
            assert await client.rest() == b""
            await ended.wait()

    run(scenario)


def test_a_client_that_does_not_read_holds_its_server_back() -> None:
    """What a client does not read is not piled up in the relay: the other server cannot go on writing."""

    async def scenario() -> None:
        written = 0
        ended = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal written
            with contextlib.suppress(ConnectionError):
                while True:
                    writer.write(bytes(1 << 16))
                    await writer.drain()
                    written += 1 << 16
            ended.set()

        other = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = other.sockets[0].getsockname()[1]
        async with other, relay(passthrough=(f"*=127.0.0.1:{port}",)) as server:
            client = await Wire.open(server, tls=False)
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # typeshed knows a narrower type
            client.write(hello("www.example.com"))
            before = -1
            while before != written or not written:  # until nothing moves any more
                before = written
                for _ in range(200):
                    await asyncio.sleep(0)
            assert written < 64 << 20
            client.close()
            await ended.wait()

    run(scenario)
