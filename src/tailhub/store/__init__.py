"""What must survive a restart, or be shared by several relays: usage, admissions, refusals, names, allowed keys.

- `records`: what is kept, as plain values
- `location`: where: a file of the state directory, or a PostgreSQL database
- `store`: reading and writing it (SQLAlchemy); `reports` sums usage up, `tables` says how it lies there
- `opening`, `migrate`, `backup`, `migrations`: making it, and bringing an older one up to date (alembic)
- `journal`: counts in memory and writes every few seconds; what the relay talks to

Not here: who may relay, and what follows from a quota (`tailhub.relay`). One process uses a store: the relay's, or
the desk's where there are workers. Nothing here is at packet rate. SQLAlchemy is imported by whoever opens a store,
after the relay listens; `records`, `location` and `journal` do without it.
"""

from __future__ import annotations
