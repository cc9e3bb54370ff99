"""YAML read as the tree that HuJSON is read as."""

from __future__ import annotations

import pytest

from tailhub.tailcfg.hujson import Object
from tailhub.tailcfg.lint import lint_map
from tailhub.tailcfg.map_fault import MapTrouble
from tailhub.tailcfg.yaml_tree import YAMLError, has_anchors, parse_yaml


def test_values_have_their_places() -> None:
    """Line and column of each; a block ends with its last value, not with what follows."""
    text = "# c\nregions:\n  900:\n    nodes:\n    - name: a # x\n\n# end\n"
    document = parse_yaml(text)
    assert document.plain() == {"regions": {"900": {"nodes": [{"name": "a"}]}}}
    assert isinstance(document.root, Object)
    assert document.root.end == text.index(" # x")
    assert document.place(text.index("name")) == (5, 7)


def test_merge_keys_and_aliases_mean_what_they_stand_for() -> None:
    """Headscale follows them too."""
    document = parse_yaml("base: &b\n  stunport: 3478\nnode:\n  <<: *b\n  name: a\n")
    assert document.plain() == {"base": {"stunport": 3478}, "node": {"stunport": 3478, "name": "a"}}
    assert has_anchors(document.text)
    assert not has_anchors("a: 1\n")


def test_the_linter_reads_it() -> None:
    """With the place of each fault; names are in lower case only, as Headscale takes them."""
    text = (
        "regions:\n  900:\n    regionid: 900\n    nodes:\n    - name: 900a\n      RegionID: 900\n      hostname: ''\n"
    )
    document = parse_yaml(text)
    faults = {fault.trouble: document.place(fault.offset) for fault in lint_map(document, is_headscale=True)}
    assert faults == {MapTrouble.UNKNOWN_FIELD: (6, 7), MapTrouble.HOST_NAME_EMPTY: (7, 17)}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: [1\n", (2, 1)),
        ("a: 1\n\tb: 2\n", (2, 1)),
        ("a: 1\n---\nb: 2\n", (2, 1)),
        ("a: b: c\n", (1, 5)),
        ("a: \x01\n", (1, 4)),
        ("? [1]\n: 2\n", (1, 3)),
    ],
)
def test_what_is_no_yaml_is_told_with_its_place(text: str, place: tuple[int, int]) -> None:
    """By line and column."""
    with pytest.raises(YAMLError) as caught:
        parse_yaml(text)
    assert (caught.value.line, caught.value.column) == place


def test_a_few_lines_that_mean_too_much_are_refused() -> None:
    """Aliases of aliases, and values in values without end."""
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    with pytest.raises(YAMLError, match="too much"):
        parse_yaml("\n".join(lines))
    with pytest.raises(YAMLError, match="deep"):
        parse_yaml("[" * 1000 + "]" * 1000)
    with pytest.raises(YAMLError):
        parse_yaml("a: &a [*a]\n")
    with pytest.raises(YAMLError, match="longer"):
        parse_yaml("#" * (5 << 20))
