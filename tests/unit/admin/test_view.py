from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tailhub.admin import api_types
from tailhub.admin.feed import (
    ClientCounts,
    ClientRow,
    ClientsCame,
    ClientsCounted,
    ClientsLeft,
    EventRow,
    EventsCame,
    Facts,
    PairRow,
    PairsUsed,
    Part,
    ValuesCame,
)
from tailhub.admin.view import MOST_EVENTS, View

AT = 5000.0
KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
ALL = frozenset(Part)


@pytest.fixture
def view() -> View:
    return View(first_event=1)


def snapshot(view: View, at: float, *messages: object, parts: frozenset[Part] = ALL) -> None:
    for message in messages:
        view.receive(message)
    view.ended(parts, at)


def values(**changes: Any) -> ValuesCame:
    return ValuesCame({"clients": 2, "connections": 3, "accepts": 7, "refused_keys": 4} | changes)


def row(number: int, key: bytes = KEY, kind: str = "client") -> ClientRow:
    return ClientRow(number, key, "phone", "", "", "192.0.2.1", 5, 4000.0, kind, "", number)


def counts(number: int, received: int) -> ClientCounts:
    return ClientCounts(number, True, 1, received, 0, 0, 0, 0, ())


def test_before_anything_is_known(view: View) -> None:
    """A relay that has said nothing yet is starting, and every answer has its shape all the same."""
    overview = view.overview(AT, is_lost=False)
    assert overview.state == "starting"
    assert overview.totals.clients == 0
    assert view.tenants().tenants[0].name == "default"
    assert view.quotas().quotas == view.mesh().workers == view.certificates().certificates == []
    assert view.verifiers().verifiers == []
    assert view.of_key(KEY).clients == []


def test_overview(view: View) -> None:
    """Totals, drops by reason, STUN by disposition and the process are read from the metrics."""
    facts = Facts({"relay": {"version": "1", "hostname": "h", "region_id": 947, "unknown": 1}, "faults": ["worker 1"]})
    metrics = values(
        packets_dropped={("queue_head", "disco"): 1, ("queue_head", "other"): 2, ("unknown_dest", "other"): 4},
        stun_requests={("success",): 9, ("not_stun",): 1},
        process_resident_bytes=1e6,
        process_open_fds=10,
        process_max_fds=1024,
        home_connections=1,
        guests=1,
        held_connections=6,
        refused={("a",): 1, ("b",): 2},
        queued_bytes=11,
    )
    snapshot(view, AT, facts, metrics, ClientsCame([row(1), row(2, OTHER, "guest")]))
    overview = view.overview(AT + 1, is_lost=False)
    assert (overview.state, overview.faults, overview.pending, overview.drain) == ("ready", ["worker 1"], 4, None)
    assert (overview.relay.version, overview.relay.hostname, overview.relay.region_id) == ("1", "h", 947)
    assert overview.relay.now == AT + 1
    assert overview.drops == {"queue_head": 3, "unknown_dest": 4}
    assert overview.stun == {"success": 9, "not_stun": 1}
    totals = overview.totals
    assert (totals.clients, totals.connections, totals.homes, totals.guests, totals.held) == (2, 3, 1, 1, 6)
    assert (totals.packets_dropped, totals.stun_requests, totals.refused, totals.logins) == (7, 10, 3, 7)
    assert (overview.process.resident_bytes, overview.process.open_fds, overview.process.max_fds) == (10**6, 10, 1024)


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({"drain": None}, "ready"),
        ({"drain": {"phase": "off"}}, "ready"),
        ({"drain": {"phase": "delaying"}}, "evacuating"),
        ({"drain": {"phase": "closing"}}, "evacuating"),
        ({"drain": {"phase": "draining"}}, "draining"),
        ({"drain": {"phase": "drained"}}, "draining"),
    ],
)
def test_state(view: View, facts: dict[str, object], state: str) -> None:
    """Whether the relay takes clients is what it says of its start and its drain; a relay that is lost is lost."""
    view.receive(Facts({"relay": {}} | facts))
    assert view.state(is_lost=False) == state
    assert view.state(is_lost=True) == "lost"


def test_rates_wait_for_the_end_of_a_snapshot(view: View) -> None:
    """Numbers count as one moment: that of the snapshot's end, not of each piece."""
    snapshot(view, AT, values(bytes_received=0), ClientsCame([row(1)]), ClientsCounted([counts(1, 0)]))
    view.receive(values(bytes_received=500))
    view.receive(ClientsCounted([counts(1, 500)]))
    assert view.overview(AT, is_lost=False).rates.bytes_received_per_s == 0.0
    view.ended(ALL, AT + 2)
    assert view.overview(AT, is_lost=False).rates.bytes_received_per_s == 250.0
    assert view.of_key(KEY).clients[0].bytes_received_per_s == 250.0


def test_rates_of_parts_count_from_their_own_last_snapshot(view: View) -> None:
    """Clients that were left out of the snapshot between count from the one before."""
    snapshot(view, AT, ClientsCame([row(1)]), ClientsCounted([counts(1, 0)]))
    snapshot(view, AT + 1, values(), parts=frozenset({Part.VALUES}))
    snapshot(view, AT + 2, ClientsCounted([counts(1, 100)]), parts=frozenset({Part.CLIENTS}))
    assert view.of_key(KEY).clients[0].bytes_received_per_s == 50.0


def test_metrics_that_were_not_asked_for(view: View) -> None:
    """A snapshot without metrics leaves their rates as they were."""
    snapshot(view, AT, values(bytes_received=0))
    snapshot(view, AT + 1, values(bytes_received=500))
    snapshot(view, AT + 2, parts=frozenset({Part.FACTS}))
    assert view.overview(AT, is_lost=False).rates.bytes_received_per_s == 500.0
    assert view.rings.since(0.0, 1.0).t == [AT + 1]


def test_of_key(view: View) -> None:
    """A key's connections and its pairs."""
    pairs = PairsUsed([PairRow("", KEY, OTHER, 1, 10, 10), PairRow("", OTHER, OTHER, 1, 10, 10)])
    snapshot(view, AT, ClientsCame([row(1), row(2, OTHER)]), pairs)
    found = view.of_key(KEY)
    assert [client.id for client in found.clients] == [1]
    assert [(pair.src_name, pair.packets) for pair in found.pairs] == [("phone", 1)]
    view.receive(ClientsLeft((), worker=1))
    assert view.of_key(KEY).clients == []


def test_tenants(view: View) -> None:
    """Where there are several each has its own counters, by name; one that is alone has all of them."""
    view.receive(Facts({"tenants": ["", "friends"]}))
    labelled = {("default",): 1, ("friends",): 2}
    dropped = {("default", "a"): 1, ("friends", "a"): 1, ("friends", "b"): 2}
    snapshot(view, AT, values(tenant_connections=labelled, tenant_bytes_sent=labelled, tenant_packets_dropped=dropped))
    shown = [(one.name, one.connections, one.bytes_sent, one.packets_dropped) for one in view.tenants().tenants]
    assert shown == [("default", 1, 1, 1), ("friends", 2, 2, 3)]
    view.receive(Facts({"tenants": [""]}))
    snapshot(view, AT + 1, values(bytes_sent=5))
    (alone,) = view.tenants().tenants
    assert (alone.name, alone.connections, alone.bytes_sent) == ("default", 3, 5)


def test_facts_in_the_shape_of_the_api(view: View) -> None:
    """What the relay tells of itself comes out in the API's shapes, and what it leaves out has a value."""
    view.receive(
        Facts(
            {
                "certificates": [{"listener": ":443", "names": ["a"], "not_after": 9, "days_left": 3}],
                "verifiers": [{"name": "v", "state": "unreachable", "since": None}],
                "quotas": {"period": {"start": 1, "end": 2}, "quotas": [{"scope": "tenant", "used_bytes": 5}]},
                "mesh": {"workers": [{"number": 1, "pid": 2}]},
                "notices": [{"id": "1", "text": "hello", "at": 3}],
            }
        )
    )
    assert view.certificates().certificates[0].not_after == 9.0
    assert view.verifiers().verifiers[0].since is None
    quotas = view.quotas()
    assert quotas.period is not None
    assert (quotas.period.end, quotas.quotas[0].scope, quotas.quotas[0].cost) == (2.0, "tenant", None)
    assert view.mesh().workers[0].pid == 2
    assert view.overview(AT, is_lost=False).notices == [api_types.Notice(id="1", text="hello", at=3.0)]


def test_what_goes_to_a_peer_now(view: View) -> None:
    """A peer of the mesh has the rates of its counters."""
    facts = Facts({"mesh": {"peers": [{"name": "b", "state": "up", "dials_since": None}, {"name": "c"}]}})
    for at, sent in ((AT, 0), (AT + 2, 10)):
        counted = {"mesh_forwarded_packets": {("b",): sent}, "mesh_forwarded_bytes": {("b",): 100 * sent}}
        snapshot(view, at, facts, values(**counted))
    assert [(peer.packets_per_s, peer.bytes_per_s) for peer in view.mesh().peers] == [(5.0, 500.0), (0.0, 0.0)]


def event(number: int) -> EventRow:
    return EventRow(AT + number, "info", "login", f"line {number}", {"key": "x"})


def test_quotas_have_names(view: View) -> None:
    """The relay's books know keys only; a key that is connected has its device's name."""
    quotas = [{"scope": "key", "key": f"nodekey:{key.hex()}", "name": ""} for key in (KEY, OTHER)]
    snapshot(view, AT, Facts({"quotas": {"quotas": quotas}}), ClientsCame([row(1)]))
    assert [quota.name for quota in view.quotas().quotas] == ["phone", ""]


def test_events(view: View) -> None:
    """Lines come oldest first with numbers that rise; whoever asks for those after the last gets the new ones."""
    view.receive(EventsCame([event(1), event(2)]))
    first = view.events(0, 100)
    assert [(one.seq, one.text) for one in first.events] == [(1, "line 1"), (2, "line 2")]
    assert first.next == 2
    assert view.events(first.next, 100).events == []
    assert view.events(first.next, 100).next == 2
    view.receive(EventsCame([event(3)]))
    assert [one.text for one in view.events(first.next, 100).events] == ["line 3"]


def test_events_are_bounded(view: View) -> None:
    """The last thousand are kept; of those that were asked for the last so many are given."""
    view.receive(EventsCame([event(number) for number in range(MOST_EVENTS + 5)]))
    shown = view.events(0, 5000).events
    assert (len(shown), shown[0].text) == (MOST_EVENTS, "line 5")
    assert [one.text for one in view.events(0, 1).events] == [f"line {MOST_EVENTS + 4}"]


def test_events_of_a_later_process_go_on() -> None:
    """Numbers begin with the time, so that whoever polls over a restart of the pages misses nothing."""
    before, after = View(), View()
    before.receive(EventsCame([event(1)]))
    after.receive(EventsCame([event(2)]))
    assert after.events(0, 9).next >= before.events(0, 9).next


def test_events_after_the_clock_was_set_back() -> None:
    """Whoever knows larger numbers than there have been has them from an earlier process, and gets all lines."""
    view = View(1)
    view.receive(EventsCame([event(1), event(2)]))
    shown = view.events(5000, 9)
    assert ([one.text for one in shown.events], shown.next) == (["line 1", "line 2"], 2)
    assert view.events(shown.next, 9).events == []


def test_other_messages_are_ignored(view: View) -> None:
    """What is not part of a snapshot changes nothing."""
    before = msgspec.to_builtins(view.overview(AT, is_lost=False))
    view.receive(object())
    assert msgspec.to_builtins(view.overview(AT, is_lost=False)) == before
