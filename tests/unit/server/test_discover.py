"""Gathering the facts, with a world made of functions: not one packet is sent."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, ip_address
from pathlib import Path

import pytest

from tailhub.exceptions import StunError
from tailhub.net.interfaces import DefaultRoute, InterfaceAddress, IPAddress
from tailhub.server import discover as module
from tailhub.server.address import Discovery, Source
from tailhub.server.address_facts import Facts, Wanted
from tailhub.server.discover import STUN_SERVERS, Probes, discover, gather, resolve, watch
from tailhub.server.metadata import CloudAnswer

PUBLIC, V6 = "8.8.4.4", "2400:3200::1"
SERVER_V4, SERVER_V6 = "74.125.1.1", "2a00:1450::1"
WANTED = Wanted(port=8443, stun_port=3478)
LIMIT_S = 10.0

StunReply = Callable[[str, int], Awaitable[tuple[str, int]]]


async def sees(ip: str, port: int) -> tuple[str, int]:
    """A STUN server that sees what a cloud's 1:1 NAT makes of us."""
    return (V6 if ":" in ip else PUBLIC), 3478


async def is_silent(ip: str, port: int) -> tuple[str, int]:
    """A server whose answer never comes."""
    await asyncio.Event().wait()
    raise AssertionError


class World:
    """A machine and a network: who answers what, and who was asked."""

    def __init__(
        self, *, stun: Mapping[str, StunReply] | None = None, names: dict[str, list[str]] | None = None
    ) -> None:
        self.stun = stun or {}
        self.names = names if names is not None else {name: [SERVER_V4, SERVER_V6] for name, _ in STUN_SERVERS}
        self.unsure: set[str] = set()
        self.clouds: list[CloudAnswer] = []
        self.asked_clouds = 0
        self.asked: list[tuple[str, int]] = []
        self.looked_up: list[str] = []
        self.address = "10.0.0.5"
        self.engine: str | None = None

    async def query(self, ip: str, port: int, timeout_s: float) -> tuple[str, int]:
        assert timeout_s > 0
        self.asked.append((ip, port))
        return await self.stun.get(ip, sees)(ip, port)

    async def resolve(self, name: str, limit_s: float) -> tuple[IPAddress, ...]:
        assert limit_s > 0
        self.looked_up.append(name)
        if name in self.unsure:
            raise socket.gaierror(socket.EAI_AGAIN, "the name server does not answer")
        if name not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return tuple(ip_address(text) for text in self.names[name])

    async def ask_clouds(self) -> list[CloudAnswer]:
        self.asked_clouds += 1
        return self.clouds

    def probes(self) -> Probes:
        return Probes(
            stun_query=self.query,
            resolve=self.resolve,
            ask_clouds=self.ask_clouds,
            list_addresses=lambda: [InterfaceAddress("eth0", ip_address(text)) for text in (self.address, V6)],
            default_route=lambda family: DefaultRoute(
                "eth0", ip_address(self.address if family == socket.AF_INET else V6)
            ),
            detect_engine=lambda: self.engine,
            is_paired=lambda interface: interface == "eth0",
            outlives_container=lambda directory: directory == Path("/kept"),
        )


def run(world: World, wanted: Wanted = WANTED, probes: Probes | None = None, state_dir: Path | None = None) -> Facts:
    async def go() -> Facts:
        async with asyncio.timeout(LIMIT_S):
            return await gather(wanted, probes or world.probes(), state_dir)

    return asyncio.run(go())


def test_all_facts() -> None:
    """Interfaces, routes, clouds and two STUN answers of each family are gathered."""
    world = World()
    world.clouds = [CloudAnswer("AWS", IPv4Address(PUBLIC))]
    facts = run(world)
    assert [str(found.address) for found in facts.interfaces] == ["10.0.0.5", V6]
    assert facts.route_v4 == DefaultRoute("eth0", ip_address("10.0.0.5"))
    assert facts.clouds == tuple(world.clouds)
    seen = sorted((str(answer.address), answer.port, answer.local_port) for answer in facts.stun)
    assert seen[:2] == [(V6, 3478, 3478)] * 2
    assert seen[-2:] == [(PUBLIC, 3478, 3478)] * 2
    assert len({answer.server for answer in facts.stun}) >= 2
    assert not facts.names_fail


def test_discover_decides() -> None:
    """Discovery is the decision on what was gathered."""
    result = asyncio.run(discover(WANTED, World().probes()))
    assert result.ipv4 is not None
    assert (str(result.ipv4.address), result.ipv4.source) == (PUBLIC, Source.STUN)
    assert result.ipv6 is not None
    assert result.ipv6.agreeing == (Source.STUN,)


def test_no_discover_sends_nothing() -> None:
    """With --no-discover no cloud, no server and no name is asked."""
    world = World()
    facts = run(world, replace(WANTED, discover=False, hostname="derp.example.com"))
    assert (world.asked, world.looked_up, world.asked_clouds) == ([], [], 0)
    assert facts.interfaces
    assert facts.route_v4 is not None
    assert facts.hostname_addresses is None


@pytest.mark.parametrize(
    ("wanted", "change"),
    [
        (replace(WANTED, stun_port=None), {}),
        (WANTED, {"stun_query": None}),
        (WANTED, {"stun_servers": ()}),
        (WANTED, {"default_route": lambda _family: None}),
    ],
    ids=["stun off", "no query", "no servers", "no route"],
)
def test_stun_left_out(wanted: Wanted, change: dict[str, object]) -> None:
    """Without STUN, servers or a default route nobody is asked, and that is no sign of failing names."""
    world = World()
    facts = run(world, wanted, replace(world.probes(), **change))  # type: ignore[arg-type]
    assert world.asked == []
    assert not facts.names_fail


def test_only_routed_and_bound_families_are_asked() -> None:
    """A family without a default route, or that is not listened on, is not asked about."""
    world = World()
    run(world, replace(WANTED, families=frozenset({socket.AF_INET})))
    assert {ip for ip, _ in world.asked} == {SERVER_V4}
    world = World()
    v6_only = replace(
        world.probes(), default_route=lambda f: DefaultRoute("eth0", None) if f == socket.AF_INET6 else None
    )
    run(world, WANTED, v6_only)
    assert {ip for ip, _ in world.asked} == {SERVER_V6}


def test_first_two_are_enough() -> None:
    """Two answers of each family end the waiting, whoever else stays silent."""
    names = {name: [f"74.125.1.{n}", f"2a00:1450::{n}"] for n, (name, _) in enumerate(STUN_SERVERS, 1)}
    silent = {ip: is_silent for n in (1, 3) for ip in (f"74.125.1.{n}", f"2a00:1450::{n}")}
    facts = run(World(stun=silent, names=names))
    assert {answer.server for answer in facts.stun} == {STUN_SERVERS[1][0], STUN_SERVERS[3][0]}
    assert len(facts.stun) == 4


def test_dead_ipv6_does_not_hold_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """When IPv4 is known, a silent IPv6 is waited for only a little longer."""
    monkeypatch.setattr(module, "STUN_LIMIT_S", 1000.0)
    monkeypatch.setattr(module, "OTHER_FAMILY_GRACE_S", 0.01)
    facts = run(World(stun={SERVER_V6: is_silent}))
    assert {str(answer.address) for answer in facts.stun} == {PUBLIC}


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence everywhere ends with the time limit and no answers."""
    monkeypatch.setattr(module, "STUN_LIMIT_S", 0.01)
    facts = run(World(stun={SERVER_V4: is_silent, SERVER_V6: is_silent}))
    assert facts.stun == ()
    assert not facts.names_fail


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionRefusedError(), StunError("not STUN")])
def test_failing_servers(error: Exception) -> None:
    """Servers that fail are passed over, and when all have failed nothing is waited for."""

    async def fails(ip: str, port: int) -> tuple[str, int]:
        raise error

    facts = run(World(stun={SERVER_V4: fails}))
    assert {str(answer.address) for answer in facts.stun} == {V6}
    assert run(World(stun={SERVER_V4: fails, SERVER_V6: fails})).stun == ()


def test_our_own_bugs_come_out() -> None:
    """An error that no server can cause is not swallowed."""

    async def bug(ip: str, port: int) -> tuple[str, int]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(World(stun={SERVER_V4: bug, SERVER_V6: bug}))


def test_no_dns() -> None:
    """When no server's name can be looked up that is told, and nobody is asked."""
    world = World(names={})
    facts = run(world)
    assert facts.names_fail
    assert world.asked == []
    one_works = run(World(names={STUN_SERVERS[0][0]: [SERVER_V4]}))
    assert not one_works.names_fail
    assert len(one_works.stun) == 1


def test_host_name() -> None:
    """The name of --hostname is looked up: it has addresses, or none, or it cannot be said."""
    wanted = replace(WANTED, hostname="derp.example.com")
    world = World()
    assert run(world, wanted).hostname_addresses == ()
    world.unsure = {"derp.example.com"}
    assert run(world, wanted).hostname_addresses is None
    world.unsure = set()
    world.names["derp.example.com"] = [PUBLIC]
    assert run(world, wanted).hostname_addresses == (ip_address(PUBLIC),)
    assert run(world, WANTED).hostname_addresses is None


def test_container() -> None:
    """In a container the interface's pair and the state directory's mount are looked at, elsewhere not."""
    world = World()
    facts = run(world, state_dir=Path("/lost"))
    assert (facts.engine, facts.is_paired, facts.lost_state_dir) == (None, None, "")
    world.engine = "docker"
    facts = run(world, state_dir=Path("/lost"))
    assert (facts.engine, facts.is_paired, facts.lost_state_dir) == ("docker", True, "/lost")
    assert run(world, state_dir=Path("/kept")).lost_state_dir == ""


def test_resolve_numbers() -> None:
    """An address is its own name, and what is no name at all is an OSError."""
    assert asyncio.run(resolve("127.0.0.1")) == (ip_address("127.0.0.1"),)
    with pytest.raises(OSError, match="not a name"):
        asyncio.run(resolve("a" * 64 + ".example"))


def test_resolve_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that hangs is left behind at the limit, and its late answer does no harm."""
    from threading import Event

    release, done = Event(), Event()

    def hang(*_: object, **__: object) -> list[object]:
        release.wait(LIMIT_S)
        done.set()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with pytest.raises(TimeoutError):
        asyncio.run(resolve("derp.example.com", 0.01))
    release.set()
    assert done.wait(LIMIT_S)


def test_watch() -> None:
    """A changed address is told once, with before and after, and a round without DNS is passed over."""
    world = World()
    changes: list[tuple[str, str]] = []
    rounds = iter(["10.0.0.5", "dns", "1.1.1.1", "1.1.1.1", "8.8.8.8"])
    finished = asyncio.Event()

    def list_addresses() -> list[InterfaceAddress]:
        now = next(rounds, None)
        if now is None:
            finished.set()
        elif now != "dns":
            world.address = now
        world.names = {} if now == "dns" else {name: [SERVER_V4] for name, _ in STUN_SERVERS}
        return [InterfaceAddress("eth0", ip_address(world.address))]

    def on_change(before: Discovery, after: Discovery) -> None:
        changes.append((before.host, after.host))

    async def go() -> None:
        probes = replace(world.probes(), list_addresses=list_addresses)
        before = await discover(WANTED, probes)
        watching = asyncio.create_task(watch(before, WANTED, probes, on_change, interval_s=0.0))
        async with asyncio.timeout(LIMIT_S):
            await finished.wait()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    asyncio.run(go())
    assert changes == [(PUBLIC, "1.1.1.1"), ("1.1.1.1", "8.8.8.8")]
