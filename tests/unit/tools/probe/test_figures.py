"""What people and programs are given: sentences, JSON, CSV, a picture, Prometheus."""

from __future__ import annotations

import csv
import json
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from support.probe_sample import sample_view
from support.refusals import finding_of
from tailhub.findings.language import Language
from tailhub.tools.probe.as_json import plain
from tailhub.tools.probe.csv_file import COLUMNS, CsvFile
from tailhub.tools.probe.exporter import METRICS, registry_of
from tailhub.tools.probe.measurement import Measurement, Row, View
from tailhub.tools.probe.paths import Path as ProbePath
from tailhub.tools.probe.series import Interval
from tailhub.tools.probe.svg_chart import svg
from tailhub.tools.probe.wall_clock import WallClock
from tailhub.tools.probe.words import ms, percent, rate, sentence, span


@cache
def sample() -> View:
    return sample_view(3, 1300.0)


def untouched() -> View:
    """Nothing has come through, and never will."""
    node = sample().paths[0].path.sender
    measurement = Measurement([ProbePath('<"& >', node, node)], 0.0, 1.0, 5.0)
    measurement.measured[0].outages.down(1.0, "<refused>")
    return measurement.view(5.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (0.00042, "0.42 ms"), (0.0075, "7.5 ms"), (0.07499, "75 ms"), (0.9996, "1 s"), (1.28, "1.28 s")],
)
def test_milliseconds(seconds: float | None, text: str) -> None:
    """Delays have two or three digits, whatever their size."""
    assert ms(seconds) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, "–"), (0.0, "0 %"), (0.00001, "< 0.01 %"), (0.0025, "0.25 %"), (0.0234, "2.3 %"), (1.0, "100 %")],
)
def test_shares(share: float | None, text: str) -> None:
    """A loss is never shown as none unless it is."""
    assert percent(share) == text


def test_spans_and_rates() -> None:
    """Times and rates have a unit that suits them."""
    assert [span(one) for one in (0.0, 7.46, 14, 180, 9000, 800_000)] == [
        "0 s",
        "7.5 s",
        "14 s",
        "3 min",
        "2.5 h",
        "9.3 d",
    ]
    assert [rate(one) for one in (10, 12_500, 11_675_000, 125_000_000)] == [
        "80 bit/s",
        "100 kbit/s",
        "93.4 Mbit/s",
        "1 Gbit/s",
    ]


@pytest.mark.parametrize(("lang", "begin"), [("en", "% lost, 91 ms on average, 2"), ("zh", "丢包 ")])
def test_the_sentence(lang: Language, begin: str) -> None:
    """It has the figures that users quote, of what was measured."""
    one = sample().paths[1]
    text = sentence(one, lang)
    assert begin in text
    for figure in (percent(one.loss), ms(one.delays.mean_s), ms(one.delays.max_s), "14 s"):
        assert figure in text
    assert sentence(untouched().paths[0], lang) in ("nothing came through", "没有数据包通过")


def test_what_was_true_of_the_sample() -> None:
    """The measuring state says what the sample was made of: 2 to 4 % lost, one outage of 14 s, 140 not sent."""
    one = sample().paths[1]
    assert one.loss is not None
    assert 0.02 < one.loss < 0.06
    assert (one.outages, one.missed) == (1, 140)
    assert one.away_s == pytest.approx(14.0, abs=0.2)
    pairs = {(pair.asks, pair.asked): pair.delays.quantile_s(0.5) or 0.0 for pair in sample().pairs}
    assert len(pairs) == 9
    assert pairs["hongkong", "hongkong"] == pytest.approx(2 * 0.0435, rel=0.05)
    assert pairs["frankfurt", "hongkong"] == pytest.approx(0.0435 + 0.205, rel=0.05)


@pytest.mark.parametrize("view", [sample, untouched])
def test_json(view: object) -> None:
    """All of it can be written as JSON without NaN, and has the totals."""
    assert callable(view)
    shown = json.loads(json.dumps(plain(view()), allow_nan=False))
    assert [one["lost"] for one in shown["paths"]] == [one.lost for one in view().paths]
    assert [one["intervals"] for one in shown["paths"]] or shown["paths"][0]["reason"] == "<refused>"


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("view", [sample, untouched])
def test_the_picture(view: object, lang: Language) -> None:
    """It is well-formed, needs nothing from elsewhere, and all that is drawn is on it."""
    assert callable(view)
    text = svg(view(), lang)
    root = ET.fromstring(text)
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for element in root.iter():
        for name, most in (("x", width), ("y", height), ("cx", width), ("cy", height)):
            assert 0 <= float(element.attrib.get(name, 0)) <= most
    said = "".join(root.itertext())
    assert all(one.path.name in said for one in view().paths)


def row(path: str = "a", **values: object) -> Row:
    return Row(path, replace(Interval(1.0, 1.0, 10, 9, 1, max_s=0.07), **values), None)


def test_csv(tmp_path: Path) -> None:
    """Each interval is a line with all columns; a later run goes on in the same file."""
    path = tmp_path / "a.csv"
    with CsvFile(path, WallClock(lambda: 1_700_000_000.0, lambda: 5.0)) as file:
        file.add(row())
        assert path.read_text().count("\n") == 2  # at once
    with CsvFile(path) as file:
        file.add(row("b,c"))
    lines = list(csv.DictReader(path.read_text().splitlines()))
    assert list(lines[0]) == list(COLUMNS)
    assert (lines[0]["time"], lines[0]["lost"], lines[0]["max_ms"]) == ("2023-11-14T22:13:21.000+00:00", "1", "70.000")
    assert (lines[0]["p50_ms"], lines[1]["path"], len(lines)) == ("", "b_c", 2)


def test_csv_that_cannot_be(tmp_path: Path) -> None:
    """A file that holds something else is left alone; a directory that is not there is said."""
    other = tmp_path / "other.csv"
    other.write_text("my,own,file\n1,2,3\n")
    for path in (other, tmp_path / "no" / "a.csv", tmp_path):
        assert finding_of(partial(CsvFile, path)).code == "TH520"
    assert other.read_text() == "my,own,file\n1,2,3\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of a file's size")
def test_csv_when_half_a_line_fits(tmp_path: Path) -> None:
    """Of a line for which there is no room nothing stays in the file, and the next one is whole when there is."""
    import resource

    path = tmp_path / "a.csv"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with CsvFile(path) as file:
        file.add(row())
        whole = path.read_bytes()
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 20, limits[1]))
        try:
            assert finding_of(lambda: file.add(row())).code == "TH520"
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert path.read_bytes() == whole
        file.add(row())
        assert path.read_bytes().count(b"\n") == 3


def test_the_time_of_day() -> None:
    """After the machine slept, or its clock was set, what was measured since has the time that it is then."""
    times = {"day": 1000.0, "steady": 50.0}
    wall = WallClock(lambda: times["day"], lambda: times["steady"])
    assert wall.at(2.0) == 1002.0
    times |= {"day": 9000.0, "steady": 60.0}
    assert wall.at(9.0) == 8999.0


def test_csv_when_the_disk_is_full() -> None:
    """A disk that is full is an error that names the file."""
    assert finding_of(lambda: CsvFile(Path("/dev/full"))).values["path"] == "/dev/full"


def test_prometheus() -> None:
    """All metrics of the table come out as Prometheus reads them, with no labels but those of the table."""
    text = generate_latest(registry_of(sample)).decode()
    found = {family.name: family for family in text_string_to_metric_families(text)}
    assert {name.removesuffix("_total") for name in (metric.name for metric in METRICS.values())} == set(found)
    one = sample().paths[1]
    values = {tuple(sample_.labels.values()): sample_.value for sample_ in found["tailhub_probe_packets"].samples}
    assert values["tokyo", "lost"] == one.lost
    assert values["tokyo", "missed"] == 140
    buckets = [
        sample_.value
        for sample_ in found["tailhub_probe_delay_seconds"].samples
        if sample_.name.endswith("_bucket") and sample_.labels["path"] == "tokyo"
    ]
    assert buckets == sorted(buckets)
    assert buckets[-1] == one.received
    for metric in METRICS.values():
        for sample_ in found[metric.name.removesuffix("_total")].samples:
            assert set(sample_.labels) - {"le"} == set(metric.labels)
