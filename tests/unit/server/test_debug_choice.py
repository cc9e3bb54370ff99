"""Whom an operator can choose to look at closely, and for how long."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from tailhub.exceptions import UsageError
from tailhub.keys import NodePublic, short_key
from tailhub.server.debug_choice import MOST_CHOICES, DebugChoices, parse_choice

KEY, OTHER = bytes(range(32)), bytes(32)
WHOLE, SHORT = str(NodePublic(KEY)), short_key(KEY)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (WHOLE, WHOLE),
        (SHORT, SHORT),
        ("203.0.113.7", "203.0.113.7"),
        (" 203.0.113.7/32 ", "203.0.113.7"),
        ("203.0.113.7/24", "203.0.113.0/24"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("2001:db8::7/64", "2001:db8::/64"),
    ],
)
def test_what_can_be_chosen(text: str, shown: str) -> None:
    """A key, whole or short, an address or a network, each in one form, which means the same again."""
    assert parse_choice(text).text == shown
    assert parse_choice(shown) == parse_choice(text)


@pytest.mark.parametrize(
    "text", ["", "laptop", "nodekey:12", "[abc]", "203.0.113", "203.0.113.7:443", "[::1]x", "\x1b"]
)
def test_what_cannot(text: str) -> None:
    """Anything else is refused, with the forms that there are."""
    with pytest.raises(UsageError, match=r"nodekey:.*203\.0\.113\.0/24"):
        parse_choice(text)


@pytest.mark.parametrize(
    ("text", "key", "address", "fits"),
    [
        (WHOLE, KEY, None, True),
        (SHORT, KEY, "192.0.2.1", True),
        (WHOLE, OTHER, None, False),
        (SHORT, OTHER, None, False),
        (WHOLE, b"", "192.0.2.1", False),
        ("192.0.2.1", b"", "192.0.2.1", True),
        ("192.0.2.1", KEY, "192.0.2.2", False),
        ("192.0.2.0/24", KEY, "192.0.2.2", True),
        ("192.0.2.0/24", KEY, "::ffff:192.0.2.2", False),
        ("2001:db8::/32", b"", "2001:db8:1::1", True),
        ("2001:db8::/32", b"", None, False),
    ],
)
def test_who_is_meant(text: str, key: bytes, address: str | None, fits: bool) -> None:
    """A key means its own connections once the key is known, a network whoever comes from there."""
    assert parse_choice(text).fits(key, ip_address(address) if address else None) is fits


def test_each_has_its_time() -> None:
    """A choice is forgotten when its time is over, and the next end is known."""
    choices = DebugChoices()
    choices.replace({SHORT: 10.0, "192.0.2.1": 20.0})
    assert choices.next_end == 10.0
    assert choices.expire(9.9) == []
    assert choices.expire(10.0) == [parse_choice(SHORT)]
    assert choices.ends == {"192.0.2.1": 20.0}
    choices.expire(30.0)
    assert not choices
    assert choices.next_end is None


def test_there_may_be_only_so_many() -> None:
    """More choices than may be, or one that makes no sense, change nothing."""
    choices = DebugChoices()
    choices.replace({SHORT: 10.0})
    for wrong in ({f"192.0.2.{number}": 10.0 for number in range(MOST_CHOICES + 1)}, {"192.0.2.1": 1.0, "x": 1.0}):
        with pytest.raises(UsageError):
            choices.replace(wrong)
    assert choices.ends == {SHORT: 10.0}
