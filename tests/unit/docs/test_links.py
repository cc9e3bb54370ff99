"""The documents hang together: links lead somewhere, and both README files say the same commands."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md")])
README = [ROOT / "README.md", ROOT / "README.zh-CN.md"]

_CODE = re.compile(r"^(`{3,}|~{3,}).*?^\1|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_TEST_FILE = re.compile(r"`(tests/[\w/]+\.py)`")
_TEST_NAME = re.compile(r"`(\w+)::(\w+)`")  # as docs/protocol.md explains it


def prose(path: Path) -> str:
    return _CODE.sub("", path.read_text(encoding="utf-8"))


@cache
def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = _HEADING.findall(path.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(path: Path) -> list[str]:
    """What stands in code blocks, without comments, box drawings and indentation."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line.partition("#")[0].strip() for block in blocks if "─" not in block for line in block.splitlines()]
    return [line for line in lines if line]


def options(path: Path) -> list[str]:
    """The tailhub and make commands in the running text and in tables, in order."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`((?:tailhub|make) [^`]+)`", text)


def leads_somewhere(path: Path, target: str) -> bool:
    """Is there what a link in this document leads to, with the heading that it names?"""
    file, _, anchor = target.partition("#")
    found = (path.parent / file).resolve() if file else path
    return found.exists() and not (anchor and found.suffix == ".md" and anchor not in anchors(found))


def test_relative_links_lead_somewhere() -> None:
    """Each link to a file of this repository finds it, and the heading in it if it names one."""
    broken = [
        (str(path.relative_to(ROOT)), target)
        for path in DOCUMENTS
        for target in _LINK.findall(prose(path))
        if not re.match(r"[a-z]+:", target) and not leads_somewhere(path, target)
    ]
    assert broken == []


def test_tests_that_are_named_exist() -> None:
    """A document that names a test names exactly one that there is."""
    missing = []
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        missing += [file for file in _TEST_FILE.findall(text) if not (ROOT / file).exists()]
        for stem, function in _TEST_NAME.findall(text):
            files = (ROOT / "tests").rglob(f"test_{stem}.py")
            if sum(f"def test_{function}(" in file.read_text(encoding="utf-8") for file in files) != 1:
                missing.append(f"{stem}::{function}")
    assert missing == []


def test_both_readmes_have_the_same_commands() -> None:
    """The English and the Chinese README have the same commands in their code blocks, comments aside."""
    english, chinese = map(commands, README)
    assert english
    assert english == chinese


def test_both_readmes_name_the_same_commands() -> None:
    """Commands in running text and tables are the same in both languages, in the same order."""
    english, chinese = map(options, README)
    assert english
    assert english == chinese


def test_both_readmes_link_to_the_same_documents() -> None:
    """Both have the same links but those to each other; the Chinese leads to the Chinese pages where there are some.

    Pictures show what a reader of that language sees.
    """
    linked = (_LINK.findall(path.read_text(encoding="utf-8")) for path in README)
    left_out = re.compile(r"README|\.(png|svg)$")
    english, chinese = ([link for link in links if not left_out.search(link)] for links in linked)
    assert english
    for path, links in ((README[0], english), (README[1], chinese)):
        assert (".zh.md" in "".join(links)) == (path is README[1])
    assert english == [link.replace(".zh.md", ".md") for link in chinese]
