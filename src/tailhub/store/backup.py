"""Copies of our tables in a PostgreSQL database, from before they are changed."""

from __future__ import annotations

from sqlalchemy import Connection, inspect, text

from tailhub.store.sqlite_file import KEPT, stamp
from tailhub.store.tables import PREFIX

__all__ = ["copy_tables"]

SCHEMA = f"{PREFIX}backup_"  # begins the name of a schema with copies


def copy_tables(connection: Connection, version: str, now: float) -> str:
    """Copy our tables of a PostgreSQL database into a schema of their own, in this transaction; the schema's name."""
    schema = f"{SCHEMA}{stamp(now).lower()}_{version}"
    inspector = inspect(connection)
    preparer = connection.dialect.identifier_preparer
    connection.execute(text(f"CREATE SCHEMA {preparer.quote(schema)}"))
    for name in inspector.get_table_names():
        if name.startswith(PREFIX):
            quoted = preparer.quote(name)
            copy = f"CREATE TABLE {preparer.quote(schema)}.{quoted} AS SELECT * FROM {quoted}"  # noqa: S608  our names
            connection.execute(text(copy))
    ours = sorted(name for name in inspect(connection).get_schema_names() if name.startswith(SCHEMA))
    for old in ours[:-KEPT]:
        connection.execute(text(f"DROP SCHEMA {preparer.quote(old)} CASCADE"))
    return schema
