"""What alembic runs to change the tables: on the connection, and in the transaction, that `migrate` has."""

from __future__ import annotations

from alembic import context

from tailhub.store.tables import METADATA, VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite can hardly change a table; alembic copies it
)
context.run_migrations()
