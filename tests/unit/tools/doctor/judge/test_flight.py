"""Numbers of a flight of packets."""

from __future__ import annotations

import pytest

from tailhub.tools.doctor.judge.flight import FlightSeen, percentile


def flight(*delays_ms: float, every_ms: float = 10.0) -> FlightSeen:
    """Packets sent one after the other that took so long, and came in that order."""
    sent = [index * every_ms / 1000 for index in range(len(delays_ms))]
    arrivals = [(at, at + delay / 1000) for at, delay in zip(sent, delays_ms, strict=True)]
    return FlightSeen(60, len(delays_ms), tuple(arrivals))


def lumpy(every_ms: int, packets: int) -> FlightSeen:
    """Packets of every 10 ms, let through every `every_ms`."""
    return flight(*(float(every_ms - index * 10 % every_ms) for index in range(packets)))


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 3), (0.99, 4), (1.0, 4)])
def test_percentile(share: float, value: float) -> None:
    """It is one of the values, whichever share is asked for."""
    assert percentile([1, 2, 3, 4], share) == value


def test_percentile_of_nothing() -> None:
    """Of no values it is 0."""
    assert percentile([], 0.5) == 0


def test_what_came() -> None:
    """What was altered came, but not as it was sent; the rest is lost."""
    seen = FlightSeen(60, 5, ((0.0, 0.2), (0.1, 0.2)), altered=1)
    assert (seen.came, seen.lost, seen.delays_s) == (3, 2, [0.1, 0.2])


@pytest.mark.parametrize(
    ("seen", "is_broken_off"),
    [
        (FlightSeen(60, 2, ((0.0, 0.1),)), False),
        (FlightSeen(60, 2, ((0.0, 0.1),), is_stalled=True), True),
        (FlightSeen(60, 2, ((0.0, 0.1),), ended="closed"), True),
        (FlightSeen(60, 2), True),
        (FlightSeen(60, 2, altered=1), False),
    ],
)
def test_broken_off(seen: FlightSeen, is_broken_off: bool) -> None:
    """A loss does not break a flight off; a stop, an end, or nothing at all does."""
    assert seen.is_broken_off == is_broken_off


@pytest.mark.parametrize(("every_ms", "packets"), [(50, 30), (100, 40), (200, 80), (40, 12)])
def test_lumps(every_ms: int, packets: int) -> None:
    """Packets that are let through at intervals come in lumps, as far apart as those."""
    assert lumpy(every_ms, packets).lump_every_s == pytest.approx(every_ms / 1000)


@pytest.mark.parametrize(
    "seen",
    [
        flight(),
        flight(*[40.0] * 100),
        flight(*[40.0 + index % 7 for index in range(100)]),
        flight(*[300.0] * 100, every_ms=2),
        flight(*[1.0] * 40, *[200.0 - index * 10 for index in range(20)], *[1.0] * 40),
        lumpy(20, 100),
        lumpy(100, 20),
    ],
    ids=["nothing", "even", "uneven", "far away", "one stop", "often", "too few"],
)
def test_no_lumps(seen: FlightSeen) -> None:
    """A long way, a jittering one and one stop are no lumps."""
    assert seen.lump_every_s == 0


def test_each_stop_is_a_lump() -> None:
    """Where a segment was lost, those behind it come together with it."""
    assert len(flight(1, 25, 15, 5, 1, 1, 1, 12, 2, 1).lumps) == 2
