"""Opening TCP connections by name, to addresses of which some do not answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.waiting import run
from tailhub.net import connect
from tailhub.net.connect import MAX_ADDRESSES, connect_tcp


@pytest.fixture(name="listener")
def _listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture(name="name_has")
def _name_has(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have any name stand for these addresses."""

    def name_has(*addresses: str) -> None:
        def look_up(host: str, port: int, **options: Any) -> list[Any]:
            if options.get("flags"):
                raise socket.gaierror(socket.EAI_NONAME, "not an address")
            families = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in addresses]
            return [
                (family, socket.SOCK_STREAM, 6, "", (address, port))
                for family, address in zip(families, addresses, strict=True)
            ]

        monkeypatch.setattr(connect.socket, "getaddrinfo", look_up)

    return name_has


def test_an_address_is_dialled_as_it_is(listener: socket.socket) -> None:
    """A connection to an address comes about, and its socket is prepared before and does not block."""
    prepared: list[socket.socket] = []

    async def scenario() -> None:
        sock = await connect_tcp("127.0.0.1", listener.getsockname()[1], prepare=prepared.append)
        assert sock.getpeername() == listener.getsockname()
        assert prepared == [sock]
        assert not sock.getblocking()
        sock.close()

    run(scenario)


def test_the_next_address_is_tried_when_one_refuses(listener: socket.socket, name_has: Callable[..., None]) -> None:
    """An address where nothing listens does not hold up the next one, however long that would have waited."""
    name_has("127.0.0.2", "127.0.0.1")

    async def scenario() -> None:
        sock = await connect_tcp("relay.test", listener.getsockname()[1], delay_s=1000.0)
        assert sock.getpeername()[0] == "127.0.0.1"
        sock.close()

    run(scenario)


def test_the_next_address_is_tried_beside_one_that_is_silent(
    listener: socket.socket, name_has: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While an address does not answer the next one is tried, and who comes second is closed."""
    name_has("127.0.0.9", "127.0.0.1")
    silent: list[socket.socket] = []
    really = asyncio.SelectorEventLoop.sock_connect

    async def sock_connect(loop: asyncio.SelectorEventLoop, sock: socket.socket, address: tuple[str, int]) -> None:
        if address[0] == "127.0.0.9":
            silent.append(sock)
            await asyncio.Event().wait()
        await really(loop, sock, address)

    monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_connect", sock_connect)

    async def scenario() -> None:
        sock = await connect_tcp("relay.test", listener.getsockname()[1], delay_s=0.01)
        assert sock.getpeername()[0] == "127.0.0.1"
        await asyncio.sleep(0)  # the other one is told
        assert [one.fileno() for one in silent] == [-1]
        sock.close()

    run(scenario)


def test_the_first_failure_is_told(listener: socket.socket, name_has: Callable[..., None]) -> None:
    """Where no address takes a connection, what the first one met is raised."""
    name_has("127.0.0.1", "127.0.0.2")
    port = listener.getsockname()[1]
    listener.close()

    async def scenario() -> None:
        with pytest.raises(ConnectionRefusedError):
            await connect_tcp("relay.test", port)

    run(scenario)


def test_families_take_turns(name_has: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """IPv6 and IPv4 are tried by turns, so that a network without one of them costs one wait only; not without end."""
    name_has("::1", "::2", "127.0.0.1", "127.0.0.2", *(f"::1:{number:x}" for number in range(100)))
    tried: list[str] = []

    async def sock_connect(loop: asyncio.SelectorEventLoop, sock: socket.socket, address: tuple[str, int]) -> None:
        tried.append(address[0])
        raise OSError("no route")

    monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_connect", sock_connect)

    async def scenario() -> None:
        with pytest.raises(OSError, match="no route"):
            await connect_tcp("relay.test", 1)

    run(scenario)
    assert tried[:4] == ["::1", "127.0.0.1", "::2", "127.0.0.2"]
    assert len(tried) == MAX_ADDRESSES
