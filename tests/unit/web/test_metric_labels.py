from __future__ import annotations

import pytest

from tailhub.relay.admission import Answer
from tailhub.relay.quota import FINE, Level
from tailhub.relay.stats import DROP_REASONS, Stats
from tailhub.server import door, held_login
from tailhub.server.events import MAX_REASONS
from tailhub.server.stun import StunServer
from tailhub.web.metric_labels import BOUNDS, LABELS, Per, most_series
from tailhub.web.metrics import METRICS

ONE_EACH = dict.fromkeys(Per, 1)


def test_every_label_of_every_metric_has_a_bound() -> None:
    """There is one row for each label of each metric, and none for a label or a metric that there is not."""
    assert sum(len(label.metrics) for label in LABELS) == len(BOUNDS)
    assert set(BOUNDS) == {(metric.key, label) for metric in METRICS for label in metric.labels}


def test_bounds_are_those_of_the_code() -> None:
    """Where the values are words of the code, there are as many as the bound says."""

    def most(key: str, label: str) -> int:
        return BOUNDS[key, label].most

    assert most("packets_dropped", "reason") == len(DROP_REASONS)
    assert most("packets_dropped", "reason") * most("packets_dropped", "kind") == len(Stats().packets_dropped)
    assert most("refused", "reason") == MAX_REASONS + 1  # and "other"
    outcomes = [
        *(held_login.ADMITTED, held_login.REPLACED, held_login.ROOM, held_login.LEFT),
        *(held_login.GUEST, held_login.STEERED, held_login.UNTOLD),
        *(held_login.TIME, held_login.BYTES, held_login.VIOLATION),
        door.FULL,
    ]
    assert most("held", "outcome") == len(set(outcomes))
    assert most("stun_requests", "disposition") == len(StunServer([]).dispositions())
    assert most("quota_reached", "level") == len(set(Level) - {FINE.level})
    assert most("verdicts", "answer") == len(Answer)


@pytest.mark.parametrize("per", [per for per in Per if per is not Per.RELAY])
def test_what_there_are_more_of_has_more_series(per: Per) -> None:
    """Each further tenant, verifier, listener or worker adds the same number of series, and a small one."""
    one, two, three = (most_series({**ONE_EACH, per: count}) for count in (1, 2, 3))
    assert 0 < two - one == three - two <= 130
    assert one < 400
