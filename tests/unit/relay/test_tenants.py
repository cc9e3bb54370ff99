"""Tenants by examples; ``test_relay_random.py`` has the rule behind them."""

from __future__ import annotations

import pytest

from support.fleet_world import FleetWorld
from support.world import DISCO, Gone, NotHere, Packet, Present, World, key_of
from tailhub.exceptions import FrameError
from tailhub.relay.connection import Identity
from tailhub.relay.relay import Relay
from tailhub.relay.stats import Stats
from tailhub.relay.tenant import Tenant, Tenants
from tailhub.relay.worker_link import WorkerLink


def two_tenants(world: World) -> World:
    """``a`` and ``b`` of one tenant, ``x`` of another."""
    for name, tenant in (("a", "one"), ("b", "one"), ("x", "two")):
        world.login(name, tenant=tenant)
    return world


@pytest.fixture(params=["one process", "workers"])
def world(request: pytest.FixtureRequest) -> World:
    """A relay of one process, or of two workers, where ``a`` and ``x`` are at the same one."""
    options = {"tenants": ("one", "two", "three"), "pairs": (("two", "three"),)}
    return World(**options) if request.param == "one process" else FleetWorld(2, **options)  # type: ignore[arg-type]


def test_a_packet_for_a_stranger_is_dropped_as_for_a_key_that_is_not_here(world: World) -> None:
    """Its sender hears just what it hears of a key that nobody has; only the operator sees a reason of its own."""
    two_tenants(world)
    for dst in ("b", "x", "nobody"):
        world.send("a", dst, b"12345")
        world.send("a", dst, DISCO)
    assert world.frames("a") == [NotHere("x"), NotHere("nobody")]
    assert world.frames("b") == [Packet("a", DISCO), Packet("a", b"12345")]
    assert world.frames("x") == []
    reasons = ("other_tenant", "unknown_dest")
    assert world.dropped() == {(reason, kind): 1 for reason in reasons for kind in ("disco", "other")}


def test_tenants_that_may_reach_each_other_do_so_in_both_directions(world: World) -> None:
    """A pair is enough, and it does not reach further: whom one of the two may reach stays out of the other's reach."""
    for name, tenant in (("x", "two"), ("y", "three"), ("z", "")):
        world.login(name, tenant=tenant)
    world.send("x", "y", b"1")
    world.send("y", "x", b"2")
    world.send("z", "x", b"3")
    assert world.frames("y") == [Packet("x", b"1")]
    assert world.frames("x") == [Packet("y", b"2")]


def test_a_key_that_comes_to_another_tenant_is_gone_for_the_first(world: World) -> None:
    """Its old connection is closed, who had its packets is told that it is gone, and no more of what it does there."""
    two_tenants(world)
    world.send("a", "b", b"1")
    assert world.frames("b") == [Packet("a", b"1")]
    world.login("a again", key="a", tenant="two")
    assert world.closed == {"a": "its key has logged in to another tenant"}
    assert world.frames("b") == [Gone("a")]
    world.send("a again", "x", b"2")
    world.send("a again", "b", b"3")
    world.send("b", "a", b"4")
    assert world.frames("x") == [Packet("a", b"2")]
    assert world.frames("a again") == []
    world.leave("a again")
    assert world.frames("b") == []
    assert world.frames("x") == [Gone("a")]


def test_between_turns_of_the_loop_a_replaced_connection_reaches_nobody_of_its_old_tenant() -> None:
    """Until its socket is closed it may still speak; that counts for its key's tenant of now."""
    world = two_tenants(World(tenants=("one", "two")))
    old = world.connection("a")
    identity = Identity(key_of("a"), 9, old.identity.address, 1, tenant="two")
    world.relay.register(identity, old.sink)  # nobody has closed the old one yet
    world.relay.route(old, [(key_of("b"), b"\x05" + bytes(36 + 5), 1, False)], world.now)
    assert world.dropped() == {("other_tenant", "other"): 1}
    assert world.relay.consistency_errors() == []


def test_a_mesh_peer_sees_and_reaches_the_nameless_tenant_only(world: World) -> None:
    """Nobody says whose a forwarded packet is: it gets to whom the relay's own tenant may reach, and no further."""
    world.login("m", mesh=True)
    world.login("z")
    two_tenants(world)
    world.watch("m")
    assert sorted(world.frames("m")) == [Present("m", 2), Present("z")]  # type: ignore[type-var]
    world.forward("m", "far away", "z", b"1")
    world.forward("m", "far away", "x", b"2")
    assert world.frames("z") == [Packet("far away", b"1")]
    assert world.frames("x") == []
    world.leave("x")
    world.login("z again", key="z", tenant="two")
    assert world.frames("m") == [Gone("z")]
    assert world.dropped() == {("other_tenant", "other"): 1}


def test_a_packet_that_is_on_its_way_to_another_worker_is_looked_at_there_too() -> None:
    """Its receiver may have come to another tenant since its sender's worker was told where it is."""
    world = World(tenants=("one", "two"))
    world.login("x", tenant="two")
    world.login("a", tenant="two")
    one, two = (world.relay.tenants.named(name) for name in ("one", "two"))
    run = b"\x05\x00\x00\x00\x21" + key_of("a") + b"!"
    world.relay.deliver(key_of("x"), run, 1, False, world.now, one)
    assert world.frames("x") == []
    world.relay.deliver(key_of("x"), run, 1, False, world.now, two)
    assert world.frames("x") == [Packet("a", b"!")]


def test_of_two_workers_with_one_key_the_latest_login_has_it() -> None:
    """Who logged in to another tenant at another worker, at the same time, is ended by whichever was earlier."""
    for later in (0, 1):
        world = FleetWorld(2, tenants=("one", "two"))
        settle, world.settle = world.settle, lambda: None  # type: ignore[method-assign]
        world.login("first", key="a", tenant=("one", "two")[later])
        world.login("second", key="a", tenant=("two", "one")[later])
        world.settle = settle  # type: ignore[method-assign]
        world.ping("second")  # a step, with its end
        assert list(world.closed) == ["first"]
        assert world.names == ["second"]
        assert [relay.consistency_errors() for relay in world.relays] == [[], []]


def test_a_tenant_that_another_worker_calls_by_a_number_that_there_is_not_ends_the_link() -> None:
    """All workers have the same tenants; anything else is not understood."""
    relay = Relay(tenants=("one",))

    class Line:
        def wake(self) -> None: ...

        def close(self, reason: str) -> None: ...

        def read_now(self) -> None: ...

    sender = WorkerLink(relay, Line())
    sender.forward(1.0, bytes(32), b"\x05" + bytes(36), 1, False, Tenant("nine", 9, Stats()))
    data = bytearray(sender.queue.take(1.0, 1 << 20))
    with pytest.raises(FrameError):
        WorkerLink(relay, Line()).receive(data, len(data), 1.0)


def test_what_a_tenant_uses_is_that_of_its_connections_gone_and_here() -> None:
    """Packets, bytes and drops; a connection that is replaced brings the new tenant nothing from before."""
    world = two_tenants(World(tenants=("one", "two")))
    one, two = (world.relay.tenants.named(name) for name in ("one", "two"))
    world.send("a", "b", b"12345", times=2)
    world.send("a", "x", b"1")
    world.frames("b")
    assert one.used_by([world.connection("a"), world.connection("b")]) == (3, 11, 2, 10)
    assert one.packets_dropped == {"other_tenant": 1}
    world.leave("b")
    world.login("a again", key="a", tenant="two")
    assert one.past == (3, 11, 2, 10)
    assert two.used_by([world.connection("a again"), world.connection("x")]) == (0, 0, 0, 0)


def test_names_of_tenants() -> None:
    """The nameless one comes first and is called default; there is no tenant of another name."""
    tenants = Tenants(Stats(), ("one",))
    assert [tenant.shown_name for tenant in tenants] == ["default", "one"]
    with pytest.raises(KeyError):
        tenants.named("default")


def test_tenants_that_change() -> None:
    """A tenant keeps its number and its counters through changes; one that is listed no more reaches itself only."""
    tenants = Tenants(Stats(), ("one", "two"), [("one", "two"), ("", "two")])
    one, two, guests = tenants.named("one"), tenants.named("two"), tenants.guests_of("two")
    tenants.set(("three", "one"), [("three", "one")])
    assert [tenant.shown_name for tenant in tenants] == ["default", "three", "one"]
    three = tenants.named("three")
    assert two not in one.reaches
    assert {tenant.name for tenant in two.reaches} == {"two", "two guests"}
    assert guests.reaches == {two}
    assert three in one.reaches
    tenants.set(("two",), [])
    assert tenants.named("two") is two
    numbers = [tenants.named(name).number for name in ("", "one", "two", "three")]
    assert [tenants.numbered(number) for number in numbers] == [tenants.named(""), one, two, three]
    assert tenants.numbered(9) is None  # the relay's own probe has one, too


def test_who_must_not_be_heard_of_any_more() -> None:
    """When tenants reach each other no more, each learns that the other's keys have gone, and nothing from then on."""
    world = World(tenants=("one", "two"), pairs=(("one", "two"),))
    world.login("a", tenant="one")
    world.login("b", tenant="two")
    world.send("a", "b", b"hello")
    world.frames("b")
    world.relay.set_tenants(("one", "two"), [])
    assert world.frames("b") == [Gone("a")]
    assert world.relay.consistency_errors() == []
    world.send("a", "b", b"hello")
    world.leave("a")
    assert world.frames("b") == []


def test_the_relays_own_probe(world: World) -> None:
    """It reaches itself and nobody else, nor does anybody reach it, at one worker or at several."""
    world.login("a")
    world.login("b", tenant="two")
    for name in ("send", "get"):
        world.login(name, probe=True)
    for src, dst in (("send", "get"), ("send", "a"), ("a", "get"), ("b", "send"), ("get", "b")):
        world.send(src, dst, b"packet")
    assert world.frames("get") == [Packet("send", b"packet")]
    assert [world.frames(name) for name in ("a", "b", "send")] == [[], [], []]
