"""Expressions of Prometheus as far as tests read them: which metrics they use, by which labels, and how."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tailhub.web.metrics import METRICS

TARGET_LABELS = frozenset({"job", "instance"})  # Prometheus' own, of each series
OTHERS = frozenset({"up"})  # Prometheus' own metric
BY_NAME = {metric.name: metric for metric in METRICS}
_METRIC = re.compile(r"(?P<before>[a-z_]+\()?\b(?P<name>(?:tailhub|process)_\w+|up)\b(?P<selector>\{[^}]*\})?")
_GROUPED = re.compile(r"\b(?:by|without|on|ignoring) \(([^)]*)\)")
_LABEL = re.compile(r'(\w+)(?:=~|!~|!=|=)"')


@dataclass(frozen=True)
class Use:
    """One mention of a metric: its name, the labels it is selected by, and the function it stands in, "" for none."""

    name: str
    labels: frozenset[str]
    function: str


def uses(expr: str) -> list[Use]:
    """All metrics that an expression mentions."""
    bare = _GROUPED.sub("", expr)
    return [
        Use(
            match["name"], frozenset(_LABEL.findall(match["selector"] or "")), (match["before"] or "").removesuffix("(")
        )
        for match in _METRIC.finditer(bare)
    ]


def grouping_labels(expr: str) -> set[str]:
    """The labels that it groups or matches by."""
    return {label.strip() for labels in _GROUPED.findall(expr) for label in labels.split(",")} - {""}


def faults(expr: str) -> Iterator[str]:
    """What is wrong with how an expression uses our metrics."""
    known = set(TARGET_LABELS)
    for use in uses(expr):
        if use.name in OTHERS:
            continue
        if (metric := BY_NAME.get(use.name)) is None:
            yield f"there is no {use.name}"
            continue
        known.update(metric.labels)
        for label in use.labels - TARGET_LABELS - set(metric.labels):
            yield f"{use.name} has no label {label}"
        if (metric.kind == "counter") != (use.function in ("rate", "increase")):
            yield f"{use.name} is a {metric.kind}, found {use.function or 'nothing'} around it"
    for label in grouping_labels(expr) - known:
        yield f"nothing in it has a label {label}"
    if not uses(expr):
        yield "it uses no metric"
