from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailhub.cli.live_screen import KeyReader

TYPED = [
    (b"q", ["q"]),
    (b"\x1b[A\x1b[B", ["up", "down"]),
    (b"\x1bOA\x1bOB\x1bOH", ["up", "down", "home"]),
    (b"\x1b[5~\x1b[6~\x1b[H\x1b[1~", ["page up", "page down", "home", "home"]),
    (b"\r\n\x7f\x08", ["enter", "enter", "backspace", "backspace"]),
    ("é家😀".encode(), ["é", "家", "😀"]),
    (b"\x1b[1;5Cx", ["x"]),  # a sequence that means nothing here
    (b"\x1bq", ["escape", "q"]),
    (b"\x00\x01", []),
    (b"\xff\xffq", ["q"]),
]


@pytest.mark.parametrize(("data", "keys"), TYPED)
def test_keys_of_a_terminal(data: bytes, keys: list[str]) -> None:
    """Characters, and the sequences of arrows and page keys in both modes of terminals, are keys."""
    assert KeyReader().receive(data) == keys


@given(st.sampled_from(TYPED[:7]), st.data())
def test_any_split_gives_the_same_keys(typed: tuple[bytes, list[str]], data: st.DataObject) -> None:
    """A sequence may come in pieces."""
    cut = data.draw(st.integers(0, len(typed[0])))
    reader = KeyReader()
    assert reader.receive(typed[0][:cut]) + reader.receive(typed[0][cut:]) == typed[1]


def test_escape_alone() -> None:
    """An escape byte is the key when nothing follows it for a moment."""
    reader = KeyReader()
    assert reader.receive(b"\x1b") == []
    assert reader.is_waiting
    assert reader.wait_no_more() == ["escape"]
    assert not reader.is_waiting
    assert reader.wait_no_more() == []


@given(st.binary(max_size=40))
def test_any_bytes_are_survived(data: bytes) -> None:
    """Nothing that a terminal may send breaks it, or is kept for ever."""
    reader = KeyReader()
    reader.receive(data)
    reader.wait_no_more()
    assert reader.receive(b"q") == ["q"]
