from __future__ import annotations

from typing import Any

import pytest

from tailhub.admin.feed import PairRow
from tailhub.admin.pair_table import PAIR_ORDERS, PairTable

AT = 5000.0


def key(number: int) -> bytes:
    return number.to_bytes(4) * 8


def name_of(of: bytes) -> str:
    return {key(1): "Phone", key(2): "laptop"}.get(of, "")


def used(src: int, dst: int, packets: int = 1, in_bytes: int = 100, tenant: str = "") -> PairRow:
    return PairRow(tenant, key(src), key(dst), packets, in_bytes, in_bytes)


def pairs(table: PairTable, sort: str = "bytes", **asked: Any) -> list[tuple[int, int]]:
    page = table.listed(sort, name_of, **{"descending": True, "search": "", "offset": 0, "limit": 100} | asked)
    return [(int(pair.src[8:16], 16), int(pair.dst[8:16], 16)) for pair in page.pairs]


def test_what_a_pair_has_used_adds_up() -> None:
    """Packets and bytes are sums since the pages were started; the rate is of the last snapshot."""
    table = PairTable()
    table.used([used(1, 2, 3, 300)])
    table.ended(AT, None)
    table.used([used(1, 2, 1, 50), used(1, 2, 1, 50)])
    table.ended(AT + 2, 2.0)
    (pair,) = table.listed("rate", name_of, descending=True, search="", offset=0, limit=9).pairs
    assert (pair.packets, pair.bytes, pair.bytes_per_s, pair.last) == (5, 400, 50.0, AT + 2)
    assert (pair.src_name, pair.dst_name, pair.tenant) == ("Phone", "laptop", "")
    assert pair.src == "nodekey:" + key(1).hex()
    assert pair.src_short == pair.dst_short == "[AAAAA]"


def test_a_pair_with_an_end_at_another_relay() -> None:
    """Of a source that is elsewhere only what goes out is known, of a receiver only what comes in."""
    table = PairTable()
    table.used([used(1, 2, 3, 300)._replace(out_bytes=0), used(2, 1, 0, 0)._replace(out_bytes=400)])
    found = table.listed("bytes", name_of, descending=True, search="", offset=0, limit=9).pairs
    assert [pair.bytes for pair in found] == [400, 300]


def test_both_directions_are_pairs() -> None:
    """What goes the other way, or in another tenant, is another pair."""
    table = PairTable()
    table.used([used(1, 2), used(2, 1), used(1, 2, tenant="friends")])
    table.ended(AT, 1.0)
    assert table.listed("bytes", name_of, descending=True, search="", offset=0, limit=9).total == 3


def test_a_pair_that_rests_has_no_rate() -> None:
    """A pair that a snapshot does not name has sent nothing since the last one."""
    table = PairTable()
    table.used([used(1, 2)])
    table.ended(AT, 1.0)
    table.ended(AT + 1, 1.0)
    (pair,) = table.listed("rate", name_of, descending=True, search="", offset=0, limit=9).pairs
    assert (pair.bytes_per_s, pair.last, pair.bytes) == (0.0, AT, 100)


def test_no_rate_without_a_snapshot_before() -> None:
    """What was gathered over an unknown time is no rate, neither then nor with the next snapshot."""
    table = PairTable()
    table.used([used(1, 2, in_bytes=10**9)])
    table.ended(AT, None)
    table.used([used(1, 2, in_bytes=10)])
    table.ended(AT + 1, 1.0)
    assert table.of_key(key(1), name_of, 9)[0].bytes_per_s == 10.0


def test_it_is_bounded() -> None:
    """The pairs unused for longest go when there are too many, and stay as a sum."""
    table = PairTable(most=3)
    table.used([used(1, 2), used(3, 4), used(5, 6)])
    table.ended(AT, 1.0)
    table.used([used(1, 2), used(7, 8, 5, 500), used(9, 10)])
    table.ended(AT + 1, 1.0)
    page = table.listed("bytes", name_of, descending=True, search="", offset=0, limit=9)
    assert set(pairs(table)) == {(1, 2), (7, 8), (9, 10)}
    assert page.total == 3
    assert (page.others.pairs, page.others.packets, page.others.bytes) == (2, 2, 200)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("phone", {(1, 2), (2, 1)}),
        ("LAPTOP", {(1, 2), (2, 1)}),
        ("00000003", {(3, 4)}),
        ("friends", {(5, 6)}),
        ("x", set()),
    ],
)
def test_search(search: str, found: set[tuple[int, int]]) -> None:
    """A part of a key or name of either side, or of the tenant, finds a pair."""
    table = PairTable()
    table.used([used(1, 2), used(2, 1), used(3, 4), used(5, 6, tenant="Friends")])
    table.ended(AT, 1.0)
    assert set(pairs(table, search=search)) == found
    page = table.listed("rate", name_of, descending=True, search=search, offset=0, limit=1)
    assert (page.total, page.matching) == (4, len(found))


def test_sorting() -> None:
    """By rate, by sum, by when it was used last, either way; pages have each pair once."""
    table = PairTable()
    table.used([used(1, 2, in_bytes=900)])
    table.ended(AT, None)
    table.used([used(3, 4, in_bytes=50)])
    table.ended(AT + 1, 1.0)
    table.used([used(5, 6, in_bytes=20)])
    table.ended(AT + 2, 1.0)
    first = {sort: pairs(table, sort)[0] for sort in PAIR_ORDERS}
    assert first == {"rate": (5, 6), "bytes": (1, 2), "last": (5, 6)}
    assert pairs(table, "bytes", descending=False) == [(5, 6), (3, 4), (1, 2)]
    assert [pairs(table, "bytes", offset=offset, limit=1) for offset in range(4)] == [[(1, 2)], [(3, 4)], [(5, 6)], []]


def test_of_one_key() -> None:
    """A key's pairs are those where it sends and those where it receives, those that move most first."""
    table = PairTable()
    table.used([used(1, 2, in_bytes=10), used(3, 1, in_bytes=20), used(3, 4)])
    table.ended(AT, 1.0)
    shown = [(pair.src, pair.dst) for pair in table.of_key(key(1), name_of, 9)]
    assert shown == [
        (f"nodekey:{key(3).hex()}", f"nodekey:{key(1).hex()}"),
        (f"nodekey:{key(1).hex()}", f"nodekey:{key(2).hex()}"),
    ]
    assert len(table.of_key(key(1), name_of, 1)) == 1
