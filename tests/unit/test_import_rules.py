from __future__ import annotations

from pathlib import Path

import pytest
from importlinter import cli

ROOT = Path(__file__).parents[2]


def test_import_rules(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Every import obeys the rules of the house that pyproject.toml states."""
    monkeypatch.chdir(ROOT)
    exit_code = cli.lint_imports(config_filename="pyproject.toml", no_cache=True)
    assert exit_code == cli.EXIT_STATUS_SUCCESS, capsys.readouterr().out
