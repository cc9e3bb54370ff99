"""What the user as whom the relay runs may do with a file: whoever looks, root for example, may often do more.

As that user itself the kernel is asked; root has a program look as that user, so that access lists count too; others
go by owner and mode, and where there is an access list they cannot tell.
"""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from typing import Literal

from tailhub.tools.doctor.local.context import Account, LocalContext

__all__ = ["Right", "by_mode", "may"]

Right = Literal["r", "w", "x"]

_LIMIT_S = 2.0
_BITS: dict[Right, tuple[int, int]] = {"r": (4, os.R_OK), "w": (2, os.W_OK), "x": (1, os.X_OK)}


def may(context: LocalContext, path: Path, right: Right) -> bool | None:
    """May the relay's user do this with `path`? None: it cannot be told, or there is no such file."""
    account = context.account
    if account is None:
        return None
    if context.is_me:
        return os.access(path, _BITS[right][1]) if os.path.exists(path) else None  # noqa: PTH110  never raises
    if account.uid == 0:
        return True
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return _as_account(account, path, right) if path.exists() else None
    return by_mode(account, path, right)


def _as_account(account: Account, path: Path, right: Right) -> bool | None:
    try:
        done = subprocess.run(  # noqa: S603  words of our own
            ["/usr/bin/test", f"-{right}", str(path)],
            user=account.uid,
            group=account.gid,
            extra_groups=list(account.groups),
            cwd="/",
            timeout=_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return by_mode(account, path, right)
    return done.returncode == 0


def by_mode(account: Account, path: Path, right: Right) -> bool | None:
    """The same from owners and modes alone, of the file and the directories that it is in."""
    try:
        for parent in reversed(path.resolve().parents):
            if not _has(account, parent.stat(), "x"):
                return False
        return _has(account, path.stat(), right)
    except OSError:
        return None


def _has(account: Account, status: os.stat_result, right: Right) -> bool:
    bit = _BITS[right][0]
    if account.uid == 0:
        return True
    if status.st_uid == account.uid:
        return bool(status.st_mode & bit << 6)
    if status.st_gid in (account.gid, *account.groups):
        return bool(status.st_mode & bit << 3)
    return bool(stat.S_IMODE(status.st_mode) & bit)
