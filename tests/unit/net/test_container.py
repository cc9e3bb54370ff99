"""Telling a container from a machine, by files of a made-up root."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest

from tailhub.net.container import (
    container_user,
    detect_engine,
    is_mount_point,
    is_paired,
    outlives_container,
    parse_mountinfo,
)


def _write(root: Path, name: str, text: str = "") -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


@pytest.mark.parametrize(
    ("files", "environ", "engine"),
    [
        ({}, {}, None),
        ({"proc/1/cgroup": "0::/init.scope\n"}, {}, None),
        ({".dockerenv": ""}, {}, "docker"),
        ({"run/.containerenv": 'engine="podman-4.3.1"\n'}, {}, "podman"),
        ({"proc/1/cgroup": "12:pids:/docker/0123456789ab\n"}, {}, "docker"),
        ({"proc/1/cgroup": "0::/kubepods.slice/cri-containerd-1.scope\n"}, {}, "kubernetes"),
        ({"proc/1/cgroup": "0::/machine.slice/libpod-1.scope\n"}, {}, "podman"),
        ({".dockerenv": ""}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "kubernetes"),
        ({"run/systemd/container": "lxc\n"}, {}, "lxc"),
        ({}, {"container": "systemd-nspawn"}, "systemd-nspawn"),
    ],
)
def test_detect_engine(tmp_path: Path, files: dict[str, str], environ: dict[str, str], engine: str | None) -> None:
    """Marker files, control groups and the environment name the engine."""
    for name, text in files.items():
        _write(tmp_path, name, text)
    assert detect_engine(tmp_path, environ) == engine


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="users have numbers on POSIX systems")
def test_container_user(tmp_path: Path) -> None:
    """The user's number is told in an engine's container, not on a machine and not in a whole system's container."""
    assert container_user(tmp_path, {}) == ""
    assert container_user(tmp_path, {"container": "lxc"}) == ""
    _write(tmp_path, ".dockerenv")
    assert container_user(tmp_path, {}) == str(os.geteuid())


def test_is_paired(tmp_path: Path) -> None:
    """A link to another index makes a pair, a device makes none, and anything else cannot be told."""
    _write(tmp_path, "sys/class/net/eth0/ifindex", "2\n")
    _write(tmp_path, "sys/class/net/eth0/iflink", "17\n")
    _write(tmp_path, "sys/class/net/eth1/ifindex", "3\n")
    _write(tmp_path, "sys/class/net/eth1/iflink", "3\n")
    (tmp_path / "sys/class/net/eth2/device").mkdir(parents=True)
    assert is_paired("eth0", tmp_path) is True
    assert is_paired("eth1", tmp_path) is None
    assert is_paired("eth2", tmp_path) is False
    assert is_paired("eth3", tmp_path) is None


MOUNTINFO = f"""\
616 523 0:64 / / rw,relatime master:1 - overlay overlay rw,lowerdir=/x
617 616 0:67 / /proc rw,nosuid - proc proc rw
618 616 254:1 /var/lib/docker/volumes/th/_data /var/lib/tailhub rw,relatime master:1 - ext4 /dev/vda1 rw
619 616 0:70 / /tmp rw - tmpfs tmpfs rw
621 616 254:1 /var/lib/docker/volumes/{"4a" * 32}/_data /data rw - ext4 /dev/vda1 rw
620 616 254:1 /srv/a /srv/with\\040space rw - ext4 /dev/vda1 rw
garbage
"""


@pytest.mark.parametrize(
    ("directory", "kept"),
    [
        ("/var/lib/tailhub", True),
        ("/var/lib/tailhub/deeper", True),
        ("/var/lib/tailhub2", False),
        ("/home/u/.local/state/tailhub", False),
        ("/tmp/tailhub", False),
        ("/srv/with space/tailhub", True),
        ("/data", False),
    ],
)
def test_outlives_container(tmp_path: Path, directory: str, kept: bool) -> None:
    """Only a directory on a mount of its own, neither in memory nor on a nameless volume, outlives the container."""
    _write(tmp_path, "proc/self/mountinfo", MOUNTINFO)
    assert outlives_container(Path(directory), tmp_path) is kept


def test_without_mountinfo(tmp_path: Path) -> None:
    """Without a list of mounts nothing is claimed."""
    assert outlives_container(Path("/var/lib/tailhub"), tmp_path) is None


def test_without_a_root_among_the_mounts(tmp_path: Path) -> None:
    """After a change of root, when no mount that can be seen holds the directory, nothing is claimed."""
    _write(tmp_path, "proc/self/mountinfo", "617 616 0:67 / /proc rw,nosuid - proc proc rw\n")
    assert outlives_container(Path("/var/lib/tailhub"), tmp_path) is None


def test_upper_mount_counts() -> None:
    """Of two mounts on one point the later one is on top."""
    text = "1 0 0:1 / /data rw - tmpfs tmpfs rw\n2 0 0:2 / /data rw - ext4 /dev/vda rw\n"
    assert parse_mountinfo(text) == {PurePosixPath("/data"): "ext4"}


def test_is_mount_point(tmp_path: Path) -> None:
    """A file that is mounted by itself is one, and its neighbours are not."""
    line = "700 616 8:1 /run/a.sock /run/tailscale/a.sock rw - ext4 /dev/sda1 rw\n"
    _write(tmp_path, "proc/self/mountinfo", line)
    assert is_mount_point(Path("/run/tailscale/a.sock"), tmp_path)
    assert not is_mount_point(Path("/run/tailscale/b.sock"), tmp_path)
    assert not is_mount_point(Path("/run/tailscale"), tmp_path)
