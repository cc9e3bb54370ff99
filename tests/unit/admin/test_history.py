from __future__ import annotations

from tailhub.admin.history import KEPT_S, MOST_PASSED_S, MOST_SAMPLES, Rings, total

AT = 5000.0


def values(received: int, dropped: int = 0, clients: int = 3, cpu_s: float = 0.0) -> dict[str, object]:
    return {
        "bytes_received": received,
        "packets_dropped": {("a", "disco"): dropped, ("b", "other"): dropped},
        "clients": clients,
        "process_cpu_s": cpu_s,
    }


def rings(*samples: tuple[float, dict[str, object]]) -> Rings:
    made = Rings()
    for at, sample in samples:
        made.sample(sample, at)  # type: ignore[arg-type]
    return made


def test_a_metric_is_a_sum() -> None:
    """A metric with labels is all of them together, one that is not there is 0."""
    assert total({"a": {("x",): 1, ("y",): 2}}, "a") == 3
    assert total({"a": 5}, "a") == 5
    assert total({}, "a") == 0


def test_rates_are_between_two_samples() -> None:
    """Rates are differences by the time between; of labelled counters all labels together."""
    made = rings((AT, values(100, cpu_s=1.0)), (AT + 2, values(300, dropped=4, cpu_s=1.5)))
    assert (made.rates.bytes_received_per_s, made.rates.packets_dropped_per_s) == (100.0, 4.0)
    assert made.cpu_percent == 25.0
    history = made.since(0.0, 1.0)
    assert (history.t, history.bytes_received_per_s, history.clients) == ([AT + 2], [100.0], [3])


def test_the_first_sample_has_no_rates() -> None:
    """One sample alone says nothing about how things move."""
    made = rings((AT, values(10**9)))
    assert made.rates.bytes_received_per_s == 0.0
    assert made.since(0.0, 1.0).t == []


def test_a_long_silence_is_no_rate() -> None:
    """What moved in a long time without samples is not how things move now."""
    made = rings((AT, values(0)), (AT + MOST_PASSED_S + 1, values(10**9)))
    assert made.rates.bytes_received_per_s == 0.0
    assert made.since(0.0, 1.0).t == []


def test_counters_that_go_back() -> None:
    """A counter that is smaller than before counts as standing still."""
    made = rings((AT, values(100)), (AT + 1, values(50)))
    assert made.rates.bytes_received_per_s == 0.0


def test_a_clock_that_is_set_back() -> None:
    """A sample that is no later than the last one is skipped."""
    made = rings((AT, values(0)), (AT + 1, values(10)), (AT + 1, values(99)), (AT - 5, values(99)))
    assert made.rates.bytes_received_per_s == 10.0
    assert made.since(0.0, 1.0).t == [AT + 1]


def test_history_since_a_time() -> None:
    """Samples after the time that was named, oldest first."""
    made = rings(*((AT + number, values(number)) for number in range(5)))
    assert made.since(AT + 2, 1.0).t == [AT + 3, AT + 4]


def test_history_is_bounded() -> None:
    """What is older than fifteen minutes is forgotten, and no more than so many samples are kept."""
    made = rings(*((AT + number, values(number)) for number in range(int(KEPT_S) + 50)))
    kept = made.since(0.0, 1.0).t
    assert kept[-1] - kept[0] <= KEPT_S
    fast = rings(*((AT + number / 10, values(number)) for number in range(MOST_SAMPLES + 50)))
    assert len(fast.since(0.0, 1.0).t) == MOST_SAMPLES
