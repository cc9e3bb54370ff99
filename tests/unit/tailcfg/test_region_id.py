from __future__ import annotations

import pytest

from tailhub.exceptions import LocalError
from tailhub.tailcfg.region_id import region_id_for_key


def test_region_id_stays_with_the_key() -> None:
    """A key always gives the same id, from 900 to 999, and different keys rarely the same."""
    ids = [region_id_for_key(bytes([n]) * 32) for n in range(256)]
    assert ids == [region_id_for_key(bytes([n]) * 32) for n in range(256)]
    assert all(900 <= region_id <= 999 for region_id in ids)
    assert len(set(ids)) > 80
    # Never change this: the owner's map has it.
    assert region_id_for_key(bytes(32)) == 975


def test_region_id_wants_a_whole_key() -> None:
    """Anything but 32 bytes is refused."""
    with pytest.raises(LocalError, match="32 bytes, found 31"):
        region_id_for_key(bytes(31))
