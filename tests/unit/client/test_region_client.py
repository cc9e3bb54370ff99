from __future__ import annotations

import asyncio
import socket

import pytest

from support.certificates import make_certificate, server_context
from support.logins import CLIENT_KEY, CLIENT_PRIVATE, SERVER_KEY
from support.ports import free_ports
from support.scripted_relay import Session, routing_script, run, scripted_relay, until
from tailhub.client import Connected, Disconnected, Health, ReceivedPacket, RegionClient
from tailhub.client.region_client import _Link, node_endpoints
from tailhub.derp import frames
from tailhub.derp.frames import FrameType
from tailhub.exceptions import ConnectionClosedError, LocalError
from tailhub.keys import MeshKey
from tailhub.tailcfg.derpmap import DERPNode

PEER = b"\x77" * 32
MESH_KEY = MeshKey(b"\xab" * 32)


def node(name: str, port: int, **fields: object) -> DERPNode:
    return DERPNode(name=name, region_id=900, host_name="127.0.0.1", derp_port=port, **fields)  # type: ignore[arg-type]


def region(*nodes: DERPNode, **options: object) -> RegionClient:
    options = {"tls": False, "backoff_min_s": 0.01, "backoff_max_s": 0.05, "timeout_s": 5.0} | options
    return RegionClient(nodes, private_key=CLIENT_PRIVATE, **options)  # type: ignore[arg-type]


def test_it_connects_and_carries_packets() -> None:
    """The first message is Connected with node and relay key; packets go both ways after it and not before."""

    async def main() -> None:
        async with scripted_relay(routing_script()) as port, region(node("900a", port)) as client:
            assert not await client.send(CLIENT_KEY, b"too early")
            assert client.connection is None
            assert await client.recv() == Connected(node("900a", port), SERVER_KEY)
            assert await client.send(CLIENT_KEY, b"hello")
            assert await client.recv() == ReceivedPacket(CLIENT_KEY, b"hello")
            assert client.connection is not None
            assert await client.connection.ping() < 10

    run(main())


def test_the_next_node_is_taken_and_told_of_the_first() -> None:
    """When the first node does not answer the second is used, which hears what node we would rather have had."""
    seen: list[Session] = []

    async def script(session: Session) -> None:
        await session.log_in()
        seen.append(session)
        await session.until_closed()

    async def main() -> None:
        async with scripted_relay(script) as port:
            nodes = [node("900a", free_ports()), node("900b", port), node("900c", free_ports())]
            async with region(*nodes) as client:
                assert await client.recv() == Connected(nodes[1], SERVER_KEY)
            async with region(node("900b", port)) as client:
                await client.recv()

    run(main())
    assert b"\r\nIdeal-Node: 900a\r\n" in seen[0].head
    assert b"Ideal-Node" not in seen[1].head


def test_a_node_that_fails_after_tcp_does_not_stop_it() -> None:
    """A node that accepts TCP and then fails at any later step is passed over, unlike by the real client."""

    async def silent(session: Session) -> None:
        await session.until_closed()

    async def refusing(session: Session) -> None:
        await session.log_in(admit=False)

    async def holding_silently(session: Session) -> None:
        await session.log_in(admit=False)
        await session.until_closed()

    async def main() -> None:
        async with (
            scripted_relay(silent) as a,
            scripted_relay(refusing) as b,
            scripted_relay(holding_silently) as c,
            scripted_relay(routing_script()) as d,
        ):
            nodes = [node(f"900{port}", port) for port in (a, b, c, d)]
            async with region(*nodes, timeout_s=0.1) as client:
                assert await client.recv() == Connected(nodes[3], SERVER_KEY)

    run(main())


def test_it_comes_back_after_the_relay_went() -> None:
    """A lost connection is told, and followed by a new one on which home and watching are asked for again."""
    asked: list[list[tuple[int, bytes]]] = []

    async def script(session: Session) -> None:
        await session.log_in()
        got = [await session.frame()]
        got.append(await session.frame())
        asked.append(got)

    async def main() -> None:
        async with (
            scripted_relay(script) as port,
            region(node("900a", port), mesh_key=MESH_KEY, watch_conns=True) as client,
        ):
            await client.note_preferred(True)
            for _ in range(3):
                assert isinstance(await client.recv(), Connected)
                lost = await client.recv()
                assert isinstance(lost, Disconnected)
                assert "the relay closed the connection" in lost.reason
                assert 0 < lost.retry_in_s <= 0.05
                assert not await client.send(PEER, b"into nothing")

    run(main())
    assert asked == [[(FrameType.NOTE_PREFERRED, b"\1"), (FrameType.WATCH_CONNS, b"")]] * 3


def test_a_change_of_home_is_told_at_once() -> None:
    """`note_preferred` goes to the connection that is there, too."""
    got: list[bytes] = []

    async def script(session: Session) -> None:
        await session.log_in()
        while True:
            kind, body = await session.frame()
            if kind == -1:
                return
            got.append(body)

    async def main() -> None:
        async with scripted_relay(script) as port, region(node("900a", port)) as client:
            await client.recv()
            await client.note_preferred(True)
            await client.note_preferred(False)
            await until(lambda: got == [b"\1", b"\0"])

    run(main())


def test_a_round_without_success_is_told_with_all_reasons() -> None:
    """When no node answers, Disconnected names why for each, and the pauses grow up to their limit."""

    async def main() -> None:
        ports = [free_ports(), free_ports()]
        async with region(node("900a", ports[0]), node("900b", ports[1])) as client:
            pauses = []
            for _ in range(6):
                message = await client.recv()
                assert isinstance(message, Disconnected)
                assert all(str(port) in message.reason for port in ports)
                pauses.append(message.retry_in_s)
            assert pauses[0] <= 0.01
            assert all(0.025 <= pause <= 0.05 for pause in pauses[3:])

    run(main())


def test_it_stays_with_a_relay_that_says_why_it_waits() -> None:
    """A relay that sends Health instead of ServerInfo is stayed with, for longer than the time limit of a login."""
    logins = 0

    async def script(session: Session) -> None:
        nonlocal logins
        logins += 1
        await session.log_in(frames.health("full, please wait"), admit=False)
        await asyncio.sleep(0.3)
        session.admit()
        await session.until_closed()

    async def main() -> None:
        async with scripted_relay(script) as port, region(node("900a", port), timeout_s=0.1) as client:
            assert await client.recv() == Health("full, please wait")
            assert client.connection is None
            assert isinstance(await client.recv(), Connected)

    run(main())
    assert logins == 1


@pytest.mark.parametrize("state", ["pausing", "connecting", "connected"])
def test_close_ends_whoever_receives(state: str) -> None:
    """`close` from another task ends iteration in any state, long before a pause would; `recv` raises then."""

    async def script(session: Session) -> None:
        if state == "connected":
            await session.log_in()
        await session.until_closed()

    async def main() -> None:
        async with scripted_relay(script) as port:
            target = free_ports() if state == "pausing" else port
            client = region(node("900a", target), backoff_min_s=60.0, backoff_max_s=60.0)
            got: list[object] = []

            async def iterate() -> None:
                async for message in client:
                    got.append(message)

            task = asyncio.create_task(iterate())
            await until(lambda: bool(got) or (state == "connecting" and client._attempt is not None))
            await client.close()
            await task
            assert len(got) == (state != "connecting")  # nothing is told of our own close
            with pytest.raises(ConnectionClosedError, match="closed by us"):
                await client.recv()

    run(main())


def test_cancelling_a_receiver_is_no_close() -> None:
    """A `recv` that is cancelled while it connects raises CancelledError, and the next one tries the same node."""
    gate, reached = asyncio.Event(), asyncio.Event()

    async def script(session: Session) -> None:
        reached.set()
        await gate.wait()
        await session.log_in()
        await session.until_closed()

    async def main() -> None:
        async with scripted_relay(script) as port:
            nodes = [node("900a", port), node("900b", free_ports())]
            async with region(*nodes) as client:
                task = asyncio.create_task(client.recv())
                await reached.wait()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                gate.set()
                assert await client.recv() == Connected(nodes[0], SERVER_KEY)

    run(main())


def test_pins_of_the_map_are_checked() -> None:
    """A node whose certificate is not the pinned one is passed over with a reason."""
    leaf = make_certificate()

    async def main() -> None:
        async with scripted_relay(routing_script(), server_context(leaf)) as port:
            wrong = node("900a", port, cert_name=make_certificate().pin)
            right = node("900b", port, cert_name=leaf.pin)
            async with region(wrong, tls=True) as client:
                message = await client.recv()
                assert isinstance(message, Disconnected)
                assert leaf.pin in message.reason
            async with region(wrong, right, tls=True) as client:
                assert await client.recv() == Connected(right, SERVER_KEY)

    run(main())


@pytest.mark.parametrize(
    ("fields", "dialled"),
    [
        ({"host_name": "relay.example"}, [("relay.example", socket.AF_UNSPEC)]),
        ({"host_name": "192.0.2.1"}, [("192.0.2.1", socket.AF_UNSPEC)]),
        ({"host_name": "relay.example", "ipv4": "192.0.2.1"},
         [("192.0.2.1", socket.AF_UNSPEC), ("relay.example", socket.AF_INET6)]),
        ({"host_name": "relay.example", "ipv4": "192.0.2.1", "ipv6": "2001:db8::1"},
         [("192.0.2.1", socket.AF_UNSPEC), ("2001:db8::1", socket.AF_UNSPEC)]),
        ({"host_name": "relay.example", "ipv6": "none"}, [("relay.example", socket.AF_INET)]),
        ({"host_name": "relay.example", "ipv4": "none"}, [("relay.example", socket.AF_INET6)]),
        ({"host_name": "192.0.2.1", "ipv4": "192.0.2.1"}, [("192.0.2.1", socket.AF_UNSPEC)]),
        ({"host_name": "192.0.2.1", "ipv6": "none"}, [("192.0.2.1", socket.AF_INET)]),
        ({"host_name": "relay.example", "ipv4": "none", "ipv6": "none"}, []),
        ({"host_name": "192.0.2.1", "ipv4": "none"}, []),
        ({}, []),
    ],
)  # fmt: skip
def test_where_a_node_is_dialled(fields: dict[str, str], dialled: list[tuple[str, int]]) -> None:
    """Addresses of the map come before DNS, IPv4 before IPv6; ``none`` switches a family off."""
    found = node_endpoints(DERPNode(**fields))  # type: ignore[arg-type]
    assert [(endpoint.host, endpoint.family) for endpoint in found] == dialled
    assert all(endpoint.name == fields["host_name"] and endpoint.port == 443 for endpoint in found)


def test_a_region_that_cannot_be_dialled_is_our_own_fault() -> None:
    """No nodes, STUN-only nodes, a pin that can never match, watching without a mesh key: LocalError at once."""
    with pytest.raises(LocalError, match="at least one"):
        RegionClient([])
    with pytest.raises(LocalError, match="STUNOnly"):
        RegionClient([node("900a", 1, stun_only=True)])
    with pytest.raises(LocalError, match="lower-case"):
        RegionClient([node("900a", 1, cert_name="sha256-raw:AB")])
    with pytest.raises(LocalError, match="HTTP header"):
        RegionClient([node("900a\n", 1)])
    with pytest.raises(LocalError, match="mesh_key"):
        RegionClient([node("900a", 1)], watch_conns=True)


def test_pauses_start_anew_after_a_connection_that_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a connection that held for a while makes the pauses short again: a relay that refuses gets no storm."""

    async def main() -> None:
        now = 1000.0
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
        link = _Link(1.0, 60.0)
        pauses = []
        for held_s in (0, 1, 29, 29, 31):
            link.admitted()
            now += held_s
            link.lost()
            pauses.append(link.plan_pause())
        for pause, most in zip(pauses, (1, 2, 4, 8, 1), strict=True):
            assert most / 2 <= pause <= most

    asyncio.run(main())
