from __future__ import annotations

from tailhub.relay.stats import DROP_REASONS, Stats

REFERENCE_REASONS = {
    "unknown_dest",
    "unknown_dest_on_fwd",
    "gone_disconnected",
    "queue_head",
    "write_error",
    "dup_client",
}


def test_all_drop_reasons_are_there_from_the_start() -> None:
    """Every reason and kind has its counter at 0 before anything is dropped, so that a graph shows it."""
    stats = Stats()
    labels = {(reason, kind) for reason in DROP_REASONS for kind in ("disco", "other")}
    assert stats.packets_dropped == dict.fromkeys(labels, 0)
    assert stats.bytes_dropped == dict.fromkeys(labels, 0)


def test_the_words_of_the_reference_are_used() -> None:
    """Reasons that the reference has too go by its names; queue_tail cannot happen here."""
    assert set(DROP_REASONS) >= REFERENCE_REASONS
    assert "queue_tail" not in DROP_REASONS


def test_drops_are_counted_by_reason_and_kind() -> None:
    """Packets and payload bytes add up under the reason and kind given."""
    stats = Stats()
    stats.drop("queue_age", True, 2, 130)
    stats.drop("queue_age", True, 1, 70)
    stats.drop("queue_age", False, 1, 1)
    assert stats.packets_dropped["queue_age", "disco"] == 3
    assert stats.bytes_dropped["queue_age", "disco"] == 200
    assert stats.packets_dropped["queue_age", "other"] == 1


def test_counters_begin_at_nothing() -> None:
    """All plain counters start at 0."""
    stats = Stats()
    numbers = [getattr(stats, name) for name in Stats.__slots__ if not name.endswith("_dropped")]
    assert numbers == [0] * len(numbers)
