"""The state directory: its lock, the relay's key, the pinned pair."""

from __future__ import annotations

import errno
import json
import os
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.killed import killed
from support.refusals import finding_of
from tailhub import box
from tailhub.admin.token_file import TOKEN_FILE
from tailhub.certs.dates import BUILD_DATE
from tailhub.certs.self_signed import make_self_signed
from tailhub.findings import Finding
from tailhub.keys import MeshKey, NodePublic
from tailhub.net.tls_context import server_context
from tailhub.server.state import StateDir, mesh_keys, relay_name

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a relay's state is kept on POSIX systems")

NOW = datetime(2027, 1, 2, tzinfo=UTC)
OWN = "relay-00010203.tailhub.invalid"
HOST = "derp.example.com"
IPS = ["203.0.113.7"]
FILES = ["derper.key", "lock", "pinned.crt", "pinned.key"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the state directory will be."""
    return tmp_path / "var" / "state"


@pytest.fixture
def state(path: Path) -> Iterator[StateDir]:
    """A new state directory, locked."""
    opened = StateDir.open(path)
    yield opened
    opened.close()


def names(found: list[Finding]) -> list[str]:
    return [finding.name for finding in found]


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def content(path: Path) -> dict[str, bytes]:
    """All files but the lock."""
    return {file.name: file.read_bytes() for file in path.iterdir() if file.name != "lock"}


# --- the directory and its lock


def test_modes(state: StateDir, path: Path) -> None:
    """The directory has mode 0700 and every file 0600, whatever the umask."""
    before = os.umask(0)
    try:
        other = StateDir.open(path.with_name("other"))
        for each in (state, other):
            each.relay_key()
            each.certificate(OWN, "", IPS, NOW)
            assert mode(each.path) == 0o700
            assert sorted(file.name for file in each.path.iterdir()) == FILES
            assert {mode(file) for file in each.path.iterdir()} == {0o600}
        other.close()
    finally:
        os.umask(before)


def test_a_directory_of_others_making_is_left_as_it_is(tmp_path: Path) -> None:
    """The mode of a directory that is there (systemd makes it 0755) is not changed."""
    tmp_path.chmod(0o755)
    StateDir.open(tmp_path).close()
    assert mode(tmp_path) == 0o755


LOCKER = """
import os, sys
from pathlib import Path
from tailhub.exceptions import MachineError
from tailhub.server.state import StateDir
try:
    StateDir.open(Path(sys.argv[1]))
except MachineError as exc:
    print(exc.finding.name, exc.finding.values["pid"], flush=True)
else:
    print("locked", os.getpid(), flush=True)
    sys.stdin.read()
"""


def locker(path: Path) -> subprocess.Popen[str]:
    """A second process that locks the directory until its stdin is closed, or says why it cannot."""
    command = [sys.executable, "-c", LOCKER, str(path)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def first_line(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    return process.stdout.readline().split()


def test_a_second_process_is_refused(state: StateDir, path: Path) -> None:
    """A second relay is told the process id of the first, which keeps the lock."""
    with locker(path) as second:
        assert first_line(second) == ["state-locked", str(os.getpid())]
    with locker(path) as third:
        assert first_line(third) == ["state-locked", str(os.getpid())]


def test_lock_ends_with_its_process(path: Path) -> None:
    """The lock of a relay that was killed is gone with it, though its file stays."""
    with locker(path) as first:
        assert first_line(first) == ["locked", str(first.pid)]
        finding = finding_of(lambda: StateDir.open(path))
        assert finding.name == "state-locked"
        assert str(first.pid) in str(finding)
        first.kill()
        first.wait(30)
    StateDir.open(path).close()


def test_lock_ends_with_close(path: Path) -> None:
    """After `close` the directory can be opened again."""
    StateDir.open(path).close()
    StateDir.open(path).close()


@pytest.mark.parametrize("noted", [b"", b"junk\n", b"999999999\n"])
def test_lock_of_a_stranger(state: StateDir, path: Path, noted: bytes) -> None:
    """Without the number of a running process in the lock file, the finding names none."""
    (path / "lock").write_bytes(noted)
    assert finding_of(lambda: StateDir.open(path)).values["pid"] is None


def test_no_process_id_on_a_full_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk too full to note the process id does not keep a relay from starting."""

    def pwrite(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", pwrite)
    StateDir.open(path).close()


def test_file_system_without_locks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that knows no locks is refused in the system's words."""

    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    assert "No locks available" in str(finding_of(lambda: StateDir.open(path)))


def test_not_a_directory(tmp_path: Path) -> None:
    """A file in place of the directory, or of one above it, is refused as such, and it is the file that is to go."""
    file = tmp_path / "file"
    file.touch()
    for path in (file, file / "state"):
        finding = finding_of(lambda path=path: StateDir.open(path))  # type: ignore[misc]
        assert finding.name == "state-not-a-directory"
        assert f"`mv {file} {file}.old`" in finding.remedy()


def test_not_a_directory_but_a_device() -> None:
    """Nobody is told to move a device away."""
    finding = finding_of(lambda: StateDir.open(Path(os.devnull)))
    assert finding.name == "state-not-a-directory"
    assert "mv" not in finding.remedy()


@pytest.mark.parametrize(("number", "name"), [(errno.EACCES, "state-not-writable"), (errno.EROFS, "file-trouble")])
@pytest.mark.parametrize("call", ["mkdir", "open"])
def test_not_writable(path: Path, monkeypatch: pytest.MonkeyPatch, number: int, name: str, call: str) -> None:
    """No permission and a read-only file system are told apart, for the directory and for a file in it."""

    def refuse(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, refuse)
    finding = finding_of(lambda: StateDir.open(path))
    assert finding.name == name
    assert str(path) in str(finding)


@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write everywhere")
def test_not_writable_for_real(tmp_path: Path) -> None:
    """A directory without write permission is refused with its mode."""
    tmp_path.chmod(0o500)
    try:
        finding = finding_of(lambda: StateDir.open(tmp_path))
    finally:
        tmp_path.chmod(0o700)
    assert finding.name == "state-not-writable"
    assert "0500" in str(finding)


# --- the relay's key


def test_relay_key_is_kept(state: StateDir) -> None:
    """The key made at the first start is the key of every later one."""
    first, found = state.relay_key()
    assert found == []
    assert state.relay_key() == (first, [])


def test_the_operators_token_is_made_once(state: StateDir, path: Path) -> None:
    """The token is made at the first start, long, one line, for the owner's eyes; the next start keeps it."""
    assert state.operator_token() == []
    token = (path / TOKEN_FILE).read_text()
    assert len(token.strip()) >= 40
    assert token == token.strip() + "\n"
    assert stat.S_IMODE((path / TOKEN_FILE).stat().st_mode) == 0o600
    assert state.operator_token() == []
    assert (path / TOKEN_FILE).read_text() == token


def test_a_token_that_others_can_read(state: StateDir, path: Path) -> None:
    """A token that everyone on the machine can read is told of."""
    state.operator_token()
    (path / TOKEN_FILE).chmod(0o644)
    assert [finding.code for finding in state.operator_token()] == ["TH049"]


def test_relay_key_of_a_moved_relay(state: StateDir, path: Path) -> None:
    """A key file that is not there gets the state's own key, private to its owner; one that is there counts."""
    first, _ = state.relay_key()
    elsewhere = path.parent / "relay.key"
    moved, (note,) = state.relay_key(elsewhere)
    assert (moved, note.name) == (first, "relay-key-copied")
    assert elsewhere.read_bytes() == (path / "derper.key").read_bytes()
    assert elsewhere.stat().st_mode & 0o777 == 0o600
    (path / "derper.key").unlink()
    assert state.relay_key(elsewhere) == (first, [])


def test_relay_key_has_derpers_form(state: StateDir, path: Path) -> None:
    """The file is the JSON that derper reads."""
    private, _ = state.relay_key()
    assert json.loads((path / "derper.key").read_bytes()) == {"PrivateKey": private.to_text()}


def test_relay_key_of_derper(state: StateDir, path: Path) -> None:
    """A file as derper writes it is read, also with members we do not know."""
    text = '{\n\t"PrivateKey": "privkey:' + "4a" * 32 + '",\n\t"Other": [1]\n}'
    (path / "derper.key").write_text(text)
    (path / "derper.key").chmod(0o600)
    private, found = state.relay_key()
    assert (private.raw, found) == (b"\x4a" * 32, [])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[" * 100_000,
        "[]",
        "{}",
        '{"PrivateKey": 7}',
        '{"PrivateKey": "' + "4a" * 32 + '"}',
        '{"PrivateKey": "privkey:' + "4a" * 31 + '"}',
        '{"PrivateKey": "nodekey:' + "4a" * 32 + '"}',
        '{"PrivateKey": "privkey:' + "00" * 32 + '"}',
        "privkey:" + "4a" * 32,
        "\x00\xff",
    ],
)
def test_relay_key_malformed(state: StateDir, path: Path, text: str) -> None:
    """What is no key file is an error that shows nothing of it, and it stays untouched."""
    (path / "derper.key").write_text(text)
    finding = finding_of(state.relay_key)
    assert finding.name == "relay-key-malformed"
    assert "4a" * 8 not in str(finding)
    assert (path / "derper.key").read_text() == text


def test_relay_key_for_all_to_read(state: StateDir, path: Path) -> None:
    """A key file that others may read is used, with a warning that gives the command."""
    private, _ = state.relay_key()
    for bits in (0o640, 0o604):
        (path / "derper.key").chmod(bits)
        again, found = state.relay_key()
        assert again == private
        assert names(found) == ["secret-readable-by-others"]
        assert f"{bits:04o}" in str(found[0])


def test_relay_key_behind_a_dead_link(state: StateDir, path: Path) -> None:
    """A link to nowhere (a volume that is not mounted) is an error, not a reason for a new key."""
    (path / "derper.key").symlink_to("/nonexistent/derper.key")
    assert finding_of(state.relay_key).name == "file-missing"
    assert (path / "derper.key").is_symlink()


# --- writing


@pytest.mark.parametrize("call", ["open", "fsync", "replace"])
def test_a_write_that_fails_leaves_nothing(
    state: StateDir, path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """When the disk is full, whichever step notices it, no file is there afterwards and the finding says why."""
    real = getattr(os, call)

    def fail(*arguments: object, **more: object) -> object:
        if call == "open" and ".new" not in str(arguments[0]):
            return real(*arguments, **more)
        raise OSError(errno.ENOSPC, "No space left on device")

    for act in (state.relay_key, lambda: state.certificate(OWN, "", IPS, NOW)):
        with monkeypatch.context() as patch:
            patch.setattr(os, call, fail)
            finding = finding_of(act)
        assert finding.name == "file-trouble"
        assert "No space left" in str(finding)
        assert content(path) == {}


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("after", [0, 1, 2])
def test_killed_while_making_a_pair(
    state: StateDir, path: Path, monkeypatch: pytest.MonkeyPatch, call: str, after: int
) -> None:
    """A process killed at any step of making a pair leaves what the next start completes or makes anew."""
    with killed(monkeypatch, call, after):
        state.certificate(OWN, "", IPS, NOW)
    left = content(path)
    certificate, found = state.certificate(OWN, "", IPS, NOW)
    assert found == []
    if "pinned.key" in left:  # a key that has its name is never replaced
        assert certificate.key_pem == left["pinned.key"]
    assert sorted(file.name for file in path.iterdir() if not file.name.endswith(".new")) == FILES[1:]
    assert state.certificate(OWN, "", IPS, NOW)[0] == certificate


def test_killed_while_writing_a_key(state: StateDir, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of an interrupted write is no key: the next start makes one, with the right mode."""
    (path / "derper.key.new").write_text('{"PrivateKey": "privkey:4a')
    (path / "derper.key.new").chmod(0o666)
    private, found = state.relay_key()
    assert found == []
    assert state.relay_key() == (private, [])
    assert mode(path / "derper.key") == 0o600


# --- the pinned pair


def test_certificate_is_kept(state: StateDir, path: Path) -> None:
    """The pair made at the first start is served at every later one, byte for byte, with the same pin."""
    first, found = state.certificate(OWN, HOST, IPS, NOW)
    assert found == []
    files = content(path)
    later = NOW + timedelta(days=400)
    assert state.certificate(OWN, HOST, ["198.51.100.1"], later) == (first, [])
    assert content(path) == files
    server_context(first.chain_pem, first.key_pem)


def test_names_of_a_new_certificate(state: StateDir) -> None:
    """A new certificate has the made-up name, the host name and the addresses, and lasts ten years."""
    certificate, _ = state.certificate(OWN, HOST, IPS, NOW)
    assert certificate.names == (HOST, OWN)
    assert certificate.ips == tuple(IPS)
    assert (certificate.not_before, certificate.not_after.year) == (BUILD_DATE - timedelta(days=1), NOW.year + 10)
    assert certificate.pin.startswith("sha256-raw:")


def test_relay_name() -> None:
    """A relay's made-up name comes from its public key, below a domain that never exists."""
    assert relay_name(NodePublic(bytes(range(32)))) == OWN
    assert relay_name(NodePublic(bytes(range(32))), quiet=True) == "relay-00010203.invalid"


@pytest.mark.parametrize(("present", "missing"), [("pinned.crt", "pinned.key"), ("pinned.key", "pinned.crt")])
def test_half_a_pair(state: StateDir, path: Path, present: str, missing: str) -> None:
    """Half a pair is an error that names both files, and neither is made anew."""
    state.certificate(OWN, "", IPS, NOW)
    (path / missing).unlink()
    before = content(path)
    finding = finding_of(lambda: state.certificate(OWN, "", IPS, NOW))
    assert finding.name == "certificate-half"
    assert str(path / present) in str(finding)
    assert str(path / missing) in str(finding)
    assert content(path) == before


@pytest.mark.parametrize("name", ["pinned.crt", "pinned.key"])
def test_half_a_pair_after_a_power_cut(state: StateDir, path: Path, name: str) -> None:
    """The half that was written and has no name yet is put in place, whichever it is."""
    certificate, _ = state.certificate(OWN, "", IPS, NOW)
    (path / name).rename(path / f"{name}.new")
    assert state.certificate(OWN, "", IPS, NOW) == (certificate, [])
    assert sorted(content(path)) == ["pinned.crt", "pinned.key"]


def test_half_a_pair_and_somebody_elses_rest(state: StateDir, path: Path) -> None:
    """A certificate that was being written for another key does not complete a half pair."""
    state.certificate(OWN, "", IPS, NOW)
    (path / "pinned.crt").unlink()
    (path / "pinned.crt.new").write_bytes(make_self_signed([OWN], [], NOW)[0])
    assert finding_of(lambda: state.certificate(OWN, "", IPS, NOW)).name == "certificate-half"


def test_a_pair_that_does_not_fit(state: StateDir, path: Path) -> None:
    """A certificate with another key is an error, and both files stay."""
    state.certificate(OWN, "", IPS, NOW)
    (path / "pinned.crt").write_bytes(make_self_signed([OWN], [], NOW)[0])
    before = content(path)
    assert finding_of(lambda: state.certificate(OWN, "", IPS, NOW)).name == "key-mismatch"
    assert content(path) == before


def test_a_dead_link(state: StateDir, path: Path) -> None:
    """A pair of links to nowhere is an error, not a reason for a new pin."""
    for name in ("pinned.crt", "pinned.key"):
        (path / name).symlink_to(f"/nonexistent/{name}")
    finding = finding_of(lambda: state.certificate(OWN, "", IPS, NOW))
    assert finding.name == "file-missing"
    assert "--state-dir" in str(finding)


def test_other_state_is_named(state: StateDir, path: Path) -> None:
    """Other state is a warning when a new pin is made, and only then."""
    others = [Path("/var/lib/tailhub"), Path("/home/u/.local/state/tailhub")]
    _, found = state.certificate(OWN, "", IPS, NOW, others)
    assert names(found) == ["other-state", "other-state"]
    assert all(str(other) in str(finding) for other, finding in zip(others, found, strict=True))
    assert state.certificate(OWN, "", IPS, NOW, others)[1] == []


def test_a_host_name_later(state: StateDir) -> None:
    """A host name that the pinned certificate lacks is a warning with the way to it; the pin stays."""
    first, _ = state.certificate(OWN, "", IPS, NOW)
    again, found = state.certificate(OWN, HOST, IPS, NOW)
    assert again == first
    assert names(found) == ["name-needs-new-pin"]
    assert HOST in str(found[0])
    assert OWN in str(found[0])


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (NOW.replace(year=2036, month=12), ["pin-expires-soon"]),
        (NOW.replace(year=2038), ["certificate-expired"]),
        (datetime(2020, 1, 1, tzinfo=UTC), ["clock-before-build", "certificate-not-yet-valid"]),
    ],
)
def test_dates(state: StateDir, now: datetime, expected: list[str]) -> None:
    """Dates that clients refuse are findings, and the certificate is served all the same."""
    first, _ = state.certificate(OWN, "", IPS, NOW)
    again, found = state.certificate(OWN, "", IPS, now)
    assert again == first
    assert names(found) == expected


def test_made_with_a_wrong_clock(state: StateDir) -> None:
    """A machine whose clock is behind gets a certificate that is good for clients with a right one."""
    certificate, found = state.certificate(OWN, "", IPS, datetime(1970, 1, 1, tzinfo=UTC))
    assert names(found) == ["clock-before-build", "certificate-not-yet-valid"]
    assert certificate.not_before < BUILD_DATE < certificate.not_after


def test_a_pinned_chain_is_cut(state: StateDir, path: Path) -> None:
    """Of a chain that somebody put there only the leaf is served, because clients with a pin refuse more."""
    cert_pem, key_pem = make_self_signed([HOST], [], NOW)
    (path / "pinned.crt").write_bytes(make_self_signed(["issuer.example"], [], NOW)[0] + cert_pem)
    (path / "pinned.key").write_bytes(key_pem)
    (path / "pinned.key").chmod(0o640)
    certificate, found = state.certificate(OWN, HOST, IPS, NOW)
    assert ssl.PEM_cert_to_DER_cert(certificate.chain_pem.decode()) == certificate.leaf_der
    assert (certificate.chain_pem, certificate.chain_length) == (cert_pem, 1)
    assert names(found) == ["secret-readable-by-others"]


# --- the mesh key


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4A" * 32, ["4a"]),
        (f"{'4a' * 32}\n", ["4a"]),
        (f"  {'4A' * 32}\r\n\n", ["4a"]),
        (f"\n# of this summer\n\t{'4a' * 32}  \n", ["4a"]),
        (f"{'4a' * 32}\n{'5b' * 32}\n", ["4a", "5b"]),
        (f"{'5b' * 32}\r\n\r\n {'4a' * 32}", ["5b", "4a"]),
        (f"{'4a' * 32}\n{'5b' * 32}\n{'4A' * 32}\n", ["4a", "5b"]),
        (f"\ufeff{'4a' * 32}\r\n{'5b' * 32}\r\n", ["4a", "5b"]),  # as some editors write it
    ],
)
def test_mesh_keys(tmp_path: Path, text: str, expected: list[str]) -> None:
    """A mesh key file has a key, 64 hexadecimal digits, or two in their order; white space and comments are nothing."""
    path = tmp_path / "mesh"
    path.write_text(text)
    path.chmod(0o600)
    keys, found = mesh_keys(path)
    assert ([key.raw for key in keys], found) == ([bytes.fromhex(digits) * 32 for digits in expected], [])


def test_a_new_mesh_key_is_one(tmp_path: Path) -> None:
    """What is made is read, and another one each time."""
    path = tmp_path / "mesh"
    made = [MeshKey.generate(), MeshKey.generate()]
    assert made[0] != made[1]
    path.write_text(made[0].to_text() + "\n")
    assert mesh_keys(path)[0] == (made[0],)


def test_mesh_key_for_all_to_read(tmp_path: Path) -> None:
    """A mesh key that others may read is used, with a warning."""
    path = tmp_path / "mesh"
    path.write_text("4a" * 32)
    path.chmod(0o644)
    assert names(mesh_keys(path)[1]) == ["secret-readable-by-others"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ": expected 64 hexadecimal digits, a mesh key, found 0 characters that are none."),
        ("# none yet\n", "found 0 characters"),
        ("4a" * 31, "found 62 characters"),
        ("4a" * 33, "found 66 characters"),
        ("zz" * 32, "found 64 characters"),
        ("4a" * 16 + " " + "4a" * 16, "found 65 characters"),
        ("\xff", "found 1 characters"),
        ("00" * 32, "found 64 zeros"),
        (f"\n{'4a' * 32}\n{'4a' * 31}\n", ", line 3: expected 64 hexadecimal digits, a mesh key, found 62 characters"),
    ],
)
def test_mesh_key_malformed(tmp_path: Path, text: str, found: str) -> None:
    """Anything else is an error that shows nothing of it, at its line where there are several."""
    path = tmp_path / "mesh"
    path.write_text(text)
    finding = finding_of(lambda: mesh_keys(path))
    assert finding.name == "mesh-key-malformed"
    assert found in str(finding)
    assert "4a" * 8 not in str(finding)


def test_too_many_mesh_keys(tmp_path: Path) -> None:
    """Three are not a change from one to another."""
    path = tmp_path / "mesh"
    path.write_text("\n".join(digits * 32 for digits in ("4a", "5b", "6c")))
    finding = finding_of(lambda: mesh_keys(path))
    assert (finding.name, finding.values["count"]) == ("too-many-mesh-keys", 3)


def test_mesh_key_missing(tmp_path: Path) -> None:
    """A file that is not there is named together with the flag."""
    finding = finding_of(lambda: mesh_keys(tmp_path / "mesh"))
    assert finding.name == "file-missing"
    assert "--mesh-key-file" in str(finding)


def test_keys_differ(tmp_path: Path) -> None:
    """Two new state directories have two keys and two pins."""
    made = []
    for name in ("a", "b"):
        opened = StateDir.open(tmp_path / name)
        private, _ = opened.relay_key()
        made.append((box.public_key(private), opened.certificate(OWN, "", [], NOW)[0].pin))
        opened.close()
    assert made[0][0] != made[1][0]
    assert made[0][1] != made[1][1]


def test_a_key_that_lies_elsewhere(tmp_path: Path) -> None:
    """A key file that is named is used where it is, made there if it is missing, and none is made in the state."""
    named = tmp_path / "derper.conf"
    state = StateDir.open(tmp_path / "state")
    try:
        private, _ = state.relay_key(named)
        assert state.relay_key(named)[0] == private
        assert stat.S_IMODE(named.stat().st_mode) == 0o600
        assert not (tmp_path / "state" / "derper.key").exists()
    finally:
        state.close()


def test_a_probe_key_that_cannot_be_read(state: StateDir) -> None:
    """It keeps no relay from starting: the finding says in one sentence what is there instead, and what to do."""
    (state.path / "probe.key").mkdir()
    key, (finding,) = state.probe_key()
    assert key is None
    assert finding.what() == f"The key of the relay's own probe cannot be used: {state.path}/probe.key: Is a directory."
