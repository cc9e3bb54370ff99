"""Three relays in one region: clients that move between them, and a region that falls apart and comes together."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from support.mesh_moving import Forwarded, Moving
from support.mesh_region import Region
from support.waiting import run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="ends workers with their parent")

CLIENTS, MOVES, PACKETS_PER_S = 100, 200, 200
LIMIT_S = 120.0


def test_clients_that_move(tmp_path: Path) -> None:
    """Whoever moves is found at the new place, whatever becomes of the old connection; meanwhile no packet comes twice
    or to another key, and none is forwarded more than once.
    """
    forwarded = Forwarded()
    with Region(tmp_path, "OOO", tls=False, make_tap=forwarded.tap) as region:
        region.wait_until_meshed()
        moving = Moving(region, forwarded, CLIENTS, seed=1)
        run(lambda: moving.run(MOVES, PACKETS_PER_S), LIMIT_S)
    print(moving.figures())
