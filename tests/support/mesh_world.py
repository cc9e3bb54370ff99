"""Relays of one region in this process, on one event loop, with the links that each keeps to others.

::

    async with AsyncExitStack() as stack:
        a, b = [await stack.enter_async_context(node()) for _ in range(2)]
        a.links.take([spec_of(b)], [MESH_KEY])
        await until_up(a)
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from support.served import Served, serving
from support.waiting import until
from tailhub import box
from tailhub.certs.meta import make_meta
from tailhub.certs.self_signed import make_self_signed
from tailhub.keys import NodePrivate
from tailhub.net.tls_context import server_context
from tailhub.server.fronts import Front
from tailhub.server.mesh.link import LinkTimes
from tailhub.server.mesh.link_socket import Pulse
from tailhub.server.mesh.link_state import LinkPhase, LinkState
from tailhub.server.mesh.links import MeshLinks
from tailhub.server.mesh.peer_spec import PeerSpec
from tailhub.server.presence_work import PresenceWork
from tailhub.server.turn import Turn

__all__ = ["QUICK", "Node", "Wire", "node", "only_state", "pin_of", "spec_at", "spec_of", "until_phase", "until_up"]

QUICK = LinkTimes(wait_least_s=0.005, wait_most_s=0.02, pulse=Pulse(ask_s=0.02, silence_s=5.0))


@dataclass(frozen=True)
class Node:
    """One relay and its links to others."""

    served: Served
    links: MeshLinks
    certificate_pem: bytes
    front: Front

    def knows(self, key: bytes) -> bool:
        """Whether it has learnt that another relay has this key."""
        context = self.served.context
        return context.relay.presence.find(key, context.loop.time()) is not None


@asynccontextmanager
async def node(
    number: int, *, tls: bool = True, times: LinkTimes = QUICK, context: ssl.SSLContext | None = None
) -> AsyncIterator[Node]:
    """A relay with a key of its own for each `number`; `context`: with another certificate than its own."""
    private, front = NodePrivate(bytes((number,)) * 32), Front(tls=tls)
    async with serving(private_key=private, tls=context or _tls_context(private), front=front) as served:
        served.context.turn = Turn(served.context.loop)  # a loop's own ends of turns serve one relay only
        work = PresenceWork(served.context.loop, served.context.relay.presence)
        links = MeshLinks(served.context, times=times)
        try:
            yield Node(served, links, _pair()[0], front)
        finally:
            links.stop()
            work.stop()


def spec_of(other: Node) -> PeerSpec:
    """Where it is, and the pin of its certificate."""
    cert_name = pin_of(other.certificate_pem) if other.front.tls else ""
    return spec_at(other.served.port, cert_name=cert_name, tls=other.front.tls)


def spec_at(port: int, *, cert_name: str = "", tls: bool = True, host: str = "127.0.0.1") -> PeerSpec:
    """What `mesh_with` has for a relay at this port."""
    return PeerSpec(f"{host}:{port}", host, port, cert_name=cert_name, tls=tls)


def pin_of(certificate_pem: bytes) -> str:
    """As a DERP map has it."""
    return "sha256-raw:" + hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate_pem.decode())).hexdigest()


def only_state(one: Node) -> LinkState:
    """How its only link does."""
    (state,) = one.links.states
    return state


async def until_up(one: Node) -> LinkState:
    """Wait until all its links are up; the first one's state."""
    await until(lambda: all(state.phase is LinkPhase.UP for state in one.links.states))
    return one.links.states[0]


async def until_phase(one: Node, phase: LinkPhase) -> LinkState:
    """Wait until its only link is in this phase."""
    await until(lambda: only_state(one).phase is phase)
    return only_state(one)


class Wire:
    """What carries bytes between whoever dials `port` and a relay; may be cut so that nobody is told, and mended."""

    def __init__(self) -> None:
        self.port = 0
        self.is_cut = False
        self.connections = 0
        self._writers: list[asyncio.StreamWriter] = []

    @classmethod
    @asynccontextmanager
    async def to(cls, port: int) -> AsyncIterator[Wire]:
        """One that leads there."""
        wire = cls()

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError):
                while data := await reader.read(65536):
                    if not wire.is_cut:
                        writer.write(data)
            if not wire.is_cut:
                writer.close()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            wire.connections += 1
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", port)
            wire._writers += (writer, to_writer)
            await asyncio.gather(carry(reader, to_writer), carry(to_reader, writer))

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        wire.port = server.sockets[0].getsockname()[1]
        try:
            yield wire
        finally:
            server.close()
            for writer in wire._writers:
                writer.transport.abort()


@cache
def _pair() -> tuple[bytes, bytes]:
    return make_self_signed(["relay.test"], ["127.0.0.1"], datetime.now(UTC))


def _tls_context(private: NodePrivate) -> ssl.SSLContext:
    now = datetime.now(UTC)
    return server_context(*_pair(), make_meta(box.public_key(private), now).pem)
