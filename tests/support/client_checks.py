"""What a DERP client must be able to do with any relay: run against the original and against tailhub itself.

Each check takes a `RelayUnderTest` and opens its own connections. Use::

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_client(relay: RelayUnderTest, check: Check) -> None:
        run(check(relay))
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import pytest

from tailhub import box
from tailhub.client import (
    Connected,
    DERPClient,
    PeerGone,
    PeerGoneReason,
    PeerPresent,
    PresenceFlag,
    ReceivedPacket,
    RegionClient,
)
from tailhub.disco import MAGIC as DISCO_MAGIC
from tailhub.exceptions import CertificateError, ConnectionClosedError, UpgradeError
from tailhub.keys import MeshKey
from tailhub.tailcfg.derpmap import DERPNode

LIMIT_S = 15.0  # for a message that a check waits for


@dataclass(frozen=True)
class RelayUnderTest:
    """A relay on loopback with a self-signed certificate for its address."""

    host: str
    port: int
    pin: str
    mesh_key: MeshKey

    async def connect(self, **options: object) -> DERPClient:
        """A client of this relay."""
        return await DERPClient.connect(self.host, self.port, cert_name=self.pin, **options)  # type: ignore[arg-type]


Check = Callable[[RelayUnderTest], Coroutine[Any, Any, None]]


async def next_message(client: DERPClient) -> object:
    """The next message within the limit."""
    async with asyncio.timeout(LIMIT_S):
        return await client.recv()


async def until_message(client: DERPClient, wanted: object) -> None:
    """Receive until this message comes."""
    async with asyncio.timeout(LIMIT_S):
        while await client.recv() != wanted:
            pass


async def logs_in_with_and_without_fast_start(relay: RelayUnderTest) -> None:
    """Both logins lead to the same relay, whose key the meta certificate tells before."""
    async with await relay.connect() as fast, await relay.connect(fast_start=False) as slow:
        assert fast.used_fast_start
        assert not slow.used_fast_start
        assert fast.server_key == slow.server_key
        assert len(fast.server_key) == 32
        assert fast.peer_certificate_der == slow.peer_certificate_der
        assert fast.server_info is not None
        assert fast.server_info.version == 2


async def carries_packets_of_all_lengths(relay: RelayUnderTest) -> None:
    """Packets of any length up to the limit arrive whole, in order, also at their own sender."""
    async with await relay.connect() as a, await relay.connect(fast_start=False) as b:
        for length in (0, 1, 1200, 65535, 65536):
            await a.send(b.public_key, bytes((length % 251,)) * length)
            assert await next_message(b) == ReceivedPacket(a.public_key, bytes((length % 251,)) * length)
        await a.send(a.public_key, b"to myself")
        assert await next_message(a) == ReceivedPacket(a.public_key, b"to myself")


async def answers_pings(relay: RelayUnderTest) -> None:
    """A ping comes back, on its own and beside traffic."""
    async with await relay.connect() as a, await relay.connect() as b:
        assert await a.ping(LIMIT_S) > 0
        await a.send(b.public_key, b"x")
        await asyncio.gather(a.ping(LIMIT_S), b.ping(LIMIT_S))
        assert await next_message(b) == ReceivedPacket(a.public_key, b"x")


async def tells_who_is_not_here(relay: RelayUnderTest) -> None:
    """A disco packet for a stranger is answered by PeerGone(not here), a data packet is not."""
    stranger = box.public_key(box.generate()).raw
    async with await relay.connect() as a:
        await a.send(stranger, b"data")
        await a.ping(LIMIT_S)
        await a.send(stranger, DISCO_MAGIC + bytes(56))
        assert await next_message(a) == PeerGone(stranger, PeerGoneReason.NOT_HERE)


async def tells_who_has_left(relay: RelayUnderTest) -> None:
    """Whoever received from a peer is told when it disconnects."""
    async with await relay.connect() as a:
        async with await relay.connect() as b:
            await b.send(a.public_key, b"hello")
            assert await next_message(a) == ReceivedPacket(b.public_key, b"hello")
        assert await next_message(a) == PeerGone(b.public_key, PeerGoneReason.DISCONNECTED)


async def takes_the_same_key_twice(relay: RelayUnderTest) -> None:
    """With two connections of one key the newer one, then the last that wrote, gets the traffic."""
    key = box.generate()
    async with (
        await relay.connect(private_key=key) as old,
        await relay.connect(private_key=key) as new,
        await relay.connect() as other,
    ):
        await new.ping(LIMIT_S)
        await other.send(new.public_key, b"one")
        await until_message(new, ReceivedPacket(other.public_key, b"one"))
        await old.ping(LIMIT_S)  # writing makes it the active one; other workers hear of it a moment later
        arrival = asyncio.create_task(until_message(old, ReceivedPacket(other.public_key, b"two")))
        while not arrival.done():
            await other.send(old.public_key, b"two")
            await other.ping(LIMIT_S)
            await asyncio.wait([arrival], timeout=0.05)
        await arrival


async def lets_a_mesh_peer_watch(relay: RelayUnderTest) -> None:
    """A mesh peer hears of all who are there, itself included, then of comings and goings."""
    async with await relay.connect() as there, await relay.connect(mesh_key=relay.mesh_key) as mesh:
        await mesh.watch_conns()
        seen: dict[bytes, PeerPresent] = {}
        while not {there.public_key, mesh.public_key} <= seen.keys():
            message = await next_message(mesh)
            assert isinstance(message, PeerPresent)
            seen[message.key] = message
        assert seen[there.public_key].flags == PresenceFlag.REGULAR
        assert seen[mesh.public_key].flags == PresenceFlag.MESH_PEER
        assert str(seen[there.public_key].address) == relay.host
        async with await relay.connect(is_prober=True, ideal_node="elsewhere") as late:
            while not isinstance(message := await next_message(mesh), PeerPresent) or message.key != late.public_key:
                pass
            assert message.flags == PresenceFlag.PROBER | PresenceFlag.NOT_IDEAL
        await until_message(mesh, PeerGone(late.public_key, PeerGoneReason.DISCONNECTED))


async def lets_a_mesh_peer_forward_and_close(relay: RelayUnderTest) -> None:
    """A forwarded packet arrives as from its source, and a closed peer is gone."""
    source = box.public_key(box.generate()).raw
    async with await relay.connect() as there, await relay.connect(mesh_key=relay.mesh_key) as mesh:
        await mesh.forward_packet(source, there.public_key, b"forwarded")
        assert await next_message(there) == ReceivedPacket(source, b"forwarded")
        await mesh.close_peer(there.public_key)
        with pytest.raises(ConnectionClosedError, match=r"the relay closed|connection lost"):
            await next_message(there)


async def closes_whoever_meshes_without_the_key(relay: RelayUnderTest) -> None:
    """A client with a wrong mesh key is an ordinary one, and loses its connection by a mesh verb."""
    async with await relay.connect(mesh_key=MeshKey(bytes(32))) as client:
        await client.ping(LIMIT_S)
        await client.watch_conns()
        with pytest.raises(ConnectionClosedError):
            await until_message(client, None)  # ours says before what is wrong with the key


async def has_the_pinned_certificate_only(relay: RelayUnderTest) -> None:
    """The pin decides: with another one, or with the CAs of this machine, the relay is refused."""
    with pytest.raises(CertificateError, match=relay.pin):
        await DERPClient.connect(relay.host, relay.port, cert_name="sha256-raw:" + "0" * 64)
    with pytest.raises(CertificateError, match="needs its pin"):
        await DERPClient.connect(relay.host, relay.port)
    async with await DERPClient.connect(relay.host, relay.port, insecure=True) as client:
        await client.ping(LIMIT_S)


async def says_so_to_plain_http(relay: RelayUnderTest) -> None:
    """A client that forgets TLS gets an error that is about the answer, and soon."""
    with pytest.raises((UpgradeError, ConnectionClosedError)):
        await DERPClient.connect(relay.host, relay.port, tls=False)


async def serves_a_region_client(relay: RelayUnderTest) -> None:
    """A region whose first node is dead is reached by its second, and by a map's own fields."""
    dead = DERPNode(name="900a", host_name=relay.host, derp_port=1)
    alive = DERPNode(name="900b", host_name=relay.host, derp_port=relay.port, cert_name=relay.pin)
    async with RegionClient([dead, alive]) as client, asyncio.timeout(LIMIT_S):
        await client.note_preferred(True)
        connected = await client.recv()
        assert isinstance(connected, Connected)
        assert connected.node == alive
        assert client.connection is not None
        own_key = client.connection.public_key
        assert await client.send(own_key, b"hello")
        assert await client.recv() == ReceivedPacket(own_key, b"hello")


async def keeps_a_flood_in_order(relay: RelayUnderTest) -> None:
    """Of a burst to a reader that reads, what arrives is in order and unharmed; pings still pass."""
    async with await relay.connect() as a, await relay.connect() as b:

        async def flood() -> None:
            for n in range(3000):
                await a.send(b.public_key, n.to_bytes(4, "big") * 300)
                if n % 50 == 0:
                    await a.ping(LIMIT_S)  # paces us by the relay
            await b.send(b.public_key, b"end")

        task = asyncio.create_task(flood())
        last = -1
        while (message := await next_message(b)) != ReceivedPacket(b.public_key, b"end"):
            assert isinstance(message, ReceivedPacket)
            n = int.from_bytes(message.packet[:4], "big")
            assert message.packet == n.to_bytes(4, "big") * 300
            assert n > last
            last = n
        await task
        assert last > 1000


CHECKS: list[Check] = [
    logs_in_with_and_without_fast_start,
    carries_packets_of_all_lengths,
    answers_pings,
    tells_who_is_not_here,
    tells_who_has_left,
    takes_the_same_key_twice,
    lets_a_mesh_peer_watch,
    lets_a_mesh_peer_forward_and_close,
    closes_whoever_meshes_without_the_key,
    has_the_pinned_certificate_only,
    says_so_to_plain_http,
    serves_a_region_client,
    keeps_a_flood_in_order,
]
