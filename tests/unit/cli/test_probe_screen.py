"""What ``tailhub probe`` shows in a terminal."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from rich.cells import cell_len

from support.probe_sample import IMAGES, pictures, sample_view
from support.top_sample import console
from tailhub.cli.probe_screen import ProbeWish, frame, pressed
from tailhub.cli.probe_texts import TEXTS
from tailhub.findings import Language
from tailhub.tools.probe.measurement import Measurement, View
from tailhub.tools.probe.paths import Path
from tailhub.tools.probe.words import ms, percent

LANGUAGES: tuple[Language, ...] = ("en", "zh")
SAMPLE = sample_view(3, 300.0)


def shown(view: View, wish: ProbeWish | None = None, lang: Language = "en", columns: int = 100, lines: int = 30) -> str:
    terminal = console(columns, lines)
    terminal.print(frame(view, wish or ProbeWish(), "10 a second", lang, columns, lines), end="")
    return terminal.export_text()


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(("columns", "lines"), [(40, 12), (80, 24), (100, 30), (200, 60)])
@pytest.mark.parametrize("relays", [1, 3])
def test_every_size(lang: Language, columns: int, lines: int, relays: int) -> None:
    """In a terminal of any size a frame fills it and goes nowhere beyond it."""
    view = replace(SAMPLE, paths=SAMPLE.paths[:relays], pairs=SAMPLE.pairs if relays > 1 else ())
    found = shown(view, ProbeWish(), lang, columns, lines).splitlines()
    assert len(found) == lines
    assert max(cell_len(line) for line in found) <= columns


def test_figures_are_those_that_were_measured() -> None:
    """Of each way its loss and delays stand in its row."""
    lines = shown(SAMPLE, columns=140, lines=40).splitlines()
    for one in SAMPLE.paths:
        (row,) = [line for line in lines if f"● {one.path.name}" in line]
        for text in (percent(one.loss), ms(one.delays.mean_s), ms(one.delays.max_s), str(one.sent)):
            assert text in row
    assert "Between homes" in "".join(lines)


def test_before_anything_came() -> None:
    """Until there is a connection it says why there is none, and divides nothing by zero."""
    node = SAMPLE.paths[0].path.sender
    measurement = Measurement([Path("relay", node, node)], 0.0, 1.0, 5.0)
    measurement.measured[0].outages.down(0.5, "refused\x1b[2J")
    found = shown(measurement.view(1.0))
    assert "connecting" in found
    assert "refused\\x1b[2J" in found
    measurement.measured[0].series.miss(20.0)
    assert "no connection" in shown(measurement.view(30.0))


def test_keys() -> None:
    """Arrows choose within what there is, a changes how much of the time is shown, q and Ctrl-C end it."""
    wish = ProbeWish()
    for key, chosen in (("up", 0), ("down", 1), ("down", 2), ("down", 2), ("home", 0)):
        wish = pressed(wish, key, 3)
        assert wish.chosen == chosen
    assert pressed(wish, "a", 3).sees_all
    assert not pressed(pressed(wish, "a", 3), "a", 3).sees_all
    assert all(pressed(wish, key, 3).is_over for key in ("q", "interrupt", "escape"))
    assert pressed(wish, "x", 3) == wish


def test_languages_have_the_same_words() -> None:
    """Both languages have every text, with the same values in it."""
    for key, text in TEXTS["en"].items():
        fields = [{part.split("}")[0].split(":")[0] for part in one.split("{")[1:]} for one in (text, TEXTS["zh"][key])]
        assert fields[0] == fields[1], key
    assert list(TEXTS["en"]) == list(TEXTS["zh"])


@pytest.mark.parametrize("name", ["probe.svg", "probe.zh.svg", "probe-chart.svg", "probe-chart.zh.svg"])
def test_the_pictures(name: str) -> None:
    """The pictures are what ``python -m tests.support.probe_sample`` makes, and load nothing from elsewhere."""
    made = pictures()[name]
    assert (IMAGES / name).read_text(encoding="utf-8") == made
    ET.fromstring(made)
    assert "url(http" not in made
    assert "href" not in made
