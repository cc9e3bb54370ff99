"""Telling a container from a machine, by files of a made-up root."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest

from tailhub.net.container import (
    Mount,
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
622 616 254:1 /var/lib/kubelet/pods/1-2/volumes/kubernetes.io~empty-dir/state /pod rw - ext4 /dev/vda1 rw
623 616 254:1 /var/lib/kubelet/pods/1-2/volumes/kubernetes.io~csi/pvc-1/mount /claim rw - ext4 /dev/vda1 rw
624 616 0:71 / /layer rw - fuse.fuse-overlayfs fuse-overlayfs rw
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
        ("/pod", False),
        ("/claim", True),
        ("/layer", False),
    ],
)
def test_outlives_container(tmp_path: Path, directory: str, kept: bool) -> None:
    """Only a mount of its own outlives the container, and not in memory, on a nameless volume or on a pod's own."""
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
    assert parse_mountinfo(text) == {PurePosixPath("/data"): Mount("ext4", "/", "/dev/vda")}


OVERLAY = "1 0 0:64 / / rw master:1 - overlay overlay rw,lowerdir=/x\n"
DISK = "1 0 254:1 / / rw,relatime - ext4 /dev/vda1 rw\n"
PROC = "2 1 0:67 / /proc rw - proc proc rw\n"
HOSTS = "3 1 254:1 /var/lib/docker/containers/1/hosts /etc/hosts rw - ext4 /dev/vda1 rw\n"
VFS = "1 0 254:1 /var/lib/docker/vfs/dir/1 / rw - ext4 /dev/vda1 rw\n"
DEVICE_MAPPER = "1 0 253:3 /rootfs / rw - xfs /dev/mapper/docker-254:1-1-2 rw\n"
BTRFS = "1 0 0:35 /@/var/lib/docker/btrfs/subvolumes/1 / rw - btrfs /dev/vda1 rw\n"
ZFS = "1 0 0:55 / / rw - zfs rpool/var/lib/docker/1 rw\n"
KATA = "1 0 0:29 / / rw - virtiofs kataShared rw\n"
DIRECTORY = "1 0 254:1 /srv/image/rootfs / rw - ext4 /dev/vda1 rw\n"
FUSE = "1 0 0:70 / / rw - fuse.fuse-overlayfs fuse-overlayfs rw\n"


@pytest.mark.parametrize(
    "mounts", [OVERLAY, VFS + HOSTS, DEVICE_MAPPER + HOSTS, BTRFS + HOSTS, ZFS, KATA, FUSE, DIRECTORY, "", PROC]
)
@pytest.mark.parametrize(("marker", "engine"), [(".dockerenv", "docker"), ("run/.containerenv", "podman")])
def test_a_container_is_one_with_any_storage(tmp_path: Path, mounts: str, marker: str, engine: str) -> None:
    """The engine's marker file counts whatever its storage is, and where mounts cannot be seen."""
    _write(tmp_path, marker)
    _write(tmp_path, "proc/self/mountinfo", mounts)
    assert detect_engine(tmp_path, {}) == engine


@pytest.mark.parametrize(
    ("mounts", "files", "environ", "engine"),
    [
        (DISK + PROC, {}, {}, None),  # a virtual machine
        ("1 0 0:29 /@rootfs / rw - btrfs /dev/sda2 rw\n", {}, {}, None),
        ("1 0 8:32 / / rw - ext4 /dev/sdc rw\n", {"run/systemd/container": "wsl\n"}, {}, "wsl"),
        ("1 0 8:32 / / rw - ext4 /dev/sdc rw\n", {}, {}, None),  # WSL without systemd
        ("1 0 252:7 / / rw - ext4 /dev/mapper/pve-vm--101--disk--0 rw\n", {}, {"container": "lxc"}, "lxc"),
        ("1 0 0:55 / / rw - zfs rpool/data/subvol-101-disk-0 rw\n", {"run/systemd/container": "lxc\n"}, {}, "lxc"),
        (
            "1 0 254:1 /var/lib/machines/a / rw - ext4 /dev/vda1 rw\n",
            {},
            {"container": "systemd-nspawn"},
            "systemd-nspawn",
        ),
    ],
)
def test_a_marker_that_was_left_over(
    tmp_path: Path, mounts: str, files: dict[str, str], environ: dict[str, str], engine: str | None
) -> None:
    """An image that was made into the disk of a machine or a whole system's container is not Docker's any more."""
    for name, text in ({".dockerenv": "", "proc/self/mountinfo": mounts, "proc/1/cgroup": "0::/\n"} | files).items():
        _write(tmp_path, name, text)
    assert detect_engine(tmp_path, environ) == engine
    assert container_user(tmp_path, environ) == ""


def test_systemd_in_a_container_of_docker(tmp_path: Path) -> None:
    """Systemd as the first program makes no whole system of it: it is replaced like any other container."""
    for name, text in ((".dockerenv", ""), ("run/systemd/container", "docker\n"), ("proc/self/mountinfo", OVERLAY)):
        _write(tmp_path, name, text)
    assert detect_engine(tmp_path, {}) == "docker"


def test_is_mount_point(tmp_path: Path) -> None:
    """A file that is mounted by itself is one, and its neighbours are not."""
    line = "700 616 8:1 /run/a.sock /run/tailscale/a.sock rw - ext4 /dev/sda1 rw\n"
    _write(tmp_path, "proc/self/mountinfo", line)
    assert is_mount_point(Path("/run/tailscale/a.sock"), tmp_path)
    assert not is_mount_point(Path("/run/tailscale/b.sock"), tmp_path)
    assert not is_mount_point(Path("/run/tailscale"), tmp_path)
