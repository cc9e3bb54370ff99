"""What waits to be written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tailhub.store import pending as module
from tailhub.store.pending import CONFIRM_AGAIN_S, Pending, PendingUsage
from tailhub.store.records import OTHER_KEY, Admission, End, Forgotten, Name, Refusal, UsageDelta

A, B, C, D = (bytes([number]) * 32 for number in (1, 2, 3, 4))


def delta(
    src: bytes, dst: bytes, sent: int = 1, received: int | None = None, hour: int = 0, tenant: str = "t"
) -> UsageDelta:
    """One packet."""
    return UsageDelta(hour, tenant, src, dst, 1, sent, sent if received is None else received)


def test_counts_of_a_pair_become_one_row() -> None:
    """What is added of the same pair and hour is one row; another hour or tenant is another."""
    usage = PendingUsage()
    usage.add([delta(A, B, 10, 5), delta(A, B, 1)])
    usage.add([delta(A, B, 7, hour=3600), delta(A, B, 3, tenant="u")])
    assert sorted(usage.take()) == [
        UsageDelta(0, "t", A, B, 2, 11, 6),
        UsageDelta(0, "u", A, B, 1, 3, 3),
        UsageDelta(3600, "t", A, B, 1, 7, 7),
    ]
    assert usage.take() == ()


def test_pairs_beyond_the_bound_are_counted_by_each_end() -> None:
    """A pair too many is what its sender sent to others, and what its receiver got from others."""
    usage = PendingUsage(max_pairs=1)
    usage.add([delta(A, B, 10), delta(C, D, 7, 5), delta(A, B, 1)])
    assert sorted(usage.take()) == [
        UsageDelta(0, "t", OTHER_KEY, D, 0, 0, 5),
        UsageDelta(0, "t", A, B, 2, 11, 11),
        UsageDelta(0, "t", C, OTHER_KEY, 1, 7, 0),
    ]


def test_a_packet_that_nobody_got_makes_no_row_of_a_receiver() -> None:
    """Keys that a client makes up as receivers get no row beyond the bound."""
    usage = PendingUsage(max_pairs=1)
    usage.add([delta(A, bytes([number]) * 32, 1, 0) for number in range(10, 60)])
    assert {(row.src, row.dst) for row in usage.take()} == {(A, bytes([10]) * 32), (A, OTHER_KEY)}


def test_what_was_sent_at_another_relay_makes_no_row_of_a_sender() -> None:
    """Only the receiver's end is here of a pair whose source is elsewhere in the region."""
    usage = PendingUsage(max_pairs=1)
    usage.add([delta(C, D), delta(A, B, 0, 7)._replace(packets=0)])
    assert usage.take()[1:] == (UsageDelta(0, "t", OTHER_KEY, B, 0, 0, 7),)


def test_the_bound_is_for_an_hour_whatever_has_been_written() -> None:
    """A pair that was told apart in this hour stays so after it was written; in the next hour there is room again."""
    usage = PendingUsage(max_pairs=1)
    usage.add([delta(A, B)])
    usage.take()
    usage.add([delta(A, B), delta(B, A)])
    assert {(row.src, row.dst) for row in usage.take()} == {(A, B), (B, OTHER_KEY), (OTHER_KEY, A)}
    usage.add([delta(B, A, hour=3600)])
    assert [(row.src, row.dst) for row in usage.take()] == [(B, A)]


_KEYS = st.sampled_from([A, B, C, D])
_DELTAS = st.builds(
    UsageDelta,
    hour=st.sampled_from([0, 3600, 7200, 10800]),
    tenant=st.sampled_from(["t", "u"]),
    src=_KEYS,
    dst=_KEYS,
    packets=st.integers(1, 9),
    in_bytes=st.integers(0, 99),
    out_bytes=st.integers(0, 99),
)


@given(st.lists(st.lists(_DELTAS, max_size=12), max_size=6), st.integers(1, 4), st.booleans())
def test_no_byte_is_lost_to_the_bounds(rounds: list[list[UsageDelta]], max_pairs: int, takes: bool) -> None:
    """Whatever the bounds, sums by tenant and hour are exact; rows that wait are few, also of many hours."""
    usage = PendingUsage(max_pairs)
    rows: list[UsageDelta] = []
    counted: list[UsageDelta] = []
    for deltas in rounds:
        counted += usage.add(deltas)
        assert len(usage) <= 3 * max_pairs + 8  # a row for each tenant and hour comes on top
        rows += usage.take() if takes else ()
    rows += usage.take()
    added = [one for deltas in rounds for one in deltas]
    assert _sums(rows) == _sums(added) == _sums(counted)


def _sums(deltas: list[UsageDelta]) -> dict[tuple[int, str], tuple[int, int, int]]:
    found: dict[tuple[int, str], tuple[int, int, int]] = {}
    for one in deltas:
        before = found.get((one.hour, one.tenant), (0, 0, 0))
        found[one.hour, one.tenant] = (
            before[0] + one.packets,
            before[1] + one.in_bytes,
            before[2] + one.out_bytes,
        )
    return found


def admission(at: float, node: str = "laptop") -> Admission:
    """A yes."""
    return Admission(A, "t", "url", node, "alice", at)


def test_an_admission_is_written_again_after_a_while_only() -> None:
    """A yes that says what was just written waits for an hour; one with another name or after a no does not."""
    pending = Pending()

    def taken() -> tuple[Admission, ...]:
        return pending.take("w", 1).confirmed

    pending.confirm(admission(0.0))
    pending.confirm(admission(300.0))
    assert taken() == (admission(0.0),)
    pending.confirm(admission(CONFIRM_AGAIN_S - 1))
    assert not pending
    pending.confirm(admission(CONFIRM_AGAIN_S))
    assert taken() == (admission(CONFIRM_AGAIN_S),)
    pending.confirm(admission(CONFIRM_AGAIN_S + 1, node="renamed"))
    assert taken() == (admission(CONFIRM_AGAIN_S + 1, node="renamed"),)
    pending.end(End(A, "url", CONFIRM_AGAIN_S + 2))
    pending.confirm(admission(CONFIRM_AGAIN_S + 3, node="renamed"))
    assert taken() == (admission(CONFIRM_AGAIN_S + 3, node="renamed"),)


def test_refusals_of_a_key_add_up() -> None:
    """A key that is refused again and again is one record, with the count and the last address."""
    pending = Pending()
    pending.refuse(Refusal(A, "192.0.2.1", "unknown", 1, 5.0, 5.0))
    pending.refuse(Refusal(A, "192.0.2.2", "unknown", 3, 8.0, 9.0))
    assert pending.take("w", 1).refused == (Refusal(A, "192.0.2.2", "unknown", 4, 5.0, 9.0),)


def test_a_refused_key_is_forgotten() -> None:
    """What waited of a key that is forgotten is not written; what it is refused after that is."""
    pending = Pending()
    pending.refuse(Refusal(A, "192.0.2.1", "unknown", 3, 5.0, 6.0))
    pending.forget_refusal(Forgotten(A, 7.0))
    assert pending
    pending.refuse(Refusal(A, "192.0.2.1", "unknown", 1, 8.0, 8.0))
    batch = pending.take("w", 1)
    assert batch.forgotten == (Forgotten(A, 7.0),)
    assert batch.refused == (Refusal(A, "192.0.2.1", "unknown", 1, 8.0, 8.0),)
    assert not pending


def test_records_are_bounded() -> None:
    """Of more refused keys than there may be the one that came longest ago gives way."""
    pending = Pending()
    for number in range(module.MAX_REFUSED + 2):
        pending.refuse(Refusal(number.to_bytes(32, "big"), "", "", 1, 0.0, 0.0))
    refused = pending.take("w", 1).refused
    assert len(refused) == module.MAX_REFUSED
    assert refused[0].key == (2).to_bytes(32, "big")


def test_a_batch_has_all_and_leaves_nothing() -> None:
    """Taking a batch empties what waits."""
    pending = Pending()
    assert not pending
    pending.usage.add([delta(A, B)])
    pending.learn(Name(A, "laptop", "alice", 1.0))
    pending.end(End(B, "url", 2.0))
    assert pending
    batch = pending.take("w", 3)
    assert (batch.writer, batch.number, len(batch.usage), len(batch.names), len(batch.ended)) == ("w", 3, 1, 1, 1)
    assert not pending
