"""The pages in docs/reference are what the code says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.fixture(scope="module")
def make_reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_reference", DOCS / "make_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_are_up_to_date(make_reference: ModuleType) -> None:
    """Each committed page is what `make reference` makes now, and there is no other page."""
    made = make_reference.pages()
    committed = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "reference").glob("*.md")}
    assert committed.keys() == made.keys()
    for name, text in made.items():
        assert committed[name] == text, f"docs/reference/{name} is out of date: run make reference"


def test_tables_have_their_columns(make_reference: ModuleType) -> None:
    """Every row of a table has as many cells as its head."""
    for name, text in make_reference.pages().items():
        for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
            cells = {len(re.split(r"(?<!\\)\|", line)) for line in block.splitlines()}
            assert len(cells) == 1, f"{name}: {block}"


def test_findings_leave_no_template_behind(make_reference: ModuleType) -> None:
    """In the page of findings every section is chosen and every value has its word."""
    text = make_reference.pages()["findings.md"]
    assert "[[" not in text
    assert "]]" not in text
    assert not re.search(r"\{\w+(!q)?\}", text)


@pytest.mark.parametrize(
    ("template", "chosen_by"),
    [
        ("plain", []),
        ("a [[x?b]] c", []),
        ("[[x?a||b]]", ["x"]),
        ("[[x?a [[y?b||c]]||d]] [[z?e]]", ["y", "x"]),
        ("[[x?a [[y?b]]||d]]", ["x"]),
    ],
)
def test_alternatives(make_reference: ModuleType, template: str, chosen_by: list[str]) -> None:
    """The values that choose between two texts are found, those that only add a text are not."""
    assert list(make_reference.alternatives(template)) == chosen_by
