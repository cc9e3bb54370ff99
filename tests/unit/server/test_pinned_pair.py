"""Named pinned pairs, and pairs of other programs that are taken over."""

from __future__ import annotations

import os
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from support.certificates import Made, make_certificate
from tailhub.exceptions import FindingError, MachineError, UsageError
from tailhub.findings import Finding
from tailhub.server.pinned_pair import ensure_pair, foreign_pairs, load_pinned, make_pair, pair_paths, pin_names
from tailhub.server.state import StateDir

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a relay's state is kept on POSIX systems")

NOW = datetime(2027, 1, 2, tzinfo=UTC)
NAMES = ["relay-00010203.tailhub.invalid"]
IPS = ["203.0.113.7"]


def put(directory: Path, stem: str, made: Made, *behind: Made) -> None:
    """A pair as derper keeps it."""
    directory.mkdir(exist_ok=True)
    (directory / f"{stem}.crt").write_bytes(made.pem + b"".join(one.pem for one in behind))
    key = made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (directory / f"{stem}.key").write_bytes(key)


def name_of(caught: pytest.ExceptionInfo[FindingError]) -> str:
    assert isinstance(caught.value.finding, Finding)
    return caught.value.finding.name


def test_each_name_has_a_pair_of_its_own(tmp_path: Path) -> None:
    """Pairs of different names have different pins, each made once, in files of mode 0600."""
    state = StateDir.open(tmp_path)
    first, _ = state.certificate(NAMES[0], "", IPS, NOW)
    second, found = state.certificate(NAMES[0], "", IPS, NOW, pin="2036")
    assert found == []
    assert first.pin != second.pin
    assert state.certificate(NAMES[0], "", IPS, NOW) == (first, [])
    assert state.certificate(NAMES[0], "", IPS, NOW, pin="2036") == (second, [])
    assert pin_names(tmp_path) == ["", "2036"]
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    state.close()


@pytest.mark.parametrize("name", ["../x", "a/b", "a b", "ä", ".", "x" * 33, "a\n"])
def test_a_name_that_is_no_part_of_a_file_name(tmp_path: Path, name: str) -> None:
    """A name with anything but letters, digits, - and _ is refused before a file is touched."""
    with pytest.raises(UsageError) as caught:
        ensure_pair(tmp_path, name, NAMES, IPS, NOW)
    assert name_of(caught) == "bad-pin-name"
    assert list(tmp_path.iterdir()) == []


def test_names_in_a_directory(tmp_path: Path) -> None:
    """The first pair comes first; other files, and names that nobody could have given, are left out."""
    for file in ("pinned-b.crt", "pinned-a.key", "pinned.crt", "pinned-x y.crt", "other.crt", "pinned.txt"):
        (tmp_path / file).touch()
    assert pin_names(tmp_path) == ["", "a", "b"]
    assert pin_names(tmp_path / "none") == []


def test_a_pair_is_never_made_over(tmp_path: Path) -> None:
    """Making a pair where one of its files is, even a link to nowhere, is an error, and nothing changes."""
    (tmp_path / "pinned-a.key").symlink_to("/nonexistent")
    with pytest.raises(MachineError) as caught:
        make_pair(tmp_path, "a", NAMES, IPS, NOW)
    assert name_of(caught) == "pin-exists"
    assert [path.name for path in tmp_path.iterdir()] == ["pinned-a.key"]


@pytest.mark.parametrize("stem", ["203.0.113.7", "127.0.0.1", "derp.example.com"])
def test_a_pair_of_derper_is_taken_over(tmp_path: Path, stem: str) -> None:
    """A self-signed pair that is put into the state directory becomes the pinned one, with its pin; the files stay."""
    made = make_certificate(dns_names=[stem])
    put(tmp_path, stem, made)
    state = StateDir.open(tmp_path)
    certificate, found = state.certificate(NAMES[0], "", IPS, datetime.now(UTC))
    assert certificate.pin == made.pin
    assert [finding.name for finding in found] == ["pair-taken-over", "pin-expires-soon"]
    assert (tmp_path / f"{stem}.crt").exists()
    again, found = state.certificate(NAMES[0], "", IPS, datetime.now(UTC))
    assert (again, [finding.name for finding in found]) == (certificate, ["pin-expires-soon"])
    assert (tmp_path / "pinned.key").stat().st_mode & 0o777 == 0o600
    state.close()


def test_only_the_leaf_is_taken_over(tmp_path: Path) -> None:
    """Of a file with more certificates than one only the one with the key is kept."""
    made = make_certificate(ips=IPS)
    put(tmp_path, "203.0.113.7", made, make_certificate(common_name="another"))
    assert ensure_pair(tmp_path, "", NAMES, IPS, NOW)[0] is False
    assert ssl.PEM_cert_to_DER_cert((tmp_path / "pinned.crt").read_text()) == made.der
    assert load_pinned(tmp_path).pin == made.pin


def test_the_pair_that_is_called_as_the_relay(tmp_path: Path) -> None:
    """Of several pairs the one is taken that bears the relay's name or address; if none does, none."""
    wanted = make_certificate(ips=IPS)
    put(tmp_path, "203.0.113.7", wanted)
    put(tmp_path, "127.0.0.1", make_certificate())
    with pytest.raises(MachineError) as caught:
        ensure_pair(tmp_path, "", NAMES, ["198.51.100.1"], NOW)
    assert name_of(caught) == "several-pairs"
    assert not pair_paths(tmp_path)[0].exists()
    ensure_pair(tmp_path, "", NAMES, IPS, NOW)
    assert load_pinned(tmp_path).pin == wanted.pin


def test_what_is_no_pair_to_pin(tmp_path: Path) -> None:
    """Half a pair, a certificate from a CA, other people's files and our own pairs are not taken over."""
    authority = make_certificate(common_name="CA", is_ca=True)
    put(tmp_path, "derp.example.com", make_certificate(dns_names=["derp.example.com"], issuer=authority))
    put(tmp_path, "half", make_certificate())
    (tmp_path / "half.key").unlink()
    (tmp_path / "junk.crt").write_text("junk")
    (tmp_path / "junk.key").write_text("junk")
    put(tmp_path, "pinned-2", make_certificate())
    assert foreign_pairs(tmp_path) == {}
    assert ensure_pair(tmp_path, "", NAMES, IPS, NOW) == (True, [])


def test_a_further_pin_is_made_and_not_taken_over(tmp_path: Path) -> None:
    """A named pair is a new one, whatever else is in the directory."""
    put(tmp_path, "203.0.113.7", make_certificate())
    assert ensure_pair(tmp_path, "new", NAMES, IPS, NOW) == (True, [])
