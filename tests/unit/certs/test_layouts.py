"""Certificates are found in a directory by what is in the files, whatever these are called."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.certificates import Made, make_certificate
from tailhub.certs.layouts import MAX_FILES, FoundPair, find_pairs
from tailhub.exceptions import MachineError

NOW = datetime.now(UTC)
CA = make_certificate(common_name="A CA", is_ca=True)
LEAF = make_certificate(dns_names=["derp.example.com"], issuer=CA)
WILD = make_certificate(dns_names=["*.example.com"], issuer=CA)
FULL = LEAF.pem + CA.pem


def put(directory: Path, **files: bytes) -> None:
    """Write files; ``__`` in a name is a dot, ``____`` a slash."""
    for name, content in files.items():
        path = directory / name.replace("____", "/").replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def found(directory: Path) -> list[FoundPair]:
    return find_pairs(directory, "--cert-dir", NOW)[0]


def names(directory: Path) -> list[tuple[str, ...]]:
    return [pair.certificate.names for pair in found(directory)]


LAYOUTS: dict[str, dict[str, bytes]] = {
    "certbot": {
        "live____derp__example__com____fullchain__pem": FULL,
        "live____derp__example__com____privkey__pem": b"",
    },
    "acme.sh": {"derp_ecc____fullchain__cer": FULL, "derp_ecc____derp__cer": LEAF.pem, "derp_ecc____derp__key": b""},
    "caddy": {"certificates____acme____derp____derp__crt": FULL, "certificates____acme____derp____derp__key": b""},
    "derper": {"derp__example__com__crt": FULL, "derp__example__com__key": b""},
    "plain": {"cert__pem": FULL, "cert__key": b""},
    "apart": {"cert__pem": LEAF.pem, "chain__pem": CA.pem, "key__pem": b""},
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_is_understood(tmp_path: Path, layout: dict[str, bytes]) -> None:
    """Certificate, chain and key are put together, whatever the tool that wrote them calls them."""
    put(tmp_path, **{name: content or LEAF.key_pem for name, content in layout.items()})
    (pair,) = found(tmp_path)
    assert (pair.certificate.names, pair.certificate.chain_length) == (("derp.example.com",), 2)


def test_one_file_may_hold_all(tmp_path: Path) -> None:
    """Key and chain may be in one file, in any order."""
    put(tmp_path, all__pem=LEAF.key_pem + CA.pem + LEAF.pem)
    (pair,) = found(tmp_path)
    assert pair.certificate.chain_pem == FULL


def test_several_certificates(tmp_path: Path) -> None:
    """Each set of names is one certificate, in the order of their files."""
    put(tmp_path, a__crt=FULL, a__key=LEAF.key_pem, b__crt=WILD.pem, b__key=WILD.key_pem)
    assert names(tmp_path) == [("derp.example.com",), ("*.example.com",)]


@pytest.mark.parametrize(
    ("other", "is_better"),
    [
        ({"valid_to_days": 500}, True),
        ({"valid_to_days": 9}, False),
        ({"valid_from_days": 2, "valid_to_days": 900}, False),
    ],
)
def test_of_the_same_names_the_longest_valid_counts(tmp_path: Path, other: dict[str, float], is_better: bool) -> None:
    """An old certificate that lies about is not served, nor is one for later days."""
    rival = make_certificate(dns_names=["derp.example.com"], issuer=CA, **other)  # type: ignore[arg-type]
    put(tmp_path, a__crt=FULL, a__key=LEAF.key_pem, b__crt=rival.pem, b__key=rival.key_pem)
    (pair,) = found(tmp_path)
    assert (pair.certificate.leaf_der == rival.der) is is_better


def test_what_certbot_keeps_of_old_times_is_passed_over(tmp_path: Path) -> None:
    """``archive`` and accounts are not looked at, links into them are followed."""
    put(tmp_path, archive____x____cert1__pem=FULL, archive____x____key1__pem=LEAF.key_pem)
    put(tmp_path, accounts____y____private__pem=WILD.key_pem)
    (tmp_path / "live/x").mkdir(parents=True)
    for name, target in (("fullchain.pem", "cert1.pem"), ("privkey.pem", "key1.pem")):
        (tmp_path / "live/x" / name).symlink_to(f"../../archive/x/{target}")
    (pair,) = found(tmp_path)
    assert pair.cert == tmp_path / "live/x/fullchain.pem"


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    """A directory that contains itself is looked at once."""
    put(tmp_path, a__crt=FULL, a__key=LEAF.key_pem)
    (tmp_path / "again").symlink_to(tmp_path)
    assert len(found(tmp_path)) >= 1


def test_a_huge_directory_is_bounded(tmp_path: Path) -> None:
    """No more than so many entries are looked at."""
    for number in range(MAX_FILES + 10):
        (tmp_path / f"{number:06}.txt").touch()
    put(tmp_path, zzz__crt=FULL, zzz__key=LEAF.key_pem)
    with pytest.raises(MachineError, match="no certificate with its key"):
        found(tmp_path)


ENCRYPTED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "empty": (lambda path: None, "no file has a certificate"),
    "no key": (lambda path: put(path, a__crt=FULL), "no file has a key"),
    "another key": (lambda path: put(path, a__crt=FULL, a__key=WILD.key_pem), "none belongs to another"),
    "encrypted": (lambda path: put(path, a__crt=FULL, a__key=ENCRYPTED), "passphrase"),
    "missing": (lambda path: path.rmdir(), "there is no directory"),
}


@pytest.mark.parametrize(("spoil", "said"), FAULTS.values(), ids=FAULTS)
def test_a_directory_without_a_pair(tmp_path: Path, spoil: Callable[[Path], None], said: str) -> None:
    """What cannot be served is said in one sentence."""
    directory = tmp_path / "certs"
    directory.mkdir()
    spoil(directory)
    with pytest.raises(MachineError, match=said):
        found(directory)


def test_a_damaged_file_beside_a_good_pair_is_a_note(tmp_path: Path) -> None:
    """The pair is served, and the other file is named."""
    put(tmp_path, a__crt=FULL, a__key=LEAF.key_pem, b__key=ENCRYPTED)
    pairs, notes = find_pairs(tmp_path, "--cert-dir", NOW)
    assert len(pairs) == 1
    assert [note.values["path"] for note in notes] == [str(tmp_path / "b.key")]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_key_is_named(tmp_path: Path) -> None:
    """A key that this user may not read is said to be just that."""
    put(tmp_path, a__crt=FULL, a__key=LEAF.key_pem)
    (tmp_path / "a.key").chmod(0)
    with pytest.raises(MachineError, match=r"may not read|cannot read"):
        found(tmp_path)


def test_a_self_signed_pair_of_another_relay(tmp_path: Path) -> None:
    """The certificate that derper makes for an IP address is found as it is."""
    own: Made = make_certificate(ips=["192.0.2.7"], common_name="192.0.2.7")
    put(tmp_path, **{"192__0__2__7__crt": own.pem, "192__0__2__7__key": own.key_pem})
    (pair,) = found(tmp_path)
    assert (pair.certificate.pin, pair.certificate.needs_pin) == (own.pin, True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_no_certificate(tmp_path: Path) -> None:
    """A named pipe in the directory is passed over: to open it would be to wait for ever."""
    put(tmp_path, a__crt=FULL, a__key=LEAF.key_pem)
    os.mkfifo(tmp_path / "b.pem")
    assert names(tmp_path) == [("derp.example.com",)]


def test_a_closed_directory_further_down_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies beside a directory that this user may not look into is served, and that one is named."""
    put(tmp_path, a__crt=FULL, a__key=LEAF.key_pem, closed____b__crt=WILD.pem)
    look = os.scandir

    def scandir(path: str) -> object:
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return look(path)

    monkeypatch.setattr(os, "scandir", scandir)
    pairs, notes = find_pairs(tmp_path, "--cert-dir", NOW)
    assert len(pairs) == 1
    assert [note.values["path"] for note in notes] == [str(tmp_path / "closed")]


def test_a_certificate_damaged_inside_is_a_note(tmp_path: Path) -> None:
    """One whose version or issuer cannot be read does not keep another one from being served."""
    put(tmp_path, a__crt=FULL, a__key=LEAF.key_pem)
    version = LEAF.der.index(b"\xa0\x03\x02\x01\x02") + 4
    text = LEAF.der.index(b"\x0c")  # the issuer's name, in UTF-8: made into a type that it cannot be
    for name, at, byte in (("b.crt", version, 77), ("c.crt", text, 2)):
        damaged = bytearray(LEAF.der)
        damaged[at] = byte
        (tmp_path / name).write_text(ssl.DER_cert_to_PEM_cert(bytes(damaged)))
    pairs, notes = find_pairs(tmp_path, "--cert-dir", NOW)
    assert [pair.cert.name for pair in pairs] == ["a.crt"]
    assert "b.crt" in {Path(str(note.values["path"])).name for note in notes}
