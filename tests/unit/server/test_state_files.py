from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tailhub.server.state_files import give_to_owner, give_tree

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


def test_a_tree_is_given_without_following_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each entry is given by its name in an open directory, links as links: its owner cannot lead root out of it."""
    given: list[tuple[str, bool]] = []
    chown = os.chown

    def note(path: Path | str, uid: int, gid: int, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> None:
        given.append((os.fspath(path), follow_symlinks))
        chown(path, uid, gid, dir_fd=dir_fd, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(os, "chown", note)
    state = tmp_path / "state"
    (state / "acme").mkdir(parents=True)
    (state / "acme" / "a.key").touch()
    (state / "out").symlink_to("/etc")
    give_tree(state, os.getuid(), os.getgid())
    assert sorted(given) == [(str(state), False), ("a.key", False), ("acme", False), ("out", False)]
    assert state.stat().st_mode & 0o777 == 0o700
