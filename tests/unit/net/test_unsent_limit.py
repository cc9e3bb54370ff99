from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tailhub.net.unsent_limit import LEAST, MOST, UnsentLimit


def run_line(limit: UnsentLimit, bytes_per_s: int, *, start_s: float = 0.0, seconds: float = 2.0) -> set[int]:
    """A line of this speed that always has something to send, looked at every 20 ms; the sizes that were set."""
    sizes = set()
    for step in range(int(seconds / 0.02)):
        if limit.look(start_s + step * 0.02, int(step * 0.02 * bytes_per_s)):
            sizes.add(limit.size)
    return sizes


def test_a_connection_starts_with_the_most() -> None:
    """Before anything has been measured the limit is the largest."""
    limit = UnsentLimit()
    assert limit.size == MOST
    assert not limit.look(1000.0, 0)
    assert limit.size == MOST


def test_a_thin_line_has_little_unsent() -> None:
    """At 20 Mbit/s some 10 ms of the line may lie in the kernel."""
    limit = UnsentLimit()
    run_line(limit, 2_500_000)
    assert 20_000 < limit.size < 30_000


def test_a_very_thin_line_keeps_a_record() -> None:
    """The limit never falls under a whole TLS record."""
    limit = UnsentLimit()
    run_line(limit, 10_000)
    assert limit.size == LEAST


def test_a_fast_line_keeps_the_most() -> None:
    """At a gigabit a second nothing is set at all."""
    assert run_line(UnsentLimit(), 125_000_000) == set()


def test_the_limit_falls_by_halves_and_rises_at_once() -> None:
    """One slow measurement halves the limit; one fast measurement gives it back."""
    limit = UnsentLimit()
    limit.look(10.0, 0)
    assert limit.look(10.2, 0)
    assert limit.size == MOST // 2
    assert limit.look(10.4, 50_000_000)
    assert limit.size == MOST


def test_a_pause_is_no_measurement() -> None:
    """Bytes that were handed over before and after a quiet time do not make a line look thin."""
    limit = UnsentLimit()
    limit.look(10.0, 0)
    assert not limit.look(15.0, 1000)
    assert limit.size == MOST


def test_looks_in_quick_succession_are_one_measurement() -> None:
    """Within 100 ms nothing changes, whatever has been handed over."""
    limit = UnsentLimit()
    limit.look(10.0, 0)
    assert not any(limit.look(10.0 + ms / 1000, ms) for ms in range(99))


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 1 << 30)), max_size=50))
def test_the_limit_stays_in_its_bounds(steps: list[tuple[float, int]]) -> None:
    """Whatever the line does, the limit lies between its bounds, and `look` tells of each change."""
    limit = UnsentLimit()
    now, handed = 100.0, 0
    for took_s, size in steps:
        before = limit.size
        now += took_s
        handed += size
        assert limit.look(now, handed) == (limit.size != before)
        assert LEAST <= limit.size <= MOST
