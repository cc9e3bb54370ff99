"""Asking clouds for our public address, against fakes on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
from functools import partial
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest

from tailhub.server.metadata import (
    MAX_BODY_BYTES,
    SERVICES,
    CloudAnswer,
    Form,
    Service,
    Token,
    ask_clouds,
    parse_address,
    parse_azure_balancer,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

LIMIT_S = 10.0  # fakes answer at once; only a hanging test comes near it


class FakeCloud:
    """An HTTP service on loopback that answers each request by `answer(head)` and remembers the heads."""

    def __init__(self, answer: Callable[[str], bytes | None]) -> None:
        self.answer = answer
        self.heads: list[str] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        self.heads.append(head)
        answer = self.answer(head)
        if answer is None:
            await reader.read()  # silence until the other side gives up
        else:
            writer.write(answer)
            with contextlib.suppress(ConnectionError):
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def running(answer: Callable[[str], bytes | None]) -> AsyncIterator[FakeCloud]:
    cloud = FakeCloud(answer)
    server = await asyncio.start_server(cloud.serve, "127.0.0.1", 0)
    cloud.port = server.sockets[0].getsockname()[1]
    async with server:
        yield cloud


def ok(body: bytes, *, headers: str = "") -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def ask(
    answer: Callable[[str], bytes | None], service: Service, limit_s: float = LIMIT_S
) -> tuple[list[CloudAnswer], list[str]]:
    async def go() -> tuple[list[CloudAnswer], list[str]]:
        async with running(answer) as cloud:
            here = Service(
                service.cloud, service.path, service.headers, service.token, service.form, "127.0.0.1", cloud.port
            )
            return await ask_clouds([here], limit_s), cloud.heads

    return asyncio.run(go())


PLAIN = Service("Cloud", "/latest/meta-data/public-ipv4")


def test_address_and_request() -> None:
    """A plain answer with an address is taken, and the request carries path, host and the service's headers."""
    service = Service("Google Cloud", "/computeMetadata/v1/x", (("Metadata-Flavor", "Google"),))
    answers, heads = ask(lambda _: ok(b"8.8.4.4\n"), service)
    assert answers == [CloudAnswer("Google Cloud", IPv4Address("8.8.4.4"))]
    lines = heads[0].lower().split("\r\n")
    assert lines[0] == "get /computemetadata/v1/x http/1.1"
    assert "host: 127.0.0.1" in lines
    assert "metadata-flavor: google" in lines


def test_token_first() -> None:
    """Where a session is needed it is opened with PUT, and its token goes into the second request."""
    token = Token("/latest/api/token", "X-Ttl", "X-Token")
    answers, heads = ask(
        lambda head: ok(b"SECRET==") if head.startswith("PUT ") else ok(b"8.8.4.4"),
        Service("AWS", "/latest/meta-data/public-ipv4", token=token),
    )
    assert answers == [CloudAnswer("AWS", IPv4Address("8.8.4.4"))]
    assert heads[0].startswith("PUT /latest/api/token HTTP/1.1\r\n")
    assert "x-ttl: 60" in heads[0].lower()
    assert "X-Token: SECRET==" in heads[1]


def test_chunked() -> None:
    """A chunked answer is read like any other."""
    body = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n8.8.\r\n3\r\n4.4\r\n0\r\n\r\n"
    assert ask(lambda _: body, PLAIN)[0] == [CloudAnswer("Cloud", IPv4Address("8.8.4.4"))]


def test_until_close() -> None:
    """An answer that ends with the connection is read to its end."""
    assert ask(lambda _: b"HTTP/1.0 200 OK\r\n\r\n8.8.4.4", PLAIN)[0] == [CloudAnswer("Cloud", IPv4Address("8.8.4.4"))]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\n8.8.4.4",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
        ok(b"<html>Welcome to the hotel</html>"),
        ok(b"10.0.0.5"),
        ok(b"203.0.113.7"),
        ok(b"8.8.4.4 8.8.8.8"),
        ok(b"8.8.4.4\x00"),
        ok("８.8.4.4".encode()),
        ok(b"2400:3200::1"),
        ok(b"8.8.4.4" + b" " * MAX_BODY_BYTES),
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n8.8.4.4",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n8.8.4.4",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
    ],
)
def test_refused(answer: bytes) -> None:
    """Anything but status 200 and one global IPv4 address of bounded size counts as no answer."""
    assert ask(lambda _: answer, PLAIN)[0] == []


def test_no_token_no_question() -> None:
    """Without a usable token the second request is not made."""
    token = Token("/t", "X-Ttl", "X-Token")
    refusals = [ok(b""), ok(b"bad\r\nX-Evil: 1"), ok("ключ".encode()), b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"]
    for refusal in refusals:
        answers, heads = ask(partial(_always, refusal), Service("AWS", "/a", token=token))
        assert answers == []
        assert len(heads) == 1


def _always(answer: bytes, _head: str) -> bytes:
    return answer


def test_cloud_without_address() -> None:
    """An empty body, or a service that knows no addresses, still tells which cloud it is."""
    assert ask(lambda _: ok(b""), Service("Azure", "/x"))[0] == [CloudAnswer("Azure", None)]
    presence = Service("Oracle Cloud", "/opc/v2/instance/id", form=Form.PRESENCE)
    assert ask(lambda _: ok(b"ocid1.instance"), presence)[0] == [CloudAnswer("Oracle Cloud", None)]


def test_time_limit() -> None:
    """A service that stays silent is given up, and the answers of others are kept."""

    async def go() -> list[CloudAnswer]:
        async with running(lambda _: None) as silent, running(lambda _: ok(b"8.8.4.4")) as good:
            services = [Service("Silent", "/", host="127.0.0.1", port=silent.port)]
            services.append(Service("Good", "/", host="127.0.0.1", port=good.port))
            return await ask_clouds(services, 0.2)

    assert asyncio.run(go()) == [CloudAnswer("Good", IPv4Address("8.8.4.4"))]


def test_nobody_there() -> None:
    """A refused connection is no error, and no services give no answers."""

    async def go() -> list[CloudAnswer]:
        async with running(lambda _: b"") as gone:
            port = gone.port
        return await ask_clouds([Service("Gone", "/", host="127.0.0.1", port=port)], LIMIT_S) + await ask_clouds([])

    assert asyncio.run(go()) == []


def test_parse_address() -> None:
    """Only a strictly written global IPv4 address is one."""
    assert parse_address(b" 8.8.8.8\r\n") == IPv4Address("8.8.8.8")
    for body in (b"", b"08.8.8.8", b"8.8.8", b"127.0.0.1", b"\xff", b"100.64.0.1"):
        assert parse_address(body) is None


def test_azure_balancer() -> None:
    """Azure's document gives the first global address, and none when it is of another form."""
    entries = [{"frontendIpAddress": "10.0.0.4"}, {"frontendIpAddress": "8.8.4.4"}, {"frontendIpAddress": "8.8.8.8"}]
    assert parse_azure_balancer(json.dumps({"loadbalancer": {"publicIpAddresses": entries}}).encode()) == IPv4Address(
        "8.8.4.4"
    )
    for body in (b"", b"[]", b"{}", b'{"loadbalancer": {"publicIpAddresses": [{"frontendIpAddress": 7}]}}', b"\xff"):
        assert parse_azure_balancer(body) is None


def test_services_need_no_names() -> None:
    """All real services are asked by address, link-local or Aliyun's, over port 80."""
    assert {service.host for service in SERVICES} == {"169.254.169.254", "169.254.0.23", "100.100.100.200"}
    assert {service.port for service in SERVICES} == {80}
