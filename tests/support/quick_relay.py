"""``tailhub`` that looks at its books many times a second instead of every few: a program, run as ``tailhub`` is.

Only the intervals are others. Workers are forked from the process that has set them, so theirs are too.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tailhub.__main__ import main
from tailhub.alerts import condition, rules
from tailhub.relay import mesh_health
from tailhub.server import bookkeeping, map_keeper, quota_keeper, quota_states, usage_gatherer, watchman
from tailhub.server.mesh import watch
from tailhub.store import journal

PROGRAM = ("-P", str(Path(__file__)))  # for the interpreter
_EVERY_S = 0.2
_INTERVALS = (
    (condition, "RECOVER_S"),
    (rules, "STORE_AWAY_S"),
    (rules, "VERIFIER_AWAY_S"),
    (watchman, "FIRST_LOOK_S"),
    (watchman, "LOOK_S"),
    (bookkeeping, "HAND_OVER_S"),
    (map_keeper, "LOOK_S"),
    (mesh_health, "DOWN_S"),
    (watch, "LOOK_S"),
    (journal, "INTERVAL_S"),
    (quota_keeper, "LOOK_EVERY_S"),
    (quota_states, "TELL_EVERY_S"),
    (usage_gatherer, "GATHER_EVERY_S"),
)

if __name__ == "__main__":
    for module, name in _INTERVALS:
        assert isinstance(getattr(module, name), float), name  # else it is called something else now
        setattr(module, name, _EVERY_S)
    sys.exit(main())  # type: ignore[no-untyped-call]
