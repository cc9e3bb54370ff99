"""A store in a SQLite file: what may happen to a file. What a store keeps is in ``tests/integration/test_store.py``."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from support.waiting import run
from tailhub.exceptions import FindingError, MachineError, StoreUnavailableError
from tailhub.findings import Finding
from tailhub.store.records import Batch, Traffic, UsageDelta
from tailhub.store.store import Store

A, B = (bytes([number]) * 32 for number in (1, 2))


def batch(number: int, sent: int = 1) -> Batch:
    """One packet from A to B."""
    return Batch("w", number, (UsageDelta(0, "t", A, B, 1, sent, sent),))


async def made(path: Path) -> None:
    """A store with a packet in it."""
    store = await Store.open(path, relay="one")
    await store.save(batch(1, 10))
    await store.close()


async def used(path: Path) -> Traffic:
    """What a reader finds in it."""
    store = await Store.open_to_read(path)
    try:
        return (await store.totals(0, math.inf)).tenants.get("t", Traffic())
    finally:
        await store.close()


def modes(directory: Path) -> dict[str, int]:
    """The files of a directory, and who may read them."""
    return {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()}


def code_of(error: FindingError) -> str:
    """The code of its finding."""
    assert isinstance(error.finding, Finding)
    return error.finding.code


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    """The file is for its owner alone, and so are those that SQLite has beside it."""

    async def scenario() -> None:
        store = await Store.open(tmp_path / "tailhub.db", relay="one")
        await store.save(batch(1))
        assert modes(tmp_path) == dict.fromkeys(("tailhub.db", "tailhub.db-wal", "tailhub.db-shm"), 0o600)
        await store.close()

    run(scenario)


def test_a_name_with_odd_characters_is_a_name(tmp_path: Path) -> None:
    """A directory may be called as it likes; no character of it is a part of SQLite's URI."""
    path = tmp_path / "a b?mode=ro#%41;ü" / "tailhub.db"
    path.parent.mkdir()
    run(lambda: made(path))
    assert path.exists()
    assert run(lambda: used(path)) == Traffic(10, 10)


def test_it_is_read_while_it_is_written(tmp_path: Path) -> None:
    """A reader sees what has been saved, and keeps nobody from writing."""

    async def scenario() -> None:
        path = tmp_path / "tailhub.db"
        store = await Store.open(path, relay="one")
        await store.save(batch(1, 10))
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            assert reader.execute("SELECT count(*) FROM tailhub_usage").fetchone() == (1,)
            await store.save(batch(2, 1))
            assert await used(path) == Traffic(11, 11)
        await store.close()

    run(scenario)


def test_a_killed_process_loses_nothing_that_was_saved(tmp_path: Path) -> None:
    """After kill -9 everything is there that `save` had returned for."""
    path = tmp_path / "tailhub.db"
    program = f"""
import asyncio, os, pathlib, signal, sys
from tailhub.store.store import Store
from tailhub.store.records import Batch, UsageDelta

async def main():
    store = await Store.open(pathlib.Path({str(path)!r}), relay="one")
    for number in range(1, 8):
        await store.save(Batch("w", number, (UsageDelta(0, "t", b"a" * 32, b"b" * 32, 1, 10, 10),)))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert run(lambda: used(path)) == Traffic(70, 70)


def _overwrite(path: Path) -> None:
    path.write_bytes(b"not a database at all, but long enough to be looked at\n" * 200)


def _damage(path: Path) -> None:
    """Spoil the pages behind the first one, as a failing disk does."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (path.stat().st_size - 4096))


@pytest.mark.parametrize("spoil", [_overwrite, _damage])
def test_a_damaged_file_is_moved_aside(tmp_path: Path, spoil: object) -> None:
    """It is told, kept under another name, and a new one is begun; the next opening tells nothing."""
    path = tmp_path / "tailhub.db"
    run(lambda: made(path))
    assert callable(spoil)
    spoil(path)
    damaged = path.read_bytes()
    told: list[Finding] = []

    async def scenario() -> None:
        for number in (2, 3):
            store = await Store.open(path, relay="one", tell=told.append)
            await store.save(batch(number, 1))
            await store.close()

    run(scenario)
    assert [finding.code for finding in told] == ["TH264"]
    aside = Path(str(told[0].values["aside"]))
    assert aside.read_bytes() == damaged
    assert run(lambda: used(path)) == Traffic(2, 2)


def test_a_file_that_is_damaged_while_it_is_open_is_moved_aside(tmp_path: Path) -> None:
    """The save that finds the damage fails as one that may be repeated; repeated, it writes to the new file."""
    path = tmp_path / "tailhub.db"
    told: list[Finding] = []

    async def scenario() -> None:
        await made(path)
        store = await Store.open(path, relay="one", tell=told.append)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:  # else it would go on in its cache
            other.execute("INSERT INTO tailhub_changes VALUES ('test', 1)")
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        _damage(path)
        with pytest.raises(StoreUnavailableError):
            await store.save(batch(2, 5))
        await store.save(batch(2, 5))
        await store.close()
        assert await used(path) == Traffic(5, 5)

    run(scenario)
    assert [finding.code for finding in told] == ["TH264"]


def test_a_file_that_is_taken_away_while_it_is_open_is_told(tmp_path: Path) -> None:
    """What comes next is in the file that is there, not in one that nobody can read any more."""
    path = tmp_path / "tailhub.db"
    told: list[Finding] = []

    async def scenario() -> None:
        store = await Store.open(path, relay="one", tell=told.append)
        await store.save(batch(1, 10))
        path.unlink()
        await store.save(batch(2, 5))
        assert await used(path) == Traffic(5, 5)
        await made(tmp_path / "other")
        (tmp_path / "other").replace(path)
        await store.save(batch(3, 1))
        await store.close()
        assert await used(path) == Traffic(11, 11)

    run(scenario)
    assert [finding.code for finding in told] == ["TH319"] * 2


def test_tables_that_are_gone_are_made_again(tmp_path: Path) -> None:
    """A file that somebody has emptied while it was open costs one attempt."""
    path = tmp_path / "tailhub.db"

    async def scenario() -> None:
        store = await Store.open(path, relay="one")
        await store.save(batch(1, 10))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            for (name,) in other.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                other.execute(f"DROP TABLE {name}")
        with pytest.raises(StoreUnavailableError):
            await store.save(batch(2, 5))
        await store.save(batch(2, 5))
        await store.close()
        assert await used(path) == Traffic(5, 5)

    run(scenario)


def test_a_reader_says_what_is_in_the_way(tmp_path: Path) -> None:
    """In the system's words, and as nothing but a finding: no thread of the driver is left to complain."""
    (tmp_path / "tailhub.db").mkdir()
    before = threading.active_count()

    async def scenario() -> int:
        with pytest.raises(FindingError) as caught:
            await Store.open_to_read(tmp_path / "tailhub.db")
        assert "directory" in str(caught.value)
        return sum("connection_worker" in thread.name for thread in threading.enumerate())

    assert run(scenario) == 0
    assert threading.active_count() <= before + 1  # asyncio's own


def test_a_directory_in_the_way_is_trouble(tmp_path: Path) -> None:
    """What cannot be a file is told as what it is, and stays."""
    (tmp_path / "tailhub.db").mkdir()
    with pytest.raises(StoreUnavailableError) as caught:
        run(lambda: Store.open(tmp_path / "tailhub.db", relay="one"))
    assert code_of(caught.value) == "TH263"
    assert (tmp_path / "tailhub.db").is_dir()


def test_a_full_disk_is_trouble_that_passes(tmp_path: Path) -> None:
    """A file that may not grow is told as such; when it may again, the same batch is written, once."""

    async def scenario() -> None:
        path = tmp_path / "tailhub.db"
        store = await Store.open(path, relay="one")
        keys = [number.to_bytes(32, "big") for number in range(1, 5000)]
        large = Batch("w", 1, tuple(UsageDelta(0, "t", key, B, 1, 1, 1) for key in keys))
        resource = pytest.importorskip("resource")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
        try:
            with pytest.raises(StoreUnavailableError) as caught:
                await store.save(large)
            assert code_of(caught.value) == "TH263"
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, before)
        assert await store.save(large)
        assert not await store.save(large)
        assert (await store.totals(0, math.inf)).tenants["t"] == Traffic(4999, 4999)
        await store.close()

    run(scenario)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_may_not_be_written_is_trouble(tmp_path: Path) -> None:
    """A read-only file is told as such."""
    path = tmp_path / "tailhub.db"
    run(lambda: made(path))
    path.chmod(0o400)
    with pytest.raises(StoreUnavailableError) as caught:
        run(lambda: Store.open(path, relay="one"))
    assert code_of(caught.value) == "TH263"


def test_a_reader_makes_nothing(tmp_path: Path) -> None:
    """Without a store a reader says so, and none is there afterwards; a file of no store is left as it is."""
    path = tmp_path / "tailhub.db"
    with pytest.raises(MachineError) as caught:
        run(lambda: Store.open_to_read(path))
    assert code_of(caught.value) == "TH267"
    assert not path.exists()
    _overwrite(path)
    with pytest.raises(StoreUnavailableError) as caught_later:
        run(lambda: Store.open_to_read(path))
    assert code_of(caught_later.value) == "TH084"
    assert [one.name for one in tmp_path.iterdir()] == ["tailhub.db"]


def test_a_closed_store_leaves_no_thread(tmp_path: Path) -> None:
    """Closing ends what was begun for the connections."""

    async def scenario() -> None:
        await made(tmp_path / "tailhub.db")
        threads = threading.active_count()
        store = await Store.open(tmp_path / "tailhub.db", relay="one")
        await asyncio.gather(*(store.totals(0, 1) for _ in range(3)))
        await store.close()
        assert threading.active_count() <= threads + 1  # one of the loop's own pool

    run(scenario)
