"""Every line of the log has an event, and `EVENTS` is the whole list of them: looked up in the source itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tailhub import findings
from tailhub.log_event import EVENTS
from tailhub.server.log_format import OWN_FIELDS

SOURCE = Path(__file__).parents[2] / "src" / "tailhub"
MODULES = sorted(path for path in SOURCE.rglob("*.py") if "getLogger" in path.read_text("utf-8"))
LEVELS = {"debug", "info", "warning", "error", "critical", "log"}


def calls(path: Path) -> Iterator[ast.Call]:
    """All calls of a method or function in a module."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            yield node


def name_of(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        owner = call.func.value
        return f"{owner.id if isinstance(owner, ast.Name) else ''}.{call.func.attr}"
    return call.func.id if isinstance(call.func, ast.Name) else ""


def shows_a_finding(call: ast.Call) -> bool:
    """Is all that it says a finding?"""
    form, *values = call.args
    if not (isinstance(form, ast.Constant) and form.value == "%s" and len(values) == 1):
        return False
    (value,) = values
    return (isinstance(value, ast.Name) and value.id == "finding") or (
        isinstance(value, ast.Call) and name_of(value).startswith("findings.")
    )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_line_has_an_event(path: Path) -> None:
    """What is logged shows a finding or an exception, or says which event it is."""
    for call in calls(path):
        owner, _, level = name_of(call).partition(".")
        if owner == "_log" and level in LEVELS and not shows_a_finding(call):
            assert {"extra", "exc_info"} & {keyword.arg for keyword in call.keywords}, f"{path}:{call.lineno}"


def test_events_and_their_fields_are_listed() -> None:
    """Each event that the source names is in the list, with every field that it is given by name; none is left over."""
    named = set()
    for path in MODULES:
        for call in calls(path):
            if name_of(call) == "log_event" and isinstance(event := call.args[0], ast.Constant):
                named.add(event.value)
                fields = {keyword.arg for keyword in call.keywords} - {None}
                assert fields <= {*EVENTS[event.value].fields}, f"{path}:{call.lineno}"
    assert EVENTS.keys() - named == {"finding", "internal_error", "library"}, "these come of themselves"


def test_no_field_hides_what_every_line_has() -> None:
    """Time, level, event and text of a line are its own."""
    for event, kind in EVENTS.items():
        assert not {*kind.fields, "worker"} & {*OWN_FIELDS}, event


def test_a_finding_that_is_logged_is_no_text_yet() -> None:
    """A finding made to text before it is logged would lose its code."""
    for path in MODULES:
        for call in calls(path):
            if name_of(call) == "str" and call.args and isinstance(inner := call.args[0], ast.Call):
                assert not (name_of(inner).startswith("findings.") and hasattr(findings, name_of(inner)[9:])), path
