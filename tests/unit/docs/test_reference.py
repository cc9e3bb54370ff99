"""The pages in docs/reference are what the code says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from tailhub.findings import CATALOGUE

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
    root = DOCS / "reference"
    committed = {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in root.rglob("*.md")}
    assert committed.keys() == made.keys()
    for name, text in made.items():
        assert committed[name] == text, f"docs/reference/{name} is out of date: run make reference"


def test_tables_have_their_columns(make_reference: ModuleType) -> None:
    """Every row of a table has as many cells as its head."""
    for name, text in make_reference.pages().items():
        for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
            cells = {len(re.split(r"(?<!\\)\|", line)) for line in block.splitlines()}
            assert len(cells) == 1, f"{name}: {block}"


def test_every_code_has_a_page_in_both_languages(make_reference: ModuleType) -> None:
    """Each code has a page in English and one in Chinese, with every section chosen and a word for every value."""
    made = make_reference.pages()
    for code in CATALOGUE:
        for name in (f"findings/{code}.md", f"findings/{code}.zh.md"):
            assert f"# {code} " in made[name]
            text = made[name].replace("[[listen]]", "").replace("[[tenant]]", "")
            assert not re.search(r"\[\[|\]\]|\{\w+(!q)?\}", text), name
