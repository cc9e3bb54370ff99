"""Are we in a container, behind its bridge, and will the state directory outlive it?

Reading a few files, nothing else; what follows from it is decided in `tailhub.server.address`. On anything but Linux
the answer is no.

Sources: the marker files of Docker and Podman, systemd's container interface (``/run/systemd/container``),
proc_pid_mountinfo(5), ``Documentation/ABI/testing/sysfs-class-net`` for ``iflink``.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path("/")

# A whole system in a container is a machine like any other: it has an address of its own and keeps its files.
SYSTEM_CONTAINERS = frozenset({"lxc", "lxc-libvirt", "systemd-nspawn", "openvz", "wsl"})

_CGROUP_WORDS = (("kubepods", "kubernetes"), ("libpod", "podman"), ("docker", "docker"), ("containerd", "containerd"))


_MARKERS = (("run/.containerenv", "podman"), (".dockerenv", "docker"))
# Engines put files of their own over these, whatever the network and the storage are.
_ENGINE_MOUNTS = (PurePosixPath("/etc/hosts"), PurePosixPath("/etc/hostname"))


def detect_engine(root: Path = ROOT, environ: Mapping[str, str] = os.environ) -> str | None:
    """The name of what runs us ("docker", "podman", "kubernetes", "lxc" …), or None on a plain machine."""
    if "KUBERNETES_SERVICE_HOST" in environ:
        return "kubernetes"
    # systemd writes this file inside whatever container it was started in.
    told = _read(root / "run/systemd/container").strip() or environ.get("container", "")
    if told in SYSTEM_CONTAINERS:
        return told
    marked = next((engine for marker, engine in _MARKERS if (root / marker).exists()), None)
    if marked and not _has_own_disk(root):
        return marked
    if told:
        return told
    cgroups = _read(root / "proc/1/cgroup")
    return next((engine for word, engine in _CGROUP_WORDS if word in cgroups), None)


def _has_own_disk(root: Path) -> bool:
    """Is the root a disk with nothing of an engine's over it?

    An image that was made into a disk (of a virtual machine, for WSL, for LXC) keeps the file that says ``docker``.
    """
    mounts = parse_mountinfo(_read(root / "proc/self/mountinfo"))
    top = mounts.get(PurePosixPath("/"))
    if top is None or any(point in mounts for point in _ENGINE_MOUNTS):
        return False
    is_whole = top.root == "/" or top.type == "btrfs"  # there a machine's root is a subvolume with any name
    return is_whole and top.source.startswith("/dev/")


def container_user(root: Path = ROOT, environ: Mapping[str, str] = os.environ) -> str:
    """The number of the user as which we run in an engine's container, "" elsewhere.

    There the names of users and the commands that give rights are not those of the machine that has the files.
    """
    engine = detect_engine(root, environ)
    is_inside = engine is not None and engine not in SYSTEM_CONTAINERS and hasattr(os, "geteuid")
    return str(os.geteuid()) if is_inside else ""


def is_paired(interface: str, root: Path = ROOT) -> bool | None:
    """Is `interface` one end of a pair whose other end is outside (veth, macvlan)? None when it cannot be told."""
    directory = root / "sys/class/net" / interface
    if (directory / "device").exists():
        return False  # a network card, of a virtual machine perhaps
    index, link = _read(directory / "ifindex").strip(), _read(directory / "iflink").strip()
    # Equal numbers say nothing: they are counted in each network namespace anew.
    return True if index != link and index and link else None


def outlives_container(directory: Path, root: Path = ROOT) -> bool | None:
    """Is `directory` on a mount of its own, so that it stays when the container is replaced? None: cannot be told.

    A volume without a name, which an image asks for when nobody mounts anything, is a new one for each container; so is
    an ``emptyDir`` for each pod.
    """
    mounts = parse_mountinfo(_read(root / "proc/self/mountinfo"))
    if not mounts:
        return None
    path = PurePosixPath(os.path.realpath(directory))
    above = [point for point in mounts if path.is_relative_to(point)]
    if not above:  # the root itself is not a mount that can be seen: a change of root within the container
        return None
    holding = max(above, key=lambda point: len(point.parts))
    return holding != PurePosixPath("/") and not mounts[holding].is_passing


def is_mount_point(path: Path, root: Path = ROOT) -> bool:
    """Is `path`, a file perhaps, mounted by itself? Then it stays the same when its name gets a new file outside."""
    return PurePosixPath(os.path.realpath(path)) in parse_mountinfo(_read(root / "proc/self/mountinfo"))


_PASSING_TYPES = frozenset({"tmpfs", "ramfs", "overlay", "fuse.fuse-overlayfs", "aufs"})
# A volume without a name of Docker or Podman, and one that Kubernetes keeps for as long as the pod is there.
_PASSING_ROOT = re.compile(r"/volumes/(?:[0-9a-f]{64}/_data$|kubernetes\.io~empty-dir/)")
_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """What is mounted: the type of the file system, the directory in it that is seen, and the device or the like."""

    type: str
    root: str
    source: str

    @property
    def is_passing(self) -> bool:
        """Does it go with the container?"""
        return self.type in _PASSING_TYPES or _PASSING_ROOT.search(self.root) is not None


def parse_mountinfo(text: str) -> dict[PurePosixPath, Mount]:
    """What is mounted where; of several on one point the last, which is on top."""
    mounts = {}
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) >= 5 and len(kind) >= 2:
            point = _ESCAPE.sub(lambda match: chr(int(match[1], 8)), fields[4])
            mounts[PurePosixPath(point)] = Mount(kind[0], fields[3], kind[1])
    return mounts


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
