from __future__ import annotations

from pathlib import Path

import pytest

from tailhub.tools.doctor.local.mounts import is_left_behind

SOCKET = Path("/var/run/tailscale/tailscaled.sock")
MOUNTS = "20 1 8:1 / / rw - ext4 /dev/sda rw\n"


def line(root: str, point: str) -> str:
    return f"30 20 0:25 {root} {point} rw - tmpfs tmpfs rw\n"


@pytest.mark.parametrize(
    ("mounts", "found"),
    [
        ("", (False, False)),
        (line("/tailscale", "/run/tailscale"), (False, False)),
        (line("/tailscale//deleted", "/run/tailscale"), (True, True)),
        (line("/tailscale/tailscaled.sock//deleted", "/run/tailscale/tailscaled.sock"), (True, False)),
        (line("/tailscale//deleted", "/run/tailscale") + line("/tailscale", "/run/tailscale"), (False, False)),
        (line("/run//deleted", "/run") + line("/tailscale", "/run/tailscale"), (False, False)),
        (line("/other//deleted", "/run/other"), (False, False)),
    ],
)
@pytest.mark.parametrize("pid", [0, 7])
def test_what_a_mount_shows_has_been_removed(tmp_path: Path, mounts: str, found: tuple[bool, bool], pid: int) -> None:
    """The innermost mount above the socket counts, through a link from /var/run, and whether it is of the directory.

    A /proc of the test's own stands in.
    """
    process = tmp_path / "proc" / (str(pid) if pid else "self")
    (process / "root/var").mkdir(parents=True)
    (process / "root/var/run").symlink_to("/run")
    (process / "mountinfo").write_text(MOUNTS + mounts)
    assert is_left_behind(SOCKET, tmp_path, pid) == found


def test_without_proc_it_cannot_be_told(tmp_path: Path) -> None:
    """Where there is no /proc nothing is said."""
    assert is_left_behind(SOCKET, tmp_path, 7) == (False, False)
