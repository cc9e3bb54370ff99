"""What is known of another relay's clients: memory, counted. And that the measuring does what it says."""

from __future__ import annotations

import pytest

from bench import presence
from bench.presence import MAX_KEY_BYTES, key_bytes, measure


def test_a_key_of_another_relay_takes_little_memory() -> None:
    """All tables together take under 300 bytes for a client that another relay has told of."""
    assert key_bytes() < MAX_KEY_BYTES


def test_every_kind_of_work_is_done_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind takes several steps, so that packets get their turn in between."""
    monkeypatch.setattr(presence, "KEYS", 3000)
    found = measure(1)
    assert len(found) == 9
    assert all(one.steps > 1 for one in found)
