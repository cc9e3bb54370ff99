"""Measuring relays for long: loss, delay, jitter, waiting, outages, bandwidth; and the table between regions.

::

    paths = paths_to([host_target("derp.example.com:8443")])
    async with Probe(paths, own_key(), ProbeOptions(rate=20)).running() as probe:
        await asyncio.sleep(60)
    for one in probe.measurement.view(asyncio.get_running_loop().time()).paths:
        print(sentence(one, "en"))

What is measured is `measurement` and below it (`series`, `histogram`, `history`, `outages`), all of it pure; what
measures is `run`, in a thread of its own `background`. Figures for people and programs: `words`, `as_json`, `csv_file`,
`svg_chart`, `exporter`. Which ways: `paths`; with which keys: `keys`.
"""

from __future__ import annotations

from tailhub.tools.probe.measurement import Measurement, PathView, Row
from tailhub.tools.probe.paths import Path, paths_to
from tailhub.tools.probe.run import Probe, ProbeOptions
from tailhub.tools.probe.words import sentence

__all__ = ["Measurement", "Path", "PathView", "Probe", "ProbeOptions", "Row", "paths_to", "sentence"]
