"""Which directory is the state directory, and which others there are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tailhub.exceptions import MachineError
from tailhub.findings import Finding
from tailhub.server import state_place
from tailhub.server.config import ListenerConfig
from tailhub.server.listener_record import LISTENERS, describe_listeners
from tailhub.server.state_place import SYSTEM_STATE, locate, other_states, refuse_new_pin

HOME = Path.home()


@pytest.mark.parametrize(
    ("explicit", "environ", "uid", "place"),
    [
        (Path("/x/y"), {"STATE_DIRECTORY": "/z"}, 0, Path("/x/y")),
        (Path("y"), {}, 0, Path.cwd() / "y"),
        (None, {"STATE_DIRECTORY": "/a:/b", "XDG_STATE_HOME": "/c"}, 1000, Path("/a")),
        (None, {"STATE_DIRECTORY": "", "HOME": "/home/u"}, 0, Path("/var/lib/tailhub")),
        (None, {"XDG_STATE_HOME": "/c", "HOME": "/home/u"}, 0, Path("/var/lib/tailhub")),
        (None, {"XDG_STATE_HOME": "/c", "HOME": "/home/u"}, 1000, Path("/c/tailhub")),
        (None, {"XDG_STATE_HOME": "c", "HOME": "/home/u"}, 1000, Path("/home/u/.local/state/tailhub")),
        (None, {"HOME": "/home/u"}, None, Path("/home/u/.local/state/tailhub")),
        (None, {}, 1000, HOME / ".local/state/tailhub"),
    ],
)
def test_locate(explicit: Path | None, environ: Mapping[str, str], uid: int | None, place: Path) -> None:
    """The flag comes first, then systemd's directory, then the system's for root, then XDG's."""
    assert locate(explicit, environ, uid) == place


def test_locate_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without any home directory gets the system's place, where an error will name ``--state-dir``."""

    def no_home() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", no_home)
    assert locate(None, {}, 1000) == SYSTEM_STATE


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """The three usual places, below a temporary directory: of the system, of this user, of the one who called sudo."""
    pwd = pytest.importorskip("pwd")
    names = ("system", "home/.local/state/tailhub", "sudoer/.local/state/tailhub")
    system, user, sudoer = (tmp_path / name for name in names)
    for place in (system, user, sudoer):
        place.mkdir(parents=True)
    monkeypatch.setattr(state_place, "SYSTEM_STATE", system)
    monkeypatch.setattr(state_place, "HOMES", tmp_path / "homes")
    real = pwd.getpwnam

    def getpwnam(name: str) -> object:
        entry = real("root")
        return type(entry)([*entry[:5], str(tmp_path / "sudoer"), entry[6]]) if name == "sudoer" else real(name)

    monkeypatch.setattr(pwd, "getpwnam", getpwnam)
    return {"system": system, "user": user, "sudoer": sudoer}


def test_no_other_state(homes: dict[str, Path], tmp_path: Path) -> None:
    """Empty and missing directories hold no state, and an unknown caller of sudo none either."""
    homes["sudoer"].rmdir()
    for sudo_user in ("sudoer", "nobody-of-this-name"):
        environ = {"HOME": str(tmp_path / "home"), "SUDO_USER": sudo_user}
        assert other_states(tmp_path / "mine", environ) == []


def test_other_states(homes: dict[str, Path], tmp_path: Path) -> None:
    """A relay's key or half of a pinned pair in a usual place is other state, unless the place is our own."""
    for place, name in zip(homes.values(), ("derper.key", "pinned.crt", "pinned.key"), strict=True):
        (place / name).touch()
    environ = {"HOME": str(tmp_path / "home"), "SUDO_USER": "sudoer"}
    assert other_states(tmp_path / "mine", environ) == [homes["system"], homes["user"], homes["sudoer"]]
    link = tmp_path / "link"
    link.symlink_to(homes["system"])
    assert other_states(link, environ) == [homes["user"], homes["sudoer"]]
    with_xdg = environ | {"XDG_STATE_HOME": str(tmp_path / "xdg")}
    assert other_states(homes["system"], with_xdg) == [homes["user"], homes["sudoer"]]


def test_a_closed_directory_counts(homes: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place that this user may not look into is taken for other state."""
    real = Path.lstat

    def lstat(path: Path) -> os.stat_result:
        if path.parent == homes["system"]:
            raise PermissionError
        return real(path)

    monkeypatch.setattr(Path, "lstat", lstat)
    assert other_states(tmp_path / "mine", {"HOME": str(tmp_path)}) == [homes["system"]]


@pytest.mark.parametrize("environ", [{}, {"STATE_DIRECTORY": "here"}])
def test_current_directory_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> None:
    """A relative state directory below a directory that was removed is one sentence."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(MachineError, match="the directory that it counts from is gone"):
        locate(None if environ else Path("here"), environ, 1000)


@pytest.mark.parametrize("caller", ["SUDO_USER", "DOAS_USER"])
def test_the_caller_of_sudo_and_doas(homes: dict[str, Path], tmp_path: Path, caller: str) -> None:
    """The state of whoever became another user is other state."""
    (homes["sudoer"] / "pinned.crt").touch()
    assert other_states(tmp_path / "mine", {"HOME": "/nonexistent", caller: "sudoer"}) == [homes["sudoer"]]


def test_root_looks_into_all_homes(homes: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root, as whom a service may be started, is told of every user's state; others look at their own only."""
    state = tmp_path / "homes" / "u" / ".local/state/tailhub"
    state.mkdir(parents=True)
    (state / "pinned.crt").touch()
    environ = {"HOME": "/nonexistent"}
    for uid, expected in ((0, [state]), (1000, [])):
        monkeypatch.setattr(os, "geteuid", lambda uid=uid: uid)
        assert other_states(tmp_path / "mine", environ) == expected


# --- a start that would make a new pin


def served(place: Path, *listeners: ListenerConfig, ports: tuple[int, ...] = (8443,)) -> None:
    """State with a pin, of a relay that had these listeners."""
    for name in ("derper.key", "pinned.crt", "pinned.key"):
        (place / name).touch()
    (place / LISTENERS).write_bytes(describe_listeners(listeners or [ListenerConfig()], ports))


def test_a_new_pin_beside_another_for_the_same_port(homes: dict[str, Path], tmp_path: Path) -> None:
    """A first start is stopped when state elsewhere surely has a pin for its port, and told all ways on."""
    served(homes["sudoer"])
    mine = tmp_path / "mine"
    with pytest.raises(MachineError) as caught:
        refuse_new_pin(mine, {8443}, {"HOME": str(tmp_path), "SUDO_USER": "sudoer"})
    finding = caught.value.finding
    assert isinstance(finding, Finding)
    assert finding.name == "state-elsewhere"
    text = str(finding)
    assert f"tailhub relay --state-dir {homes['sudoer']}" in text
    assert f"tailhub state export state.tar --state-dir {homes['sudoer']}" in text
    assert f"tailhub state import state.tar --state-dir {mine}" in text
    assert "--new-state" in text
    assert not mine.exists()


@pytest.mark.parametrize(
    ("listener", "ports"),
    [
        (ListenerConfig(), {8444}),  # another relay of the same owner
        (ListenerConfig(cert=Path("/c"), key=Path("/k")), {8443}),  # nobody pins what comes from a CA
        (ListenerConfig(pin="gone"), {8443}),  # its files are not there
        (ListenerConfig(), set()),  # this relay makes no pin
    ],
)
def test_other_state_that_does_not_matter(
    homes: dict[str, Path], tmp_path: Path, listener: ListenerConfig, ports: set[int]
) -> None:
    """Another port, a certificate from files and a pin that is gone do not stop a start."""
    served(homes["system"], listener)
    refuse_new_pin(tmp_path / "mine", ports, {"HOME": str(tmp_path)})


def test_other_state_that_tells_nothing(homes: dict[str, Path], tmp_path: Path) -> None:
    """State without a note of its ports is possible, not certain: a warning tells of it and the start goes on."""
    (homes["system"] / "pinned.crt").touch()
    refuse_new_pin(tmp_path / "mine", {8443}, {"HOME": str(tmp_path)})
    assert other_states(tmp_path / "mine", {"HOME": str(tmp_path)}) == [homes["system"]]


@pytest.mark.parametrize("name", ["derper.key", "pinned.crt", "203.0.113.7.crt"])
def test_a_place_with_state_of_its_own(homes: dict[str, Path], tmp_path: Path, name: str) -> None:
    """Where there is a key, a pin or a pair to take over, other state does not stop a start."""
    served(homes["system"])
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / name).touch()
    refuse_new_pin(mine, {8443}, {"HOME": str(tmp_path)})
