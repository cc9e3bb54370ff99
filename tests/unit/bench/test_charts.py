"""The charts of `bench.charts`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench import charts


def trial(scenario: str, server: str, per_s: float, placement: str = "free") -> dict[str, Any]:
    """As much of a record as the charts read."""
    return {
        "scenario": scenario,
        "placement": placement,
        "server": server,
        "load": {"rate": 300_000},
        "per_s": per_s,
        "cpu_us_each": 5.0,
        "latency_us": {"p99": 900.0},
        "server_rss_each_bytes": 20480.0 if scenario in ("logins", "after-burst") else None,
    }


TRIALS = [
    trial(scenario, server, per_s, placement)
    for scenario in ("saturation", "overload", "logins", "after-burst")
    for server, per_s in (("tailhub", 150.0), ("derper", 100.0))
    for placement in ("free", "pinned")
]


def test_a_chart_shows_medians() -> None:
    """The middle one of three rounds counts, also of a figure inside another; what is missing is left out."""
    rounds = [trial("saturation", "tailhub", value) for value in (1.0, 9.0, 2.0)]
    assert charts.medians(rounds, "per_s") == {("free", "saturation", "tailhub"): 2.0}
    assert charts.medians(rounds, "latency_us.p99") == {("free", "saturation", "tailhub"): 900.0}
    assert charts.medians(rounds, "server_rss_each_bytes") == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [(2_340_000, "2.34M"), (245_470, "245k"), (98_743, "98.7k"), (161.4, "161"), (53.0, "53.0"), (0.1, "0.10")],
)
def test_figures_on_bars_are_short(value: float, text: str) -> None:
    """Three digits say enough."""
    assert charts.short(value) == text


def test_the_same_run_gives_the_same_charts(tmp_path: Path) -> None:
    """Each chart is written as SVG and PNG, and a second time byte for byte the same."""
    pytest.importorskip("matplotlib")
    source = tmp_path / "out.json"
    source.write_text(json.dumps({"trials": TRIALS}))
    first, second = (charts.write_charts(source, tmp_path / name) for name in ("a", "b"))
    names = [
        f"bench-{name}{end}" for name in ("throughput", "cpu", "p99", "overload", "memory") for end in (".svg", ".png")
    ]
    assert [path.name for path in first] == names
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_a_run_without_the_original_can_be_drawn(tmp_path: Path) -> None:
    """Missing figures leave gaps, and charts without any figure are not written."""
    pytest.importorskip("matplotlib")
    source = tmp_path / "out.json"
    source.write_text(json.dumps({"trials": [trial("saturation", "tailhub", 5.0)]}))
    assert len(charts.write_charts(source, tmp_path)) == 6


def test_without_matplotlib_one_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Charts are left out without an error."""
    monkeypatch.setattr(charts, "find_spec", lambda _: None)
    assert charts.main([str(tmp_path / "out.json"), str(tmp_path)]) == 0
    assert "matplotlib is not installed" in capsys.readouterr().err
