"""A run as a JSON file: every trial with what it was measured on, and every failure."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from bench import targets
from bench.campaign import Campaign
from bench.trial import Trial


def as_record(trial: Trial) -> dict[str, Any]:
    """A trial with its load, its figures and what follows from them."""
    return {
        "scenario": trial.scenario.name,
        "placement": trial.placement,
        "load": dataclasses.asdict(trial.scenario.load),
        "server": trial.server,
        "round": trial.round,
        "per_s": trial.result.per_s,
        "cpu_us_each": trial.result.cpu_us_each,
        **dataclasses.asdict(trial.result),
    }


def write_json(path: Path, head: dict[str, str], campaign: Campaign) -> None:
    """Write all that is known by now."""
    verdicts = targets.verdict_rows(campaign.trials)
    content = {
        "about": head,
        "verdicts": [dict(zip(verdicts[0], row, strict=True)) for row in verdicts[1:]],
        "measured_again": [list(pair) for pair in campaign.again],
        "failures": [dataclasses.asdict(failure) for failure in campaign.failures],
        "trials": [as_record(trial) for trial in campaign.trials],
        "replaced": [as_record(trial) for trial in campaign.replaced],
    }
    path.write_text(json.dumps(content, indent=1) + "\n")
