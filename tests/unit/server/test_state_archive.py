"""Archives of a state: what goes in, and what is refused coming out."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sqlite3
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.refusals import finding_of
from tailhub.exceptions import MachineError
from tailhub.server import state_archive
from tailhub.server.config import ListenerConfig
from tailhub.server.listener_record import LISTENERS, describe_listeners
from tailhub.server.state_archive import MANIFEST, collect, left_behind, pack, unpack, write_archive

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a relay's state is kept on POSIX systems")

NOW = datetime(2027, 1, 2, tzinfo=UTC)
FILES = {"derper.key": b"key", "pinned.crt": b"C", "acme/live/a/privkey.pem": b"K" * 3000, "usage.json": b""}


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as archive:
        for member, data in members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return output.getvalue()


def members(data: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return [(one, (archive.extractfile(one) or io.BytesIO()).read()) for one in archive]


# --- export


def test_there_and_back() -> None:
    """What is packed is unpacked again, with the time and the machine that it is from."""
    archive = unpack(pack(FILES, NOW), "state.tar")
    assert archive.files == FILES
    assert archive.made_at == NOW
    assert archive.host
    assert archive.version


def test_what_belongs_to_a_state(tmp_path: Path) -> None:
    """All files go in, links to files as what they lead to; not the lock, the socket, unfinished and replaced files."""
    state = tmp_path / "state"
    passing = {"lock": b"1", "derper.key.new": b"", "replaced-20270101-000000/derper.key": b"old"}
    challenges = {"acme/challenges/token": b"t", "acme/x.new": b""}
    for name, data in {**FILES, **passing, **challenges}.items():
        (state / name).parent.mkdir(parents=True, exist_ok=True)
        (state / name).write_bytes(data)
    (tmp_path / "elsewhere").write_bytes(b"linked")
    (state / "pinned.key").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(state / "admin.sock")
    assert collect(state) == FILES | {"pinned.key": b"linked"}


def test_the_store_goes_in_as_it_is_at_the_moment(tmp_path: Path) -> None:
    """Usage that a running relay has just saved is in the export; copies, damaged stores and SQLite's logs are not."""
    (tmp_path / "derper.key").write_bytes(b"key")
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / "tailhub-20270101T000000-0001.db").write_bytes(b"copy")
    (tmp_path / "tailhub.db.damaged-20270101T000000").write_bytes(b"damaged")
    with contextlib.closing(sqlite3.connect(tmp_path / "tailhub.db", isolation_level=None)) as store:
        store.execute("PRAGMA journal_mode=WAL")
        store.execute("CREATE TABLE usage (bytes)")
        store.execute("INSERT INTO usage VALUES (42)")
        assert (tmp_path / "tailhub.db-wal").stat().st_size
        files = collect(tmp_path)
    assert set(files) == {"derper.key", "tailhub.db"}
    (tmp_path / "copy.db").write_bytes(files["tailhub.db"])
    with contextlib.closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("SELECT bytes FROM usage").fetchall() == [(42,)]


def test_a_store_that_is_damaged_or_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export without what it promises is none; the file is named."""
    (tmp_path / "derper.key").write_bytes(b"key")
    (tmp_path / "tailhub.db").write_bytes(b"not a database" * 1000)
    assert finding_of(lambda: collect(tmp_path), MachineError).code == "TH084"
    (tmp_path / "tailhub.db").unlink()
    with contextlib.closing(sqlite3.connect(tmp_path / "tailhub.db")) as store:
        store.execute("CREATE TABLE usage (bytes)")
    monkeypatch.setattr(state_archive, "MAX_STATE_LEN", 4096)
    assert finding_of(lambda: collect(tmp_path), MachineError).code == "TH084"


def test_a_state_that_changes_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a pair is replaced while it is read, all is read again, so that both halves belong together."""
    (tmp_path / "derper.key").write_bytes(b"key")
    for name in ("a.crt", "b.key"):
        (tmp_path / name).write_bytes(b"old")
    real = Path.read_bytes
    changed: list[Path] = []

    def read_bytes(path: Path) -> bytes:
        data = real(path)
        if path.name == "a.crt" and not changed:
            changed.append(path)
            for name in ("a.crt", "b.key"):
                (tmp_path / "new").write_bytes(b"newer")
                (tmp_path / "new").replace(tmp_path / name)
        return data

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    assert collect(tmp_path) == {"derper.key": b"key", "a.crt": b"newer", "b.key": b"newer"}


def test_no_state(tmp_path: Path) -> None:
    """A directory that is not there or has neither key nor certificate is no state."""
    (tmp_path / "listeners.json").touch()
    for path in (tmp_path, tmp_path / "none"):
        assert finding_of(lambda path=path: collect(path)).name == "state-not-found"  # type: ignore[misc]


KEY_TEXT = b'{\n\t"PrivateKey": "privkey:' + b"4a" * 32 + b'"\n}'


def noted(state: Path, *listeners: ListenerConfig, **elsewhere: Path) -> Path:
    """A state directory whose relay has these settings."""
    state.mkdir()
    ports = range(1, len(listeners) + 1)
    (state / LISTENERS).write_bytes(describe_listeners(listeners, ports, elsewhere))
    return state


@pytest.mark.parametrize("own", [None, b"a key that is not used"])
def test_the_key_that_is_used(tmp_path: Path, own: bytes | None) -> None:
    """A key outside the state goes in as the relay's key, with whatever else the state has or lacks."""
    state = noted(tmp_path / "state", ListenerConfig(acme=True), key_file=tmp_path / "relay.key")
    (tmp_path / "relay.key").write_bytes(KEY_TEXT)
    if own is not None:
        (state / "derper.key").write_bytes(own)
    assert collect(state)["derper.key"] == KEY_TEXT
    assert left_behind(state) == []


def test_a_key_outside_that_cannot_go_in(tmp_path: Path) -> None:
    """A key file that is damaged is an error, and so is one that is gone unless the state has the key."""
    key = tmp_path / "relay.key"
    state = noted(tmp_path / "state", ListenerConfig(), key_file=key)
    assert finding_of(lambda: collect(state)).name == "file-missing"
    key.write_text("{}")
    assert finding_of(lambda: collect(state)).name == "relay-key-malformed"
    key.unlink()
    (state / "derper.key").write_bytes(KEY_TEXT)
    assert collect(state)["derper.key"] == KEY_TEXT


def test_what_is_left_behind(tmp_path: Path) -> None:
    """Certificates and secrets outside the state are named, each once; those inside are not."""
    pair = ListenerConfig(cert=Path("/c/a.pem"), key=Path("/c/a.key"))
    inside = ListenerConfig(cert_dir=tmp_path / "state" / "certs")
    other = ListenerConfig(cert_dir=Path("/certs"))
    state = noted(tmp_path / "state", pair, pair, inside, other, mesh_key_file=Path("/m"), key_file=Path("/k"))
    assert left_behind(state) == ["/c/a.pem", "/c/a.key", "/certs", "/m"]


@pytest.mark.parametrize("rest", [".import-20270102-030405", ".placing-20270102-030405"])
def test_a_state_in_the_middle_of_an_import(tmp_path: Path, rest: str) -> None:
    """When an import was cut off some files are not in their places: that is no state to keep a copy of."""
    (tmp_path / "derper.key").write_bytes(b"key")
    (tmp_path / rest).mkdir()
    assert finding_of(lambda: collect(tmp_path)).name == "state-unfinished"


def test_a_dead_link(tmp_path: Path) -> None:
    """A key behind a link to nowhere is an error: an export without it would be none."""
    (tmp_path / "derper.key").symlink_to("/nonexistent/derper.key")
    assert "leads nowhere" in str(finding_of(lambda: collect(tmp_path)))


def test_an_archive_is_for_its_owner_and_written_over_nothing(tmp_path: Path) -> None:
    """The file has mode 0600 whatever the umask, and a file that is there stays."""
    path = tmp_path / "state.tar"
    before = os.umask(0)
    try:
        write_archive(path, b"one")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert finding_of(lambda: write_archive(path, b"two")).name == "file-in-the-way"
    assert path.read_bytes() == b"one"


def test_no_part_of_an_archive_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full there is no file afterwards."""

    def fsync(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    assert "No space" in str(finding_of(lambda: write_archive(tmp_path / "state.tar", b"data")))
    assert list(tmp_path.iterdir()) == []


# --- import


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../derper.key",
        "a/../../b",
        "./a",
        "a//b",
        "lock",
        "admin.sock",
        ".import-1/x",
        "a\\b",
        "x\ny",
        300 * "x",
    ],
)
def test_names_that_lead_elsewhere(name: str) -> None:
    """A name that is absolute, climbs, is not in its plain form or is no state's is refused."""
    finding = finding_of(lambda: unpack(pack(FILES | {name: b""}, NOW), "state.tar"))
    assert finding.name == "not-a-state-export"
    assert "cannot be part of a state" in str(finding)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_what_is_no_plain_file(kind: bytes) -> None:
    """Links, devices, pipes and directories are refused."""
    odd = tarfile.TarInfo("odd")
    odd.type, odd.linkname = kind, "/etc/passwd"
    data = tar(*members(pack(FILES, NOW)), (odd, b""))
    assert "cannot be part of a state" in str(finding_of(lambda: unpack(data, "state.tar")))


def test_a_file_twice() -> None:
    """Of two files with one name neither is believed."""
    whole = members(pack(FILES, NOW))
    assert "'derper.key'" in str(finding_of(lambda: unpack(tar(*whole, whole[1]), "state.tar")))


@pytest.mark.parametrize("names", [("acme", "acme/a"), ("acme/a/b", "acme")])
def test_a_file_inside_a_file(names: tuple[str, str]) -> None:
    """What is a file cannot have others in it: such an archive is refused before anything is written."""
    data = pack({**FILES, "acme/live/a/privkey.pem": b"", **dict.fromkeys(names, b"")}, NOW)
    assert "is in what is a file" in str(finding_of(lambda: unpack(data, "state.tar")))


def test_headers_without_an_end() -> None:
    """Thousands of long names one behind the other, each for the next header, are no tar file."""
    long_name = tarfile.TarInfo("././@LongLink")
    long_name.type = tarfile.GNUTYPE_LONGNAME
    assert "no tar file" in str(finding_of(lambda: unpack(tar(*[(long_name, b"a")] * 3000), "state.tar")))


def test_what_was_changed_on_the_way() -> None:
    """A file that is changed, missing or added is refused by its name."""
    whole = members(pack(FILES, NOW))
    changed = [(one, b"KEY" if one.name == "derper.key" else data) for one, data in whole]
    added = [*whole, (tarfile.TarInfo("more"), b"")]
    assert "derper.key is not what it was" in str(finding_of(lambda: unpack(tar(*changed), "state.tar")))
    assert "usage.json is missing" in str(finding_of(lambda: unpack(tar(*whole[:-1]), "state.tar")))
    assert "more is not in its manifest" in str(finding_of(lambda: unpack(tar(*added), "state.tar")))


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (b"{", "not JSON"),
        (b"[]", "not known to this version"),
        (b'{"format": 2}', "not known to this version"),
        (b'{"format": 1}', "manifest is not as it should be"),
        (b'{"format": 1, "files": [], "made": "x"}', "manifest is not as it should be"),
        (b'{"format": 1, "files": {"derper.key": 7}, "made": "x"}', "manifest is not as it should be"),
    ],
)
def test_a_manifest_that_is_none(manifest: bytes, words: str) -> None:
    """A manifest of another form is refused, without a traceback."""
    data = tar((tarfile.TarInfo(MANIFEST), manifest), (tarfile.TarInfo("derper.key"), b"key"))
    assert words in str(finding_of(lambda: unpack(data, "state.tar")))


def test_an_archive_of_something_else() -> None:
    """A tar without our manifest in front, and one without key or certificate, are refused."""
    assert f"begin with {MANIFEST}" in str(finding_of(lambda: unpack(tar((tarfile.TarInfo("a"), b"")), "a.tar")))
    assert "neither a relay's key" in str(finding_of(lambda: unpack(pack({"a": b""}, NOW), "a.tar")))


def test_an_archive_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """More bytes or files than a state has are refused before they are read."""
    whole = pack(FILES, NOW)
    monkeypatch.setattr(state_archive, "MAX_STATE_LEN", 1000)
    assert "too large" in str(finding_of(lambda: unpack(whole, "state.tar")))
    monkeypatch.undo()
    monkeypatch.setattr(state_archive, "MAX_FILES", 3)
    assert "too large" in str(finding_of(lambda: unpack(whole, "state.tar")))


@given(st.integers(0, len(pack(FILES, NOW)) - 1), st.binary(max_size=40))
def test_any_damage(position: int, instead: bytes) -> None:
    """Whatever is overwritten or cut off, the answer is the same state or a finding, never another error."""
    whole = pack(FILES, NOW)
    for data in (whole[:position], whole[:position] + instead + whole[position + len(instead) :], instead):
        try:
            archive = unpack(data, "state.tar")
        except MachineError:
            continue
        assert archive.files == FILES


def test_the_manifest_names_every_file() -> None:
    """Length and SHA-256 of each file are in the manifest, for those who look with ``tar`` alone."""
    manifest = json.loads(members(pack(FILES, NOW))[0][1])
    assert {name: entry["bytes"] for name, entry in manifest["files"].items()} == {n: len(d) for n, d in FILES.items()}
