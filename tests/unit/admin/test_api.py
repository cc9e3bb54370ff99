from __future__ import annotations

import pytest

from tailhub.admin.api import READS, ClientsQuery, EventsQuery, HistoryQuery, NoQuery, parse_key, parse_query
from tailhub.admin.client_table import CLIENT_ORDERS
from tailhub.admin.pair_table import PAIR_ORDERS
from tailhub.exceptions import LocalError


def test_a_query() -> None:
    """Fields are read by name, decoded, and the others have their usual values."""
    query = parse_query(b"sort=name&order=asc&search=a%20b%26&limit=7", ClientsQuery)
    assert query == ClientsQuery(sort="name", order="asc", search="a b&", limit=7)
    assert parse_query(b"", ClientsQuery) == ClientsQuery()
    assert parse_query(b"since=12.5", HistoryQuery).since == 12.5


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (b"limit=0", ">= 1"),
        (b"limit=1001", "<= 1000"),
        (b"limit=x", "limit"),
        (b"limit=", "limit"),
        (b"limit=1.5", "limit"),
        (b"limit=" + b"9" * 5000, "limit"),
        (b"offset=-1", "offset"),
        (b"sort=size", "sort"),
        (b"order=up", "order"),
        (b"search=" + b"x" * 201, "200"),
        (b"nothing=1", "nothing"),
        (b"limit=1&limit=2", "once"),
        (b"&".join(b"a%d=1" % number for number in range(17)), "16"),
    ],
)
def test_a_senseless_query(query: bytes, words: str) -> None:
    """What is wrong with a query is said: the field, and what was expected."""
    with pytest.raises(LocalError, match=words):
        parse_query(query, ClientsQuery)


@pytest.mark.parametrize("query", [b"after=-1", b"after=%00", b"after=1e400", b"\xff=1", b"%ff=%ff", b"=", b"=1"])
def test_odd_bytes_in_a_query(query: bytes) -> None:
    """Bytes that are no text, and numbers beyond all bounds, are refused like anything else."""
    with pytest.raises(LocalError):
        parse_query(query, EventsQuery)


def test_no_query() -> None:
    """A call that asks nothing takes nothing."""
    parse_query(b"", NoQuery)
    with pytest.raises(LocalError):
        parse_query(b"x=1", NoQuery)


def test_orders_are_those_of_the_tables() -> None:
    """Each order that a list may be asked for is one that its table knows, and none is left out."""
    queries = {read.path: read.query for read in READS}
    for path, orders in (("clients", CLIENT_ORDERS), ("pairs", PAIR_ORDERS)):
        for order in orders:
            parse_query(f"sort={order}".encode(), queries[path])
        with pytest.raises(LocalError) as caught:
            parse_query(b"sort=none-of-them", queries[path])
        assert "none-of-them" in str(caught.value)


@pytest.mark.parametrize("text", ["", "nodekey:", "nodekey:00", "privkey:" + "00" * 32, "nodekey:" + "0g" * 32])
def test_no_key(text: str) -> None:
    """Anything but a node key is refused."""
    with pytest.raises(LocalError):
        parse_key(text)


def test_paths_are_different() -> None:
    """No call hides another one."""
    assert len({read.path for read in READS}) == len(READS)
