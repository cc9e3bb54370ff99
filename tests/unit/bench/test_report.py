"""The table of `bench.report` and what feeds it."""

from __future__ import annotations

import dataclasses

import pytest

from bench import import_cost, report, scenarios
from bench.load import Load, Order, Result
from bench.scenarios import Scenario
from bench.trial import Placement, Trial
from bench.usage import Usage

BURST = Scenario("burst", Load(pairs=2, window=4))
LOGINS = Scenario("logins", Load(connections=10))


def packets(done: int, *, cpu_s: float = 1.0, limit: str = "", other_cores: float = 0.0) -> Result:
    """A result of one second."""
    return Result(
        seconds=1.0,
        done=done,
        sent=done + 10,
        lost=10,
        latency_us={"p50": 500.0, "p99": 2000.0},
        server_cpu_s=cpu_s,
        server_rss_bytes=30 << 20,
        generator_cores=0.5,
        other_cores=other_cores,
        cipher="TLS_X",
        limit=limit,
    )


def logins(rss_each: float) -> Result:
    """A result of ten logins."""
    return dataclasses.replace(packets(10), lost=0, sent=10, server_rss_each_bytes=rss_each, what="logins")


def cells(rows: list[list[str]], row: int) -> dict[str, str]:
    """A row by column titles."""
    return dict(zip(rows[0], rows[row], strict=True))


def test_a_row_holds_the_median_of_its_rounds() -> None:
    """A relay's row shows the median of its rounds and how far they lie apart."""
    trials = [Trial(BURST, "a", i, packets(done)) for i, done in enumerate((90, 100, 130), 1)]
    row = cells(report.table_rows(trials, ["a"]), 1)
    assert (row["scenario"], row["relay"], row["per s"], row["+-%"]) == ("burst", "a", "100", "40")
    assert (row["CPU us"], row["p99 ms"], row["KiB/conn"]) == ("10,000.00", "2.000", "")


def test_the_ratio_is_the_first_relay_by_the_second() -> None:
    """The third row compares what can be compared and leaves the rest empty."""
    trials = [Trial(BURST, "a", 1, packets(300)), Trial(BURST, "b", 1, packets(200, cpu_s=2.0))]
    rows = report.table_rows(trials, ["a", "b"])
    assert [row[1] for row in rows] == ["relay", "a", "b", "ratio"]
    ratio = cells(rows, 3)
    assert (ratio["per s"], ratio["CPU us"], ratio["lost %"], ratio["KiB/conn"]) == ("1.50x", "0.33x", "", "")


def test_idle_memory_stands_in_the_row_of_the_logins() -> None:
    """A scenario of logins shows memory a connection and no loss."""
    row = cells(report.table_rows([Trial(LOGINS, "a", 1, logins(20480.0))], ["a"]), 1)
    assert (row["KiB/conn"], row["lost %"]) == ("20.0", "")


def test_a_figure_that_the_generator_limited_is_marked() -> None:
    """A star behind the rate and a note below say that the generator was the limit."""
    trials = [Trial(BURST, "a", 1, packets(100, limit="the generator used 97% of a core"))]
    assert cells(report.table_rows(trials, ["a"]), 1)["per s"] == "100*"
    assert report.notes(trials)[0].startswith("* burst, free, a, round 1: the generator used 97% of a core")


def test_a_disturbed_measurement_is_noted() -> None:
    """Trials during which other programs were busy are counted below the table."""
    trials = [Trial(BURST, "a", 1, packets(1)), Trial(BURST, "a", 2, packets(1, other_cores=0.8))]
    assert any(line.startswith("1 of 2 trials") for line in report.notes(trials))


def test_memory_after_a_burst_stands_beside_its_loss() -> None:
    """A burst of packets that ends idle shows memory a connection and what was lost on the way."""
    result = dataclasses.replace(packets(90), sent=100, server_rss_each_bytes=20480.0)
    row = cells(report.table_rows([Trial(BURST, "a", 1, result)], ["a"]), 1)
    assert (row["KiB/conn"], row["lost %"]) == ("20.0", "10.00")


def test_a_table_for_the_documentation_is_markdown() -> None:
    """Names stand to the left, figures to the right, and cells lose the blanks that indent them."""
    text = report.markdown([["x", "y", "n"], ["  a", "b", "1"]])
    assert text.splitlines() == ["| x | y | n |", "| --- | --- | ---: |", "| a | b | 1 |"]


def test_each_placement_has_a_heading() -> None:
    """The two placements cannot be mistaken for each other."""
    assert len({report.heading(placement) for placement in Placement}) == 2


def test_columns_are_aligned() -> None:
    """Names stand to the left, figures to the right; a row with one cell does not widen its column."""
    text = report.aligned([["x", "y", "n"], ["a", "b", "1"], ["long alone", "", ""], ["cc", "d", "200"]])
    assert text.splitlines() == ["x   y    n", "--  -  ---", "a   b    1", "long alone", "cc  d  200"]


def test_scenarios_are_chosen_by_name() -> None:
    """No name means all; an unknown one is refused with the known ones."""
    assert scenarios.by_name([]) == list(scenarios.SCENARIOS)
    assert [s.name for s in scenarios.by_name(["ping-pong"])] == ["ping-pong"]
    with pytest.raises(ValueError, match="unknown scenario 'x': expected one of saturation"):
        scenarios.by_name(["x"])


def test_an_order_survives_its_json() -> None:
    """What the generator reads is what it was told."""
    order = Order(load=Load(pairs=3, rate=7), host="127.0.0.1", port=1, pid=2, seconds=0.5, core=1)
    assert Order.from_json(order.to_json()) == order


@pytest.mark.parametrize(("relay_s", "rss_mb", "is_kept"), [(0.5, 70, True), (0.7, 70, False), (0.5, 81, False)])
def test_both_limits_of_starting_count(relay_s: float, rss_mb: int, is_kept: bool) -> None:
    """More than six times the imports' CPU, or 80 MB, is too much."""
    lines, kept = import_cost.verdict([0.1, 0.1, 0.1], [relay_s] * 3, Usage(1.0, rss_mb * 10**6, 2))
    assert kept is is_kept
    assert f"{relay_s * 10:.1f} times" in lines[1]
    assert f"{rss_mb:.1f} MB resident in 2 processes" in lines[2]
