"""Replacing a state directory's content at once."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.killed import killed
from tailhub.server.state import StateDir
from tailhub.server.state_swap import state_entries, swap

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a relay's state is kept on POSIX systems")

NOW = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)
OLD = {"derper.key": b"old key", "acme/account.key": b"old account", "only-old": b""}
NEW = {"derper.key": b"new key", "acme/account.key": b"new account", "acme/certs/a.crt": b"A"}


def fill(directory: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(data)


def content(directory: Path) -> dict[str, bytes]:
    """All files that are state, by name."""
    files = (path for entry in state_entries(directory) for path in (entry, *entry.rglob("*")) if path.is_file())
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in files}


def test_into_an_empty_directory(tmp_path: Path) -> None:
    """Files come in with mode 0600 and directories with 0700, and nothing else is left behind."""
    before = os.umask(0)
    try:
        assert swap(tmp_path, NEW, NOW) is None
    finally:
        os.umask(before)
    assert content(tmp_path) == NEW
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {
        **dict.fromkeys(("derper.key", "account.key", "a.crt"), 0o600),
        **dict.fromkeys(("acme", "certs"), 0o700),
    }


def test_the_old_state_is_moved_aside(tmp_path: Path) -> None:
    """What was there is whole in a directory of its own, each time in another one; locks and sockets stay."""
    fill(tmp_path, OLD | {"lock": b"1"})
    assert swap(tmp_path, NEW, NOW) == tmp_path / "replaced-20270102-030405"
    assert content(tmp_path) == NEW
    assert content(tmp_path / "replaced-20270102-030405") == OLD
    assert (tmp_path / "lock").read_bytes() == b"1"
    assert swap(tmp_path, OLD, NOW) == tmp_path / "replaced-20270102-030405-2"
    assert content(tmp_path) == OLD


def test_a_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a file cannot be written the old state is as it was."""
    fill(tmp_path, OLD)

    def fsync(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="No space"):
        swap(tmp_path, NEW, NOW)
    assert content(tmp_path) == OLD
    assert sorted(path.name for path in tmp_path.iterdir()) == ["acme", "derper.key", "only-old"]


@pytest.mark.parametrize("call", ["rename", "mkdir", "rmdir", "fsync"])
@pytest.mark.parametrize("after", range(12))
def test_killed_in_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, after: int) -> None:
    """A process killed at any step leaves the old state or, once the directory is opened again, the new one."""
    fill(tmp_path, OLD)
    with killed(monkeypatch, call, after):
        swap(tmp_path, NEW, NOW)
    StateDir.open(tmp_path).close()
    now = content(tmp_path)
    assert now in (OLD, NEW)
    if now == NEW:
        assert content(tmp_path / "replaced-20270102-030405") == OLD
    swap(tmp_path, NEW, NOW)
    assert content(tmp_path) == NEW
    assert not [path for path in tmp_path.iterdir() if path.name.startswith((".import", ".placing"))]


def test_a_link_in_the_place_of_an_import(tmp_path: Path) -> None:
    """A link that has the name of an interrupted import is not followed."""
    outside = tmp_path / "outside"
    fill(outside, {"derper.key": b"a stranger's"})
    state = tmp_path / "state"
    state.mkdir()
    (state / ".import-20270102-030405").symlink_to(outside)
    StateDir.open(state).close()
    assert content(state) == {}
