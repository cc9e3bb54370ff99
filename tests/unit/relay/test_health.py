"""What a client is told, out of all there is to tell."""

from __future__ import annotations

import pytest

from tailhub.derp import frames
from tailhub.relay.health import MOST_TEXT, Health, Notice, health_frame

KEY, OTHER = b"\x01" * 32, b"\x02" * 32


def told(health: Health, tenant: str = "", key: bytes = KEY, quota: str = "") -> str:
    return health.text(0, tenant, key, quota)


def test_the_order() -> None:
    """What matters soonest comes first: a wrong mesh key, drain, notices (the device's, its tenant's, all), quota, certificate."""
    health = Health({0: "certificate"})
    health.drain = "drain"
    health.set_notices([Notice("all", 1.0), Notice("friends", 2.0, tenant="friends"), Notice("you", 3.0, key=KEY)])
    assert told(health, "friends", quota="quota") == "drain; you; friends; all; quota; certificate"
    assert told(health, "", OTHER) == "drain; all; certificate"
    assert health.text(0, "", OTHER, mesh="mesh key") == "mesh key; drain; all; certificate"
    assert health.text(1, "", OTHER) == "drain; all"


def test_nothing_to_tell() -> None:
    """Where there is nothing the text is empty, which takes back what was told before."""
    assert told(Health()) == ""
    assert health_frame("") == frames.health("")


def test_the_nameless_tenant_has_notices_of_its_own() -> None:
    """A notice for the tenant without a name is not for the others."""
    health = Health()
    health.set_notices([Notice("home", 1.0, tenant="")])
    assert (told(health, ""), told(health, "friends")) == ("home", "")


def test_a_newer_notice_takes_the_place_of_the_one_before() -> None:
    """Of two for the same the later counts."""
    health = Health()
    health.set_notices([Notice("one", 1.0), Notice("two", 2.0)])
    assert told(health) == "two"


@pytest.mark.parametrize("length", [MOST_TEXT, MOST_TEXT + 1, 10 * MOST_TEXT])
def test_a_text_has_a_bound(length: int) -> None:
    """However much there is to tell, a client gets no more than the bound, and sees that there was more."""
    text = told(Health({0: "x" * length}))
    assert len(text) <= MOST_TEXT
    assert text.endswith("…") == (length > MOST_TEXT)
