"""Which relay of a machine is meant, and by which settings it is looked at. /proc and /etc stand in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tailhub.exceptions import FindingError
from tailhub.tools.doctor.local.context import local_context


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without anything on it, and a home for whoever looks."""
    for name in [name for name in os.environ if name.startswith(("TAILHUB_", "XDG_", "STATE_DIRECTORY"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "proc").mkdir()
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    return tmp_path


def process(root: Path, pid: int, *words: str, cgroup: str = "/user.slice") -> None:
    directory = root / f"proc/{pid}"
    directory.mkdir()
    command = ["/opt/tailhub/bin/python", "-m", "tailhub", "relay", *words]
    (directory / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in command))
    (directory / "stat").write_text(f"{pid} (python) S 1 1 1 0\n")
    (directory / "environ").write_bytes(b"")
    (directory / "cgroup").write_text(f"0::{cgroup}\n")


def service(root: Path, words: str, *lines: str, name: str = "tailhub") -> None:
    text = "\n".join(["[Service]", f"ExecStart=/opt/tailhub/bin/python -m tailhub relay {words}", *lines])
    (root / f"etc/systemd/system/{name}.service").write_text(text)


def test_the_only_relay_that_runs(root: Path) -> None:
    """Where one relay runs and nobody names another, it is meant, with the flags that it was started with."""
    process(root, 7, "--state-dir", "/srv/a", "--listen", ":9443")
    context = local_context(root=root)
    assert (context.state_dir, context.config.listen, context.others) == (Path("/srv/a"), ":9443", ())


def test_of_several_relays_the_one_that_is_named(root: Path) -> None:
    """Of several none is taken unless its state directory is named; the others are told of."""
    process(root, 7, "--state-dir", "/srv/a", "--listen", ":9443")
    process(root, 8, "--state-dir", "/srv/b")
    assert local_context(root=root).others == (Path("/srv/a"), Path("/srv/b"))
    context = local_context(state_dir=Path("/srv/a"), root=root)
    assert (context.state_dir, context.config.listen, context.others) == (Path("/srv/a"), ":9443", (Path("/srv/b"),))


def test_the_relay_of_the_service(root: Path) -> None:
    """A service is meant before what runs beside it; what it starts with is in its unit and in its process."""
    service(root, "--listen :9443", "StateDirectory=tailhub", "User=root")
    process(root, 7, "--state-dir", "/srv/a")
    context = local_context(root=root)
    assert context.unit is not None
    assert (context.state_dir, context.config.listen) == (Path("/var/lib/tailhub"), ":9443")
    assert context.others == (Path("/srv/a"),)
    process(root, 8, "--state-dir", "/srv/b", "--listen", ":1", cgroup="/system.slice/tailhub.service")
    context = local_context(root=root)
    assert (context.state_dir, context.config.listen) == (Path("/srv/b"), ":1")


def test_of_several_services_the_one_that_is_named(root: Path) -> None:
    """Of several services it is ours by name, or the one with the configuration or the state that is named."""
    config = root / "other.toml"
    config.write_text('listen = ":7443"\n')
    service(root, f"--config {config}", "StateDirectory=other", name="a-relay")
    service(root, "--listen :9443", "StateDirectory=tailhub")
    assert local_context(root=root).config.listen == ":9443"
    for context in (
        local_context(str(config), root=root),
        local_context(state_dir=Path("/var/lib/other"), root=root),
    ):
        assert context.unit is not None
        assert (context.unit.name, context.config.listen) == ("a-relay", ":7443")
        assert context.state_dir == Path("/var/lib/other")


def test_whoever_looks(root: Path) -> None:
    """Where nothing runs and no service is there, it is what whoever looks would start."""
    context = local_context(root=root)
    assert (context.unit, context.is_me, context.is_running, context.relay) == (None, True, False, None)


def test_settings_that_cannot_be_read(root: Path) -> None:
    """A file that the service names and that is not there is a fault of the service; one that we name is our error."""
    service(root, "--config /nowhere.toml", "User=root")
    assert [fault.code for fault in local_context(root=root).faults] == ["TH047"]
    with pytest.raises(FindingError, match="nowhere2"):
        local_context("/nowhere2.toml", root=root)


def test_a_configuration_that_is_a_pipe(root: Path) -> None:
    """A pipe is not waited for: nobody may ever write to it."""
    os.mkfifo(root / "pipe")
    with pytest.raises(FindingError, match="a pipe or a device"):
        local_context(str(root / "pipe"), root=root)
