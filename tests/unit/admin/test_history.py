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


def test_rates_by_label() -> None:
    """Of a counter with labels each has a rate, once it was there at two samples in a row."""
    first, second = {"sent": {("a",): 10}}, {"sent": {("a",): 30, ("b",): 70}}
    made = rings((AT, first), (AT + 2, second))
    assert [made.per_s("sent", (label,)) for label in ("a", "b", "c")] == [10.0, 0.0, 0.0]
    assert made.per_s("unknown", ("a",)) == 0.0
    made.sample(second, AT + 3)
    assert [made.per_s("sent", (label,)) for label in ("a", "b")] == [0.0, 0.0]
    made.sample(first, AT + 4)  # it began anew
    assert made.per_s("sent", ("a",)) == 0.0
    made.sample(second, AT + 4 + MOST_PASSED_S + 1)
    assert made.per_s("sent", ("a",)) == 0.0


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
    """What is known is of now all the same, and the history goes on from there, for whoever knows later times too."""
    made = rings(*((AT + number, values(10 * number)) for number in range(20)))
    made.sample(values(199), AT + 2.5)  # type: ignore[arg-type]
    assert made.values == values(199)
    assert (made.rates.bytes_received_per_s, made.since(0.0, 1.0).t) == (0.0, [AT + 1, AT + 2])
    made.sample(values(209), AT + 4.5)  # type: ignore[arg-type]
    assert made.rates.bytes_received_per_s == 5.0
    assert made.since(0.0, 1.0).t == made.since(AT + 19, 1.0).t == [AT + 1, AT + 2, AT + 4.5]


def test_the_same_time_twice() -> None:
    """Two samples of one time have no rate between them; the later one counts."""
    made = rings((AT, values(0)), (AT + 1, values(10)), (AT + 1, values(99)))
    assert (made.values, made.rates.bytes_received_per_s) == (values(99), 10.0)
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
