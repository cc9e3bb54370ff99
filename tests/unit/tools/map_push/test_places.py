"""What is made of the answers of Tailscale's API; ``tests/integration/test_map_push.py`` has the rest."""

from __future__ import annotations

import pytest

from tailhub.tools.map_push import places


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", ""),
        (b"{}", ""),
        (b'{"message": "", "data": null}', ""),
        (b'{"message": "warning(s) found", "data": [{"user": "a"}]}', ""),
        (b'{"message": "test(s) failed", "data": [{"errors": ["no"]}]}', "test(s) failed: no"),
        (b'{"message": "bad", "data": null}', "bad"),
        (b"[]", "Expected `object`, got `array`"),
    ],
)
def test_what_a_policy_is_found_to_be(body: bytes, problem: str) -> None:
    """An answer with nothing to say, and one with warnings alone, let it pass."""
    assert places._problem(body) == problem
