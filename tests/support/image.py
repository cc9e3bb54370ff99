"""The container image, built by buildah from its Containerfile, as a directory that programs are run in.

No container engine is needed: buildah builds in a chroot, Debian's image is made by debootstrap, and what is run has a
process and a network namespace of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BUILD_LIMIT_S = 900.0
LIMIT_S = 60.0
DEBIAN = "docker.io/library/debian:bookworm-slim"
_CA = "etc/pip-ca.crt"

PROGRAMS = ("buildah", "debootstrap", "unshare", "setpriv")


class ImageError(Exception):
    """The image cannot be built here."""


@dataclass(frozen=True)
class Image:
    """The image's file system, and its configuration as engines read it."""

    root: Path
    config: Mapping[str, Any]

    @property
    def environ(self) -> dict[str, str]:
        """The variables that its programs get."""
        return dict(pair.split("=", 1) for pair in self.config["Env"])

    def command(self, *words: str, user: str = "", capabilities: str = "") -> list[str]:
        """The command that runs `words` inside as an engine would, with no capabilities but those named."""
        uid, gid = (user or self.config["User"]).split(":")
        kept = ",".join(["-all", *(f"+{name}" for name in capabilities.split(",") if name)])
        mount = 'mount -t proc proc "$0/proc"; mount --bind /dev "$0/dev"; ip link set lo up; exec chroot "$0" "$@"'
        return [
            *("unshare", "--pid", "--fork", "--mount", "--net"),
            *("sh", "-c", mount, str(self.root)),
            *("setpriv", f"--bounding-set={kept}", f"--inh-caps={kept}", f"--reuid={uid}", f"--regid={gid}"),
            *("--clear-groups", "--no-new-privs", *words),
        ]

    def run(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a program inside to its end, as the image's user."""
        return subprocess.run(
            self.command(*words),
            env=self.environ | environ,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )


@contextlib.contextmanager
def built_image(work: Path) -> Iterator[Image]:
    """Build it below `work`; raises `ImageError` where that cannot be done."""
    if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
        raise ImageError(f"no {', '.join(missing)} in PATH")
    buildah = (
        *("buildah", "--storage-driver", "vfs", "--root", str(work / "storage"), "--runroot", str(work / "run")),
    )
    try:
        debian = work / "debian"
        make_debian(debian)
        container = _run(*buildah, "from", "scratch")
        _run("cp", "-a", f"{debian}/.", _run(*buildah, "mount", container))
        _run(*buildah, "commit", "--quiet", "--rm", container, DEBIAN)
        shutil.rmtree(debian)
        recipe = ("--format", "docker", "--file", "deploy/container/Containerfile", "--tag", "tailhub", ".")
        _run(*buildah, "build", "--isolation", "chroot", "--pull-never", "--network", "host", *recipe)
        made = _run(*buildah, "from", "--pull-never", "tailhub")
        root = Path(_run(*buildah, "mount", made))
        config = json.loads(_run(*buildah, "inspect", "--type", "image", "tailhub"))["Docker"]["config"]
    except (OSError, subprocess.SubprocessError) as exc:
        shown = getattr(exc, "stderr", None) or str(exc)
        raise ImageError(re.sub(r"\s+", " ", shown)[-600:]) from exc
    try:
        yield Image(root, config)
    finally:
        _run(*buildah, "umount", "--all")


def make_debian(directory: Path) -> None:
    """Make the files of `DEBIAN` there; raises what `subprocess.run` does."""
    _run("debootstrap", "--variant=minbase", "bookworm", str(directory), "http://deb.debian.org/debian")
    if ca := os.environ.get("PIP_CERT", ""):  # a network whose package index has a CA of its own
        shutil.copy(ca, directory / _CA)
        (directory / "etc/pip.conf").write_text(f"[global]\ncert = /{_CA}\n")


def _run(*words: str) -> str:
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=BUILD_LIMIT_S, check=True)
    return done.stdout.strip()


def execute(
    image: Image, process: subprocess.Popen[bytes], *words: str, user: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a program in a running container, as ``docker exec`` does."""
    inside = _first_inside(process.pid)
    if inside is None:
        return subprocess.CompletedProcess(words, 1, "", "the container does not run")
    command = ["nsenter", f"--target={inside}", "--pid", "--net", "chroot"]
    return subprocess.run(
        [*command, f"--userspec={user or image.config['User']}", str(image.root), *words],
        env=image.environ,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def end(process: subprocess.Popen[bytes]) -> int:
    """Ask a container to end, as ``docker stop`` does; its exit code, at once if it has ended."""
    if process.poll() is None and (inside := _first_inside(process.pid)) is not None:
        os.kill(inside, signal.SIGTERM)
        try:
            return process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            os.kill(inside, signal.SIGKILL)
    return process.wait(LIMIT_S)


def _first_inside(unshare: int) -> int | None:
    children = Path(f"/proc/{unshare}/task/{unshare}/children")
    try:
        return int(children.read_text().split()[0])
    except (OSError, IndexError):
        return None
