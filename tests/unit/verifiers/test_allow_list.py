from __future__ import annotations

import asyncio
import logging
from ipaddress import ip_address

import pytest

from support.verifiers import KeptList
from support.waiting import run, until
from tailhub.relay.admission import Answer
from tailhub.relay.allowed_keys import AllowedKey
from tailhub.verifiers.allow_list import AllowList

A, B, C = (bytes([n]) * 32 for n in (0xA1, 0xB2, 0xC3))
SOMEWHERE = ip_address("192.0.2.7")


def answers(allow_list: AllowList, *keys: bytes) -> list[Answer]:
    async def ask() -> list[Answer]:
        return [(await allow_list.verify(key, SOMEWHERE)).answer for key in keys]

    return asyncio.run(ask())


def test_verdicts() -> None:
    """Who is on the list is admitted by its name, everybody else refused."""
    allow_list = AllowList(KeptList(AllowedKey(A, "alice", "family")))
    verdict = asyncio.run(allow_list.verify(A, SOMEWHERE))
    assert (verdict.answer, verdict.node, verdict.tenant) == (Answer.ADMITTED, "alice", "family")
    assert answers(allow_list, B) == [Answer.REFUSED]


def test_another_tenants_key() -> None:
    """A tenant's list admits to that tenant only; the relay's own to whichever the key belongs to."""
    kept = KeptList(AllowedKey(A, tenant="family"), AllowedKey(B, tenant="other"), AllowedKey(C))
    assert answers(AllowList(kept, "family"), A, B, C) == [Answer.ADMITTED, Answer.REFUSED, Answer.REFUSED]
    assert answers(AllowList(kept), A, B, C) == [Answer.ADMITTED] * 3


def test_a_list_that_was_never_read() -> None:
    """It answers neither yes nor no."""
    kept = KeptList()
    kept.entries = None
    assert answers(AllowList(kept), A) == [Answer.UNREACHABLE]


def test_a_list_that_goes_on(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that cannot be read any more goes on as it was, and the log says so once, and when it is back."""
    monkeypatch.setattr("tailhub.verifiers.allow_list.LOOK_S", 0.001)
    kept = KeptList(AllowedKey(A))
    allow_list = AllowList(kept)

    async def scenario() -> None:
        allow_list.start()
        await until(lambda: A in allow_list.keys)
        kept.entries = None
        await until(lambda: allow_list.trouble)
        looks = kept.looks
        await until(lambda: kept.looks > looks + 2)
        assert (await allow_list.verify(A, SOMEWHERE)).answer is Answer.ADMITTED
        assert (await allow_list.verify(B, SOMEWHERE)).answer is Answer.REFUSED
        kept.entries = {B: AllowedKey(B)}
        await until(lambda: B in allow_list.keys)
        allow_list.stop()

    with caplog.at_level(logging.INFO):
        run(scenario)
    said = [record.getMessage() for record in caplog.records]
    assert sum("cannot be read; its 1 keys from before" in line for line in said) == 1
    assert sum("can be read again" in line for line in said) == 1


def test_a_list_that_becomes_empty_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """It cuts everybody: the owner may not have meant it."""
    kept = KeptList(AllowedKey(A))
    allow_list = AllowList(kept)

    async def scenario() -> None:
        await allow_list.current()
        kept.entries = {}
        await allow_list.current()

    asyncio.run(scenario())
    assert "admits nobody" in caplog.text


def test_who_may_have_another_answer() -> None:
    """A change tells exactly the keys that came, went, or are called otherwise; a line that moved is no change."""
    kept = KeptList(AllowedKey(A, "alice", line=1), AllowedKey(B, "bob", line=2))
    allow_list = AllowList(kept)
    told: list[set[bytes]] = []
    allow_list.on_change = lambda keys: told.append(set(keys or ()))

    async def scenario() -> None:
        await allow_list.verify(A, SOMEWHERE)
        await allow_list.allow(AllowedKey(C, "carl"))
        await allow_list.disallow([A])
        await allow_list.allow(AllowedKey(B, "robert", line=1))
        await allow_list.allow(AllowedKey(B, "robert", line=7))
        await allow_list.allow(AllowedKey(A, "robert"), [B])

    asyncio.run(scenario())
    assert told == [{A, B}, {C}, {A}, {B}, {A, B}]


def test_probe() -> None:
    """It tells why a list cannot be read, and of one that admits nobody."""
    kept = KeptList(AllowedKey(A))
    assert asyncio.run(AllowList(kept).probe(1)) is None
    for entries, code in (({}, "TH288"), (None, "TH084")):
        kept.entries = entries  # type: ignore[assignment]
        finding = asyncio.run(AllowList(kept).probe(1))
        assert finding is not None
        assert finding.code == code


def test_a_list_that_is_there_no_more() -> None:
    """It refuses nobody as long as somebody is remembered whom it has admitted; else it is an empty list."""
    kept = KeptList()
    kept.is_there = False
    allow_list = AllowList(kept)
    assert answers(allow_list, A) == [Answer.REFUSED]
    remembered = [True]

    async def has_admitted() -> bool:
        return remembered[0]

    allow_list.has_admitted = has_admitted
    assert answers(allow_list, A) == [Answer.UNREACHABLE]
    finding = asyncio.run(allow_list.probe(5))
    assert finding is not None
    assert finding.name == "allow-list-gone"
    kept.is_there = True
    assert answers(AllowList(kept), A) == [Answer.REFUSED]
