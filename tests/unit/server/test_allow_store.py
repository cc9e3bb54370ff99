"""An allow list in a store, which is away when a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from support.refusals import finding_of
from support.waiting import run
from tailhub import findings
from tailhub.exceptions import StoreUnavailableError, UsageError
from tailhub.findings import Finding
from tailhub.relay.allowed_keys import AllowedKey
from tailhub.server import allow_store
from tailhub.server.allow_lists import AllowLists
from tailhub.server.allow_store import AllowStore, SharedList, opened_to_edit, opened_to_read
from tailhub.server.config import RelayConfig, check_config
from tailhub.server.tenant_config import TenantConfig
from tailhub.store import opened as opened_module
from tailhub.store.opened import OpenedStore
from tailhub.store.store import Store

A, B = (bytes([n]) * 32 for n in (0xA1, 0xB2))


class Relay:
    """What one relay has: the store in a file that others have open too."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.is_away = False
        self.lent = 0
        self.shared = SharedList(Path("the store"), self.lend)

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Store]:
        self.lent += 1
        if self.is_away:
            raise StoreUnavailableError(findings.store_unreachable("there", "nobody answers"))
        yield self.store


def with_relays(path: Path, scenario: Callable[[Relay, Relay], Coroutine[None, None, None]]) -> None:
    """Run it with two relays on one store."""

    async def opened() -> None:
        stores = [await Store.open(path / "tailhub.db", relay=name) for name in ("one", "two")]
        try:
            await scenario(*map(Relay, stores))
        finally:
            for store in stores:
                await store.close()

    run(opened)


@pytest.fixture(autouse=True)
def look_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no look be old enough to be spared."""
    monkeypatch.setattr(allow_store, "LOOK_S", 0.0)


def test_what_another_relay_changes(tmp_path: Path) -> None:
    """It is seen at the next look, which says nothing while nothing has changed; an entry has all that was written."""

    async def scenario(one: Relay, two: Relay) -> None:
        here, there = AllowStore(one.shared), AllowStore(two.shared)
        assert (await there.read()).keys == {}
        assert await there.changed() is None
        await here.allow(AllowedKey(A, "alice", "family", "met in Oslo"))
        listing = await there.changed()
        assert listing is not None
        assert listing.keys == {A: AllowedKey(A, "alice", "family", "met in Oslo")}
        assert await there.changed() is None
        await here.allow(AllowedKey(B, "alice"), [A])
        listing = await there.changed()
        assert listing is not None
        assert [*listing.keys] == [B]
        await there.disallow([B])
        assert (await here.read()).keys == {}

    with_relays(tmp_path, scenario)


def test_the_store_is_away(tmp_path: Path) -> None:
    """Whoever asks hears why; when it is back the list is read, although it is the same."""

    async def scenario(one: Relay, two: Relay) -> None:
        here = AllowStore(one.shared)
        await here.allow(AllowedKey(A, "alice"))
        await here.read()
        one.is_away = True
        for ask in (here.read, here.changed):
            with pytest.raises(StoreUnavailableError) as caught:
                await ask()
            assert isinstance(caught.value.finding, Finding)
            assert caught.value.finding.name == "store-unreachable"
        one.is_away = False
        listing = await here.changed()
        assert listing is not None
        assert [*listing.keys] == [A]
        assert await here.changed() is None

    with_relays(tmp_path, scenario)


def test_a_store_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look ends in time, and says that there was no answer."""
    monkeypatch.setattr(allow_store, "ANSWER_S", 0.01)

    async def scenario(one: Relay, two: Relay) -> None:
        async def hang() -> int:
            await asyncio.Event().wait()
            return 0

        monkeypatch.setattr(one.store, "allowed_version", hang)
        with pytest.raises(StoreUnavailableError) as caught:
            await AllowStore(one.shared).read()
        assert "no answer in time" in str(caught.value)

    with_relays(tmp_path, scenario)


def test_one_look_for_all_tenants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of several tenants that look at the same time look once, and each sees the change; editing looks anew."""
    monkeypatch.setattr(allow_store, "LOOK_S", 1000.0)

    async def scenario(one: Relay, two: Relay) -> None:
        lists = [AllowStore(one.shared) for _ in range(5)]
        await AllowStore(two.shared).allow(AllowedKey(A, "alice"))
        found = await asyncio.gather(*(one_list.changed() for one_list in lists))
        assert [[*listing.keys] for listing in found if listing is not None] == [[A]] * 5
        assert one.lent == 1
        await AllowStore(two.shared).disallow([A])
        assert [*(await lists[0].read()).keys] == []
        assert one.lent == 2
        listing = await lists[1].changed()
        assert listing is not None
        assert [*listing.keys] == []
        assert one.lent == 2

    with_relays(tmp_path, scenario)


def test_a_store_that_was_never_made(tmp_path: Path) -> None:
    """It is an empty list for who looks, who makes nothing; editing makes it."""
    path = tmp_path / "tailhub.db"

    async def scenario() -> None:
        reader = AllowStore(SharedList(path, opened_to_read(path)))
        assert (await reader.read()).keys == {}
        assert not path.exists()
        await AllowStore(SharedList(path, opened_to_edit(path))).allow(AllowedKey(A, "alice"))
        assert [*(await reader.read()).keys] == [A]

    run(scenario)


def test_the_relays_open_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is lent as soon as it is open; until then, and while it cannot be opened, who asks hears why."""

    async def scenario() -> None:
        opened = OpenedStore(tmp_path / "tailhub.db")
        store = await Store.open(opened.place, relay="one")

        async def borrow() -> Store:
            async with opened.lend() as lent:
                return lent

        waiting = asyncio.create_task(borrow())
        await asyncio.sleep(0)
        opened.put(store)
        assert await waiting is store
        opened.put(None, findings.store_not_writable("there", "the disk is full"))
        with pytest.raises(StoreUnavailableError, match="the disk is full"):
            await borrow()
        await store.close()
        monkeypatch.setattr(opened_module, "OPENING_S", 0.0)
        with pytest.raises(StoreUnavailableError, match="it has not been opened yet"):
            async with OpenedStore("postgresql://me:secret@there/tailhub").lend():
                pass

    run(scenario)


def test_settings(tmp_path: Path) -> None:
    """``store`` is a list in the store, shared by the tenants that have it; without a store it cannot be."""
    tenant = TenantConfig(tenant="family", allow_list="store")
    config = RelayConfig(allow_list="store", store="postgresql://me:secret@there/tailhub", state_dir=tmp_path)
    lists = AllowLists(config)
    for one in (config, tenant):
        made = lists.of(one)
        assert made is not None
        assert isinstance(made.backing, AllowStore)
        assert (made.backing.place, made.tenant) == ("postgresql://there/tailhub", one.tenant)
    off = RelayConfig(allow_list="store", store="off")
    assert finding_of(lambda: check_config(off), UsageError).name == "allow-list-needs-store"
