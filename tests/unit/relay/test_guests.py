"""Guests: clients that are let in for those peers only whose home is here."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.fleet_world import FleetWorld
from support.world import DISCO, NotHere, Packet, World, key_of
from tailhub.relay.accounts import TooMany
from tailhub.relay.limits import Limits, TenantLimits
from tailhub.relay.stats import OTHER_TENANT


def one_relay(tenants: tuple[str, ...] = (), pairs: tuple[tuple[str, str], ...] = ()) -> World:
    return World(tenants=tenants, pairs=pairs)


def three_workers(tenants: tuple[str, ...] = (), pairs: tuple[tuple[str, str], ...] = ()) -> World:
    return FleetWorld(3, tenants=tenants, pairs=pairs)


worlds = pytest.mark.parametrize("make", [one_relay, three_workers])
Make = Callable[..., World]


@worlds
def test_guest_and_client(make: Make) -> None:
    """A guest and a client reach each other."""
    world = make()
    world.login("client")
    world.login("guest", guest=True)
    world.send("guest", "client", b"to")
    world.send("client", "guest", b"fro")
    assert world.frames("client") == [Packet("guest", b"to")]
    assert world.frames("guest") == [Packet("client", b"fro")]


@worlds
def test_two_guests(make: Make) -> None:
    """Two guests do not reach each other, and hear the same as if the other was not here."""
    world = make()
    for name in ("one", "two", "three", "four"):
        world.login(name, guest=True)
    for _ in range(2):
        world.send("one", "two", b"packet")
    world.send("one", "two", DISCO)
    world.send("two", "three", DISCO)
    assert world.frames("two") == [NotHere("three")]
    assert world.frames("one") == [NotHere("two")]


@worlds
def test_guest_that_is_served_later(make: Make) -> None:
    """When a guest's key is admitted, its connection as a guest ends, and the new one reaches guests too."""
    world = make()
    world.login("guest", guest=True)
    world.login("other", guest=True)
    world.login("client", key="guest")
    assert set(world.closed) == {"guest"}
    world.send("client", "other", b"packet")
    assert world.frames("other") == [Packet("guest", b"packet")]


@worlds
def test_guests_of_tenants(make: Make) -> None:
    """A guest reaches whom its tenant's clients reach, and nobody else."""
    world = make(tenants=("a", "b", "c"), pairs=(("a", "b"),))
    for tenant in "abc":
        world.login(tenant, tenant=tenant)
    world.login("guest", tenant="a", guest=True)
    for tenant in "abc":
        world.send("guest", tenant, b"packet")
    assert [world.frames(tenant) for tenant in "abc"] == [[Packet("guest", b"packet")]] * 2 + [[]]
    for tenant in "abc":
        world.send(tenant, "guest", b"packet")
    assert world.frames("guest") == [Packet("a", b"packet"), Packet("b", b"packet")]


def test_drops_are_counted() -> None:
    """What one guest sends to another is dropped and counted as what goes to another tenant."""
    world = World()
    for name in ("one", "two"):
        world.login(name, guest=True)
    world.send("one", "two", b"packet")
    assert world.dropped() == {(OTHER_TENANT, "other"): 1}


def test_home_of_a_guest() -> None:
    """When a guest says that its home is here, whoever is to know is told; of clients nobody is."""
    world = World()
    told = []
    world.relay.on_guest_home = told.append
    world.login("client")
    world.login("guest", guest=True)
    for name in ("client", "guest"):
        world.note_home(name, False)
        world.note_home(name, True)
    assert told == [world.connection("guest")]


def test_guests_take_no_places() -> None:
    """However many guests there are, and whatever they have as a key, those who are served find their places; other
    relays take none either.
    """
    world = World()
    world.relay.accounts.limits = Limits(connections=2, tenants={"": TenantLimits(key_connections=1, connections=1)})
    for name in ("one", "two", "three"):
        world.login(name, guest=True)
    world.login("another relay", mesh=True)
    assert world.relay.too_many("", key_of("one")) is None
    world.login("client")
    assert world.relay.too_many("", key_of("other")) is TooMany.TENANT
    for name in ("one", "two", "three", "client", "another relay"):
        world.leave(name)
    assert not world.relay.accounts.by_tenant


def test_what_guests_send_to_nobody() -> None:
    """It is not their tenant's use, or a stranger could use up its quota."""
    world = World()
    usage = world.relay.presence.usage
    usage.is_on = True
    world.login("client")
    world.login("guest", guest=True)
    for name in ("client", "guest"):
        world.send(name, "nobody", b"12345")
    usage.gather(world.relay.registry)
    assert {(row.tenant, row.src): row.in_bytes for row in usage.take(10)} == {
        ("", key_of("client")): 5,
        ("default guests", key_of("guest")): 5,
    }
