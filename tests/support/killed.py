"""A process that is killed while it changes files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest


class _KilledError(BaseException):
    """Stands for ``kill -9``: nothing that runs after it may be relied on."""


@contextlib.contextmanager
def killed(monkeypatch: pytest.MonkeyPatch, call: str, after: int) -> Iterator[None]:
    """Within this, the function `call` of `os` works `after` times and then ends everything."""
    calls = 0
    real = getattr(os, call)

    def die(*arguments: object, **more: object) -> object:
        nonlocal calls
        calls += 1
        if calls > after:
            raise _KilledError
        return real(*arguments, **more)

    with monkeypatch.context() as patch, contextlib.suppress(_KilledError):
        patch.setattr(os, call, die)
        yield
