"""How long a link waits before it is tried again."""

from __future__ import annotations

from random import Random

from tailhub.server.mesh.back_off import BackOff


class Most(Random):
    """Chance that always gives the most."""

    def uniform(self, a: float, b: float) -> float:
        assert a == 0.0
        return b


def test_the_limit_doubles_up_to_the_most() -> None:
    """Each failure doubles the longest wait, until that is as long as it may be."""
    back_off = BackOff(0.25, 5.0, Most())
    assert [back_off.next_s() for _ in range(7)] == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


def test_after_a_success_it_begins_anew() -> None:
    """What has worked for a while is tried again as soon as at first."""
    back_off = BackOff(0.25, 5.0, Most())
    for _ in range(5):
        back_off.next_s()
    back_off.reset()
    assert back_off.next_s() == 0.25


def test_the_whole_wait_is_drawn_by_chance() -> None:
    """Relays that fail together do not come back together: waits are spread over all that they may be."""
    waits = [BackOff(1.0, 5.0, Random(seed)).next_s() for seed in range(200)]
    assert min(waits) < 0.1
    assert max(waits) > 0.9
    assert all(0.0 <= wait <= 1.0 for wait in waits)
