"""What watchers are told, and in which pieces; ``test_relay_mesh.py`` has what any mesh peer is told."""

from __future__ import annotations

import pytest

from support.fleet_world import FleetWorld
from support.world import Frame, Gone, Present, World
from tailhub.relay import watchers

AGE_MS = 1000


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood is told by two keys at a time, each when nothing waits."""
    monkeypatch.setattr(watchers, "PIECE", 2)
    monkeypatch.setattr(watchers, "ROOM_BYTES", 0)


def told_bit_by_bit(world: World, name: str) -> list[Frame]:
    """All that a watcher reads until there is no more, and what takes turns is done meanwhile."""
    told: list[Frame] = []
    while some := world.frames(name):
        told += some
        world.work()
    return told


# --- a flood ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("pieces")
def test_a_flood_waits_for_its_reader() -> None:
    """A watcher that does not read is given one piece and no more; when it has read, the next one."""
    world = World()
    for name in "abcdef":
        world.login(name)
    world.login("m", mesh=True)
    world.watch("m")
    assert world.connection("m").queue.control_bytes == 2 * 56
    assert world.relay.presence.work(world.now) == watchers.WAIT_S
    assert len(world.frames("m")) == 2
    world.work()
    assert len(told_bit_by_bit(world, "m")) == 5
    assert world.relay.presence.work(world.now) is None


@pytest.mark.usefixtures("pieces")
def test_who_does_not_read_does_not_hold_up_others() -> None:
    """Floods take turns, and one that has to wait is passed over."""
    world = World()
    for name in "abcdef":
        world.login(name)
    for name in ("m", "n"):
        world.login(name, mesh=True)
        world.watch(name)
    assert len(told_bit_by_bit(world, "n")) == 8
    assert len(told_bit_by_bit(world, "m")) == 8


@pytest.mark.usefixtures("pieces")
def test_changes_during_a_flood() -> None:
    """Whoever leaves before its turn is not told of any more, who comes back is, and nobody is missed."""
    world = World()
    for name in "abcdef":
        world.login(name)
    world.login("m", mesh=True)
    world.watch("m")
    for name in "abc":
        world.leave(name)
    world.login("c")
    world.login("g")
    told = told_bit_by_bit(world, "m")
    known: set[str] = set()
    for frame in told:
        if isinstance(frame, Present):
            known.add(frame.key)
        elif isinstance(frame, Gone):
            known.discard(frame.key)
    assert known == {"c", "d", "e", "f", "g", "m"}
    assert not {Present("a"), Present("b")} & set(told)


@pytest.mark.usefixtures("pieces")
def test_a_watcher_that_leaves_during_its_flood() -> None:
    """Nothing is left to do for it."""
    world = World()
    for name in "abcdef":
        world.login(name)
    world.login("m", mesh=True)
    world.watch("m")
    world.leave("m")
    assert world.relay.presence.work(world.now) is None
    assert world.relay.consistency_errors() == []


@pytest.mark.usefixtures("pieces")
def test_watching_again_during_a_flood_begins_it_again() -> None:
    """The second one takes the place of the first, so asking often costs no memory."""
    world = World()
    for name in "abcde":
        world.login(name)
    world.login("m", mesh=True)
    world.watch("m")
    world.watch("m")
    assert len(told_bit_by_bit(world, "m")) == 2 + 6


# --- what only tailhub relays are told --------------------------------------------------------------------------------


def test_a_tailhub_relay_is_told_of_all_tenants_and_ages() -> None:
    """With each connection the age and the tenant's name, of guests that they are some; never of the own probe."""
    world = World(tenants=("one", "two"), pairs=(("", "one"),))
    world.login("z")
    world.login("a", tenant="one")
    world.now += 1
    world.login("g", tenant="two", guest=True)
    world.login("probe", probe=True)
    world.login("ours", mesh=True, app="tailhub/9.9")
    world.login("theirs", mesh=True, app="something else")
    for name in ("ours", "theirs"):
        world.watch(name)
    address = "192.0.2.1 4000"
    assert sorted(world.frames("ours"), key=lambda frame: frame[0]) == [
        Present("a", 1, address, AGE_MS, b"\0one"),
        Present("g", 1, address, 0, b"\1two"),
        Present("ours", 2, address, 0, b"\0"),
        Present("theirs", 2, address, 0, b"\0"),
        Present("z", 1, address, AGE_MS, b"\0"),
    ]
    theirs = [Present("a"), Present("ours", 2), Present("theirs", 2), Present("z")]
    assert sorted(world.frames("theirs"), key=lambda frame: frame[0]) == theirs
    for name in ("g", "probe", "z"):
        world.leave(name)
    assert world.frames("ours") == [Gone("g"), Gone("z")]
    assert world.frames("theirs") == [Gone("z")]
    world.login("x", tenant="two")
    world.login("probe", probe=True)
    assert world.frames("ours") == [Present("x", 1, address, 0, b"\0two")]
    assert world.frames("theirs") == []


def test_a_client_may_call_itself_as_it_likes() -> None:
    """Without the mesh key the name of a tailhub relay means nothing."""
    world = World()
    world.login("a", app="tailhub/9.9")
    assert not world.connection("a").identity.is_tailhub


def test_ages_across_workers() -> None:
    """A key at another worker has the age of its connection there, however late this one hears of it."""
    world = FleetWorld(2)
    world.login("ours", mesh=True, app="tailhub/1")
    world.login("a")
    world.now += 1
    world.watch("ours")
    ages = {frame.key: frame.age_ms for frame in world.frames("ours") if isinstance(frame, Present)}
    assert ages["a"] == pytest.approx(AGE_MS, abs=1)


# --- tenants that change ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("pieces")
def test_whom_the_nameless_tenant_reaches_no_more() -> None:
    """A watcher of the original is told that they have gone, and of those who may be reached now; others of nothing."""
    world = World(tenants=("one", "two", "three"), pairs=(("", "one"),))
    for key, tenant in (("z", ""), ("a", "one"), ("b", "one"), ("x", "two"), ("y", "three")):
        world.login(key, tenant=tenant)
    world.login("theirs", mesh=True)
    world.login("ours", mesh=True, app="tailhub/1")
    for name in ("theirs", "ours"):
        world.watch(name)
        told_bit_by_bit(world, name)
    told_bit_by_bit(world, "theirs")
    world.relay.set_tenants(("one", "two", "three"), [("", "two")])
    world.leave("b")  # before its turn to be told of
    world.work()
    told = set(told_bit_by_bit(world, "theirs"))
    assert {Gone("a"), Gone("b"), Present("x")} <= told
    assert not {Gone("y"), Gone("x"), Gone("z"), Present("a"), Present("b"), Present("y")} & told
    assert told_bit_by_bit(world, "ours") == [Gone("b")]


@pytest.mark.usefixtures("pieces")
def test_watching_while_tenants_change() -> None:
    """Who asks for everything while it is being told of what it may not reach any more is told of both."""
    world = World(tenants=("one",), pairs=(("", "one"),))
    for key in ("a", "b", "c", "d"):
        world.login(key, tenant="one")
    world.login("m", mesh=True)
    world.watch("m")
    told_bit_by_bit(world, "m")
    world.relay.set_tenants(("one",), [])
    world.leave("b")
    world.watch("m")
    assert set(told_bit_by_bit(world, "m")) == {Gone("a"), Gone("b"), Gone("c"), Gone("d"), Present("m", 2)}


def test_a_reload_that_changes_no_reach_tells_nobody() -> None:
    """Of those who may be reached as before nothing is said again."""
    world = World(tenants=("one",))
    world.login("m", mesh=True)
    world.watch("m")
    world.frames("m")
    world.relay.set_tenants(("one", "two"), [("one", "two")])
    assert world.relay.presence.work(world.now) is None
    assert world.frames("m") == []
