"""What a code says when nothing in particular was found."""

from __future__ import annotations

import pytest

from tailhub.findings.examples import alternatives, forms


def test_each_form_once() -> None:
    """A text that depends on what is known has each of its forms, a part that a code lacks has none."""
    assert forms("TH074", "what", "en") == ["No name can be looked up: this machine has no working DNS."]
    assert len(forms("TH071", "remedy", "zh")) == 2
    assert forms("TH081", "means", "en") == []


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
def test_alternatives(template: str, chosen_by: list[str]) -> None:
    """The values that choose between two texts are found, those that only add a text are not."""
    assert list(alternatives(template)) == chosen_by
