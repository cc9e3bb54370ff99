"""A YAML file as the same tree as a HuJSON document, with the place of each value: so one linter reads both.

Read is what Headscale takes: one document of maps, lists and scalars; aliases and merge keys are followed. Not here:
changing it (`tailhub.tailcfg.yaml_edit`).
"""

from __future__ import annotations

from typing import Any, Final

from tailhub.exceptions import LocalError
from tailhub.tailcfg.hujson import Array, Document, Element, Member, Object, Scalar, Value, line_starts

__all__ = ["YAMLError", "has_anchors", "parse_yaml"]

MAX_VALUES: Final = 200_000  # after aliases were followed: a few lines of them can mean millions
MAX_CHARACTERS: Final = 4 << 20  # PyYAML reads about 100 KB a second; no map has a tenth of it


class YAMLError(LocalError):
    """The text is no YAML. `line` and `column` count from 1."""

    def __init__(self, line: int, column: int, problem: str) -> None:
        super().__init__(f"line {line}, column {column}: {problem}")
        self.line = line
        self.column = column
        self.problem = problem


def parse_yaml(text: str) -> Document:
    """Read a document; an empty text is an empty map. Raises `YAMLError`."""
    import yaml

    if len(text) > MAX_CHARACTERS:
        raise YAMLError(1, 1, f"longer than {MAX_CHARACTERS >> 20} Mi characters")
    try:
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            root = _Tree(text, loader).value(node) if node is not None else Object(len(text), len(text))
        finally:
            loader.dispose()
    except yaml.YAMLError as exc:
        raise _error(exc, text) from exc
    except RecursionError as exc:
        raise YAMLError(1, 1, "values too deep in each other") from exc
    return Document(text, root, line_starts(text))


def has_anchors(text: str) -> bool:
    """Does a value stand for others too, or bear a tag? Then changing it may change more than what is seen there."""
    import yaml

    tokens = yaml.scan(text, Loader=yaml.SafeLoader)
    return any(isinstance(token, yaml.AnchorToken | yaml.AliasToken | yaml.TagToken) for token in tokens)


class _Tree:
    """PyYAML's nodes as our values. `loader` tells the value of a scalar and flattens merge keys."""

    def __init__(self, text: str, loader: Any) -> None:
        self._text = text
        self._loader = loader
        self._left = MAX_VALUES

    def value(self, node: Any) -> Value:
        """One node with all in it."""
        import yaml

        self._left -= 1
        if self._left < 0:
            raise YAMLError(node.start_mark.line + 1, node.start_mark.column + 1, "aliases that mean too much")
        start = node.start_mark.index
        if isinstance(node, yaml.MappingNode):
            self._loader.flatten_mapping(node)
            members = tuple(Member(self._name(key), self.value(value), None) for key, value in node.value)
            last = members[-1].value.end if members else start
            return Object(start, self._end(node, last), members)
        if isinstance(node, yaml.SequenceNode):
            elements = tuple(Element(self.value(value), None) for value in node.value)
            return Array(start, self._end(node, elements[-1].value.end if elements else start), elements)
        return self._scalar(node)

    def _name(self, node: Any) -> Scalar:
        import yaml

        if not isinstance(node, yaml.ScalarNode):
            raise YAMLError(node.start_mark.line + 1, node.start_mark.column + 1, "a name that is no text")
        return Scalar(node.start_mark.index, node.end_mark.index, str(node.value))

    def _scalar(self, node: Any) -> Scalar:
        start, end = node.start_mark.index, node.end_mark.index
        if node.style in ("|", ">"):  # ends where the next token begins
            end = start + len(self._text[start:end].rstrip())
        try:
            plain = self._loader.construct_object(node, deep=True)
        except (ValueError, OverflowError):  # a date that there is not
            plain = str(node.value)
        is_ours = plain is None or isinstance(plain, str | int | float | bool)
        return Scalar(start, end, plain if is_ours else str(node.value))

    def _end(self, node: Any, last: int) -> int:
        """PyYAML takes a block to the next token, past comments; it ends where its last value does."""
        return int(node.end_mark.index) if node.flow_style else max(last, node.start_mark.index)


def _error(exc: Any, text: str) -> YAMLError:
    mark = getattr(exc, "problem_mark", None) or getattr(exc, "context_mark", None)
    problem = str(getattr(exc, "problem", "") or getattr(exc, "reason", "") or exc)
    if mark is None:  # a character that YAML does not allow
        at = min(int(getattr(exc, "position", 0)), len(text))
        return YAMLError(text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at), problem)
    return YAMLError(mark.line + 1, mark.column + 1, problem)
