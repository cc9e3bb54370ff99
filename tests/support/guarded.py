"""A relay whose verifier a test answers for, and clients that come to it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage

from support.verifiers import ScriptedVerifier
from support.waiting import until
from support.wire import Wire, relay
from tailhub import box
from tailhub.keys import NodePrivate
from tailhub.relay.admission import Answer
from tailhub.relay.memory import AdmissionMemory
from tailhub.server.app import RelayServer
from tailhub.server.door import Door
from tailhub.server.verification import Verification

LIMIT_S = 5.0  # for one answer
WEBSOCKET = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: derp\r\n"
)


class Guard:
    """What a test says to a relay's logins."""

    def __init__(self, server: RelayServer, remember_days: float = 0) -> None:
        self.script = ScriptedVerifier()
        context = server.context
        memory = AdmissionMemory(remember_days)
        self.verification = Verification([self.script], context.policy, context.events, LIMIT_S, memory=memory)
        server.service.guard(self.verification)

    async def asked(self, count: int = 1) -> None:
        """Wait until so many questions are open."""
        await until(lambda: self.script.open_questions == count)

    async def answer(self, *answers: Answer) -> None:
        """Answer questions as they come."""
        for answer in answers:
            await until(lambda: self.script.open_questions)
            self.script.answer(answer)


@contextlib.asynccontextmanager
async def guarded_relay(*, remember_days: float = 0, **options: object) -> AsyncIterator[tuple[RelayServer, Guard]]:
    """The relay, and who answers for it."""
    async with relay(**options) as server:
        yield server, Guard(server, remember_days)


def door_of(server: RelayServer) -> Door:
    """The door of a guarded relay."""
    door = server.context.door
    assert door is not None
    return door


async def begin(server: RelayServer, behind: bytes = b"", *, private: NodePrivate | None = None) -> Wire:
    """A client that has sent its ClientInfo, with `behind` in the same flight."""
    client = await Wire.open(server)
    if private is not None:
        client.private, client.key = private, box.public_key(private).raw
    client.write(client.client_info(await client.upgrade()), behind)
    return client


async def begin_websocket(server: RelayServer) -> tuple[Wire, Connection]:
    """The same over WebSocket, and what puts further bytes into messages."""
    client = await Wire.open(server)
    assert (await client.ask("GET /derp", WEBSOCKET)).status == 101
    messages = Connection(ConnectionType.CLIENT)
    client.write(messages.send(BytesMessage(data=client.client_info(server.context.public_key))))
    return client, messages
