from __future__ import annotations

import pytest

from tailhub.server.operator_values import readiness


@pytest.mark.parametrize(
    ("drain", "faults", "ready", "draining"),
    [
        (None, [], 1, 0),
        (None, ["worker 1 is missing"], 0, 0),
        ({"phase": "delaying"}, [], 0, 1),
        ({"phase": "closing"}, [], 0, 1),
    ],
)
def test_readiness(drain: object | None, faults: list[str], ready: int, draining: int) -> None:
    """The relay is ready unless something is wrong with it or it is being emptied."""
    assert readiness(drain, faults) == {"ready": ready, "draining": draining}
