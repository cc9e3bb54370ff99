from __future__ import annotations

import pytest

from tailhub.exceptions import UsageError
from tailhub.findings import Finding
from tailhub.keys import short_key
from tailhub.relay.allowed_keys import AllowedKey
from tailhub.relay.key_lookup import find_entries, find_key, whole_key

A, B = bytes.fromhex("ab12" + "00" * 30), bytes.fromhex("ab34" + "00" * 30)
ENTRIES = [AllowedKey(A, "alice"), AllowedKey(B, "ab12")]


def code(error: UsageError) -> str:
    assert isinstance(error.finding, Finding)
    return error.finding.code


def test_whole_keys() -> None:
    """A key may be written with or without its prefix, in digits of any case."""
    for text in (f"nodekey:{A.hex()}", A.hex(), A.hex().upper()):
        assert whole_key(text) == A
    assert whole_key(A.hex()[:-1]) is None


@pytest.mark.parametrize("text", [short_key(A), short_key(A)[1:-1], "nodekey:ab12", "AB12", "alice", A.hex()])
def test_ways_to_name_a_key(text: str) -> None:
    """As logs show it, by its first digits, by its name on the list."""
    assert find_key(text, [A, B], ENTRIES[:1]) == A


def test_any_whole_key() -> None:
    """A whole key need not be known."""
    assert find_key(A.hex(), (), ()) == A


@pytest.mark.parametrize(
    ("text", "finding"), [("ab1", "TH290"), ("ab56", "TH290"), ("carl", "TH290"), ("", "TH290"), ("ab", "TH290")]
)
def test_nobody(text: str, finding: str) -> None:
    """What stands for no key that is known is refused; so are fewer than four digits."""
    with pytest.raises(UsageError) as caught:
        find_key(text, [A, B], ENTRIES[:1])
    assert code(caught.value) == finding


def test_several() -> None:
    """Digits, or a short form, that begin several keys name none of them."""
    twin = A[:-1] + b"\x01"
    for text in ("nodekey:ab12", short_key(A)):
        with pytest.raises(UsageError) as caught:
            find_key(text, [A, twin], ())
        assert code(caught.value) == "TH291"
        assert twin.hex() in str(caught.value)


def test_entries() -> None:
    """A name goes before a key that begins with the same letters; one key on two lists is found on both."""
    assert find_entries("ab12", ENTRIES) == [ENTRIES[1]]
    assert find_entries(A.hex(), ENTRIES) == [ENTRIES[0]]
    both = [AllowedKey(A, "alice"), AllowedKey(A, "alice", "family")]
    assert find_entries("alice", both) == both
    with pytest.raises(UsageError) as caught:
        find_entries("alice", [AllowedKey(A, "alice"), AllowedKey(B, "alice")])
    assert code(caught.value) == "TH291"
    with pytest.raises(UsageError) as caught:
        find_entries("nobody", ENTRIES)
    assert code(caught.value) == "TH290"
