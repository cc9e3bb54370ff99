"""Is there room for the state, and may it be written to?"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tailhub.findings import local as local_findings
from tailhub.findings.remark import Remark
from tailhub.net.container import parse_mountinfo
from tailhub.tools.doctor.local.context import LocalContext
from tailhub.tools.doctor.local.unit import Unit, read
from tailhub.tools.report import Judgement

__all__ = ["DiskSeen", "check", "judge"]

_STEP = "disk"
FULL_BYTES = 1 << 20  # less than this is nothing: a write of SQLite may need it
LITTLE_BYTES = 200 << 20
LITTLE_SHARE = 0.05
FULL_FILES, LITTLE_FILES = 10, 1000
_READ_ONLY = getattr(os, "ST_RDONLY", 1)


@dataclass(frozen=True, slots=True)
class DiskSeen:
    """What holds the state directory `path`: free and all bytes for users, free inodes (None: not counted).

    `mount` is where it is mounted; `closed_by`: the unit that may not write there.
    """

    path: str
    free_bytes: int = 0
    all_bytes: int = 0
    free_files: int | None = None
    is_read_only: bool = False
    mount: str = ""
    closed_by: str = ""


async def check(context: LocalContext) -> Judgement:
    """Look, and judge."""
    return judge(_look(context))


def _look(context: LocalContext) -> DiskSeen | None:
    path = context.state_dir
    there = next((one for one in (path, *path.parents) if one.exists()), None) if _can_see(path) else None
    if there is None or not hasattr(os, "statvfs"):
        return None
    try:
        status = os.statvfs(there)
    except OSError:
        return None
    return DiskSeen(
        path=str(path),
        free_bytes=status.f_bavail * status.f_frsize,
        all_bytes=status.f_blocks * status.f_frsize,
        free_files=status.f_favail if status.f_files else None,
        is_read_only=bool(status.f_flag & _READ_ONLY),
        mount=_mount_of(there, context.root),
        closed_by=_closed_by(context.unit, path),
    )


def _can_see(path: Path) -> bool:
    try:
        path.exists()
    except PermissionError:
        return False
    return True


def _mount_of(path: Path, root: Path) -> str:
    mounts = parse_mountinfo(read(root / "proc/self/mountinfo"))
    real = PurePosixPath(os.path.realpath(path))
    above = [point for point in mounts if real.is_relative_to(point)]
    return str(max(above, key=lambda point: len(point.parts), default=""))


def _closed_by(unit: Unit | None, path: Path) -> str:
    """The unit whose service sees this directory as read-only (systemd.exec(5), ProtectSystem=)."""
    if unit is None or unit.last("ProtectSystem") != "strict":
        return ""
    named = unit.values.get("ReadWritePaths", ()) + unit.values.get("ReadWriteDirectories", ())
    open_ = [*unit.state_dirs, *(Path(one.lstrip("-+")) for line in named for one in line.split())]
    return "" if any(path.is_relative_to(one) for one in open_) else unit.name


def judge(seen: DiskSeen | None) -> Judgement:
    """What it means for the state."""
    judgement = Judgement()
    if seen is None:
        judgement.untested(_STEP, Remark("state_hidden"))
        return judgement
    few_files = seen.free_files is not None and seen.free_files < LITTLE_FILES
    remark = Remark("disk_free", {"free": _amount(seen.free_bytes)})
    if seen.is_read_only or seen.closed_by:
        unit = "" if seen.is_read_only else seen.closed_by
        judgement.found(_STEP, local_findings.state_read_only(seen.path, seen.mount, unit))
    elif seen.free_bytes < FULL_BYTES:
        judgement.found(_STEP, local_findings.disk_full(seen.path, "bytes"), remark)
    elif seen.free_files is not None and seen.free_files < FULL_FILES:
        judgement.found(_STEP, local_findings.disk_full(seen.path, "inodes"), remark)
    elif seen.free_bytes < min(LITTLE_BYTES, seen.all_bytes * LITTLE_SHARE):
        judgement.found(_STEP, local_findings.disk_nearly_full(seen.path, _amount(seen.free_bytes), "bytes"), remark)
    elif few_files:
        judgement.found(_STEP, local_findings.disk_nearly_full(seen.path, str(seen.free_files), "inodes"), remark)
    else:
        judgement.ok(_STEP, remark)
    return judgement


def _amount(size: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
