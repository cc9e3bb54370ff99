from __future__ import annotations

import re
import subprocess
from collections import Counter

from prometheus_client.parser import text_string_to_metric_families

from support import require
from tailhub.relay.stats import Stats
from tailhub.web.metrics import METRICS, render_metrics


def test_every_counter_of_the_relay_has_a_metric() -> None:
    """Whatever the relay counts is in the table, under the same key."""
    assert set(Stats.__slots__) <= {metric.key for metric in METRICS}


def test_table_is_well_formed() -> None:
    """Keys and names are unique, names are Prometheus', counters end in _total, and each has a sentence of help."""
    assert max(Counter(metric.key for metric in METRICS).values()) == 1
    assert max(Counter(metric.name.removesuffix("_total") for metric in METRICS).values()) == 1
    for metric in METRICS:
        assert re.fullmatch(r"(tailhub|process)_[a-z_]+", metric.name)
        assert (metric.kind == "counter") == metric.name.endswith("_total")
        assert metric.help[0].isupper()
        assert metric.help.endswith(".")


def test_text_reads_back() -> None:
    """Prometheus reads every metric of the table back with its type, labels and value."""
    values = {
        metric.key: {tuple(f"v{i}" for i in range(len(metric.labels))): number} if metric.labels else number
        for number, metric in enumerate(METRICS)
    }
    families = {family.name: family for family in text_string_to_metric_families(render_metrics(values).decode())}
    assert len(families) == len(METRICS)
    for number, metric in enumerate(METRICS):
        family = families[metric.name.removesuffix("_total")]
        assert family.type == metric.kind
        assert family.documentation == metric.help
        (sample,) = family.samples
        assert sample.name == metric.name
        assert sample.value == number
        assert set(sample.labels) == set(metric.labels)


def test_prometheus_finds_nothing_to_improve() -> None:
    """Names, help and types of the whole table are as Prometheus wants them."""
    values = {metric.key: {("v",) * len(metric.labels): 1.0} if metric.labels else 1.0 for metric in METRICS}
    words = [require.promtool(), "check", "metrics"]
    done = subprocess.run(words, input=render_metrics(values), capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_absent_values_are_left_out() -> None:
    """A metric without a number does not appear, nor does a number without a metric."""
    assert render_metrics({"nothing_we_know": 1}) == b""
    text = render_metrics({"clients": 0, "packets_dropped": {("queue_age", "disco"): 2}}).decode()
    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        "tailhub_clients 0.0",
        'tailhub_packets_dropped_total{kind="disco",reason="queue_age"} 2.0',
    ]
