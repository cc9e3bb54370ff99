from __future__ import annotations

import pytest

from tailhub.exceptions import LocalError
from tailhub.relay.allowed_keys import MAX_LINES, AllowedKey, is_name, parse_listing, with_key, without_keys

A, B, C = (bytes([n]) * 32 for n in (0xA1, 0xB2, 0xC3))
LIST = f"""# friends

nodekey:{A.hex()} alice-phone # since spring
  nodekey:{B.hex()} bob tenant=family
nodekey:{C.hex()}
"""


def test_a_list() -> None:
    """A line has a key, perhaps a name, a tenant and a comment; lines for people are passed over."""
    listing = parse_listing(LIST, "list")
    assert listing.found == ()
    assert listing.keys == {
        A: AllowedKey(A, "alice-phone", comment="since spring", line=3),
        B: AllowedKey(B, "bob", "family", line=4),
        C: AllowedKey(C, line=5),
    }


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("alice", "alice"),
        (f"nodekey:{A.hex()[:-1]} alice", f"nodekey:{A.hex()[:-1]}"),
        (f"mkey:{A.hex()} alice", f"mkey:{A.hex()}"),
        (f"nodekey:{A.hex()} alice phone", "phone"),
        (f"nodekey:{A.hex()} alice until=2030", "until=2030"),
        (f"nodekey:{A.hex()} alice tenant=", "tenant="),
        (f"nodekey:{A.hex()} {'x' * 65}", "x" * 65),
    ],
)
def test_a_bad_line(line: str, word: str) -> None:
    """A line that cannot be read is told of with its number and the word at fault, and the others count."""
    listing = parse_listing(f"nodekey:{B.hex()} bob\n{line}\n", "list")
    (finding,) = listing.found
    assert (finding.code, finding.values["line"]) == ("TH285", 2)
    assert str(finding.values["word"]).rstrip("…") == word[: 39 if len(word) > 40 else None]
    assert [*listing.keys] == [B]


def test_a_key_twice() -> None:
    """Of two lines with one key the first counts, and the second is told of."""
    listing = parse_listing(f"nodekey:{A.hex()} one\nnodekey:{A.hex()} two\n", "list")
    assert [(one.code, one.values["line"], one.values["first"]) for one in listing.found] == [("TH286", 2, 1)]
    assert listing.keys[A].name == "one"


def test_many_bad_lines() -> None:
    """Of a file that is something else altogether a few lines are told of, not each."""
    assert len(parse_listing("x\n" * 10_000, "list").found) == 20


def test_too_many_lines() -> None:
    """A list that is too long is refused as a whole."""
    assert parse_listing("\n" * MAX_LINES, "list").keys == {}
    with pytest.raises(LocalError, match="50000 lines"):
        parse_listing("\n" * (MAX_LINES + 1), "list")


@pytest.mark.parametrize("text", [LIST, "\ufeff" + LIST, LIST.replace("\n", "\r\n"), LIST.rstrip("\n"), ""])
def test_a_key_more(text: str) -> None:
    """A new key gets a line at the end, and nothing else changes."""
    new = AllowedKey(b"\xd4" * 32, "dora", "family", "met in Ulm")
    edited = with_key(text, new)
    assert edited.startswith(text)
    assert edited.splitlines()[-1] == f"nodekey:{'d4' * 32} dora tenant=family # met in Ulm"
    before, after = parse_listing(text, "list").keys, parse_listing(edited, "list").keys
    assert [*after] == [*before, new.key]


def test_another_name() -> None:
    """A key that is there gets its new name in its own line."""
    edited = with_key(LIST, AllowedKey(A, "alice-tablet"))
    assert edited == LIST.replace("alice-phone # since spring", "alice-tablet")
    last = LIST.rstrip("\n")
    assert with_key(last, AllowedKey(C, "carl")) == last + " carl"


def test_keys_less() -> None:
    """All lines of a key go, and nobody else's."""
    twice = LIST + f"nodekey:{A.hex()} again\n"
    assert without_keys(twice, {A}) == LIST.replace(f"nodekey:{A.hex()} alice-phone # since spring\n", "")
    assert without_keys(LIST, set()) == LIST


@pytest.mark.parametrize("text", ["", "two words", "a#b", "a=b", "nodekey:ab", "x" * 65, "bell\a", "nb\u00a0sp"])
def test_no_names(text: str) -> None:
    """A name is one printable word that a line can hold."""
    assert not is_name(text)
    assert is_name("手机-1")
