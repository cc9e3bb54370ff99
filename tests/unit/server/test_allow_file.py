from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from tailhub.exceptions import MachineError
from tailhub.findings import Finding
from tailhub.relay.allowed_keys import AllowedKey
from tailhub.server.allow_file import AllowFile, allow_list_findings
from tailhub.server.allow_lists import AllowLists
from tailhub.server.config import RelayConfig
from tailhub.server.state_files import alone_in
from tailhub.server.tenant_config import TenantConfig

A, B, C = (bytes([n]) * 32 for n in (0xA1, 0xB2, 0xC3))


def line(key: bytes, rest: str = "") -> str:
    return f"nodekey:{key.hex()} {rest}".rstrip() + "\n"


def refusal(error: MachineError) -> str:
    assert isinstance(error.finding, Finding)
    return error.finding.code


def test_an_edit_keeps_mode_and_words(tmp_path: Path) -> None:
    """A command changes its line; comments, order, bytes that are no text, and the mode stay."""
    path = tmp_path / "keys"
    path.write_bytes(b"# Fr\xfchling\n" + line(A, "alice").encode())
    path.chmod(0o640)
    AllowFile(path).add(AllowedKey(B, "bob"))
    assert path.read_bytes() == b"# Fr\xfchling\n" + (line(A, "alice") + line(B, "bob")).encode()
    assert path.stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in tmp_path.iterdir()] == ["keys"]


def test_an_edit_goes_through_links(tmp_path: Path) -> None:
    """What a link leads to is replaced, and the link stays one."""
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real" / "keys", tmp_path / "keys"
    real.write_text(line(A))
    link.symlink_to("real/keys")
    AllowFile(link).remove([A])
    assert link.is_symlink()
    assert real.read_text() == ""


def test_one_that_may_lack(tmp_path: Path) -> None:
    """The list in the state directory is empty until it is made, for its owner alone; any other must be there."""
    path = tmp_path / "keys"
    assert AllowFile(path, may_lack=True).load().keys == {}
    with pytest.raises(MachineError) as caught:
        AllowFile(path).load()
    assert refusal(caught.value) == "TH047"
    AllowFile(path, may_lack=True).add(AllowedKey(A, "alice"))
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().startswith("# ")
    assert [*AllowFile(path).load().keys] == [A]


def test_a_list_that_goes(tmp_path: Path) -> None:
    """A file that vanishes is a fault, not an empty list; an edit makes it anew with what was in it."""
    path = tmp_path / "keys"
    path.write_text(line(A, "alice"))
    file = AllowFile(path, may_lack=True)
    file.load()
    path.unlink()
    with pytest.raises(MachineError):
        file.load()
    file.add(AllowedKey(B, "bob"))
    assert path.read_text() == line(A, "alice") + line(B, "bob")


def test_looks(tmp_path: Path) -> None:
    """A change counts when two looks have found the same, and once."""
    path = tmp_path / "keys"
    path.write_text(line(A))
    file = AllowFile(path)
    assert [*file.load().keys] == [A]
    assert file.look() is None
    path.write_text("")  # as a program that has just begun to write it
    assert file.look() is None
    path.write_text(line(A) + line(B))
    assert file.look() is None
    listing = file.look()
    assert listing is not None
    assert [*listing.keys] == [A, B]
    assert file.look() is None


def test_looks_at_a_list_that_cannot_be_read(tmp_path: Path) -> None:
    """Each look says so, until it can."""
    path = tmp_path / "keys"
    file = AllowFile(path)
    for _ in range(2):
        with pytest.raises(MachineError):
            file.load()
    assert file.look() is None
    with pytest.raises(MachineError):
        file.look()
    path.write_text(line(A))
    assert file.look() is None
    assert file.look() is not None


def test_tenants(tmp_path: Path) -> None:
    """Keys in a tenant's own file are its, unless they say another, and are not written with its name."""
    path = tmp_path / "keys"
    path.write_text(line(A) + line(B, "bob tenant=other"))
    file = AllowFile(path, tenant="family")
    assert {key: entry.tenant for key, entry in file.load().keys.items()} == {A: "family", B: "other"}
    file.add(AllowedKey(C, "carl", "family"))
    assert path.read_text().splitlines()[-1] == line(C, "carl").rstrip()


def test_replaced_keys(tmp_path: Path) -> None:
    """A new key can take the place of an old one in one go."""
    path = tmp_path / "keys"
    path.write_text(line(A, "alice") + line(B, "bob"))
    AllowFile(path).add(AllowedKey(C, "alice"), [A])
    assert path.read_text() == line(B, "bob") + line(C, "alice")


def test_what_is_no_list(tmp_path: Path) -> None:
    """A directory, or more than there may be, is a fault; so is an edit that cannot be written."""
    with pytest.raises(MachineError):
        AllowFile(tmp_path).load()
    big = tmp_path / "big"
    big.write_text("\n" * 50_001)
    with pytest.raises(MachineError) as caught:
        AllowFile(big).load()
    assert refusal(caught.value) == "TH084"
    with pytest.raises(MachineError) as caught:
        AllowFile(tmp_path / "missing" / "keys").add(AllowedKey(A))
    assert refusal(caught.value) == "TH084"


def test_what_is_no_text_says_nothing(tmp_path: Path) -> None:
    """Zero bytes, as a crash or an editor that writes UTF-16 leaves them, are a fault of the file, not a no to all."""
    path = tmp_path / "keys"
    for data in (bytes(100), line(A).encode("utf-16")):
        path.write_bytes(data)
        with pytest.raises(MachineError) as caught:
            AllowFile(path).load()
        assert refusal(caught.value) == "TH084"


@pytest.mark.skipif(os.name != "posix", reason="nothing can be locked there")
def test_edits_of_several_programs_wait_for_each_other(tmp_path: Path) -> None:
    """What another one has written while this one waited stays."""
    path = tmp_path / "keys"
    path.write_text(line(A))
    begun = Event()

    def add() -> None:
        begun.set()
        AllowFile(path).add(AllowedKey(B))

    with ThreadPoolExecutor() as pool:
        with alone_in(tmp_path):
            adding = pool.submit(add)
            assert begun.wait(5)
            path.write_text(line(A) + line(C))
            assert not adding.done()
        adding.result(5)
    assert [*AllowFile(path).load().keys] == [A, C, B]


@pytest.mark.skipif(os.name != "posix", reason="nothing can be locked there")
def test_an_edit_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that never ends its edit is a fault, and does not stop the relay's looks for ever."""
    monkeypatch.setattr("tailhub.server.state_files.TURN_S", 0.0)
    with alone_in(tmp_path), pytest.raises(MachineError) as caught:
        AllowFile(tmp_path / "keys", may_lack=True).add(AllowedKey(A))
    assert refusal(caught.value) == "TH084"


def test_keys_of_no_tenant(tmp_path: Path) -> None:
    """A key that is given to a tenant that there is not is told; default is the relay's own."""
    path = tmp_path / "keys"
    path.write_text(line(A, "a tenant=friend") + line(B, "b tenant=friends") + line(C, "c tenant=default"))
    file = AllowFile(path, tenants=["", "friends"])
    listing = file.load()
    assert [(one.code, one.values["line"]) for one in listing.found] == [("TH318", 1)]
    assert {key: entry.tenant for key, entry in listing.keys.items()} == {A: "friend", B: "friends", C: ""}


def test_findings(tmp_path: Path) -> None:
    """A check tells of every bad line and of a list that admits nobody."""
    path = tmp_path / "keys"
    path.write_text("nonsense\n")
    assert [one.code for one in allow_list_findings(AllowFile(path))] == ["TH285", "TH288"]
    assert [one.code for one in allow_list_findings(AllowFile(tmp_path / "none"))] == ["TH047"]


def test_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``on`` is a file of the state directory; a tenant may have one of its own, or none."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    relay = RelayConfig(allow_list="on")
    own = AllowLists(relay).of(relay)
    assert own is not None
    assert own.backing.place == os.fspath(tmp_path / "allowed_keys")
    theirs = AllowLists(relay).of(TenantConfig(tenant="family", allow_list=tmp_path / "keys"))
    assert theirs is not None
    assert (theirs.backing.place, theirs.tenant) == (os.fspath(tmp_path / "keys"), "family")
    assert AllowLists(relay).of(TenantConfig()) is None


def test_whether_it_is_there(tmp_path: Path) -> None:
    """A list that may lack says whether it does; an empty file is a list."""
    file = AllowFile(tmp_path / "keys", may_lack=True)
    assert not file.load().is_there
    (tmp_path / "keys").write_text("")
    assert file.load().is_there
