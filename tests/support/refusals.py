"""The findings with which something is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tailhub.exceptions import FindingError
from tailhub.findings import Finding


def finding_of(act: Callable[[], object], kind: type[FindingError] = FindingError) -> Finding:
    """The finding of the error that `act` raises."""
    with pytest.raises(kind) as caught:
        act()
    assert isinstance(caught.value.finding, Finding)
    return caught.value.finding
