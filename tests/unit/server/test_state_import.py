"""Bringing state in: from directories, and into one that may be a service's."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from support.certificates import Made, make_certificate
from tailhub.exceptions import MachineError
from tailhub.findings import Finding
from tailhub.server.state import StateDir
from tailhub.server.state_archive import collect
from tailhub.server.state_import import move_in, put_state, read_directory

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a relay's state is kept on POSIX systems")

NOW = datetime(2027, 1, 2, tzinfo=UTC)
KEY_TEXT = b'{\n\t"PrivateKey": "privkey:' + b"4a" * 32 + b'"\n}'


def put_pair(directory: Path, stem: str, made: Made) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{stem}.crt").write_bytes(made.pem)
    key = made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (directory / f"{stem}.key").write_bytes(key)


def name_of(caught: pytest.ExceptionInfo[MachineError]) -> str:
    assert isinstance(caught.value.finding, Finding)
    return caught.value.finding.name


@pytest.mark.parametrize("below", ["", "certs", "derper-certs"])
def test_key_and_pair_of_derper(tmp_path: Path, below: str) -> None:
    """The key of derper and its self-signed pair become a state with that key and that pin."""
    made = make_certificate(ips=["203.0.113.7"])
    put_pair(tmp_path / "derper" / below, "203.0.113.7", made)
    (tmp_path / "derper" / "derper.key").write_bytes(KEY_TEXT)
    path = tmp_path / "state"
    assert put_state(path, read_directory(tmp_path / "derper"), NOW) is None
    state = StateDir.open(path)
    private, _ = state.relay_key()
    certificate, _ = state.certificate("relay-x.tailhub.invalid", "", [], NOW)
    state.close()
    assert (private.raw, certificate.pin) == (b"\x4a" * 32, made.pin)
    assert sorted(file.name for file in path.iterdir()) == ["derper.key", "lock", "pinned.crt", "pinned.key"]
    assert {file.stat().st_mode & 0o777 for file in path.iterdir()} == {0o600}


def test_a_key_that_is_elsewhere(tmp_path: Path) -> None:
    """The key file may be named; the directory then needs no more than the pair."""
    put_pair(tmp_path / "certs", "127.0.0.1", make_certificate())
    (tmp_path / "key").write_bytes(KEY_TEXT)
    files = read_directory(tmp_path / "certs", tmp_path / "key")
    assert files["derper.key"] == KEY_TEXT
    assert sorted(files) == ["derper.key", "pinned.crt", "pinned.key"]
    assert sorted(read_directory(tmp_path / "certs")) == ["pinned.crt", "pinned.key"]


def test_a_copy_of_a_state_directory(tmp_path: Path) -> None:
    """A directory of tailhub's own, copied from somewhere, is taken whole."""
    state = StateDir.open(tmp_path / "a")
    state.relay_key()
    first, _ = state.certificate("relay-x.tailhub.invalid", "", [], NOW)
    second, _ = state.certificate("relay-x.tailhub.invalid", "", [], NOW, pin="next")
    state.close()
    put_state(tmp_path / "b", read_directory(tmp_path / "a"), NOW)
    copy = StateDir.open(tmp_path / "b")
    assert copy.certificate("x", "", [], NOW)[0] == first
    assert copy.certificate("x", "", [], NOW, pin="next")[0] == second
    copy.close()


def test_a_directory_with_nothing_for_a_relay(tmp_path: Path) -> None:
    """A directory with a CA's certificate alone is refused with what to do about such certificates."""
    authority = make_certificate(common_name="CA", is_ca=True)
    put_pair(tmp_path, "derp.example.com", make_certificate(dns_names=["derp.example.com"], issuer=authority))
    with pytest.raises(MachineError, match="--cert FILE --key FILE") as caught:
        read_directory(tmp_path)
    assert name_of(caught) == "nothing-to-import"


def test_several_pairs(tmp_path: Path) -> None:
    """Which of several pairs clients pin is not guessed."""
    for stem in ("127.0.0.1", "203.0.113.7"):
        put_pair(tmp_path / "certs", stem, make_certificate())
    with pytest.raises(MachineError, match=r"certs/127\.0\.0\.1\.crt, certs/203") as caught:
        read_directory(tmp_path)
    assert name_of(caught) == "several-pairs"


def test_a_key_that_is_none(tmp_path: Path) -> None:
    """A key file that no relay could read is refused, without showing what it has."""
    (tmp_path / "derper.key").write_text('{"PrivateKey": "privkey:' + "4a" * 31 + '"}')
    with pytest.raises(MachineError) as caught:
        read_directory(tmp_path)
    assert name_of(caught) == "relay-key-malformed"
    assert "4a4a" not in str(caught.value)


def test_state_is_not_replaced_unasked(tmp_path: Path) -> None:
    """Where there is state nothing changes without force, which moves the old aside."""
    state = StateDir.open(tmp_path)
    private, _ = state.relay_key()
    state.close()
    with pytest.raises(MachineError) as caught:
        put_state(tmp_path, {"derper.key": KEY_TEXT}, NOW)
    assert name_of(caught) == "state-in-the-way"
    aside = put_state(tmp_path, {"derper.key": KEY_TEXT}, NOW, force=True)
    assert aside is not None
    assert private.to_text() in (aside / "derper.key").read_text()
    assert (tmp_path / "derper.key").read_bytes() == KEY_TEXT


def test_not_under_a_running_relay(tmp_path: Path) -> None:
    """While a relay has the directory nothing is imported, by force neither."""
    state = StateDir.open(tmp_path)
    with pytest.raises(MachineError) as caught:
        put_state(tmp_path, {"derper.key": KEY_TEXT}, NOW, force=True)
    state.close()
    assert name_of(caught) == "state-locked"
    assert not (tmp_path / "derper.key").exists()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives files away")
def test_root_imports_for_a_service(tmp_path: Path) -> None:
    """What root imports belongs to the owner of the directory, which keeps its mode; a new one to its parent's."""
    state = tmp_path / "state"
    state.mkdir(mode=0o755)
    os.chown(state, 12345, 12346)
    put_state(state, {"derper.key": KEY_TEXT, "acme/account.key": b"A"}, NOW)
    put_state(state, {"derper.key": KEY_TEXT, "acme/account.key": b"A"}, NOW, force=True)
    put_state(state / "home" / "deeper", {"derper.key": KEY_TEXT}, NOW)
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in (state, *state.rglob("*"))}
    assert owners == {(12345, 12346)}
    assert state.stat().st_mode & 0o777 == 0o755


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    """A file where the directory should be is told as such."""
    (tmp_path / "file").touch()
    with pytest.raises(MachineError) as caught:
        put_state(tmp_path / "file" / "state", {"derper.key": KEY_TEXT}, NOW)
    assert name_of(caught) == "state-not-a-directory"


def test_a_directory_that_cannot_even_be_looked_for(tmp_path: Path) -> None:
    """A name that no file system takes is told as such."""
    with pytest.raises(MachineError) as caught:
        put_state(tmp_path / ("x" * 300), {"derper.key": KEY_TEXT}, NOW)
    assert "too long" in str(caught.value)


def test_moving_in(tmp_path: Path) -> None:
    """The state is at its new place, and where it was it is kept under a name that no relay looks at, each time."""
    new, old = tmp_path / "new", tmp_path / "old"
    files = {"derper.key": KEY_TEXT, "acme/account.key": b"A"}
    for kept in ("old.moved", "old.moved-2"):
        put_state(old, files, NOW)
        new.mkdir()
        (new / "listeners.json").write_text("{}")  # a relay that had key and certificates elsewhere left no more
        assert move_in(new, old, NOW) == tmp_path / kept
        assert collect(new) == collect(tmp_path / kept) == files
        assert not old.exists()
        new.rename(tmp_path / f"new of {kept}")


def test_nothing_moves_in_where_state_is(tmp_path: Path) -> None:
    """State that is there stays, and so does the other."""
    new, old = tmp_path / "new", tmp_path / "old"
    put_state(new, {"pinned.crt": b"C", "pinned.key": b"K"}, NOW)
    put_state(old, {"derper.key": KEY_TEXT}, NOW)
    with pytest.raises(MachineError) as caught:
        move_in(new, old, NOW)
    assert name_of(caught) == "state-in-the-way"
    assert collect(old) == {"derper.key": KEY_TEXT}
