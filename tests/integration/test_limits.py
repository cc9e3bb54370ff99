"""Limits beyond what a key may send: connections, addresses, what a key may receive, quotas."""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import IPv4Address

import pytest

from support.served import serving
from support.waiting import run
from support.wire import GONE, Wire, open_client, pass_time, relay
from support.wire import run as run_by_clock
from tailhub.derp import frames
from tailhub.derp.frames import FrameType
from tailhub.relay.billing import GB, Billing
from tailhub.relay.health import Health
from tailhub.relay.limits import Limits
from tailhub.relay.quota import Quota, Quotas
from tailhub.relay.rate_limit import RateLimit
from tailhub.relay.rechecks import SOON_S
from tailhub.server.app import RelayServer
from tailhub.server.config import RelayConfig
from tailhub.server.limits_config import tenant_quota
from tailhub.server.quota_keeper import LOOK_EVERY_S

SLOW = RateLimit(125_000, 125_000)


async def refused(server: RelayServer, client: Wire | None = None) -> Wire:
    """A client whose login gets no ServerInfo."""
    wire = await Wire.open(server)
    if client is not None:
        wire.private, wire.key = client.private, client.key
    server_key = await wire.upgrade()
    wire.write(wire.client_info(server_key))
    return wire


async def told(client: Wire) -> str:
    """The next Health text that the client gets."""
    while True:
        frame_type, body = await client.frame()
        assert (frame_type, body) != GONE
        if frame_type == FrameType.HEALTH:
            return frames.parse_health(body)


# --- connections ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("setting", "whose"), [("key_connections", "This device"), ("tenant_connections", "network")])
def test_too_many_connections(setting: str, whose: str) -> None:
    """One too many of a key or a tenant is held and told why; it is let in when an earlier one of the key has gone."""

    async def scenario() -> None:
        async with relay(**{setting: 1}) as server:
            first = await open_client(server)
            second = await refused(server, first)
            assert whose in await told(second)
            assert server.context.relay.registry.count == 1
            assert len([reason for reason in server.context.events.failures if "too many" in reason]) == 1
            first.close()
            frame_type, _ = await second.frame()
            assert frame_type == FrameType.SERVER_INFO
            assert server.context.relay.registry.count == 1

    run_by_clock(scenario)


def test_too_many_connections_of_the_relay() -> None:
    """Beyond what the whole relay may have a login is closed; a mesh peer is let in."""

    async def scenario() -> None:
        async with serving() as served:
            served.context.relay.accounts.limits = Limits(connections=1)
            await served.login()
            with pytest.raises(ConnectionError):
                await served.login()
            assert served.failures == {"too many connections": 1}
            await served.login(mesh=True)

    run(scenario)


def test_new_connections_from_one_address() -> None:
    """An address has its burst of new connections; what comes beyond is closed unread, and counted."""

    async def scenario() -> None:
        async with relay(address_rate=0.001, address_burst=2.0) as server:
            await open_client(server)
            await open_client(server)
            with pytest.raises((OSError, EOFError)):
                await open_client(server)
            assert server.context.events.failures["too many new connections from its address"] == 1

    run_by_clock(scenario)


def test_new_connections_by_way_of_a_proxy() -> None:
    """Behind a trusted proxy the addresses that it names are counted, not its own."""

    async def scenario() -> None:
        options = {"address_rate": 0.001, "address_burst": 1.0, "trusted_proxies": ("127.0.0.1",), "tls": False}
        async with relay(**options) as server:

            async def by_proxy(source: str) -> Wire:
                wire = await Wire.open(server, tls=False)
                wire.write(f"PROXY TCP4 {source} 192.0.2.1 4000 443\r\n".encode())
                return wire

            clients = [await by_proxy(source) for source in ("198.51.100.1", "198.51.100.2")]
            for client in clients:
                await client.log_in()
            addresses = {connection.identity.address for connection in server.context.relay.registry}
            assert addresses == {IPv4Address("198.51.100.1"), IPv4Address("198.51.100.2")}
            assert await (await by_proxy("198.51.100.1")).rest() == b""
            assert server.context.events.failures["too many new connections from its address"] == 1
            forwarded = await Wire.open(server, tls=False)
            answer = await forwarded.ask(
                "GET /derp", b"Upgrade: DERP\r\nConnection: Upgrade\r\nX-Forwarded-For: 198.51.100.2\r\n"
            )
            assert answer.status == 429

    run_by_clock(scenario)


# --- receiving --------------------------------------------------------------------------------------------------------


def test_what_a_key_may_receive() -> None:
    """Beyond its burst a key gets what its bucket gives; what waits too long is dropped, and no sender is paused."""

    async def scenario() -> None:
        async with relay(receive_limit_bytes_per_s=100_000.0, receive_burst_bytes=65_568.0) as server:
            sender, receiver = await open_client(server), await open_client(server)
            for number in range(300):
                sender.write(frames.send_packet(receiver.key, number.to_bytes(4, "big") + bytes(996)))
            await sender.settle()
            stats = server.context.relay.stats
            assert stats.packets_received == 300
            assert stats.bytes_sent <= 65_568 + 2 * 16_384
            sender.write(frames.send_packet(receiver.key, b"TS\xf0\x9f\x92\xac" + bytes(60)))
            await sender.settle()
            found = []
            while not found or not found[-1].startswith(b"TS"):
                frame_type, body = await receiver.frame()
                if frame_type == FrameType.RECV_PACKET:
                    found.append(body[32:])
            assert len(found) < 110  # path discovery has passed the packets that wait
            await pass_time(5)
            dropped = sum(stats.packets_dropped.values())
            assert 100 < dropped == 301 - stats.packets_sent
            assert stats.rate_pauses == 0

    run_by_clock(scenario)


def test_a_full_tenant_has_room_again() -> None:
    """Who waits for a place of its tenant is asked about again soon, however often that was in vain."""

    async def scenario() -> None:
        async with relay(tenant_connections=1) as server:
            first = await open_client(server)
            second = await refused(server)
            assert "network" in await told(second)
            await pass_time(5 * SOON_S)
            first.close()
            await pass_time(SOON_S + 2)
            assert server.context.relay.registry.of_key(second.key)

    run_by_clock(scenario)


# --- quotas -----------------------------------------------------------------------------------------------------------


def keep(server: RelayServer, quota: Quota, used_gb: Callable[[], float]) -> None:
    """Begin to keep this quota; each key has used so much."""
    quotas = Quotas(Billing(), {"": quota}, lambda tenant, key: (0, int(used_gb() * GB)))
    server.service.keep(quotas, lambda tenant, key: quotas.state_of(tenant, key, time.time()))


def test_warned_slowed_and_free_again() -> None:
    """A client is told at 80 and at 95 %, slowed when all is used, and free and told so when a month begins."""

    async def scenario() -> None:
        async with relay() as server:
            used = 0.0
            keep(server, Quota(key_gb=100, slow=SLOW), lambda: used)
            client = await open_client(server)
            steps = ((81.0, "81.0 of 100 GB"), (96.0, "96.0 of 100 GB"), (100.0, "slowed to 1 Mbit/s"))
            for gigabytes, said in steps:
                used = gigabytes
                await pass_time(LOOK_EVERY_S + 1)
                assert said in await told(client)
            accounts = server.context.relay.accounts
            limits = accounts.limits_of(client.key, "")
            assert limits is not None
            assert (limits.told, limits.receive) == (SLOW, SLOW)
            used = 0.0
            await pass_time(LOOK_EVERY_S + 1)
            while (text := await told(client)) and "slowed" in text:
                pass
            assert text == ""
            assert accounts.limits_of(client.key, "") is None

    run_by_clock(scenario)


def test_refused_and_let_in_again() -> None:
    """Who is over is cut, held with the figures when it comes again, and let in there when a month begins."""

    async def scenario() -> None:
        async with relay(store="", over_quota="refuse", quota_key_gb=100.0) as server:
            used = 0.0
            keep(server, Quota(key_gb=100, refuses=True), lambda: used)
            client = await open_client(server)
            used = 100.0
            await pass_time(LOOK_EVERY_S + 1)
            assert await client.rest() == b""
            assert server.context.events.disconnects == {"over its quota": 1}
            again = await refused(server, client)
            assert "100.0 of 100 GB" in await told(again)
            used = 0.0
            await pass_time(LOOK_EVERY_S + 3)
            frame_type, _ = await again.frame()
            assert frame_type == FrameType.SERVER_INFO

    run_by_clock(scenario)


def test_a_guest_that_is_over_its_quota() -> None:
    """Where who is over is refused and steered away, it is slow as a guest: else it would get around its quota."""

    async def scenario() -> None:
        (tenant,) = RelayConfig(over_quota="refuse", quota_key_gb=100.0).tenants
        async with relay(key_connections=9, steer=True, stun_listen="127.0.0.1:0") as server:
            keep(server, tenant_quota(tenant), lambda: 100.0)
            guest = await refused(server)
            await pass_time(1)
            assert (await guest.frame())[0] == FrameType.SERVER_INFO
            (connection,) = server.context.relay.registry.of_key(guest.key)
            assert connection.identity.is_guest
            assert limits_of(server, guest) == SLOW
            await pass_time(2 * LOOK_EVERY_S)
            assert limits_of(server, guest) == SLOW

    run_by_clock(scenario)


def limits_of(server: RelayServer, client: Wire) -> RateLimit | None:
    """What it may send."""
    limits = server.context.relay.accounts.limits_of(client.key, "")
    return limits.own if limits is not None else None


def test_a_warning_and_the_certificate_s() -> None:
    """A client shows one text, so what there is to say of its quota and of the pin comes in one."""

    async def scenario() -> None:
        async with relay() as server:
            server.context.health = Health({0: "renew the pin"})
            keep(server, Quota(key_gb=100, slow=SLOW), lambda: 90.0)
            client = await open_client(server)
            assert (await told(client)).startswith("This device has used 90.0 of 100 GB")

    run_by_clock(scenario)
