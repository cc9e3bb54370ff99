"""How many workers a relay starts."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tailhub.server import cores


@pytest.mark.skipif(sys.platform != "linux", reason="affinity is Linux's")
@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("max 100000", None),
        ("50000 100000", 1),
        ("100000 100000", 1),
        ("150000 100000", 2),
        ("100000000 100000", None),
        ("junk", None),
        ("1 0", None),
    ],
)
def test_a_quota_of_the_container_counts(tmp_path: Path, quota: str, expected: int | None) -> None:
    """Cores are those of the scheduler, no more than the quota pays for, and at least one."""
    path = tmp_path / "sys/fs/cgroup/cpu.max"
    path.parent.mkdir(parents=True)
    path.write_text(quota + "\n")
    here = len(os.sched_getaffinity(0))
    assert cores.usable_cores(tmp_path) == (here if expected is None else min(expected, here))


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (2, 1), (3, 2), (4, 3), (64, 63)])
def test_auto_leaves_a_core_for_the_rest(monkeypatch: pytest.MonkeyPatch, count: int, expected: int) -> None:
    """One worker up to two cores, else one for each core but one."""
    monkeypatch.setattr(cores, "can_share_port", lambda: True)
    assert cores.worker_count(None, count) == expected
    assert cores.worker_count(5, count) == 5


def test_where_a_port_cannot_be_shared_there_is_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other systems take the port and give all connections to one of the processes."""
    monkeypatch.setattr(cores, "can_share_port", lambda: False)
    assert cores.worker_count(None, 16) == 1
