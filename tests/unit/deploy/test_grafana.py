"""The dashboard for Grafana: it asks for what there is, and Grafana can show it."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support import require
from support.promql import BY_NAME, OTHERS, TARGET_LABELS, faults, uses

PLACE = Path(__file__).resolve().parents[3] / "deploy" / "grafana"
FILES = ("tailhub.json", "tailhub.zh.json")
# Shown nowhere, on purpose: they say little, or what another one says.
UNSHOWN = {
    "tailhub_start_time_seconds",
    "tailhub_certificate_starts_seconds",
    "tailhub_not_ideal_connections",
    "tailhub_remote_clients",
    "tailhub_mesh_watchers",
    "tailhub_mesh_links",
    "tailhub_duplicate_keys",
    "tailhub_home_moves_in_total",
    "tailhub_home_moves_out_total",
    "tailhub_bytes_dropped_total",
    "tailhub_rate_limit_bytes_per_second",
    "tailhub_rate_limit_burst_bytes",
    "tailhub_tenant_packets_received_total",
    "tailhub_tenant_bytes_received_total",
    "tailhub_tenant_packets_sent_total",
    "tailhub_pings_received_total",
    "tailhub_pongs_sent_total",
    "tailhub_peer_gone_disconnected_total",
    "tailhub_peer_gone_not_here_total",
    "tailhub_unknown_frames_total",
    "tailhub_held_total",
    "tailhub_refused_keys_dropped_total",
    "tailhub_passthrough_total",
    "tailhub_bootstrap_dns_requests_total",
}


def dashboard(name: str) -> dict[str, Any]:
    read = json.loads((PLACE / name).read_text(encoding="utf-8"))
    assert isinstance(read, dict)
    return read


def targets(name: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each panel with each of its queries."""
    for panel in dashboard(name)["panels"]:
        for target in panel.get("targets", ()):
            yield panel, target


@pytest.mark.parametrize("name", FILES)
def test_the_file_is_made_from_its_panels(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file is what the program beside it makes: `make reference` brings it up to date."""
    monkeypatch.syspath_prepend(str(PLACE))
    maker = importlib.import_module("make_dashboard")
    languages = {file: language for language, file in maker.FILES.items()}
    assert (PLACE / name).read_text(encoding="utf-8") == maker.text(languages[name])


@pytest.mark.parametrize("name", FILES)
def test_every_query_asks_for_what_there_is(name: str) -> None:
    """Metrics and labels are those of the relay, counters are rates or increases, and legends name labels that stay."""
    for panel, target in targets(name):
        expr = target["expr"].replace("$__rate_interval", "5m")
        assert list(faults(expr)) == [], (panel["title"], expr)
        there = {label for use in uses(expr) for label in _labels(use.name)} | TARGET_LABELS
        if grouped := re.match(r"(?:sum|min|max)(?: by \(([^)]*)\))?", expr):
            there = set((grouped[1] or "").split(", "))
        assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= there, (panel["title"], expr)
        assert expr.count('instance=~"$instance"') == len(uses(expr))


def _labels(name: str) -> tuple[str, ...]:
    """The labels of a metric; Prometheus' own have those of each series only."""
    return () if name in OTHERS else BY_NAME[name].labels


def test_every_metric_is_shown_or_left_out_on_purpose() -> None:
    """What the relay counts is in a panel, unless it is listed here as of little use there."""
    shown = {use.name for _, target in targets(FILES[0]) for use in uses(target["expr"])}
    assert shown - OTHERS == set(BY_NAME) - UNSHOWN


@pytest.mark.parametrize("name", FILES)
def test_panels_have_their_places(name: str) -> None:
    """IDs are unique, nothing overlaps or leaves the page, and everything has a title."""
    panels = dashboard(name)["panels"]
    assert max(Counter(panel["id"] for panel in panels).values()) == 1
    assert all(panel["title"] for panel in panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


@pytest.mark.parametrize("name", FILES)
def test_the_data_source_and_the_relays_can_be_chosen(name: str) -> None:
    """No data source's own ID is in the file: whoever imports it chooses theirs, and one relay, several or all."""
    read = dashboard(name)
    assert [one["name"] for one in read["templating"]["list"]] == ["datasource", "instance"]
    sources = re.findall(r'"uid": "([^"]+)"', json.dumps(read))
    assert set(sources) == {"${datasource}", read["uid"]}
    assert read["schemaVersion"] >= 38


def test_promtool_reads_every_query(tmp_path: Path) -> None:
    """Prometheus' own parser takes each expression."""
    promtool = require.promtool()
    exprs = {target["expr"].replace("$__rate_interval", "5m") for _, target in targets(FILES[0])}
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(sorted(exprs))]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout


@pytest.mark.parametrize(
    ("expr", "fault"),
    [
        ("sum(tailhub_nothing)", "there is no tailhub_nothing"),
        ("tailhub_logins_total", "tailhub_logins_total is a counter, found nothing around it"),
        ("rate(tailhub_clients[5m])", "tailhub_clients is a gauge, found rate around it"),
        ('tailhub_clients{tenant="x"}', "tailhub_clients has no label tenant"),
        ("sum by (tenant) (tailhub_clients)", "nothing in it has a label tenant"),
        ("vector(1)", "it uses no metric"),
    ],
)
def test_a_wrong_query_is_found(expr: str, fault: str) -> None:
    """These tests tell a metric, a label or a use that is wrong."""
    assert list(faults(expr)) == [fault]
