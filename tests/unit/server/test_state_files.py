from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tailhub.server.state_files import give_to_owner

pytestmark = pytest.mark.skipif(os.name != "posix", reason="files have owners on POSIX systems")


def test_root_gives_its_files_to_the_owner_of_the_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What root makes in a service's directory belongs to the service; other users give nothing."""
    given: list[tuple[Path, int]] = []
    monkeypatch.setattr(os, "chown", lambda path, uid, gid, **_: given.append((path, uid)))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    give_to_owner(tmp_path / "a", tmp_path)
    assert given == []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    give_to_owner(tmp_path / "a", tmp_path)
    assert given == [(tmp_path / "a", tmp_path.stat().st_uid)]


def test_root_without_that_right_keeps_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root of a container that may not give files away goes on: it reads them itself."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", refuse)
    give_to_owner(tmp_path / "a", tmp_path)
