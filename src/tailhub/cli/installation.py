"""How this tailhub was installed, and how a newer one gets beside it and into its place.

Three ways are carried out: a virtual environment, pipx, and uv. A new version is always put into an environment of its
own first, where it can be tried while the old one serves. Any other installation belongs to somebody else (a package
manager, a checkout, an image), who is named in a finding.

Sources: PEP 376 (INSTALLER), PEP 610 (direct_url.json), PEP 668 (EXTERNALLY-MANAGED), pip's installation report, and
the files that pipx (pipx_metadata.json) and uv (uv-receipt.toml) leave in an environment.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import tailhub
from tailhub import findings
from tailhub.cli.service import has_systemd
from tailhub.exceptions import MachineError
from tailhub.net.container import SYSTEM_CONTAINERS, detect_engine

__all__ = ["Installation", "failure", "find_installation", "run", "run_apart"]

EXTRAS = ("notify", "postgres")  # that are for users
INSTALL_LIMIT_S = 900.0
_CODE = re.compile(r"\s*\[TH\d+\]$")  # behind what this program says
_OURS = ".tailhub-upgrade"  # a file in each environment that was made here
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+).*;.*extra\s*==\s*['\"](\w+)['\"]")


class Installation(ABC):
    """One that can be upgraded. `prefix` is its environment, `kind` what people call that."""

    kind: str

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix

    @property
    def python(self) -> Path:
        """The interpreter of this environment, or of that in its place."""
        return _python_in(self.prefix)

    @abstractmethod
    def newest(self, wanted: str) -> str:
        """The version that would be installed: the `wanted` one, else the newest. Raises `MachineError`."""

    @abstractmethod
    def prepare(self, version: str) -> Path:
        """Install it into an environment beside, and give its interpreter. Raises `MachineError`."""

    @abstractmethod
    def take_over(self, version: str) -> Path:
        """Put what was prepared where a service can run it; that interpreter. Raises `MachineError`."""

    @abstractmethod
    def go_back(self) -> bool:
        """It was not taken over: leave all as it was. Whether a service has to be started anew with the old one."""

    @abstractmethod
    def finish(self, version: str) -> Path:
        """It runs: commands are of the new version from now on. Where the one before is kept."""

    def requirement(self, version: str) -> str:
        """What an installer is asked for, with the extras that are there now."""
        extras = ",".join(_installed_extras())
        return "tailhub" + (f"[{extras}]" if extras else "") + (f"=={version}" if version else "")


class VirtualEnvironment(Installation):
    """Made by ``python3 -m venv`` or the like. Its place becomes a link to the environment of the version that runs.

    A process of the old version goes on undisturbed: its files stay where they are until it has ended.
    """

    kind = "venv"

    def __init__(self, prefix: Path) -> None:
        suffix = f"-{tailhub.__version__}"
        is_link_target = (
            prefix.name.endswith(suffix) and prefix.with_name(prefix.name.removesuffix(suffix)).is_symlink()
        )
        self.place = prefix.with_name(prefix.name.removesuffix(suffix)) if is_link_target else prefix
        super().__init__(self.place)
        self._new: Path | None = None

    def newest(self, wanted: str) -> str:
        """By pip's own report of what it would do."""
        with _pip() as pip:
            done = run([*pip, "install", *_REPORT, self.requirement(wanted)])
        try:
            return str(json.loads(done)["install"][0]["metadata"]["version"])
        except (ValueError, LookupError, TypeError) as exc:
            raise MachineError(findings.install_failed("pip install --report", "its report makes no sense")) from exc

    def prepare(self, version: str) -> Path:
        """``PLACE-VERSION`` beside it."""
        new = self.place.with_name(f"{self.place.name}-{version}")
        if new.exists():
            if not (new / _OURS).exists() or new.samefile(sys.prefix):
                raise MachineError(findings.file_in_the_way(str(new)))
            _remove(new)  # of an attempt before
        self._new = new
        _make_environment(new)
        settings = Path(sys.prefix) / "pip.conf"  # of this environment alone
        if settings.is_file():
            shutil.copyfile(settings, new / "pip.conf")
        run([str(_python_in(new)), "-m", "pip", *_QUIET, "install", self.requirement(version)])
        return _python_in(new)

    def take_over(self, version: str) -> Path:
        """It is where it can be run."""
        assert self._new is not None  # noqa: S101  prepared before
        return _python_in(self._new)

    def go_back(self) -> bool:
        """Take the new one away."""
        if self._new is not None:
            _remove(self._new)
        return False

    def finish(self, version: str) -> Path:
        """Put a link in the old one's place, which gets a name of its own if it has none."""
        assert self._new is not None  # noqa: S101  prepared before
        before = self.place.resolve()
        link = self.place.with_name(f".{self.place.name}.new")
        link.unlink(missing_ok=True)
        link.symlink_to(self._new.name)
        if not self.place.is_symlink():
            before = _free(self.place.with_name(f"{self.place.name}-{tailhub.__version__}"))
            self.place.rename(before)
            (before / _OURS).touch()
        link.replace(self.place)
        return before


class Tool(Installation):
    """One that pipx or uv manages: they alone put a version into its place, of which a copy is kept before."""

    def __init__(self, prefix: Path, kind: str) -> None:
        super().__init__(prefix)
        self.kind = kind
        self._trial = prefix.parent.parent / ".tailhub-trial"
        self._copy = prefix.parent.parent / ".tailhub-before"
        self._is_moved = False

    def newest(self, wanted: str) -> str:
        """That of the environment for trying: pipx and uv do not tell before."""
        return _version_of(self._install_trial(wanted))

    def prepare(self, version: str) -> Path:
        """It is there already."""
        return _python_in(self._trial)

    def take_over(self, version: str) -> Path:
        """By its manager's own command."""
        _remove(self._trial)
        _remove(self._copy)
        _copy_tree(self.prefix, self._copy)
        self._is_moved = True
        if self.kind == "uv":
            run(["uv", "tool", "install", "--quiet", "--force", self.requirement(version)])
        else:
            run(["pipx", "install", "--force", self.requirement(version)])
        return self.python

    def go_back(self) -> bool:
        """Put the copy in its place."""
        _remove(self._trial)
        if self._is_moved:
            _remove(self.prefix)
            self._copy.rename(self.prefix)
        return self._is_moved

    def finish(self, version: str) -> Path:
        """The copy stays, for going back by hand."""
        return self._copy

    def _install_trial(self, wanted: str) -> Path:
        _remove(self._trial)
        requirement = self.requirement(wanted)
        if self.kind == "uv":
            run(["uv", "venv", "--quiet", "--python", sys.executable, str(self._trial)])
            run(["uv", "pip", "install", "--quiet", "--python", str(_python_in(self._trial)), requirement])
        else:
            _make_environment(self._trial)
            run([str(_python_in(self._trial)), "-m", "pip", *_QUIET, "install", requirement])
        (self._trial / _OURS).touch()
        return _python_in(self._trial)


def find_installation() -> Installation:
    """What runs here. Raises `MachineError` when it is not ours to upgrade, with what to do instead."""
    prefix = Path(sys.prefix)
    reason = ""
    try:
        installed = metadata.distribution("tailhub")
        is_editable = (
            json.loads(installed.read_text("direct_url.json") or "{}").get("dir_info", {}).get("editable", False)
        )
        is_own = Path(str(installed.locate_file("tailhub"))).samefile(Path(__file__).parents[1])
    except (metadata.PackageNotFoundError, ValueError, OSError):
        is_editable, is_own = True, False
    place, command = str(prefix), ""
    engine = detect_engine()
    if is_editable or not is_own:
        place, reason = str(Path(__file__).parents[1]), "it runs from a checkout of its source"
        command = "git pull"
    elif engine is not None and engine not in SYSTEM_CONTAINERS and not has_systemd():
        reason = f"it is in a container ({engine}), whose image is replaced as a whole"
    elif (prefix / "pipx_metadata.json").exists():
        return Tool(prefix, "pipx")
    elif (prefix / "uv-receipt.toml").exists():
        return Tool(prefix, "uv")
    elif sys.prefix != sys.base_prefix:
        return VirtualEnvironment(prefix)
    elif "dist-packages" in __file__ and Path(__file__).is_relative_to("/usr/lib"):
        reason, command = "it belongs to this system's packages", "sudo apt install --only-upgrade tailhub"
    elif (Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED").exists():
        reason = "the Python that has it belongs to this system"
        command = "sudo python3 -m venv /opt/tailhub && sudo /opt/tailhub/bin/pip install tailhub"
    else:
        reason, command = "it is not in an environment of its own", f"{sys.executable} -m pip install --upgrade tailhub"
    raise MachineError(findings.upgrade_elsewhere(place, reason, command))


# --- inside -----------------------------------------------------------------------------------------------------------

_QUIET = ("--quiet", "--disable-pip-version-check", "--no-input")
_REPORT = ("--dry-run", "--ignore-installed", "--no-deps", "--quiet", "--disable-pip-version-check", "--report", "-")


def run(words: Sequence[str], limit_s: float = INSTALL_LIMIT_S) -> str:
    """As `run_apart`; what it printed. Raises `MachineError`, also when it fails."""
    try:
        done = run_apart(words, limit_s)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise failure(words, getattr(exc, "strerror", None) or str(exc)) from exc
    if done.returncode:
        raise failure(words, done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}")
    return done.stdout


def run_apart(words: Sequence[str], limit_s: float) -> subprocess.CompletedProcess[str]:
    """Run a command that knows nothing of this program's environment. Raises `OSError` or `TimeoutExpired`."""
    environ = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    return subprocess.run(  # noqa: S603  words of our own
        words, capture_output=True, text=True, timeout=limit_s, check=False, cwd="/", env=environ
    )


def failure(words: Sequence[str], said: str) -> MachineError:
    """What to raise when a command has failed that `said` this, most important line last."""
    last = _CODE.sub("", said.splitlines()[-1].strip().removeprefix("tailhub: "))
    return MachineError(findings.install_failed(" ".join(words), last.rstrip(".")))


@contextlib.contextmanager
def _pip() -> Iterator[list[str]]:
    """The words that call pip: this environment's, or one made for the purpose where it has none."""
    if find_spec("pip") is not None:
        yield [sys.executable, "-m", "pip"]
        return
    with tempfile.TemporaryDirectory(prefix="tailhub-pip-") as directory:
        _make_environment(Path(directory) / "venv")
        yield [str(_python_in(Path(directory) / "venv")), "-m", "pip"]


def _make_environment(path: Path) -> None:
    run([sys.executable, "-m", "venv", str(path)])
    (path / _OURS).touch()


def _installed_extras() -> list[str]:
    """Those extras whose packages are all here."""
    needs: dict[str, list[str]] = {}
    for line in metadata.requires("tailhub") or ():
        if match := _REQUIREMENT.match(line):
            needs.setdefault(match[2], []).append(match[1])
    return [extra for extra in EXTRAS if extra in needs and all(map(_is_installed, needs[extra]))]


def _is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _version_of(python: Path) -> str:
    return run([str(python), "-P", "-m", "tailhub", "--version"]).split()[-1]


def _python_in(prefix: Path) -> Path:
    return prefix / "bin" / "python"


def _free(path: Path) -> Path:
    """A name that nothing has: this one, or one that is counted on."""
    number = 1
    found = path
    while os.path.lexists(found):
        number += 1
        found = path.with_name(f"{path.name}.{number}")
    return found


def _copy_tree(source: Path, target: Path) -> None:
    try:
        shutil.copytree(source, target, symlinks=True)
        (target / _OURS).touch()
    except (OSError, shutil.Error) as exc:
        raise MachineError(findings.file_trouble(str(target), str(exc))) from exc


def _remove(path: Path) -> None:
    """Remove an environment, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
