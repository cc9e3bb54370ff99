"""The store, over SQLite and over a real PostgreSQL: the same records in, the same records out."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import inspect

from support import require
from support.postgres import PASSWORD, Postgres
from support.waiting import run
from tailhub.exceptions import MachineError, StoreUnavailableError
from tailhub.findings import Finding
from tailhub.server.config import RelayConfig
from tailhub.settings.machine_checks import check_store
from tailhub.store import store as store_module
from tailhub.store import writing
from tailhub.store.engine import make_engine
from tailhub.store.journal import Journal
from tailhub.store.migrate import REVISIONS, upgrade
from tailhub.store.records import (
    OTHER_KEY,
    Admission,
    Allowed,
    Batch,
    End,
    Forgotten,
    Name,
    Refusal,
    Traffic,
    UsageDelta,
    UsageRow,
)
from tailhub.store.store import Store
from tailhub.store.tables import VERSION_TABLE

A, B, C = (bytes([number]) * 32 for number in (1, 2, 3))
HOUR = 1_790_000_000 // 3600 * 3600
T = "home"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """A server for all tests of this module."""
    with Postgres(require.postgres()) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where an empty store may be made."""
    if request.param == "sqlite":
        return tmp_path / "tailhub.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.database()


def delta(
    src: bytes, dst: bytes, sent: int, received: int | None = None, hour: int = HOUR, tenant: str = T
) -> UsageDelta:
    """One packet of `sent` bytes."""
    return UsageDelta(hour, tenant, src, dst, 1, sent, sent if received is None else received)


def with_store(place: Path | str, scenario: Callable[[Store], Coroutine[Any, Any, None]], relay: str = "one") -> None:
    """Run a scenario with an open store."""

    async def opened() -> None:
        store = await Store.open(place, relay=relay)
        try:
            await scenario(store)
        finally:
            await store.close()

    run(opened)


# --- usage ------------------------------------------------------------------------------------------------------------


def test_usage_adds_up_over_batches_and_openings(place: Path | str) -> None:
    """What is saved of the same pair and hour is one sum, whoever saved it, before a restart or after."""

    async def first(store: Store) -> None:
        assert await store.save(Batch("w", 1, (delta(A, B, 10, 4),)))
        assert await store.save(Batch("w", 2, (delta(A, B, 20), delta(B, A, 5))))

    async def second(store: Store) -> None:
        assert await store.save(Batch("v", 1, (delta(A, B, 1),)))
        assert await store.usage(0, math.inf, "pair", UTC) == [
            UsageRow(3, 31, 25, tenant=T, key=A, peer=B),
            UsageRow(1, 5, 5, tenant=T, key=B, peer=A),
        ]

    with_store(place, first)
    with_store(place, second)


def test_a_batch_counts_once(place: Path | str) -> None:
    """A batch that is saved again, because nobody knew whether it had been, changes nothing."""

    async def scenario(store: Store) -> None:
        batch = Batch("w", 1, (delta(A, B, 10),), refused=(Refusal(C, "192.0.2.1", "unknown", 2, 1.0, 2.0),))
        assert await store.save(batch)
        assert not await store.save(batch)
        assert await store.save(Batch("w", 2, (delta(A, B, 1),)))
        assert not await store.save(batch)
        assert (await store.totals(0, math.inf)).tenants == {T: Traffic(11, 11)}
        assert [one.count for one in await store.refusals()] == [2]

    with_store(place, scenario)


def test_totals_are_by_key_and_tenant(place: Path | str) -> None:
    """What a key sent came in, what it was sent went out; a tenant's is the sum, and tenants are apart."""

    async def scenario(store: Store) -> None:
        usage = (delta(A, B, 10, 6), delta(B, A, 3), delta(A, B, 100, tenant="other"))
        await store.save(Batch("w", 1, usage))
        totals = await store.totals(0, math.inf)
        assert totals.keys == {
            (T, A): Traffic(10, 3),
            (T, B): Traffic(3, 6),
            ("other", A): Traffic(100, 0),
            ("other", B): Traffic(0, 100),
        }
        assert totals.tenants == {T: Traffic(13, 9), "other": Traffic(100, 100)}

    with_store(place, scenario)


def test_a_time_has_the_hours_that_begin_in_it(place: Path | str) -> None:
    """From `since` on, and before `until`; both may have fractions."""

    async def scenario(store: Store) -> None:
        await store.save(Batch("w", 1, tuple(delta(A, B, 10**n, hour=HOUR + n * 3600) for n in range(3))))
        for since, until, expected in (
            (HOUR, HOUR + 3600, 1),
            (HOUR + 0.5, HOUR + 3600.5, 10),
            (HOUR, HOUR + 7200.5, 111),
            (HOUR + 7200, math.inf, 100),
        ):
            assert (await store.totals(since, until)).tenants[T].in_bytes == expected

    with_store(place, scenario)


def test_large_sums_are_exact(place: Path | str) -> None:
    """Bytes beyond 32 bits, and beyond what a float can hold, are counted to the last one."""

    async def scenario(store: Store) -> None:
        much = 2**55 + 1
        await store.save(Batch("w", 1, (delta(A, B, much),)))
        await store.save(Batch("w", 2, (delta(A, B, much), delta(A, C, much))))
        assert (await store.totals(0, math.inf)).keys[T, A] == Traffic(3 * much, 0)
        assert (await store.usage(0, math.inf, "tenant", UTC))[0].out_bytes == 3 * much

    with_store(place, scenario)


def test_usage_can_be_grouped(place: Path | str) -> None:
    """By key, tenant, relay and day: most bytes first, days in their order and those of the time zone."""
    midnight_in_berlin = 1_793_574_000  # 2026-11-02 00:00 +01:00, 23:00 of the day before in UTC

    async def scenario(store: Store) -> None:
        usage = (delta(A, B, 10, hour=midnight_in_berlin - 3600), delta(B, A, 200, 100, hour=midnight_in_berlin))
        await store.save(Batch("w", 1, usage))

        async def grouped(by: Any, zone: Any = UTC) -> list[UsageRow]:
            return await store.usage(0, math.inf, by, zone)

        assert await grouped("key") == [
            UsageRow(1, 200, 10, tenant=T, key=B),
            UsageRow(1, 10, 100, tenant=T, key=A),
        ]
        assert await grouped("tenant") == [UsageRow(2, 210, 110, tenant=T)]
        assert await grouped("relay") == [UsageRow(2, 210, 110, relay="one")]
        assert await grouped("day") == [UsageRow(2, 210, 110, day="2026-11-01")]
        assert await grouped("day", ZoneInfo("Europe/Berlin")) == [
            UsageRow(1, 10, 10, day="2026-11-01"),
            UsageRow(1, 200, 100, day="2026-11-02"),
        ]

    with_store(place, scenario)


def test_a_key_of_another_relay_is_not_listed(place: Path | str) -> None:
    """Where a client was only sent to from elsewhere, whoever sent it has used nothing here."""

    async def scenario(store: Store) -> None:
        await store.save(Batch("w", 1, (delta(A, B, 0, 10)._replace(packets=0),)))
        assert await store.usage(0, math.inf, "key", UTC) == [UsageRow(0, 0, 10, tenant=T, key=B)]

    with_store(place, scenario)


# --- what else is kept ------------------------------------------------------------------------------------------------


def admission(at: float, key: bytes = A, node: str = "laptop") -> Admission:
    """A yes of one verifier."""
    return Admission(key, T, "tailscaled", node, "alice", at)


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        ([Batch("w", 1, confirmed=(admission(5),))], [admission(5)]),
        (
            [Batch("w", 1, confirmed=(admission(5),)), Batch("w", 2, confirmed=(admission(9, node="new"),))],
            [admission(9, node="new")],
        ),
        (
            [Batch("w", 1, confirmed=(admission(9),)), Batch("v", 1, confirmed=(admission(5, node="old"),))],
            [admission(9)],
        ),
        ([Batch("w", 1, confirmed=(admission(5),)), Batch("w", 2, ended=(End(A, "tailscaled", 6),))], []),
        ([Batch("w", 1, confirmed=(admission(5),), ended=(End(A, "tailscaled", 6),))], []),
        (
            [Batch("w", 1, confirmed=(admission(9),)), Batch("v", 1, ended=(End(A, "tailscaled", 6),))],
            [admission(9)],
        ),
        ([Batch("w", 1, confirmed=(admission(5),)), Batch("w", 2, ended=(End(A, "url", 6),))], [admission(5)]),
        (
            [
                Batch("w", 1, confirmed=(admission(5),)),
                Batch("w", 2, ended=(End(A, "tailscaled", 6),)),
                Batch("v", 1, confirmed=(admission(5.5),)),
            ],
            [],
        ),
        (
            [
                Batch("w", 1, confirmed=(admission(5),)),
                Batch("w", 2, ended=(End(A, "tailscaled", 6),)),
                Batch("v", 1, confirmed=(admission(7),)),
            ],
            [admission(7)],
        ),
    ],
    ids=["yes", "again", "late", "no", "both", "late no", "another's no", "late yes", "yes after no"],
)
def test_an_admission_holds_until_a_later_no(
    place: Path | str, batches: list[Batch], expected: list[Admission]
) -> None:
    """What counts is when a verifier spoke, not when that was written."""

    async def scenario(store: Store) -> None:
        for batch in batches:
            assert await store.save(batch)
        assert await store.admissions() == expected

    with_store(place, scenario)


def test_a_no_to_a_stranger_leaves_nothing(place: Path | str) -> None:
    """Whoever was never admitted cannot fill the store by being refused."""

    async def scenario(store: Store) -> None:
        await store.save(Batch("w", 1, ended=(End(A, "tailscaled", 6),)))
        await store.save(Batch("w", 2, confirmed=(admission(5),)))
        assert await store.admissions() == [admission(5)]

    with_store(place, scenario)


def test_refusals_add_up_and_end_with_an_admission(place: Path | str) -> None:
    """A refused key has its count, first and last time and last address; one that is let in is no longer refused."""

    async def scenario(store: Store) -> None:
        await store.save(Batch("w", 1, refused=(Refusal(A, "192.0.2.1", "unknown", 2, 10.0, 20.0),)))
        early = (Refusal(A, "192.0.2.9", "early", 1, 5.0, 6.0), Refusal(B, "192.0.2.2", "unknown", 1, 7.0, 30.0))
        await store.save(Batch("w", 2, refused=early))
        assert await store.refusals() == [
            Refusal(B, "192.0.2.2", "unknown", 1, 7.0, 30.0),
            Refusal(A, "192.0.2.1", "unknown", 3, 5.0, 20.0),
        ]
        await store.save(Batch("w", 3, confirmed=(admission(40, key=B),)))
        await store.allow(Allowed(A, T, "Anna", "", 50.0))
        assert await store.refusals() == []

    with_store(place, scenario)


def test_refusals_that_are_forgotten(place: Path | str) -> None:
    """A key that is forgotten is on record no more; but where it was refused later, by another relay, it is."""

    async def scenario(store: Store) -> None:
        refused = (Refusal(A, "192.0.2.1", "unknown", 2, 10.0, 20.0), Refusal(B, "192.0.2.2", "unknown", 1, 7.0, 30.0))
        await store.save(Batch("w", 1, refused=refused))
        await store.save(Batch("w", 2, forgotten=(Forgotten(A, 25.0), Forgotten(B, 25.0), Forgotten(C, 25.0))))
        assert [one.key for one in await store.refusals()] == [B]
        again = Refusal(B, "192.0.2.2", "unknown", 1, 31.0, 31.0)
        await store.save(Batch("w", 3, refused=(again,), forgotten=(Forgotten(B, 30.5),)))
        assert await store.refusals() == [again]

    with_store(place, scenario)


def test_refusals_are_bounded(place: Path | str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more refused keys than there may be the longest gone are forgotten."""
    monkeypatch.setattr(writing, "MAX_REFUSALS", 2)

    async def scenario(store: Store) -> None:
        keys = ((A, 30.0), (B, 10.0), (C, 20.0))
        await store.save(Batch("w", 1, refused=tuple(Refusal(key, "", "", 1, at, at) for key, at in keys)))
        assert [one.key for one in await store.refusals()] == [A, C]

    with_store(place, scenario)


def test_the_newest_name_counts(place: Path | str) -> None:
    """A key has the name that was learnt last, whatever was written last."""

    async def scenario(store: Store) -> None:
        await store.save(Batch("w", 1, names=(Name(A, "laptop", "alice", 5.0), Name(B, "nas", "bob", 5.0))))
        await store.save(Batch("w", 2, names=(Name(A, "new-laptop", "alice", 6.0), Name(B, "old", "bob", 4.0))))
        assert await store.names() == {A: Name(A, "new-laptop", "alice", 6.0), B: Name(B, "nas", "bob", 5.0)}

    with_store(place, scenario)


def test_the_shared_list_changes_its_version(place: Path | str) -> None:
    """Every change of the allowed keys raises a number, and nothing else does."""

    async def scenario(store: Store) -> None:
        assert await store.allowed_version() == 0
        await store.allow(Allowed(A, T, "Anna", "met in Oslo", 1.0))
        await store.allow(Allowed(B, T, "Ben", "", 2.0))
        assert await store.allowed() == [Allowed(A, T, "Anna", "met in Oslo", 1.0), Allowed(B, T, "Ben", "", 2.0)]
        assert await store.allowed_version() == 2
        await store.allow(Allowed(A, T, "Anna L.", "", 3.0))
        assert await store.allowed_version() == 3
        await store.allow(Allowed(C, T, "Anna L.", "", 3.0), replaces=[A])
        assert [one.key for one in await store.allowed()] == [B, C]
        await store.allow(Allowed(A, T, "Anna L.", "", 3.0), replaces=[C])
        assert await store.allowed_version() == 5
        assert await store.disallow(B)
        assert not await store.disallow(C)
        assert await store.allowed_version() == 6
        assert await store.allowed() == [Allowed(A, T, "Anna L.", "", 3.0)]

    with_store(place, scenario)


def test_what_is_old_is_forgotten(place: Path | str) -> None:
    """Usage, refusals and admissions from before go; a name stays while its key has usage; allowed keys stay."""

    async def scenario(store: Store) -> None:
        await store.save(
            Batch(
                "w",
                1,
                (delta(A, B, 1, hour=HOUR), delta(A, B, 2, hour=HOUR + 3600)),
                confirmed=(admission(HOUR - 1, key=A), admission(HOUR + 3600, key=B)),
                refused=(Refusal(C, "", "", 1, 1.0, 2.0),),
                names=tuple(Name(key, "n", "o", 1.0) for key in (A, C)),
            )
        )
        await store.allow(Allowed(C, T, "Carla", "", 1.0))
        await store.forget(HOUR + 3600)
        assert (await store.totals(0, math.inf)).tenants == {T: Traffic(2, 2)}
        assert [one.key for one in await store.admissions()] == [B]
        assert await store.refusals() == []
        assert list(await store.names()) == [A]
        assert [one.key for one in await store.allowed()] == [C]

    with_store(place, scenario)


# --- several relays, one database -------------------------------------------------------------------------------------


def test_two_relays_share_totals(postgres: Postgres) -> None:
    """What one relay saves the other sees, and each can tell its own from the other's."""

    async def scenario() -> None:
        url = await asyncio.to_thread(postgres.database)
        # Both at once: the tables are made once.
        one, two = await asyncio.gather(*(Store.open(url, relay=name) for name in ("one", "two")))
        await asyncio.gather(one.save(Batch("w", 1, (delta(A, B, 10),))), two.save(Batch("v", 1, (delta(A, B, 5),))))
        assert (await one.totals(0, math.inf)).tenants == {T: Traffic(15, 15)}
        assert await one.totals(0, math.inf) == await two.totals(0, math.inf)
        assert (await one.totals(0, math.inf, relay="one")).tenants == {T: Traffic(10, 10)}
        assert (await one.totals(0, math.inf, but_relay="one")).tenants == {T: Traffic(5, 5)}
        await two.allow(Allowed(A, T, "Anna", "", 1.0))
        assert await one.allowed_version() == 1
        await one.close()
        await two.close()

    run(scenario)


def test_relays_that_write_about_the_same_keys_do_not_stand_in_each_others_way(postgres: Postgres) -> None:
    """Many batches of several relays at once, about the same keys in any order, are all written, once each."""

    async def scenario() -> None:
        url = await asyncio.to_thread(postgres.database)
        stores = [await Store.open(url, relay=f"relay-{number}") for number in range(4)]
        keys = [bytes([number]) * 32 for number in range(1, 120)]

        async def write(store: Store, chance: random.Random) -> None:
            for number in range(1, 9):
                chosen = [chance.sample(keys, 40) for _ in range(3)]
                batch = Batch(
                    f"{id(store)}",
                    number,
                    tuple(delta(A, key, 1) for key in chosen[0]),
                    confirmed=tuple(admission(chance.random(), key) for key in chosen[0]),
                    ended=tuple(End(key, "tailscaled", chance.random()) for key in chosen[1]),
                    refused=tuple(Refusal(key, "", "", 1, 1.0, chance.random()) for key in chosen[2]),
                    names=tuple(Name(key, "n", "o", chance.random()) for key in chosen[1]),
                )
                assert await store.save(batch)

        await asyncio.gather(*(write(store, random.Random(number)) for number, store in enumerate(stores)))
        assert (await stores[0].totals(0, math.inf)).tenants == {T: Traffic(4 * 8 * 40, 4 * 8 * 40)}
        for store in stores:
            await store.close()

    run(scenario, 60)


def test_two_journals_share_a_quota(postgres: Postgres) -> None:
    """What a tenant has used through one relay counts at the other after each has written; nothing is counted twice."""

    async def scenario() -> None:
        url = await asyncio.to_thread(postgres.database)
        journals = [
            Journal(
                lambda name=name: Store.open(url, relay=name),  # type: ignore[misc]
                relay=name,
                period_start=lambda now: HOUR - 86400.0,
                tell=told.append,
                clock=lambda: HOUR + 60.0,
            )
            for name in ("one", "two")
        ]
        one, two = journals
        one.add([delta(A, B, 200, hour=HOUR - 36000)])
        for _ in range(2):
            one.add([delta(A, B, 10)])
            two.add([delta(B, A, 7)])
            for journal in (one, two, one):
                assert await journal.flush()
        assert one.used(T) == two.used(T) == Traffic(234, 234)
        assert one.used(T, A) == two.used(T, A) == Traffic(220, 14)
        for journal in journals:
            await journal.stop()

    told: list[Finding] = []
    run(scenario)
    assert told == []


def test_nothing_is_lost_while_the_database_is_away(postgres: Postgres) -> None:
    """While PostgreSQL is down a save says so; afterwards the same store works, and every byte is there once."""

    async def scenario() -> None:
        url = await asyncio.to_thread(postgres.database)
        told: list[Finding] = []
        journal = Journal(
            lambda: Store.open(url, relay="one"),
            relay="one",
            period_start=lambda now: 0.0,
            tell=told.append,
            clock=lambda: HOUR + 60.0,
        )
        journal.add([delta(A, B, 1)])
        assert await journal.flush()
        await asyncio.to_thread(postgres.stop)
        journal.add([delta(A, B, 10)])
        assert not await journal.flush()
        journal.add([delta(A, B, 100)])
        assert not await journal.flush()
        assert [finding.code for finding in told] == ["TH262"]
        assert PASSWORD not in told[0].render()
        assert journal.used(T) == Traffic(111, 111)
        await asyncio.to_thread(postgres.start)
        assert await journal.flush()
        assert journal.trouble is None
        store = await Store.open_to_read(url)
        assert (await store.totals(0, math.inf)).tenants == {T: Traffic(111, 111)}
        await store.close()
        await journal.stop()

    run(scenario, 60)


def test_a_database_that_hangs_is_given_up(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that takes a command and never answers is trouble like any other, and is used again later."""

    async def scenario(store: Store) -> None:
        await store.save(Batch("w", 1, (delta(A, B, 1),)))
        monkeypatch.setattr(store_module, "LIMIT_S", 0.3)
        postgres.freeze()
        try:
            with pytest.raises(StoreUnavailableError):
                await store.save(Batch("w", 2, (delta(A, B, 10),)))
        finally:
            postgres.thaw()
        monkeypatch.setattr(store_module, "LIMIT_S", 20.0)
        await store.save(Batch("w", 2, (delta(A, B, 10),)))
        assert (await store.totals(0, math.inf)).tenants == {T: Traffic(11, 11)}

    with_store(postgres.database(), scenario)


@pytest.mark.parametrize(
    ("user", "password", "database", "code"),
    [
        ("tailhub", "wrong", "postgres", "TH268"),
        ("nobody", PASSWORD, "postgres", "TH268"),
        ("tailhub", PASSWORD, "no-such-database", "TH268"),
    ],
)
def test_a_database_that_refuses_says_why(
    postgres: Postgres, user: str, password: str, database: str, code: str
) -> None:
    """A wrong password, user or database is told as such, and no password is in what is told."""
    with pytest.raises(StoreUnavailableError) as caught:
        run(lambda: Store.open(postgres.url(database, user, password), relay="one"))
    assert isinstance(caught.value.finding, Finding)
    assert caught.value.finding.code == code
    assert password not in caught.value.finding.render()


def test_without_a_database_server_it_is_unreachable() -> None:
    """Where nobody listens the store is away, for now."""
    with pytest.raises(StoreUnavailableError) as caught:
        run(lambda: Store.open("postgresql://u:secret@127.0.0.1:1/x", relay="one"))
    assert isinstance(caught.value.finding, Finding)
    assert caught.value.finding.code == "TH262"
    assert "secret" not in str(caught.value)


def test_a_check_of_the_configuration_looks_at_the_database(postgres: Postgres) -> None:
    """A database without tables is well, one with a newer tailhub's is an error, one that refuses a warning."""
    url = postgres.database()
    assert list(check_store(RelayConfig(store=url))) == []
    run(lambda: _make(url))
    assert list(check_store(RelayConfig(store=url))) == []
    (finding,) = check_store(RelayConfig(store=url.replace(PASSWORD, "wrong-word")))
    assert finding.code == "TH268"
    assert "wrong-word" not in finding.render()
    postgres.execute(url.rpartition("/")[2], f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    assert [finding.code for finding in check_store(RelayConfig(store=url))] == ["TH265"]
    assert list(check_store(RelayConfig(store="no URL"))) == list(check_store(RelayConfig())) == []


# --- versions ---------------------------------------------------------------------------------------------------------


def test_tables_of_a_newer_version_are_left_alone(postgres: Postgres) -> None:
    """A store that a newer tailhub has changed is not opened, for writing or reading."""
    url = postgres.database()
    run(lambda: _make(url))
    postgres.execute(url.rpartition("/")[2], f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    for opening in (lambda: Store.open(url, relay="one"), lambda: Store.open_to_read(url)):
        with pytest.raises(MachineError) as caught:
            run(opening)  # type: ignore[arg-type]
        assert isinstance(caught.value.finding, Finding)
        assert caught.value.finding.code == "TH265"


def test_a_change_of_the_tables_leaves_a_copy_in_the_database(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before tables are changed they are copied into a dated schema; of these, three are kept."""
    url = postgres.database()
    name = url.rpartition("/")[2]
    run(lambda: _make(url))
    # As if what there is were an older version's, four times.
    monkeypatch.setattr("tailhub.store.migrate.REVISIONS", ("0000", *REVISIONS))
    monkeypatch.setattr("tailhub.store.migrate.upgrade", lambda connection: None)
    for day in range(4):
        postgres.execute(name, f"UPDATE {VERSION_TABLE} SET version_num = '0000'")
        monkeypatch.setattr("tailhub.store.store.time.time", lambda day=day: HOUR + day * 86400.0)
        run(lambda: _make(url))
    query = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'tailhub_backup_%' ORDER BY nspname"
    schemas = [row[0] for row in postgres.execute(name, query)]
    assert len(schemas) == 3
    assert postgres.execute(name, f"SELECT version_num FROM {schemas[-1]}.{VERSION_TABLE}")[0][0] == "0000"
    assert len(postgres.execute(name, f"SELECT src FROM {schemas[-1]}.tailhub_usage")) == 1


def test_the_changes_can_be_made_in_postgresql(postgres: Postgres) -> None:
    """Alembic makes all tables in one transaction of our connection; a store that it has made is used as any other."""

    async def scenario() -> None:
        url = await asyncio.to_thread(postgres.database)
        engine = make_engine(url)
        async with engine.connect() as connection:
            await connection.run_sync(upgrade)
            await connection.rollback()
        async with engine.begin() as connection:
            assert not await connection.run_sync(lambda there: inspect(there).get_table_names())
            await connection.run_sync(upgrade)
        await engine.dispose()
        await _make(url)
        store = await Store.open_to_read(url)
        assert (await store.totals(0, math.inf)).tenants == {T: Traffic(1, 1)}
        await store.close()

    run(scenario)


async def _make(url: str) -> None:
    store = await Store.open(url, relay="one")
    await store.save(Batch("w", 1, (delta(A, OTHER_KEY, 1),)))
    await store.close()
