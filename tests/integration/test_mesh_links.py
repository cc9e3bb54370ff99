"""Links to other relays over real sockets: how they come about, what they say of it, and how they end."""

from __future__ import annotations

import logging

import pytest

from support.mesh_world import Node, node, only_state, spec_at, spec_of, until_phase, until_up
from support.served import MESH_KEY, Client
from support.waiting import run, until
from tailhub import __version__
from tailhub.derp.messages import ReceivedPacket
from tailhub.keys import MeshKey
from tailhub.server.mesh.link_state import LinkPhase

OTHER_KEY = MeshKey(b"\x77" * 32)


async def sends(src: Client, dst: Client, packet: bytes) -> None:
    """A packet goes from the one to the other."""
    await src.send(dst.key, packet)
    assert await dst.packet() == ReceivedPacket(src.key, packet)


@pytest.mark.parametrize("tls", [True, False])
def test_clients_of_two_relays_reach_each_other(tls: bool) -> None:
    """Two relays that link to each other carry packets between their clients, with TLS and without."""

    async def scenario() -> None:
        async with node(1, tls=tls) as a, node(2, tls=tls) as b:
            a.links.take([spec_of(b)], [MESH_KEY])
            b.links.take([spec_of(a)], [MESH_KEY])
            left, right = await login(a), await login(b)
            await until(lambda: a.knows(right.key) and b.knows(left.key))
            await sends(left, right, b"there")
            await sends(right, left, b"and back")
            assert (only_state(a).forwarded_packets, only_state(a).forwarded_bytes) == (1, len(b"there"))

    run(scenario)


async def login(where: Node) -> Client:
    """A client there."""
    if where.front.tls:
        return await where.served.login()
    from tailhub import box
    from tailhub.derp.client_protocol import ClientProtocol

    private = box.generate()
    client = Client(await where.served.connect(plain=True), private, ClientProtocol(private, "relay.test"))
    await client.send_pending()
    while client.protocol.waiting_for:
        await client.receive()
    return client


def test_a_link_knows_whom_it_leads_to() -> None:
    """A link that is up shows the other relay's key and version, its mesh peers and the round trip."""

    async def scenario() -> None:
        async with node(1) as a, node(2) as b:
            a.links.take([spec_of(b)], [MESH_KEY])
            state = await until_up(a)
            assert (state.server_key, state.version) == (b.served.public_key, __version__)
            assert (state.peers, state.connects, state.reason) == ([a.served.public_key], 1, "")
            assert state.rtt_s is not None
            assert state.rtt_s > 0

    run(scenario)


def test_a_relay_that_links_to_itself_notices(caplog: pytest.LogCaptureFixture) -> None:
    """An entry that leads to the relay itself is no link and no fault; the relay has no connection of its own."""

    async def scenario() -> None:
        async with node(1) as a:
            a.links.take([spec_of(a)], [MESH_KEY])
            assert (await until_phase(a, LinkPhase.SELF)).reason == ""
            assert a.served.context.relay.registry.count == 0

    with caplog.at_level(logging.INFO, "tailhub"):
        run(scenario)
    assert [record.levelname for record in caplog.records if "this relay itself" in record.message] == ["INFO"]


def test_two_entries_for_one_relay_make_one_link() -> None:
    """Of two entries that lead to one relay one is a link; when that is taken away the other takes its place."""

    async def scenario() -> None:
        async with node(1) as a, node(2) as b:
            first, second = spec_of(b), spec_at(b.served.port, host="localhost", cert_name=spec_of(b).cert_name)
            second = type(second)(second.text, "127.0.0.1", second.port, "localhost", second.cert_name)
            a.links.take([first, second], [MESH_KEY])
            await until(lambda: {state.phase for state in a.links.states} == {LinkPhase.UP, LinkPhase.SAME})
            up = first if a.links.states[0].phase is LinkPhase.UP else second
            left = second if up is first else first
            a.links.take([left], [MESH_KEY])
            await until_up(a)

    run(scenario)


def test_a_wrong_key_is_one_sentence(caplog: pytest.LogCaptureFixture) -> None:
    """A relay with another mesh key is named once, with what to do, however often it is tried."""

    async def scenario() -> None:
        async with node(1) as a, node(2) as b:
            a.links.take([spec_of(b)], [OTHER_KEY])
            state = await until_phase(a, LinkPhase.REFUSED)
            assert state.code == "TH531"
            tries = len(b.served.context.events.disconnects)
            await until(lambda: sum(b.served.disconnects.values()) > tries + 3)

    with caplog.at_level(logging.INFO, "tailhub"):
        run(scenario)
    assert len([record for record in caplog.records if "mesh_key_file" in record.getMessage()]) == 1


def test_the_second_key_is_tried_when_the_first_is_refused() -> None:
    """While a key is being changed a link uses the one that the other relay takes."""

    async def scenario() -> None:
        async with node(1) as a, node(2) as b:
            a.links.take([spec_of(b)], [OTHER_KEY, MESH_KEY])
            await until_up(a)

    run(scenario)
