"""What another relay says, and what follows for those who are here; ``test_mesh_random.py`` has the rule behind it."""

from __future__ import annotations

import tracemalloc
from itertools import product
from random import Random

import pytest

from support.fleet_world import FleetWorld
from support.other_relay import Forwarded, OtherRelay
from support.world import DISCO, Gone, NotHere, Packet, World, key_of
from tailhub.derp.frames import FrameType, PeerGoneReason
from tailhub.relay import mesh_link, odd, presence, receivers

MESH_PEER = 2


def workers_or_one(count: int) -> World:
    return World() if count == 1 else FleetWorld(count)


def tenants_of(workers: int) -> World:
    tenants, pairs = ("one", "two", "three"), (("one", "two"),)
    return World(tenants=tenants, pairs=pairs) if workers == 1 else FleetWorld(workers, tenants=tenants, pairs=pairs)


# --- where packets go -------------------------------------------------------------------------------------------------


def test_a_packet_for_a_client_of_another_relay_goes_there() -> None:
    """Until that relay says that the client has gone; then it is dropped as for a key that is nowhere."""
    world = World()
    other = OtherRelay(world)
    world.login("a")
    other.has("k")
    assert other.link.keys == 1
    world.send("a", "k", b"1")
    assert other.forwarded() == [Forwarded("a", "k", b"1")]
    other.lost("k")
    assert other.link.keys == 0
    world.send("a", "k", b"2")
    assert other.forwarded() == []
    assert world.dropped() == {("unknown_dest", "other"): 1}
    assert world.relay.consistency_errors() == []


def test_whoever_had_the_key_last_gets_its_packets() -> None:
    """Of several relays that have a key the one where it became active last, in whatever order they say so."""
    world = World()
    one, two = OtherRelay(world, "one"), OtherRelay(world, "two")
    world.login("a")
    one.has("k", age_s=5)
    two.has("k", age_s=7)
    world.send("a", "k", b"1")
    assert (len(one.forwarded()), len(two.forwarded())) == (1, 0)
    two.has("k")
    world.send("a", "k", b"2")
    assert (len(one.forwarded()), len(two.forwarded())) == (0, 1)
    two.lost("k")
    world.send("a", "k", b"3")
    assert (len(one.forwarded()), len(two.forwarded())) == (1, 0)


def test_a_client_that_has_moved_leaves_a_dead_connection_behind() -> None:
    """Its packets go to where it is now, until its connection here says something, or it leaves there."""
    world = World()
    other = OtherRelay(world)
    world.login("k")
    world.login("a")
    world.now += 10
    other.has("k", age_s=1)
    world.send("a", "k", b"1")
    assert other.forwarded() == [Forwarded("a", "k", b"1")]
    assert world.frames("k") == []
    assert world.active("k") == ""
    world.ping("k")
    world.send("a", "k", b"2")
    assert world.frames("k")[1:] == [Packet("a", b"2")]
    world.now += 10
    other.has("k")
    world.send("a", "k", b"3")
    assert len(other.forwarded()) == 1
    other.lost("k")
    world.send("a", "k", b"4")
    assert world.frames("k") == [Packet("a", b"4")]
    assert world.relay.consistency_errors() == []


def test_an_older_connection_elsewhere_gets_nothing() -> None:
    """Who has come to us from another relay, which has not noticed yet, is here."""
    world = World()
    other = OtherRelay(world)
    world.login("a")
    world.login("k")
    other.has("k", age_s=60)
    world.send("a", "k", b"1")
    assert world.frames("k") == [Packet("a", b"1")]
    world.leave("k")
    world.send("a", "k", b"2")
    assert len(other.forwarded()) == 1


def test_of_several_connections_at_another_relay_the_latest_counts() -> None:
    """In whichever order that relay tells of them."""
    world = World()
    one, two = OtherRelay(world, "one"), OtherRelay(world, "two")
    world.login("a")
    two.has("k", age_s=5)
    one.has("k", age_s=1)
    one.has("k", age_s=9)
    world.send("a", "k", b"1")
    assert (len(one.forwarded()), len(two.forwarded())) == (1, 0)


def test_a_client_that_has_moved_speaks_again_at_one_of_our_workers() -> None:
    """It is active here again, and the other workers, which know of its other connection as well, hear of that."""
    world = FleetWorld(2)
    world.login("a")
    world.login("k")
    others = []
    for relay in world.relays:
        world.relay = relay
        others.append(OtherRelay(world))
    world.now += 1
    for other in others:
        other.has("k")
    world.send("a", "k", b"1")
    assert [len(other.forwarded()) for other in others] == [1, 0]
    world.now += 1
    world.ping("k")
    world.send("a", "k", b"2")
    assert [len(other.forwarded()) for other in others] == [0, 0]
    assert world.frames("k")[1:] == [Packet("a", b"2")]


def test_a_forwarded_packet_goes_to_the_worker_where_the_key_was_active_last() -> None:
    """Also if the worker that gets it has a connection of that key."""
    world = FleetWorld(2)
    world.login("old", key="k")
    world.login("new", key="k")
    world.login("m", mesh=True)
    assert world.worker_of("m") == world.worker_of("old")
    world.forward("m", "x", "k", b"1")
    assert world.frames("new") == [Packet("x", b"1")]


def test_a_relay_of_the_original_does_not_say_how_long() -> None:
    """What it tells of at first may be old, so any other claim is believed before; what it tells of later is new."""
    world = World()
    original, ours = OtherRelay(world, "original", is_tailhub=False, is_new=False), OtherRelay(world, "ours")
    world.login("a")
    ours.has("k", age_s=1e6)
    original.has("k")
    world.login("here")
    original.has("here")
    world.send("a", "k", b"1")
    world.send("a", "here", b"1")
    assert (len(original.forwarded()), len(ours.forwarded())) == (0, 1)
    original.link.flood_over()
    world.now += 1
    original.has("k")
    original.has("here")
    world.send("a", "k", b"2")
    world.send("a", "here", b"2")
    assert (len(original.forwarded()), len(ours.forwarded())) == (2, 0)


def test_where_the_first_telling_ends() -> None:
    """With the answer to a Ping; one of the original may give that before it has told of anybody, then it is the next
    answer behind its telling of us. One of ours has told some before it answers, and gives ages with all.
    """
    world = World(own_key="me")
    original, ours = (OtherRelay(world, name, is_tailhub=name == "b", is_new=False) for name in "ab")
    for other in (original, ours):
        other.answers()
    assert (original.link.is_flood, ours.link.is_flood) == (True, False)
    original.has("k")
    original.has("me", flags=MESH_PEER)
    assert original.link.is_flood
    original.answers()
    assert not original.link.is_flood


def test_what_others_may_add_one_day_is_not_taken_for_what_tailhub_adds() -> None:
    """Bytes behind the 51 of a PeerPresent mean something only where the other relay is one of ours."""
    world = World()
    original = OtherRelay(world, is_tailhub=False)
    original.has("k", tenant="nobody's")
    world.login("a")
    world.send("a", "k", b"1")
    assert len(original.forwarded()) == 1
    assert not original.link.odd


@pytest.mark.parametrize("workers", [1, 2])
def test_one_hop(workers: int) -> None:
    """What another relay forwards goes to a connection here, even if the key is active elsewhere, or is dropped."""
    world = workers_or_one(workers)
    world.login("m", mesh=True, app="tailhub/1")
    world.login("k")
    others = [OtherRelay(world, "other")] if workers == 1 else []
    for relay in getattr(world, "relays", []):
        world.relay = relay
        others.append(OtherRelay(world, "other"))
    world.now += 1
    for other in others:
        other.has("k")
        other.has("far")
    world.forward("m", "x", "k", b"1")
    world.forward("m", "x", "far", b"2")
    assert world.frames("k") == [Packet("x", b"1")]
    assert [other.forwarded() for other in others] == [[]] * len(others)
    assert world.dropped() == {("unknown_dest_on_fwd", "other"): 1}


def test_not_here_ends_a_claim() -> None:
    """A relay that answers a packet with PeerGone(not here) does not have that key."""
    world = World()
    other = OtherRelay(world)
    world.login("a")
    other.has("k")
    other.lost("k", PeerGoneReason.NOT_HERE)
    world.send("a", "k", DISCO)
    assert world.frames("a") == [NotHere("k")]
    assert other.forwarded() == []


# --- who is told that a key has gone ----------------------------------------------------------------------------------


def test_gone_is_gone_from_the_region() -> None:
    """Who has had packets from a key is told when it is nowhere any more; a watcher when it is not at this relay."""
    world = World()
    world.login("m", mesh=True)
    world.login("a")
    world.login("k")
    other = OtherRelay(world)
    world.send("k", "a", b"1")
    other.has("k")
    world.watch("m")
    world.frames("m")
    world.frames("a")
    world.leave("k")
    assert world.frames("a") == []
    assert world.frames("m") == [Gone("k")]
    other.lost("k")
    assert world.frames("a") == [Gone("k")]
    assert world.frames("m") == []


def test_gone_from_two_workers_and_another_relay() -> None:
    """The same where the key was at another worker: each worker knows for itself whether there is one left."""
    world = FleetWorld(2)
    world.login("a")
    world.login("k")
    world.relay = world.relays[0]
    other = OtherRelay(world)
    world.send("k", "a", b"1")
    world.frames("a")
    other.has("k")
    world.leave("k")
    assert world.frames("a") == []
    other.lost("k")
    assert world.frames("a") == [Gone("k")]


def test_a_broken_link_counts_no_more_at_once() -> None:
    """Nothing is forwarded over it and nobody displaced by it; who is to be told of it learns by and by."""
    world = World()
    other, second = OtherRelay(world, "other"), OtherRelay(world, "second")
    world.login("m", mesh=True)
    for name in "ak":
        world.login(name)
    world.now += 1
    for key in ("k", "far", "both"):
        other.has(key)
    second.has("both", age_s=9)
    world.forward("m", "far", "a", b"0")
    assert world.frames("a") == [Packet("far", b"0")]
    other.breaks()
    route = world.relay.route
    for dst in ("k", "far", "both"):  # not by `World.send`, which does the work of a step
        route(world.connection("a"), [(key_of(dst), b"\x05\0\0\0\x21" + key_of("a") + b"!", 1, False)], world.now)
    assert other.forwarded() == []
    assert second.forwarded() == [Forwarded("a", "both", b"!")]
    assert world.frames("k") == [Packet("a", b"!")]
    assert world.dropped() == {("unknown_dest", "other"): 1}
    world.work()
    assert world.frames("a") == [Gone("far")]
    assert set(world.relay.presence.elsewhere.routes) == {key_of("both")}
    assert other.link.keys == 0
    assert world.relay.consistency_errors() == []


def test_a_link_that_has_broken_says_nothing_any_more() -> None:
    """What is still read of it teaches nothing, or it would be believed for ever."""
    world = World()
    other = OtherRelay(world)
    other.breaks()
    other.has("k")
    other.has("p", flags=MESH_PEER)
    assert not world.relay.presence.elsewhere.routes
    assert not other.link.peers


def test_a_client_that_comes_while_a_broken_link_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is here, whatever the dead relay had said of its key, and so is one that another relay has: nobody is told
    that they have gone.
    """
    monkeypatch.setattr(presence, "PIECE", 1)
    world = World()
    world.login("m", mesh=True)
    other, second = OtherRelay(world, "other"), OtherRelay(world, "second")
    world.login("a")
    for key in ("k", "far", "x"):
        other.has(key)
        world.forward("m", key, "a", b"1")
    world.frames("a")
    other.breaks()
    second.has("far", age_s=100)
    world.login("k")
    assert world.frames("a") == [Gone("x")]
    world.send("a", "far", b"2")
    world.send("a", "k", b"3")
    assert second.forwarded() == [Forwarded("a", "far", b"2")]
    assert world.frames("k") == [Packet("a", b"3")]
    assert world.relay.consistency_errors() == []


def test_forgetting_takes_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A piece at a time, and whoever does it is called when there is something to do."""
    monkeypatch.setattr(presence, "PIECE", 2)
    world = World()
    other = OtherRelay(world)
    table = world.relay.presence
    calls: list[int] = []
    table.on_work = lambda: calls.append(1)
    for number in range(5):
        other.has(f"k{number}")
    other.breaks()
    assert calls == [1]
    left = []
    while table.work(world.now) is not None:
        left.append(len(table.elsewhere.routes))
    assert left == [3, 1]
    assert not table.elsewhere.routes


def test_telling_takes_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands may have had packets from the keys that one read ends: each turn tells a few, whatever they are of."""
    monkeypatch.setattr(presence, "PIECE", 2)
    world = World()
    world.login("m", mesh=True)
    other = OtherRelay(world)
    receivers_of = {"k0": "abc", "k1": "abcd"}
    for name in "abcd":
        world.login(name)
    for key, names in receivers_of.items():
        other.has(key)
        for name in names:
            world.forward("m", key, name, b"1")
    for name in "abcd":
        world.frames(name)
    presents = world.relay.presence
    calls: list[int] = []
    presents.on_work = lambda: calls.append(1)
    for key in receivers_of:
        other.link.gone(key_of(key))
    told = []
    while presents.work(world.now) is not None:
        told.append(world.relay.stats.peer_gone_disconnected)
    assert calls == [1]
    assert told == [2, 4, 6]
    assert world.frames("d") == [Gone("k1")]
    assert sorted(world.frames("a")) == [Gone("k0"), Gone("k1")]
    assert world.relay.consistency_errors() == []


def test_a_key_that_is_back_before_its_turn_is_not_told_of() -> None:
    """What counts is how things are when a receiver's turn comes."""
    world = World()
    world.login("m", mesh=True)
    world.login("a")
    one, two = OtherRelay(world, "one"), OtherRelay(world, "two")
    one.has("k")
    world.forward("m", "k", "a", b"1")
    world.frames("a")
    one.link.gone(key_of("k"))
    two.has("k")
    assert world.frames("a") == []
    assert world.relay.consistency_errors() == []


# --- tenants ----------------------------------------------------------------------------------------------------------


def test_clients_of_another_relay_belong_to_the_tenant_of_that_name() -> None:
    """Guests, too; packets of strangers are dropped as here, and a tenant that there is not here nobody reaches."""
    world = World(tenants=("one", "two"))
    other = OtherRelay(world)
    for name, tenant in (("a", "one"), ("x", "two")):
        world.login(name, tenant=tenant)
    world.login("g", tenant="one", guest=True)
    other.has("k", tenant="one")
    other.has("guest", tenant="one", guest=True)
    other.has("stranger", tenant="three")
    for src in ("a", "x", "g"):
        for dst in ("k", "guest", "stranger"):
            world.send(src, dst, b"1")
    assert [(one.src, one.dst) for one in other.forwarded()] == [("a", "k"), ("a", "guest"), ("g", "k")]
    assert world.dropped() == {("other_tenant", "other"): 6}
    assert other.link.odd == {odd.UNKNOWN_TENANT: 1}


@pytest.mark.parametrize("workers", [1, 2])
def test_who_reaches_whom_is_the_same_at_two_relays_as_at_one(workers: int) -> None:
    """Of all tenants and their guests: at the relay of the sender, and at that of the receiver."""
    kinds = [(tenant, guest) for tenant in ("", "one", "two", "three") for guest in (False, True)]
    at_one, from_here, to_here = set(), set(), set()
    for src, dst in product(kinds, repeat=2):
        one, sender, receiver = (tenants_of(workers) for _ in range(3))
        one.login("a", tenant=src[0], guest=src[1])
        one.login("b", tenant=dst[0], guest=dst[1])
        one.send("a", "b", b"1")
        at_one.update([(src, dst)] if one.frames("b") else [])
        other = OtherRelay(sender, "m")
        other.has("b", tenant=dst[0], guest=dst[1])
        sender.login("a", tenant=src[0], guest=src[1])
        sender.send("a", "b", b"1")
        from_here.update([(src, dst)] if other.forwarded() else [])
        OtherRelay(receiver, "m").has("a", tenant=src[0], guest=src[1])
        receiver.login("m", mesh=True)
        receiver.login("b", tenant=dst[0], guest=dst[1])
        receiver.forward("m", "a", "b", b"1")
        to_here.update([(src, dst)] if receiver.frames("b") else [])
    assert from_here == to_here == at_one
    assert 0 < len(at_one) < len(kinds) ** 2


def test_a_forwarded_packet_is_of_the_tenant_of_its_source_there() -> None:
    """As that relay has said it of the source, or else of the nameless tenant."""
    world = World(tenants=("one", "two"))
    other = OtherRelay(world, "m")
    world.login("m", mesh=True, app="tailhub/1")
    for name, tenant in (("a", "one"), ("x", "two"), ("z", "")):
        world.login(name, tenant=tenant)
    other.has("k", tenant="one")
    other.has("stranger", tenant="three")
    for src in ("k", "stranger", "unknown"):
        for dst in ("a", "x", "z"):
            world.forward("m", src, dst, b"1")
    assert [world.frames(name) for name in "axz"] == [[Packet("k", b"1")], [], [Packet("unknown", b"1")]]
    assert world.dropped() == {("other_tenant", "other"): 7}
    other.lost("k")
    assert world.frames("a") == [Gone("k")]


def test_a_tailhub_relay_is_not_told_that_a_strangers_key_is_not_here() -> None:
    """It would forget it for its friends, too; one of the original, which was never told of it, hears what it must."""
    world = World(tenants=("one",))
    world.login("ours", mesh=True, app="tailhub/1")
    world.login("theirs", mesh=True)
    world.login("a", tenant="one")
    for name in ("ours", "theirs"):
        world.forward(name, "x", "a", DISCO)
    assert world.frames("ours") == []
    assert world.frames("theirs") == [NotHere("a")]


def test_a_key_that_changes_its_tenant_at_another_relay() -> None:
    """Who had its packets and may not reach the new tenant is told that it has gone."""
    world = World(tenants=("one", "two"))
    other = OtherRelay(world, "m")
    world.login("m", mesh=True)
    world.login("a", tenant="one")
    other.has("k", tenant="one")
    world.forward("m", "k", "a", b"1")
    world.frames("a")
    other.has("k", tenant="two")
    world.work()
    assert world.frames("a") == [Gone("k")]
    assert world.relay.consistency_errors() == []


def test_a_tenant_that_comes_here_later() -> None:
    """A relay that had told of a tenant unknown here is asked again when there are others; one that had not is not."""
    world = World()
    other, second = OtherRelay(world, "other"), OtherRelay(world, "second")
    other.has("k", tenant="one")
    second.has("z")
    world.relay.set_tenants(("one",), [])
    assert other.asked() == [FrameType.WATCH_CONNS]
    assert second.asked() == []
    other.has("k", tenant="one")
    world.login("a", tenant="one")
    world.send("a", "k", b"1")
    assert len(other.forwarded()) == 1


# --- what none should do ----------------------------------------------------------------------------------------------


def test_relays_are_no_clients() -> None:
    """Keys of that relay's mesh peers are kept apart, and nothing is routed to them."""
    world = World()
    other = OtherRelay(world)
    for name in ("relay", "third"):
        other.has(name, flags=MESH_PEER)
    assert other.link.peers == {key_of("relay"), key_of("third")}
    assert other.link.keys == 0
    other.lost("third")
    assert other.link.peers == {key_of("relay")}
    assert not other.link.odd


def test_a_relay_that_says_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own key, more clients or mesh peers than may be, and who was never there: counted, and no more."""
    monkeypatch.setattr(mesh_link, "MOST_KEYS", 2)
    monkeypatch.setattr(mesh_link, "MOST_PEERS", 1)
    world = World(own_key="relay")
    other = OtherRelay(world)
    other.has("relay")
    for key in ("a", "b", "c", "a"):
        other.has(key)
    for key in ("p", "q", "p"):
        other.has(key, flags=MESH_PEER)
    other.lost("never there")
    assert other.link.keys == 2
    assert other.link.peers == {key_of("p")}
    expected = (odd.OUR_KEY, odd.TOO_MANY_KEYS, odd.TOO_MANY_PEERS, odd.UNKNOWN_GONE)
    assert other.link.odd == dict.fromkeys(expected, 1)
    other.lost("a")
    other.has("c")
    assert other.link.keys == 2


def test_forwarded_packets_that_are_odd(monkeypatch: pytest.MonkeyPatch) -> None:
    """For nobody, of our own clients, or of ever new sources: counted for the mesh peer, and delivered if possible."""
    monkeypatch.setattr(receivers, "MOST_UNKNOWN_SOURCES", 3)
    monkeypatch.setattr(receivers, "MOST_FORWARDED_SOURCES", 4)
    world = World()
    world.login("m", mesh=True)
    world.login("a")
    world.login("b")
    world.forward("m", "x", "nobody", b"1")
    world.forward("m", "b", "a", b"2")
    for number in range(5):
        world.forward("m", f"invented {number}", "ab"[number % 2], b"3")
    assert world.connection("m").odd == {odd.UNKNOWN_DEST: 1, odd.OUR_CLIENT: 1, odd.TOO_MANY_SOURCES: 2}
    assert (len(world.frames("a")), len(world.frames("b"))) == (4, 2)
    assert world.relay.consistency_errors() == []
    world.leave("a")
    world.forward("m", "invented again", "b", b"4")
    assert world.connection("m").odd[odd.TOO_MANY_SOURCES] == 2
    assert world.relay.consistency_errors() == []
    other = OtherRelay(world)
    for key in ("told of 1", "told of 2", "told of 3"):  # of these one can say that they have gone
        other.has(key)
        world.forward("m", key, "b", b"5")
    assert world.connection("m").odd[odd.TOO_MANY_SOURCES] == 3
    assert world.relay.consistency_errors() == []


def test_a_key_of_another_relay_costs_little_memory() -> None:
    """Under 300 bytes in all tables together."""
    count = 20_000
    random = Random(1)
    world = World()
    link = OtherRelay(world).link
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(count):
            link.present(random.randbytes(32), 1, number, b"\0", world.now)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert link.keys == count
    assert after - before < 260 * count
