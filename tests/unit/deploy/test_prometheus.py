"""The alert rules and the example of a configuration for Prometheus."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from support import require
from support.promql import BY_NAME, TARGET_LABELS, faults, uses

ROOT = Path(__file__).resolve().parents[3]
PLACE = ROOT / "deploy" / "prometheus"
ALERTS, TESTS, SCRAPE = PLACE / "alerts.yml", PLACE / "alerts_test.yml", PLACE / "scrape.yml"
TEXTS = ("summary", "description", "summary_zh", "description_zh")


def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    found = group["rules"]
    assert isinstance(found, list)
    return found


def run(*words: str | Path) -> str:
    done = subprocess.run([require.promtool(), *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_a_rule_asks_for_what_there_is(rule: dict[str, Any]) -> None:
    """Metrics and labels are those of the relay, and counters are rates or increases."""
    expr = re.sub(r"changes\((tailhub_start_time_seconds)\[1h\]\)", r"\1", rule["expr"])
    expr = re.sub(r"max_over_time\((tailhub_clients)\[1h\]\)", r"\1", expr)
    assert list(faults(expr)) == []


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_a_rule_says_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    """Each has a severity, and in both languages a summary that names the relay and a description of some length."""
    assert rule["labels"] == {"severity": rule["labels"]["severity"]}
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert tuple(rule["annotations"]) == TEXTS
    english, description, chinese, zh_description = (rule["annotations"][name] for name in TEXTS)
    for summary in (english, chinese):
        assert "{{ $labels.instance }}" in summary
        there = {label for use in uses(rule["expr"]) if use.name in BY_NAME for label in BY_NAME[use.name].labels}
        assert set(re.findall(r"\$labels\.(\w+)", summary)) <= there | TARGET_LABELS
    assert re.findall(r"\{\{.*?\}\}", english) != []
    assert sorted(re.findall(r"\{\{.*?\}\}", english)) == sorted(re.findall(r"\{\{.*?\}\}", chinese))
    assert len(description) > 80
    assert len(zh_description) > 30
    said = [sorted(re.findall(r"`([^`]+)`", text)) for text in (description, zh_description)]
    assert said[0] == said[1]


def test_pages_that_rules_name_are_there() -> None:
    """Each page that a description sends a reader to exists."""
    named = set(re.findall(r"docs/[\w/.-]+\.md", ALERTS.read_text(encoding="utf-8")))
    assert named
    assert [page for page in named if not (ROOT / page).exists()] == []


def test_promtool_takes_the_rules() -> None:
    """Prometheus' own check finds nothing wrong with the rules, nor with the example of a configuration."""
    assert f"SUCCESS: {len(rules())} rules found" in run("check", "rules", ALERTS)
    assert "SUCCESS" in run("check", "config", "--syntax-only", SCRAPE)


def test_each_rule_fires_when_it_should_and_not_otherwise() -> None:
    """The test file makes every alert fire for one relay and not for another, as Prometheus evaluates them."""
    assert "SUCCESS" in run("test", "rules", TESTS)
    fired = set(re.findall(r'alertname="(\w+)"', TESTS.read_text(encoding="utf-8")))
    assert fired == {rule["alert"] for rule in rules()}


@pytest.mark.parametrize(
    ("expr", "told"), [("vector(1) == 0", "exp"), ('label_replace(vector(1), "instance", "well", "", "")', "got")]
)
def test_the_test_file_would_notice(expr: str, told: str, tmp_path: Path) -> None:
    """Of each rule the test file notices that it never fires, or fires where it should not."""
    text = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))
    for rule in text["groups"][0]["rules"]:
        rule["expr"] = expr
        rule.pop("for", None)
    (tmp_path / ALERTS.name).write_text(yaml.safe_dump(text))
    shutil.copy(TESTS, tmp_path)
    words = [require.promtool(), "test", "rules", str(tmp_path / TESTS.name)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    lines = re.findall(rf"{told}: (.*)", done.stdout + done.stderr)
    assert {rule["alert"] for rule in rules()} == set(re.findall(r'alertname="(\w+)"', "".join(lines)))


def test_the_rules_find_the_jobs_of_the_example() -> None:
    """The jobs of the example are those that rules look for by name; the remote one shows its token from a file."""
    read = yaml.safe_load(SCRAPE.read_text(encoding="utf-8"))
    jobs = {job["job_name"]: job for job in read["scrape_configs"]}
    wanted = {match for rule in rules() for match in re.findall(r'job=~"([^"]+)"', rule["expr"])}
    assert all(re.fullmatch(pattern, name) for pattern in wanted for name in jobs)
    assert read["rule_files"] == [ALERTS.name]
    for job in jobs.values():
        [address] = job["static_configs"][0]["targets"]
        is_here = address.startswith("127.0.0.1:")
        assert ("authorization" in job) != is_here
        assert is_here or job["authorization"] == {
            "type": "Bearer",
            "credentials_file": "/etc/prometheus/tailhub.token",
        }
