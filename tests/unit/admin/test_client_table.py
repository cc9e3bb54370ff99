from __future__ import annotations

from typing import Any

import pytest

from tailhub.admin.client_table import CLIENT_ORDERS, ClientTable, key_text
from tailhub.admin.feed import ClientCounts, ClientRow

AT = 5000.0


def key(number: int) -> bytes:
    return bytes([number]) * 32


def row(number: int, of_key: int | None = None, **changes: Any) -> ClientRow:
    values: dict[str, Any] = {
        "id": number,
        "key": key(number if of_key is None else of_key),
        "name": f"device-{number}",
        "owner": "",
        "tenant": "",
        "address": f"203.0.113.{number}",
        "port": 1000 + number,
        "connected_at": 100.0 + number,
        "kind": "client",
        "app": "",
        "worker": 0,
    }
    return ClientRow(**values | changes)


def counts(number: int, received: int = 0, sent: int = 0, **changes: Any) -> ClientCounts:
    values: dict[str, Any] = {
        "id": number,
        "is_home": True,
        "received_packets": received // 100,
        "received_bytes": received,
        "sent_packets": sent // 100,
        "sent_bytes": sent,
        "queued_bytes": 0,
        "rtt_us": 0,
        "dropped": (),
    }
    return ClientCounts(**values | changes)


def table(*rows: ClientRow) -> ClientTable:
    made = ClientTable()
    made.came(rows)
    made.counted([counts(one.id) for one in rows])
    made.ended(AT, None)
    return made


def ids(made: ClientTable, sort: str = "since", *, descending: bool = False, **asked: Any) -> list[int]:
    page = made.listed(sort, descending=descending, **{"offset": 0, "limit": 100} | asked)
    return [client.id for client in page.clients]


def test_a_row_is_shown_whole() -> None:
    """Everything that the relay tells of a client is in the answer, in the API's units."""
    made = table(row(1, name="phone", owner="alice", tenant="friends", kind="guest", app="curl", worker=3))
    made.counted([counts(1, 1000, 500, rtt_us=12_300, queued_bytes=7, dropped=(("queue_head", 4),), is_home=False)])
    made.ended(AT + 2, 2.0)
    (client,) = made.listed("rate", descending=True, offset=0, limit=1).clients
    assert client.key == key_text(key(1)) == "nodekey:" + "01" * 32
    assert client.short == "[AQEBA]"
    assert (client.name, client.owner, client.tenant, client.kind, client.app) == (
        "phone",
        "alice",
        "friends",
        "guest",
        "curl",
    )
    assert (client.address, client.port, client.worker, client.since, client.home) == (
        "203.0.113.1",
        1001,
        3,
        101.0,
        False,
    )
    assert (client.bytes_received, client.bytes_sent, client.packets_received, client.packets_sent) == (
        1000,
        500,
        10,
        5,
    )
    assert (client.bytes_received_per_s, client.bytes_sent_per_s) == (500.0, 250.0)
    assert (client.rtt_ms, client.queued_bytes, client.dropped) == (12.3, 7, {"queue_head": 4})


def test_an_unknown_round_trip_is_none() -> None:
    """A round trip time that the kernel does not know is null, not 0."""
    assert table(row(1)).listed("rate", descending=True, offset=0, limit=1).clients[0].rtt_ms is None


def test_who_does_not_move_has_no_rate_any_more() -> None:
    """A client whose numbers are not told in a snapshot has moved nothing since the last one."""
    made = table(row(1), row(2))
    made.counted([counts(1, 1000)])
    made.ended(AT + 1, 1.0)
    made.counted([counts(2, 300)])
    made.ended(AT + 2, 1.0)
    rates = {
        one.id: one.bytes_received_per_s for one in made.listed("rate", descending=True, offset=0, limit=9).clients
    }
    assert rates == {2: 300.0, 1: 0.0}


def test_no_rate_without_a_snapshot_before() -> None:
    """What clients have moved before the first snapshot is no rate."""
    made = ClientTable()
    made.came([row(1)])
    made.counted([counts(1, 10**9)])
    made.ended(AT, None)
    assert made.of_key(key(1))[0].bytes_received_per_s == 0.0


def test_the_rate_of_a_newcomer() -> None:
    """Who came since the last snapshot had the time between; who came long ago and is told of now, all of its time."""
    made = table()
    made.came([row(1, connected_at=AT + 1), row(2, connected_at=AT - 98)])
    made.counted([counts(1, 1000), counts(2, 1000)])
    made.ended(AT + 2, 2.0)
    assert [made.of_key(key(number))[0].bytes_received_per_s for number in (1, 2)] == [500.0, 10.0]


def test_counters_that_go_back_are_no_rate() -> None:
    """Smaller numbers than before, as of a client whose worker died, give 0 and not less."""
    made = table(row(1))
    made.counted([counts(1, 500)])
    made.ended(AT + 1, 1.0)
    made.counted([counts(1, 100)])
    made.ended(AT + 2, 1.0)
    assert made.of_key(key(1))[0].bytes_received_per_s == 0.0


def test_told_twice_in_a_snapshot() -> None:
    """The rate counts from the last snapshot, however many pieces of this one a client is in."""
    made = table(row(1))
    made.counted([counts(1, 500)])
    made.counted([counts(1, 600)])
    made.ended(AT + 1, 1.0)
    assert made.of_key(key(1))[0].bytes_received_per_s == 600.0


def test_who_leaves_is_gone() -> None:
    """A connection that is over is on no list, nor are a worker's that ended, and their late numbers change nothing."""
    made = table(row(1), row(2, worker=1), row(3, worker=1), row(4))
    made.left([4], None)
    made.left((), 1)
    made.counted([counts(4, 5), counts(2, 5)])
    made.ended(AT + 1, 1.0)
    assert ids(made) == [1]
    assert made.of_key(key(2)) == []
    assert made.name_of(key(2)) == ""
    assert len(made) == 1


def test_who_leaves_in_the_middle_of_a_snapshot() -> None:
    """Numbers of a client that has left before the snapshot was whole are forgotten with it."""
    made = table(row(1))
    made.counted([counts(1, 5)])
    made.left([1], None)
    made.ended(AT + 1, 1.0)
    assert ids(made) == []


def test_a_key_with_two_connections() -> None:
    """Both connections of a key are its own, and its name stays while one of them does."""
    made = table(row(1, 9, name=""), row(2, 9, name="phone"))
    assert [client.id for client in made.of_key(key(9))] == [1, 2]
    assert made.name_of(key(9)) == "phone"
    made.left([1], None)
    assert made.name_of(key(9)) == "phone"


SORTED = {
    "rate": counts(1, 100),
    "bytes": counts(1, 0, 100),
    "rtt": counts(1, rtt_us=100),
    "drops": counts(1, dropped=(("a", 1), ("b", 1))),
    "queued": counts(1, queued_bytes=1),
}


@pytest.mark.parametrize("sort", SORTED)
def test_sorting(sort: str) -> None:
    """Largest first is largest first, and the other way round."""
    made = table(row(2), row(1), row(3))
    made.counted([SORTED[sort], counts(3, 1, 1, rtt_us=1, dropped=(("a", 1),))])
    made.ended(AT + 1, 1.0)
    assert ids(made, sort, descending=True)[0] == 1
    if sort == "rtt":
        assert ids(made, sort) == [3, 1, 2]  # that of 2 is not known, so it is not the shortest
    else:
        assert ids(made, sort)[-1] == 1


def test_sorting_by_name_and_time() -> None:
    """Names in any case, then keys; the time is that of the login."""
    made = table(row(1, name="beta", connected_at=3.0), row(2, name="Alpha", connected_at=1.0), row(3, name="beta"))
    assert ids(made, "name") == [2, 1, 3]
    assert ids(made, "since") == [2, 1, 3]
    assert CLIENT_ORDERS.keys() == {*SORTED, "name", "since"}


@pytest.mark.parametrize(
    "search", ["nodekey:0202", "0202", "[AgICA]", "ALICE", "phone", "203.0.113.2", "friends", "curl/8"]
)
def test_search(search: str) -> None:
    """A part of key, short key, name, owner, address, tenant or app finds a client, in any case."""
    made = table(row(1), row(2, name="Phone", owner="alice@x", tenant="friends", app="curl/8.1"))
    page = made.listed("since", descending=False, search=search, offset=0, limit=10)
    assert [client.id for client in page.clients] == [2]
    assert (page.total, page.matching) == (2, 1)


def test_of_one_tenant() -> None:
    """A tenant's clients alone; the nameless one is a tenant, too."""
    made = table(row(1), row(2, tenant="friends"))
    assert ids(made, tenant="friends") == [2]
    assert ids(made, tenant="") == [1]
    assert ids(made, tenant=None) == [1, 2]


def test_pages_of_a_list() -> None:
    """Pages one after another have every client once, in order."""
    made = table(*(row(number) for number in range(1, 26)))
    pages = [ids(made, offset=offset, limit=10) for offset in (0, 10, 20, 30)]
    assert [number for page in pages for number in page] == list(range(1, 26))
