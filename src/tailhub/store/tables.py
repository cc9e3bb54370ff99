"""How a store's records lie in the database: the tables for SQLAlchemy, as the newest migration leaves them.

All names begin with ``tailhub_``, so that a PostgreSQL database may be shared with other programs.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Index, Integer, LargeBinary, MetaData, Table, Text

__all__ = ["METADATA", "PREFIX", "VERSION_TABLE", "admissions", "allowed", "changes", "names", "refusals"]
__all__ += ["usage", "writers"]

PREFIX = "tailhub_"
VERSION_TABLE = f"{PREFIX}schema"  # alembic's: which migration was the last one

METADATA = MetaData()


def _text(name: str, *, key: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=False)


def _key(name: str, *, key: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, primary_key=key, nullable=False)


def _count(name: str, *, key: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, nullable=False, autoincrement=False)


def _time(name: str) -> Column[float]:
    return Column(name, Double, nullable=False)


# The hour is first: all that reads it asks about a time, and what is too old goes.
usage = Table(
    f"{PREFIX}usage",
    METADATA,
    _count("hour", key=True),
    _text("tenant", key=True),
    _key("src", key=True),
    _key("dst", key=True),
    _text("relay", key=True),
    _count("packets"),
    _count("in_bytes"),
    _count("out_bytes"),
    sqlite_with_rowid=False,
)

# Rows are only ever raised, so that what is written late, or by several relays, ends the same in any order: an
# admission holds if it is younger than its end.
admissions = Table(
    f"{PREFIX}admissions",
    METADATA,
    _key("key", key=True),
    _text("tenant", key=True),
    _text("verifier", key=True),
    _text("node"),
    _text("owner"),
    _time("confirmed_at"),
    _time("ended_at"),
    sqlite_with_rowid=False,
)

refusals = Table(
    f"{PREFIX}refusals",
    METADATA,
    _key("key", key=True),
    _text("address"),
    _text("reason"),
    _count("count"),
    _time("first_at"),
    _time("last_at"),
    Index(f"{PREFIX}refusals_last_at", "last_at"),
)

names = Table(
    f"{PREFIX}names",
    METADATA,
    _key("key", key=True),
    _text("node"),
    _text("owner"),
    _time("learnt_at"),
    sqlite_with_rowid=False,
)

allowed = Table(
    f"{PREFIX}allowed",
    METADATA,
    _key("key", key=True),
    _text("tenant"),
    _text("name"),
    _text("comment"),
    _time("added_at"),
    sqlite_with_rowid=False,
)

changes = Table(f"{PREFIX}changes", METADATA, _text("what", key=True), Column("number", Integer, nullable=False))

writers = Table(
    f"{PREFIX}writers",
    METADATA,
    _text("writer", key=True),
    _text("relay"),
    _count("number"),
    _time("saved_at"),
)
