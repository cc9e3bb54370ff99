"""A container engine for tests: Debian's podman, called ``docker``, with storage, mounts and a network of its own.

It stands in for Docker, whose commands it takes; ``docker compose`` is podman-compose. Its containers are in no control
group, so nothing of the machine must be delegated. `ADDRESS` is the network's address, and it leads nowhere; what the
image is built from comes through the machine's network. Needs root; what is missing raises `EngineError`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Self

ADDRESS = "9.0.0.7"  # in a range that is public, as those for documentation are not, or it would be no relay's
PROGRAMS = ("podman", "podman-compose", "crun", "unshare", "nsenter", "ip")
LIMIT_S = 900.0  # of the longest command, which builds an image
STOP_S = 10.0

# In memory: quick, gone with the engine, and overlays are possible there wherever the tests run.
_STORAGE = """[storage]
driver = "overlay"
graphroot = "/run/storage"
runroot = "/run/containers"
"""
# Limits that are no higher than what any machine allows: podman's own are more than some do.
_CONFIG = """[containers]
cgroups = "disabled"
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "crun"
tmp_dir = "/run/libpod"
"""
# Its own /run and /dev/shm, where podman notes what runs, and the one form of /sys/fs/cgroup that crun always takes.
_SPACE = f"""
set -e
names=$(readlink -m /etc/resolv.conf); servers=$(cat "$names")
mount -t tmpfs tmpfs /run
case $names in /run/*) mkdir -p "${{names%/*}}"; echo "$servers" >"$names" ;; esac
mount -t tmpfs tmpfs /dev/shm
umount -l /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /run/tailscale
mount --bind "$1" /run/tailscale
ip link set lo up
ip link add eth0 type veth peer name far
ip link set far up
ip address add {ADDRESS}/24 dev eth0
ip link set eth0 up
ip route add default via 9.0.0.1
echo ready
exec sleep infinity
"""
# A person reads what a command prints and types the next one; a script waits for health check and first screen.
_DOCKER = """#!/bin/sh
set -e
case $1 in
build) exec nsenter --net="$OUTSIDE" podman "$@" ;;
compose)
  shift
  podman-compose --podman-path "${0%/*}/podman-of-compose" "$@"
  ;;
*) podman "$@" ;;
esac
case " $* " in
*" -d "*) ;;
*) exit 0 ;;
esac
newest=$(podman ps --quiet --latest)
for _ in $(seq 100); do
  if podman healthcheck run "$newest" >/dev/null 2>&1 && [ -n "$(podman logs "$newest" 2>&1)" ]; then exit 0; fi
  sleep 0.2
done
podman logs "$newest" >&2
exit 1
"""
# podman-compose 1.0.3, which is Debian 12's, gives its own network besides the file's `network_mode: host`.
_PODMAN_OF_COMPOSE = """#!/bin/sh
case " $* " in
*" --network host "*) ;;
*) exec podman "$@" ;;
esac
left=$#
while [ "$left" -gt 0 ]; do
  word=$1
  shift
  left=$((left - 1))
  case $word in
  --net | --network-alias) shift; left=$((left - 1)) ;;
  *) set -- "$@" "$word" ;;
  esac
done
exec podman "$@"
"""
_SUDO = """#!/bin/sh
exec "$@"
"""


class EngineError(Exception):
    """No such engine can be had here."""


class Engine:
    """Use it in a ``with``: `run` runs a script in which ``docker`` and ``sudo`` are there.

    `tailscale` is a directory of the test's that is ``/var/run/tailscale`` for the engine.
    """

    def __init__(self, work: Path) -> None:
        if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
            raise EngineError(f"no {', '.join(missing)} in PATH")
        self.tailscale = work / "tailscale"
        programs = work / "bin"
        for path in (self.tailscale, programs):
            path.mkdir()
        for name, text in (("docker", _DOCKER), ("podman-of-compose", _PODMAN_OF_COMPOSE), ("sudo", _SUDO)):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        (work / "storage.conf").write_text(_STORAGE)
        (work / "containers.conf").write_text(_CONFIG)
        self._environ = os.environ | {
            "PATH": f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin",
            "CONTAINERS_STORAGE_CONF": str(work / "storage.conf"),
            "CONTAINERS_CONF": str(work / "containers.conf"),
            "BUILDAH_FORMAT": "docker",
            "BUILDAH_ISOLATION": "chroot",
            "DISABLE_HC_SYSTEMD": "true",
            "OUTSIDE": f"/proc/{os.getpid()}/ns/net",
        }
        self._process = subprocess.Popen(
            [
                "unshare",
                "--mount",
                "--net",
                "--propagation",
                "private",
                "sh",
                "-c",
                _SPACE,
                "space",
                str(self.tailscale),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            raise EngineError(self._process.communicate()[1].strip())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self.run("podman rm --all --force --time 0", Path("/"))
        finally:
            self._process.terminate()
            self._process.communicate(timeout=STOP_S)

    def run(self, script: str, directory: Path) -> str:
        """Run a script in a directory; what it printed. Fails when a command in it does."""
        inside = ["nsenter", "-t", str(self._process.pid), "--mount", "--net", f"--wd={directory}"]
        done = subprocess.run(
            [*inside, "sh", "-euc", script],
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,  # where engines repeat what a container says
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}"
        return done.stdout
