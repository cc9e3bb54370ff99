"""The tools' own key: made once, kept for its owner alone."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from support.refusals import finding_of
from tailhub.exceptions import MachineError
from tailhub.keys import NodePrivate
from tailhub.server.state import parse_relay_key
from tailhub.tools.own_key import own_key, own_key_path, read_key

PRIVATE = NodePrivate(bytes(range(8, 40)))


@pytest.mark.parametrize(
    ("environ", "platform", "place"),
    [
        ({"XDG_STATE_HOME": "/x", "HOME": "/home/u"}, "linux", Path("/x/tailhub-tools/own.key")),
        ({"XDG_STATE_HOME": "x", "HOME": "/home/u"}, "linux", Path("/home/u/.local/state/tailhub-tools/own.key")),
        ({"XDG_STATE_HOME": "/x", "HOME": "/Users/u"}, "darwin", Path("/x/tailhub-tools/own.key")),
        ({"HOME": "/Users/u"}, "darwin", Path("/Users/u/Library/Application Support/tailhub-tools/own.key")),
        ({"LOCALAPPDATA": "/c/local", "HOME": "/c/u"}, "win32", Path("/c/local/tailhub-tools/own.key")),
    ],
)
def test_where_it_is_kept(environ: Mapping[str, str], platform: str, place: Path) -> None:
    """XDG's place comes first, then the system's own."""
    assert own_key_path(environ, platform) == place


def test_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without any home directory gets the system's place."""

    def no_home() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", no_home)
    assert own_key_path({}, "linux") == Path("/var/lib/tailhub-tools/own.key")


def test_made_once(tmp_path: Path) -> None:
    """The first call makes a key with its directory, later ones give the same."""
    path = tmp_path / "state" / "tools" / "own.key"
    made = own_key(path)
    assert own_key(path) == made == parse_relay_key(path.read_bytes())


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_for_its_owner_alone(tmp_path: Path) -> None:
    """Nobody else can read the file, nor look into the directory that was made for it; nothing else is left there."""
    path = tmp_path / "tools" / "own.key"
    own_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_default_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a path it is where this user's state is."""
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert own_key() == own_key(tmp_path / "tailhub-tools" / "own.key")


@pytest.mark.parametrize(
    "text", [PRIVATE.to_text() + "\n", json.dumps({"PrivateKey": PRIVATE.to_text(), "Other": 1})], ids=["bare", "JSON"]
)
def test_a_file_of_somebody_else(tmp_path: Path, text: str) -> None:
    """A key may be given as a relay's key file has it, or bare."""
    path = tmp_path / "given"
    path.write_text(text)
    assert own_key(path) == PRIVATE


@pytest.mark.parametrize(
    "text",
    ["", "{}", "privkey:12", "privkey:" + "a" * 63 + "g", "privkey:" + "0" * 64, '{"PrivateKey": 1}', "\ufeff" * 9],
)
def test_no_key(tmp_path: Path, text: str) -> None:
    """A file that is no key is refused, and stays as it was."""
    path = tmp_path / "own.key"
    path.write_text(text, encoding="utf-8")
    assert finding_of(lambda: own_key(path), MachineError).name == "own-key-unusable"
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("text", ["", "{}", f"nodekey:{PRIVATE.raw.hex()}", PRIVATE.raw.hex(), "privkey:12"])
def test_what_is_named_is_no_key(tmp_path: Path, text: str) -> None:
    """A key that somebody names is a private one, or an error: least of all is a public one taken for it."""
    path = tmp_path / "key"
    assert finding_of(lambda: read_key(path), MachineError).name == "file-trouble"
    path.write_text(text)
    assert finding_of(lambda: read_key(path), MachineError).name == "not-a-private-key"
    path.write_text(f"{PRIVATE.to_text()}\n")
    assert read_key(path) == PRIVATE


def test_the_error_shows_no_key(tmp_path: Path) -> None:
    """What is said about a damaged file has nothing of the key in it."""
    path = tmp_path / "own.key"
    path.write_text(PRIVATE.to_text() + "x")
    assert PRIVATE.raw.hex()[:12] not in str(finding_of(lambda: own_key(path), MachineError))


def test_no_place_for_it(tmp_path: Path) -> None:
    """Where no directory can be made the finding says which file was to be there."""
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "own.key"
    finding = finding_of(lambda: own_key(path), MachineError)
    assert finding.values["path"] == str(path)
