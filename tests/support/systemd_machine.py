"""A machine of its own for a test: systemd as process 1 in namespaces, on an overlay of this system's files.

What it changes (units, users, state) lies in memory and goes with it, and a tailhub of this system is not there. Needs
root, Linux and systemd; what is missing raises `SystemdError` with the reason.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Self

from support.byte_code import copy_byte_code
from support.netns import NetworkNamespace

SYSTEMD = Path("/lib/systemd/systemd")
START_LIMIT_S = 60.0
RUN_LIMIT_S = 120.0
PYTHON = "/opt/tailhub/bin/python"
THEIRS = f"/opt/tailhub/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages/theirs"

_BOOT = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/up" "$1/work" "$1/root"
mount -t overlay overlay -o lowerdir=/,upperdir="$1/up",workdir="$1/work" "$1/root"
cd "$1/root"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs tmpfs run
rm -f etc/systemd/system/*.wants/*
rm -rf etc/tailhub var/lib/tailhub
ln -sf /dev/null etc/systemd/system/tmp.mount
ip link set lo up
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot . "$2" --system --unit=basic.target
"""


class SystemdError(Exception):
    """No such machine can be had here."""


class SystemdMachine:
    """Use it in a ``with``: `run` runs a command on it. This tailhub is there as `PYTHON` ``-m tailhub``.

    Its network is a `namespace` that is there, or one of its own with nothing but loopback.
    """

    def __init__(self, namespace: NetworkNamespace | None = None) -> None:
        for program in ("unshare", "nsenter", "ip", "chroot", "systemctl"):
            if shutil.which(program) is None:
                raise SystemdError(f"{program} is not in PATH")
        if not SYSTEMD.exists():
            raise SystemdError(f"{SYSTEMD} is not there")
        self._directory = tempfile.mkdtemp(prefix="machine-")
        self._process = subprocess.Popen(
            [
                *(("unshare", "--net") if namespace is None else namespace.prefix),
                *("unshare", "--fork", "--kill-child", "--pid", "--mount", "--uts", "--ipc", "--cgroup"),
                *("sh", "-c", _BOOT, "boot", self._directory, str(SYSTEMD)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        try:
            self._wait()
            self._install()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command; its streams are text."""
        inside = ["nsenter", "-t", str(self._init), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]
        environ = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/root"]
        return subprocess.run(
            [*inside, *environ, "chroot", f"{self._directory}/root", *words],
            capture_output=True,
            text=True,
            timeout=RUN_LIMIT_S,
            check=False,
        )

    def tailhub(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run tailhub."""
        return self.run(PYTHON, "-m", "tailhub", *words)

    def script(self, text: str) -> str:
        """Run a script of a shell in root's home; what it printed. Fails when a command in it does."""
        done = self.run("sh", "-euc", f"cd /root\n{text}")
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def write(self, path: str, text: str, mode: str = "644") -> None:
        """Write a file."""
        quoted = shlex.quote(path)
        self.script(f"printf %s {shlex.quote(text)} > {quoted}; chmod {mode} {quoted}")

    def place(self, source: Path, target: str) -> None:
        """Copy a directory of ours to the machine."""
        shutil.copytree(source, f"/proc/{self._init}/root{target}")

    def add_commands(self) -> None:
        """Make the commands of the pages: ``tailhub``, its ``derper``, and a ``sudo`` for root."""
        for name, command in (
            ("sudo", "env"),  # which takes NAME=value before the command, too
            ("tailhub", f"{PYTHON} -m tailhub"),
            ("derper", f"{PYTHON} -m tailhub derper"),
        ):
            self.write(f"/usr/bin/{name}", f'#!/bin/sh\nexec {command} "$@"\n', "755")

    def _wait(self) -> None:
        """Until systemd has started."""
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                assert self._process.stderr is not None
                said = self._process.stderr.read().decode(errors="replace").strip()
                raise SystemdError(f"systemd does not start in namespaces here: {said[-300:]}")
            children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
            if children:
                self._init = int(children[0])
                # Waits for the boot to end, and fails at once as long as nobody answers.
                state = self.run("systemctl", "is-system-running", "--wait").stdout.strip()
                if state in ("running", "degraded"):
                    return
            time.sleep(0.05)
        raise SystemdError(f"systemd has not started after {START_LIMIT_S:.0f} s")

    def _install(self) -> None:
        """Make a Python with this tailhub that every user may run."""
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        found = shutil.which(version, path="/usr/bin:/usr/local/bin")
        if found is None:
            raise SystemdError(f"no {version} that a user of its own could run")
        made = self.run(found, "-m", "venv", "--without-pip", "/opt/tailhub")
        if made.returncode:
            raise SystemdError(f"no virtual environment: {made.stderr.strip()[-300:]}")
        site = f"/opt/tailhub/lib/{version}/site-packages"
        source = Path(__file__).resolve().parents[2] / "src" / "tailhub"
        theirs = Path(sysconfig.get_path("purelib"))
        if not theirs.stat().st_mode & 0o005 == 0o005:
            raise SystemdError(f"{theirs} is for its owner alone, and the service has a user of its own")
        # From outside: the machine's own /tmp was emptied when it booted, and the checkout may lie there.
        there = Path(f"/proc/{self._init}/root{site}")
        try:
            shutil.copytree(source, there / "tailhub", symlinks=True)
            copy_byte_code(source, there / "tailhub")
            (there / "theirs").mkdir()
        except OSError as error:
            raise SystemdError(f"{source} cannot be copied: {error}") from error
        # Some hundred megabytes, which nobody changes.
        mount = ["mount", "--bind", str(theirs), f"{self._directory}/root{site}/theirs"]
        shown = subprocess.run(
            ["nsenter", "-t", str(self._init), "--mount", *mount], capture_output=True, text=True, check=False
        )
        if shown.returncode:
            raise SystemdError(f"{theirs} cannot be shown there: {shown.stderr.strip()}")
        self.run("sh", "-c", f"echo {site}/theirs > {site}/theirs.pth; chmod -R a+rX {site}/tailhub")

    def _stop(self) -> None:
        self._process.kill()  # and with it, by --kill-child, process 1 and all that runs there
        self._process.communicate()
        Path(self._directory).rmdir()
