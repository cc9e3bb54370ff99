"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "tailhub_usage",
        sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("src", sa.LargeBinary, primary_key=True),
        sa.Column("dst", sa.LargeBinary, primary_key=True),
        sa.Column("relay", sa.Text, primary_key=True),
        sa.Column("packets", sa.BigInteger, nullable=False),
        sa.Column("in_bytes", sa.BigInteger, nullable=False),
        sa.Column("out_bytes", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tailhub_admissions",
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("verifier", sa.Text, primary_key=True),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("confirmed_at", sa.Double, nullable=False),
        sa.Column("ended_at", sa.Double, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tailhub_refusals",
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("first_at", sa.Double, nullable=False),
        sa.Column("last_at", sa.Double, nullable=False),
    )
    op.create_index("tailhub_refusals_last_at", "tailhub_refusals", ["last_at"])
    op.create_table(
        "tailhub_names",
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("learnt_at", sa.Double, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tailhub_allowed",
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("added_at", sa.Double, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tailhub_changes",
        sa.Column("what", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
    )
    op.create_table(
        "tailhub_writers",
        sa.Column("writer", sa.Text, primary_key=True),
        sa.Column("relay", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("saved_at", sa.Double, nullable=False),
    )
