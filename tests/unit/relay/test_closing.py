"""Which connections a drain closes, and when."""

from __future__ import annotations

import random

import pytest

from tailhub.relay.closing import CLOSES_PER_S, Closing, ClosingTime, drain_s

MANY = 200


def closing(firsts: int = 0, over_s: float = 30.0) -> Closing[int]:
    """`MANY` connections, of which so many go first."""
    ranked = [(number, int(number >= firsts)) for number in range(MANY)]
    return Closing(ranked, ClosingTime(100.0, 100.0 + over_s), CHANCE)


CHANCE = random.Random(1)


def test_they_are_spread_over_the_time() -> None:
    """At each moment as many are closed as there has been time, and at its end all, each once."""
    one, closed = closing(), list[int]()
    for tenth in range(11):
        closed += one.due(100.0 + 3.0 * tenth)
        assert abs(len(closed) - MANY * tenth / 10) <= 1
    assert sorted(closed) == list(range(MANY))
    assert one.is_over(130.0)
    assert not one.is_over(129.9)


def test_peers_go_first_and_clients_by_chance() -> None:
    """Mesh peers and watchers are closed before any client; clients in an order that is never the same."""
    closed = closing(firsts=10).due(1e6)
    assert set(closed[:10]) == set(range(10))
    assert closed[10:] != sorted(closed[10:])
    assert closed != closing(firsts=10).due(1e6)


def test_no_time() -> None:
    """Without any time all are closed at once."""
    assert len(closing(over_s=0.0).due(100.0)) == MANY


@pytest.mark.parametrize(("connections", "seconds"), [(0, 0.0), (1, 1 / CLOSES_PER_S), (100, 1.0), (100_000, 2.0)])
def test_how_long_a_restart_takes(connections: int, seconds: float) -> None:
    """A relay that is told to end takes the time it may only when it has the connections for that."""
    assert drain_s(2.0, connections) == seconds
