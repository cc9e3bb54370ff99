"""Is what a process sees at a path still what is there? A mount shows what was there when it was made.

Source: proc_pid_mountinfo(5): the root of a mount whose directory or file has been removed ends with ``//deleted``.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from tailhub.net.container import parse_mountinfo

__all__ = ["is_left_behind"]

_DELETED = "//deleted"


def is_left_behind(path: Path, root: Path, pid: int = 0) -> tuple[bool, bool]:
    """Does the process `pid` (0: we) see `path` through a mount of something that has been removed since?

    And is that a directory, not the file itself? `root` has ``proc``. False where it cannot be told.
    """
    whose = root / "proc" / (str(pid) if pid else "self")
    try:
        mounts = parse_mountinfo((whose / "mountinfo").read_text("utf-8", "replace"))
    except OSError:
        return False, False
    seen = _resolved(path, whose)
    for point in (seen, *seen.parents):
        mount = mounts.get(point)
        if mount is not None:  # the innermost is what is seen
            is_gone = mount.root.endswith(_DELETED)
            return is_gone, is_gone and point != seen
    return False, False


def _resolved(path: Path, whose: Path) -> PurePosixPath:
    """The path without symbolic links, as that process has them: /var/run is mostly one to /run."""
    real = path.parent
    inside = whose / "root"
    found = PurePosixPath("/")
    for part in real.parts[1:]:
        found /= part
        try:
            link = (inside / str(found)[1:]).readlink()
        except OSError:
            continue
        found = PurePosixPath("/") / link if link.is_absolute() else found.parent / link
    parts: list[str] = []
    for part in found.parts[1:]:
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            parts.append(part)
    return PurePosixPath("/", *parts, path.name)
