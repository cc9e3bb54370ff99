"""Bringing the tables of a SQLite file up to date."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, inspect

from support.waiting import run
from tailhub.exceptions import MachineError
from tailhub.findings import Finding
from tailhub.server.config import RelayConfig
from tailhub.settings.machine_checks import check_store
from tailhub.store import migrate as module
from tailhub.store.migrate import REVISIONS
from tailhub.store.records import Batch, UsageDelta
from tailhub.store.store import Store
from tailhub.store.tables import VERSION_TABLE

A, B = (bytes([number]) * 32 for number in (1, 2))


async def opened(path: Path) -> None:
    """Open it once, as a start does."""
    store = await Store.open(path, relay="one")
    await store.save(Batch("w", 1, (UsageDelta(0, "t", A, B, 1, 1, 1),)))
    await store.close()


def set_version(path: Path, version: str) -> None:
    """Let the tables be those of another version."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = ?", (version,))


def version_of(path: Path) -> str:
    """The version of its tables."""
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()[0])


def code_of(error: MachineError) -> str:
    """The code of its finding."""
    assert isinstance(error.finding, Finding)
    return error.finding.code


def test_every_change_is_listed() -> None:
    """The list of versions is that of the files, in the order in which each follows the one before."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "tailhub.store:migrations")
    scripts = ScriptDirectory.from_config(config)
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == REVISIONS
    assert scripts.get_current_head() == REVISIONS[-1]


def test_the_changes_lead_to_the_tables(tmp_path: Path) -> None:
    """What the changes make from nothing is what a new store begins with: tables, columns, types, keys and indexes."""
    run(lambda: opened(tmp_path / "begun.db"))
    with create_engine(f"sqlite:///{tmp_path / 'changed.db'}").begin() as connection:
        module.upgrade(connection)
    assert _shape(tmp_path / "changed.db") == _shape(tmp_path / "begun.db")
    assert version_of(tmp_path / "changed.db") == version_of(tmp_path / "begun.db") == REVISIONS[-1]


def _shape(path: Path) -> dict[str, object]:
    with create_engine(f"sqlite:///{path}").connect() as connection:
        inspector = inspect(connection)
        return {
            name: (
                [(one["name"], str(one["type"]), one["nullable"]) for one in inspector.get_columns(name)],
                inspector.get_pk_constraint(name)["constrained_columns"],
                inspector.get_indexes(name),
                connection.exec_driver_sql("SELECT wr FROM pragma_table_list WHERE name = ?", (name,)).scalar(),
            )
            for name in inspector.get_table_names()
        }


def test_what_is_new_or_up_to_date_needs_no_alembic(tmp_path: Path) -> None:
    """Neither the first start nor the second makes a copy, or imports what changes tables, or the other database."""
    path = tmp_path / "tailhub.db"
    program = f"""
import asyncio, pathlib, sys
from tailhub.store.store import Store
store = asyncio.run(Store.open(pathlib.Path({str(path)!r}), relay="one"))
print(*(name in sys.modules for name in ("sqlalchemy", "alembic", "asyncpg", "sqlalchemy.dialects.postgresql")))
"""
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
        assert done.stdout.split() == ["True", "False", "False", "False"], done.stderr
    assert not (tmp_path / "backups").exists()


def test_a_change_leaves_copies_of_the_three_times_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a change the file is copied, whole and for its owner alone; the oldest copies go."""
    path = tmp_path / "tailhub.db"
    run(lambda: opened(path))
    monkeypatch.setattr(module, "REVISIONS", ("0000", *REVISIONS))
    monkeypatch.setattr(module, "upgrade", lambda connection: None)
    for day in range(5):
        set_version(path, "0000")
        monkeypatch.setattr("tailhub.store.store.time.time", lambda day=day: day * 86400.0)
        run(lambda: opened(path))
    copies = sorted((tmp_path / "backups").iterdir())
    assert [copy.name for copy in copies] == [f"tailhub-1970010{day}T000000-0000.db" for day in (3, 4, 5)]
    assert {copy.stat().st_mode & 0o777 for copy in copies} == {0o600}
    with closing(sqlite3.connect(copies[-1])) as connection:
        assert connection.execute("SELECT count(*) FROM tailhub_usage").fetchone() == (1,)


def test_a_change_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change that breaks off half-way leaves the tables as they were."""
    path = tmp_path / "tailhub.db"
    run(lambda: opened(path))
    set_version(path, "0000")
    monkeypatch.setattr(module, "REVISIONS", ("0000", *REVISIONS))

    def break_off(connection: Connection) -> None:
        connection.exec_driver_sql("DROP TABLE tailhub_usage")
        raise RuntimeError("a wrong change")

    monkeypatch.setattr(module, "upgrade", break_off)
    with pytest.raises(RuntimeError, match="a wrong change"):
        run(lambda: opened(path))
    assert version_of(path) == "0000"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM tailhub_usage").fetchone() == (1,)


def test_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    """A file that a newer tailhub has changed is opened neither for writing nor for reading, which a check says."""
    path = tmp_path / "tailhub.db"
    run(lambda: opened(path))
    set_version(path, "9999")
    for opening in (Store.open(path, relay="one"), Store.open_to_read(path)):
        with pytest.raises(MachineError) as caught:
            asyncio.run(opening)
        assert code_of(caught.value) == "TH265"
        assert str(tmp_path / "backups") in str(caught.value)
    assert [finding.code for finding in check_store(RelayConfig(state_dir=tmp_path))] == ["TH265"]
    assert version_of(path) == "9999"


def test_a_reader_does_not_change_an_older_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever only reads says that the relay has to be started, and changes nothing."""
    path = tmp_path / "tailhub.db"
    run(lambda: opened(path))
    set_version(path, "0000")
    monkeypatch.setattr(module, "REVISIONS", ("0000", *REVISIONS))
    with pytest.raises(MachineError) as caught:
        run(lambda: Store.open_to_read(path))
    assert code_of(caught.value) == "TH266"
    assert version_of(path) == "0000"


def test_a_file_of_another_program_is_no_store(tmp_path: Path) -> None:
    """A reader finds a database without our tables to be no store."""
    path = tmp_path / "tailhub.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    with pytest.raises(MachineError) as caught:
        run(lambda: Store.open_to_read(path))
    assert code_of(caught.value) == "TH267"


def test_the_changes_are_in_the_package() -> None:
    """The scripts are files beside the code, so that a wheel has them."""
    names = {one.name for one in resources.files("tailhub.store").joinpath("migrations", "versions").iterdir()}
    assert {f"rev_{revision}.py" for revision in REVISIONS} <= names
