"""A measurement as it might have been, the same at each run: three relays for half an hour, one of them in trouble.

``python -m tests.support.probe_sample`` makes the pictures of the how-to page anew: `PICTURES` in ``docs/images``.
"""

from __future__ import annotations

import math
import random
from functools import cache
from pathlib import Path as FilePath

from support.top_sample import console, exported
from tailhub.cli.probe_screen import ProbeWish, frame
from tailhub.cli.probe_texts import TEXTS
from tailhub.findings import Language
from tailhub.tailcfg.derpmap import DERPNode
from tailhub.tools.probe.measurement import Bandwidth, Measurement, View
from tailhub.tools.probe.paths import Path
from tailhub.tools.probe.svg_chart import svg

RATE, LASTED_S = 10, 1800.0
_RELAYS = (("hongkong", 0.042, 0.002), ("tokyo", 0.071, 0.006), ("frankfurt", 0.203, 0.003))
_PATHS = [Path(name, node, node) for name, _, _ in _RELAYS for node in [DERPNode(name=name, host_name=name)]]


def sample_view(relays: int = 3, lasted_s: float = LASTED_S) -> View:
    """The first so many relays. The second loses 2 to 3 %, waits in a queue at times, and is gone once."""
    chance = random.Random(7)
    measurement = Measurement(_PATHS[:relays], 0.0, 5.0, 5.0)
    for one in measurement.measured:
        one.outages.up(0.03)
    arrivals: list[tuple[float, int, int, tuple[int, int] | None]] = []
    for tick in range(int(lasted_s * RATE)):
        now = tick / RATE
        for number in range(relays):
            _tick(measurement, number, now, chance, arrivals)
        arrivals.sort()
        while arrivals and arrivals[0][0] <= now:
            at, number, packet, pair = arrivals.pop(0)
            if pair is None:
                measurement.measured[number].series.receive(packet, at)
            else:
                measurement.pairs[pair].receive(packet, at)
        if tick % 50 == 0:
            list(measurement.settle(now))
    list(measurement.finish(lasted_s))
    measurement.measured[0].bandwidth = Bandwidth(5.0, 61_000_000, 12, 0, 0.071)
    return measurement.view(lasted_s)


def _tick(
    measurement: Measurement,
    number: int,
    now: float,
    chance: random.Random,
    arrivals: list[tuple[float, int, int, tuple[int, int] | None]],
) -> None:
    _, base_s, spread_s = _RELAYS[number]
    one = measurement.measured[number]
    if number == 1 and 1100 <= now < 1114:
        one.outages.down(now, "connection lost")
        one.series.miss(now)
        return
    one.outages.up(now)
    packet = one.series.send(now)
    delay_s = base_s + chance.expovariate(1 / spread_s)
    lost = 0.0002
    if number == 1:
        lost = 0.025
        load = max(0.0, math.sin(now / 170)) ** 3
        delay_s += 0.12 * load * chance.random()
        lost += 0.05 * load
    if chance.random() < 0.0004:
        delay_s += chance.uniform(0.1, 0.2)
    if chance.random() < lost:
        return
    arrivals.append((now + delay_s, number, packet, None))
    if number in measurement.homes:
        asks = measurement.homes[packet % len(measurement.homes)]
        back_s = _RELAYS[asks][1] + chance.expovariate(1 / _RELAYS[asks][2])
        question = measurement.pairs[asks, number].send(now)
        arrivals.append((now + delay_s + back_s, number, question, (asks, number)))
    if chance.random() < 0.2:
        one.stun.add(base_s * 0.97 + chance.random() * 0.001)


IMAGES = FilePath(__file__).resolve().parents[2] / "docs" / "images"


@cache
def pictures() -> dict[str, str]:
    """The pictures by the names of their files: the screen and the chart, in both languages."""
    view = sample_view(3)
    made = {}
    languages: tuple[Language, ...] = ("en", "zh")
    for lang in languages:
        end = ".zh.svg" if lang == "zh" else ".svg"
        setup = TEXTS[lang]["setup"].format(rate=RATE, size=100)
        terminal = console(120, 36)
        terminal.print(frame(view, ProbeWish(1, True), setup, lang, 120, 36), end="")
        made[f"probe{end}"] = exported(terminal, "tailhub probe", "probe")
        made[f"probe-chart{end}"] = svg(view, lang)
    return made


def main() -> None:
    """Write the pictures."""
    for name, picture in pictures().items():
        (IMAGES / name).write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
