"""How an installation is recognised, by what installers leave in an environment."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import tailhub
from tailhub.cli import installation
from tailhub.cli.installation import Tool, VirtualEnvironment, failure, find_installation
from tailhub.exceptions import MachineError
from tailhub.findings import Finding


class Distribution:
    """tailhub's own, as a wheel has left it; `direct_url` is what PEP 610 has of another origin."""

    def __init__(self, direct_url: str | None = None, place: Path = Path(tailhub.__file__).parents[1]) -> None:
        self._direct_url, self._place = direct_url, place

    def read_text(self, name: str) -> str | None:
        return self._direct_url if name == "direct_url.json" else None

    def locate_file(self, name: str) -> Path:
        return self._place / name


@pytest.fixture(autouse=True)
def _from_a_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is found is a wheel in an environment, on a plain machine."""
    monkeypatch.setattr(metadata, "distribution", lambda name: Distribution())
    monkeypatch.setattr(installation, "detect_engine", lambda: None)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "base_prefix", "/usr")


def refusal() -> Finding:
    with pytest.raises(MachineError) as caught:
        find_installation()
    assert isinstance(caught.value.finding, Finding)
    return caught.value.finding


@pytest.mark.parametrize(("file", "kind"), [("pipx_metadata.json", "pipx"), ("uv-receipt.toml", "uv")])
def test_tools(file: str, kind: str, tmp_path: Path) -> None:
    """Pipx and uv are told by the file that they leave."""
    (tmp_path / file).touch()
    found = find_installation()
    assert isinstance(found, Tool)
    assert found.kind == kind


def test_an_environment() -> None:
    """Any other environment is one of its own."""
    assert isinstance(find_installation(), VirtualEnvironment)


def test_an_environment_of_an_upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that an upgrade has made is known by the link to it, which is what commands are called by."""
    versioned = tmp_path / f"relay-{tailhub.__version__}"
    versioned.mkdir()
    monkeypatch.setattr(sys, "prefix", str(versioned))
    assert find_installation().prefix == versioned  # that is its name; nothing links to it
    (tmp_path / "relay").symlink_to(versioned.name)
    assert find_installation().prefix == tmp_path / "relay"


@pytest.mark.parametrize(
    ("distribution", "says"),
    [
        (Distribution('{"dir_info": {"editable": true}}'), "git pull"),
        (Distribution(place=Path("/elsewhere")), "git pull"),
    ],
    ids=["editable", "another-one"],
)
def test_a_checkout(distribution: Distribution, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs from a checkout, beside whatever is installed, is brought up to date there."""
    monkeypatch.setattr(metadata, "distribution", lambda name: distribution)
    assert says in refusal().remedy()


def test_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """In an engine's container the image is replaced; in one that is a whole system it is as on a machine."""
    monkeypatch.setattr(installation, "has_systemd", lambda: False)
    monkeypatch.setattr(installation, "detect_engine", lambda: "podman")
    assert "podman" in refusal().what()
    monkeypatch.setattr(installation, "detect_engine", lambda: "lxc")
    assert isinstance(find_installation(), VirtualEnvironment)


def test_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in no environment of its own is somebody else's."""
    monkeypatch.setattr(sys, "base_prefix", sys.prefix)
    assert refusal().code == "TH367"


def test_what_a_failed_command_said() -> None:
    """Of what it said the last line counts, without what tailhub puts around its own."""
    error = failure(["tailhub", "x"], "first\ntailhub: It is broken.  [TH999]")
    assert isinstance(error.finding, Finding)
    assert error.finding.what() == "`tailhub x` failed: It is broken."


def test_extras_that_are_there_are_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Extras whose packages are installed come along; those for developers and those that are not here do not."""
    needs = ["asyncpg>=0.32; extra == 'postgres'", 'apprise>=1.8; extra == "notify"', "pytest; extra == 'test'", "h11"]
    monkeypatch.setattr(metadata, "requires", lambda name: needs)

    def installed(name: str) -> Distribution:
        if name == "apprise":
            raise metadata.PackageNotFoundError(name)
        return Distribution()

    monkeypatch.setattr(metadata, "distribution", installed)
    assert find_installation().requirement("1.2") == "tailhub[postgres]==1.2"
    assert find_installation().requirement("") == "tailhub[postgres]"


def test_a_command_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that takes too long is one that failed."""
    with pytest.raises(MachineError, match="timed out"):
        installation.run([sys.executable, "-c", "import time; time.sleep(60)"], 0.05)
    with pytest.raises(subprocess.TimeoutExpired):
        installation.run_apart([sys.executable, "-c", "import time; time.sleep(60)"], 0.05)
