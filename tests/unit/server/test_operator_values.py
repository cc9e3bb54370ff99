from __future__ import annotations

import pytest

from tailhub.relay.evacuation import Phase
from tailhub.server.operator_values import readiness


@pytest.mark.parametrize(
    ("phase", "faults", "ready", "draining"),
    [
        (None, [], 1, 0),
        (None, ["worker 1 is missing"], 0, 0),
        (Phase.DELAYING, [], 0, 1),
        (Phase.CLOSING, [], 0, 1),
    ],
)
def test_readiness(phase: Phase | None, faults: list[str], ready: int, draining: int) -> None:
    """The relay is ready unless something is wrong with it or it is being emptied."""
    assert readiness(phase, faults) == {"ready": ready, "draining": draining}
