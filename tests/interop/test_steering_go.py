"""Steering with real clients and two regions: a refused home moves, and an evacuation loses nothing."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from support import require
from support.relay_process import until
from support.two_regions import FAR, NEAR, TwoRegions

pytestmark = pytest.mark.go

MOVED_WITHIN_S = 15.0  # what is promised


def test_a_refused_home(tmp_path: Path) -> None:
    """A busy client that is refused is reachable through the other region within 15 s, and comes back when allowed."""
    require.root("the network")
    with TwoRegions(tmp_path, "--allow-list", "on", "--steer", "--refuse", "hold") as world:
        pass
