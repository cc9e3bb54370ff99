"""The configuration file: lines of keys, and lines that are no TOML."""

from __future__ import annotations

from pathlib import Path

import pytest

from tailhub.findings import Finding
from tailhub.settings.merge import load
from tailhub.settings.toml_file import key_lines, parse

PATH = Path("tailhub.toml")


def faults(text: str) -> list[Finding]:
    return parse(text.encode(), PATH).faults


def lines(text: str) -> list[object]:
    """The lines that are at fault."""
    return [fault.values["line"] for fault in faults(text)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("quiet = true\nhome = [\n", 2),
        ("quiet = true\nhome = [\n1,\n2,\n", 2),
        ('a = """\nb = 1\nc = 2\n"""\nd = [\n', 5),
        ('a = 1\nb = """\nc = 1\nd = 1\n', 2),
        ('a = """', 1),
        ("[[listen]]\nlisten = [\n", 2),
    ],
)
def test_what_never_ends_is_found_where_it_begins(text: str, line: int) -> None:
    """The line is named with the value that has no end, whatever is below and above it."""
    assert lines(text) == [line]


def test_a_long_value_without_an_end_is_found_by_halves() -> None:
    """Ten thousand lines of a list that never ends are not read ten thousand times."""
    assert lines("quiet = true\nhome = [\n" + "1,\n" * 10_000) == [2]


@pytest.mark.parametrize(
    ("value", "reason"),
    [("1" * 5000, "too many digits"), ("[" * 5000 + "]" * 5000, "too deeply"), ("[" * 9000, "deep")],
)
def test_what_python_cannot_hold(value: str, reason: str) -> None:
    """A number or a nesting beyond all measure is a fault of its line, and the rest is read."""
    text = f"quiet = true\nhome = {value}\nworkers = 2\n"
    (fault,) = faults(text)
    assert fault.values["line"] == 2
    assert reason in str(fault)
    assert len(str(fault)) < 500
    assert parse(text.encode(), PATH).values == {"quiet": True, "workers": 2}


def test_keys_with_escapes() -> None:
    """A key in quotes may have TOML's escapes, a tab, or quotes of the other kind."""
    text = '"\\U0000006cisten" = 1\n"a\tb" = 2\n\'"\' = 3\n["x\\"y"]\nz = 4\n'
    assert key_lines(text) == {("listen",): 1, ("a\tb",): 2, ('"',): 3, ('x"y',): 4, ('x"y', "z"): 5}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cert", '"a\\u0000b"'),
        ("state_dir", '"\\u0000"'),
        ("listen", '"unix:/run/a\\u0000b"'),
        ("trusted_proxies", '["127.0.0.1", "\\u0000"]'),
    ],
)
def test_a_zero_character(tmp_path: Path, key: str, value: str) -> None:
    """No value may have a zero character, which no name, path or command can have."""
    path = tmp_path / "a.toml"
    path.write_text(f"{key} = {value}\n")
    settings = load({"config": str(path)}, {}, 0, "linux")
    assert [fault.code for fault in settings.faults] == ["TH230"]
