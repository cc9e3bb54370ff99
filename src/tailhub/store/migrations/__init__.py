"""Every change of the tables there ever was, for alembic. A new one is a file in ``versions``; `migrate` lists it."""
