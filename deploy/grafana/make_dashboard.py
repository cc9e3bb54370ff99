"""Makes the dashboard for Grafana, in English and Chinese, from ``panels``; run it without arguments.

The JSON files beside it are what it makes (`tests/unit/deploy/test_grafana.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from panels import ROWS, Panel, Query, Text

PLACE = Path(__file__).resolve().parent
FILES = {"en": "tailhub.json", "zh": "tailhub.zh.json"}
WIDTH = 24  # of Grafana's grid
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

Language = Literal["en", "zh"]


def dashboard(language: Language) -> dict[str, Any]:
    """The dashboard as Grafana imports it."""
    chinese = language == "zh"
    return {
        "title": "tailhub 中继" if chinese else "tailhub relay",
        "uid": f"tailhub-{language}",
        "description": "DERP 与 STUN 中继：流量、客户端、丢弃、登录、配额、证书。"
        if chinese
        else "DERP and STUN relays: traffic, clients, drops, logins, quotas, certificates.",
        "tags": ["tailhub", "derp", "tailscale"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,  # the cross hair is in all panels
        "time": {"from": "now-3h", "to": "now"},
        "refresh": "30s",
        "timezone": "browser",
        "templating": {"list": list(_variables(chinese=chinese))},
        "annotations": {"list": []},
        "panels": list(_panels(int(chinese))),
    }


def _variables(*, chinese: bool) -> Iterator[dict[str, Any]]:
    yield {
        "name": "datasource",
        "label": "数据源" if chinese else "Data source",
        "type": "datasource",
        "query": "prometheus",
        "refresh": 1,
        "hide": 0,
    }
    query = "label_values(tailhub_info, instance)"
    yield {
        "name": "instance",
        "label": "中继" if chinese else "Relay",
        "type": "query",
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": "instance"},
        "refresh": 2,  # when the time range changes
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "current": {"text": ["All"], "value": ["$__all"]},
        "hide": 0,
    }


def _panels(language: int) -> Iterator[dict[str, Any]]:
    """Rows and panels from left to right, and from top to bottom."""
    number = y = 0
    for title, panels in ROWS:
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": title[language],
            "collapsed": False,
            "gridPos": {"x": 0, "y": y, "w": WIDTH, "h": 1},
            "panels": [],
        }
        y += 1
        x = height = 0
        for panel in panels:
            if x + panel.width > WIDTH:
                x, y, height = 0, y + height, 0
            number += 1
            place = {"x": x, "y": y, "w": panel.width, "h": panel.height}
            yield {"id": number, "gridPos": place, **_panel(panel, language)}
            x, height = x + panel.width, max(height, panel.height)
        y += height


def _panel(panel: Panel, language: int) -> dict[str, Any]:
    is_now = panel.kind != "timeseries"
    defaults: dict[str, Any] = {
        "unit": panel.unit,
        "min": 0 if panel.unit != "s" else None,
        "max": panel.most,
        "color": {"mode": "thresholds" if is_now else "palette-classic"},
        "thresholds": {
            "mode": "absolute",
            "steps": [{"color": colour, "value": value} for colour, value in panel.steps],
        },
        "mappings": [_words(panel.words, language)] if panel.words else [],
        "custom": _drawing(panel),
    }
    return {
        "type": panel.kind,
        "title": panel.title[language],
        "datasource": DATASOURCE,
        "fieldConfig": {
            "defaults": {key: value for key, value in defaults.items() if value is not None},
            "overrides": [],
        },
        "options": _options(panel.kind),
        "targets": [_target(number, query, panel, language) for number, query in enumerate(panel.queries)],
        "transformations": _transformations(panel, language) if panel.kind == "table" else [],
    }


def _target(number: int, query: Query, panel: Panel, language: int) -> dict[str, Any]:
    is_now = panel.kind != "timeseries"
    return {
        "refId": chr(ord("A") + number),
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": query.expr,
        "legendFormat": query.legend[language] or "__auto",
        "instant": is_now,
        "range": not is_now,
        **({"format": "table"} if panel.kind == "table" else {}),
    }


def _drawing(panel: Panel) -> dict[str, Any]:
    if panel.kind != "timeseries":
        return {}
    return {
        "lineWidth": 1,
        "fillOpacity": 30 if panel.stacked else 10,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
    }


def _options(kind: str) -> dict[str, Any]:
    now = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    options: dict[str, dict[str, Any]] = {
        "stat": {"reduceOptions": now, "colorMode": "value", "graphMode": "none", "textMode": "auto"},
        "bargauge": {"reduceOptions": now, "orientation": "horizontal", "displayMode": "basic", "showUnfilled": True},
        "timeseries": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "table": {"showHeader": True, "cellHeight": "sm"},
    }
    return options[kind]


def _words(words: Mapping[str, tuple[str, Text]], language: int) -> dict[str, Any]:
    shown = {
        value: {"color": colour, "text": text[language], "index": index}
        for index, (value, (colour, text)) in enumerate(words.items())
    }
    return {"type": "value", "options": shown}


def _transformations(panel: Panel, language: int) -> Sequence[dict[str, Any]]:
    """One line for each relay, a column for each query; what the first one says stands in its labels."""
    names = {f"Value #{chr(ord('A') + number)}": query.legend[language] for number, query in enumerate(panel.queries)}
    hidden = {"Time": True, **{column: True for column, name in names.items() if not name}}
    renamed = {column: name for column, name in names.items() if name}
    return [
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {"excludeByName": hidden, "renameByName": renamed, "indexByName": {}}},
    ]


def text(language: Language) -> str:
    """The file in this language."""
    return json.dumps(dashboard(language), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write both files."""
    for language in ("en", "zh"):
        (PLACE / FILES[language]).write_text(text(language), encoding="utf-8")


if __name__ == "__main__":
    main()
