"""``tailhub upgrade``, with environments as its users have them and wheels of several versions, without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from support.wheels import UNABLE_TO_CHECK, UNABLE_TO_START, make_wheel, offline
from tailhub.cli.service import has_systemd
from tailhub.net.container import SYSTEM_CONTAINERS, detect_engine

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="environments there look otherwise"),
    pytest.mark.skipif(
        detect_engine() not in {None, *SYSTEM_CONTAINERS} and not has_systemd(),
        reason="in a container images are replaced",
    ),
]
OLD, NEW, UNABLE, LAME = "1.0", "1.1", "2.0", "2.1"
LIMIT_S = 300.0


@pytest.fixture(name="wheels", scope="module")
def _wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Versions, of which two are broken."""
    directory = tmp_path_factory.mktemp("wheels")
    for version, broken in ((OLD, {}), (NEW, {}), (UNABLE, UNABLE_TO_CHECK), (LAME, UNABLE_TO_START)):
        make_wheel(directory, version, broken)
    return directory


class Place:
    """A home with the old version in it, by some installer."""

    def __init__(self, directory: Path, wheels: Path) -> None:
        self.home = directory
        path = f"{directory / 'bin'}{os.pathsep}{os.environ['PATH']}{os.pathsep}{sysconfig.get_path('scripts')}"
        self.environ = offline(wheels) | {"HOME": str(directory), "PATH": path}
        for name in ("XDG_DATA_HOME", "XDG_BIN_HOME", "XDG_STATE_HOME", "UV_TOOL_DIR", "PIPX_HOME", "PIPX_BIN_DIR"):
            self.environ.pop(name, None)
        self.tailhub = ""

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, env=self.environ, cwd=self.home, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )

    def do(self, *words: str) -> None:
        done = self.run(*words)
        assert done.returncode == 0, done

    def upgrade(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run(self.tailhub, "upgrade", *words)

    @property
    def environments(self) -> set[Path]:
        return set(self.home.rglob("pyvenv.cfg"))

    @property
    def version(self) -> str:
        return self.run(self.tailhub, "--version").stdout.split()[-1]


def by_venv(place: Place) -> None:
    place.do(sys.executable, "-m", "venv", "relay")
    place.do("relay/bin/pip", "install", "--quiet", f"tailhub=={OLD}")
    place.tailhub = str(place.home / "relay/bin/tailhub")


def by_pipx(place: Place) -> None:
    if shutil.which("pipx", path=place.environ["PATH"]) is None:
        pytest.skip("pipx is not here: `pip install pipx`")
    place.do("pipx", "install", "--python", sys.executable, f"tailhub=={OLD}")
    place.tailhub = str(place.home / ".local/bin/tailhub")


def by_uv(place: Place) -> None:
    if shutil.which("uv", path=place.environ["PATH"]) is None:
        pytest.skip("uv is not here: `pip install uv`")
    place.do("uv", "tool", "install", "--quiet", "--python", sys.executable, f"tailhub=={OLD}")
    place.tailhub = str(place.home / ".local/bin/tailhub")


@pytest.fixture(name="old", scope="module")
def _old(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Place:
    """A virtual environment with the old version, which stays there."""
    place = Place(tmp_path_factory.mktemp("old"), wheels)
    by_venv(place)
    return place


@pytest.mark.parametrize(
    ("install", "broken", "what"),
    # What goes back does not know at which of the two it was. A virtual environment sees the other one below.
    [(by_venv, UNABLE, "cannot check"), (by_pipx, LAME, "cannot start"), (by_uv, UNABLE, "cannot check")],
    ids=["venv", "pipx", "uv"],
)
def test_an_upgrade_and_what_does_not_become_one(
    install: Callable[[Place], None], broken: str, what: str, tmp_path: Path, wheels: Path
) -> None:
    """A version that cannot check or start is not taken over and leaves nothing; one that can is; the same again is
    nothing to do.
    """
    place = Place(tmp_path, wheels)
    install(place)
    assert place.version == OLD
    before = place.environments
    done = place.upgrade("--version", broken)
    assert (done.returncode, "TH368" in done.stderr, what in done.stderr) == (1, True, True), done
    assert (place.version, place.environments) == (OLD, before)
    done = place.upgrade("--version", NEW, "--dry-run")
    assert (done.returncode, f"tailhub {NEW}" in done.stdout, place.version) == (0, True, OLD), done
    done = place.upgrade("--version", NEW)
    assert (done.returncode, "TH370" in done.stderr, place.version) == (0, True, NEW), done
    done = place.upgrade("--version", NEW, "--lang", "zh")
    assert (done.returncode, "无需升级" in done.stdout) == (0, True), done


def test_without_a_version_the_newest_is_meant(old: Place) -> None:
    """Which is the newest the package index says; what is wrong with it is told, and the old one stays."""
    before = old.environments
    done = old.upgrade()
    assert (done.returncode, f"tailhub {LAME} was not taken over" in done.stderr) == (1, True), done
    assert ("TH368" in done.stderr, "cannot start" in done.stderr) == (True, True), done
    assert (old.version, old.environments) == (OLD, before)


def test_a_version_that_is_not_there(old: Place) -> None:
    """What pip says of it is told, and nothing changes."""
    done = old.upgrade("--version", "7.7")
    assert (done.returncode, "7.7" in done.stderr, "TH369" in done.stderr) == (1, True, True), done
    assert old.version == OLD


def test_a_checkout_is_not_upgraded() -> None:
    """What runs from its source is brought up to date by whoever has that."""
    done = subprocess.run(
        [sys.executable, "-m", "tailhub", "upgrade"], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert (done.returncode, "TH367" in done.stderr, "git pull" in done.stderr) == (1, True, True), done
