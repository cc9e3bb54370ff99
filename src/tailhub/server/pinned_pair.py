"""The certificates of our own that clients pin: pairs of files in the state directory, made once, never changed.

The first is ``pinned.crt`` and ``pinned.key``; another one, NAME, is ``pinned-NAME.crt`` and ``pinned-NAME.key``: made
for a change of pin, and served by a listener of its own while maps spread. Each has exactly one certificate, no chain.

A self-signed pair that somebody used with derper (``<ip>.crt`` and ``<ip>.key``) and put into the directory is taken
over as it is, because clients may pin that one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from tailhub import findings
from tailhub.certs.files import Certificate, load_pair
from tailhub.certs.self_signed import make_self_signed
from tailhub.exceptions import MachineError, UsageError
from tailhub.findings import Finding
from tailhub.server.state_files import NEW, give_to_owner, sync_directory, write_files
from tailhub.server.state_place import PINNED_CERT, PINNED_KEY

__all__ = ["ensure_pair", "foreign_pairs", "load_pinned", "make_pair", "pair_paths", "pin_names"]

_OPTION = "--state-dir"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")
_STEM = PINNED_CERT.removesuffix(".crt")
_MAX_FOREIGN = 1000  # files looked at for a pair to take over


def pair_paths(directory: Path, pin: str = "") -> tuple[Path, Path]:
    """Certificate and key file of the pair called `pin`, "" for the first. Raises `UsageError` for a bad name."""
    if not pin:
        return directory / PINNED_CERT, directory / PINNED_KEY
    if not _NAME.fullmatch(pin):
        raise UsageError(findings.bad_pin_name(pin))
    return directory / f"{_STEM}-{pin}.crt", directory / f"{_STEM}-{pin}.key"


def pin_names(directory: Path) -> list[str]:
    """The names of the pairs in `directory`, whole or half, the first ("") before the others."""
    try:
        files = [path for path in directory.iterdir() if path.suffix in (".crt", ".key")]
    except FileNotFoundError:
        return []
    stems = sorted({path.stem for path in files if path.stem == _STEM or path.stem.startswith(f"{_STEM}-")})
    names = (stem.removeprefix(_STEM).removeprefix("-") for stem in stems)
    return [name for name in names if not name or _NAME.fullmatch(name)]


def load_pinned(directory: Path, pin: str = "") -> Certificate:
    """The pair called `pin`, without a chain. Raises `MachineError` when it is not whole."""
    certificate = load_pair(*pair_paths(directory, pin), _OPTION, _OPTION)
    # Clients with a pin refuse more than the one certificate.
    return certificate.alone() if certificate.chain_length > 1 else certificate


def make_pair(directory: Path, pin: str, names: Sequence[str], ips: Sequence[str], now: datetime) -> None:
    """Make the pair called `pin`. Raises `MachineError` when there is a file of it, `OSError` when it cannot."""
    paths = pair_paths(directory, pin)
    if there := [path for path in paths if os.path.lexists(path)]:
        raise MachineError(findings.pin_exists(str(there[0])))
    _write_pair(paths, *make_self_signed(names, ips, now))


def ensure_pair(
    directory: Path, pin: str, names: Sequence[str], ips: Sequence[str], now: datetime
) -> tuple[bool, list[Finding]]:
    """See to it that the pair called `pin` is there: it is, or it is taken over, or it is made.

    Returns whether it was made. Half a pair is a `MachineError`, for the other half may be somewhere.
    """
    cert, key = pair_paths(directory, pin)
    _finish_interrupted(cert, key)
    there = [path for path in (cert, key) if os.path.lexists(path)]
    if len(there) == 1:
        missing = key if there == [cert] else cert
        raise MachineError(findings.certificate_half(str(there[0]), str(missing)))
    if there:
        return False, []
    if not pin and (foreign := _to_take_over(directory, names, ips)) is not None:
        source, certificate = foreign
        _write_pair((cert, key), certificate.chain_pem, certificate.key_pem)
        return False, [findings.pair_taken_over(str(source), str(cert))]
    _write_pair((cert, key), *make_self_signed(names, ips, now))
    return True, []


def foreign_pairs(directory: Path) -> dict[Path, Certificate]:
    """The self-signed pairs of other programs in `directory`: ``X.crt`` with ``X.key``, each without its chain.

    What is no pair, or has a certificate from a CA, is left out: clients cannot have pinned it.
    """
    found = {}
    for cert in sorted(directory.glob("*.crt"))[:_MAX_FOREIGN]:
        key = cert.with_suffix(".key")
        if cert.stem == _STEM or cert.stem.startswith(f"{_STEM}-") or not key.is_file():
            continue
        try:
            certificate = load_pair(cert, key, _OPTION, _OPTION)
        except MachineError:
            continue
        if certificate.self_signed:
            found[cert] = certificate.alone()
    return found


def _to_take_over(directory: Path, names: Sequence[str], ips: Sequence[str]) -> tuple[Path, Certificate] | None:
    """The foreign pair that clients know: the one called as we are, else the only one. Raises `MachineError`."""
    pairs = foreign_pairs(directory)
    called = [cert for cert in pairs if cert.stem in {*names, *ips}]
    candidates = called or list(pairs)
    if not candidates:
        return None
    if len(candidates) > 1:
        raise MachineError(findings.several_pairs(str(directory), [cert.name for cert in candidates]))
    return candidates[0], pairs[candidates[0]]


def _write_pair(paths: tuple[Path, Path], cert_pem: bytes, key_pem: bytes) -> None:
    cert, key = paths
    # The key first: without its certificate no pin is known to anyone yet.
    write_files(cert.parent, {key.name: key_pem, cert.name: cert_pem})
    for path in paths:
        give_to_owner(path, cert.parent)


def _finish_interrupted(cert: Path, key: Path) -> None:
    """Complete a pair whose making was cut off when only one of its files had its name."""
    missing = [path for path in (cert, key) if not os.path.lexists(path)]
    if len(missing) != 1:
        return
    new = missing[0].with_name(missing[0].name + NEW)
    try:
        load_pair(*((new, key) if missing == [cert] else (cert, new)))
    except MachineError:  # nothing there, or the rest of something else: the half pair is then the error
        return
    new.replace(missing[0])
    sync_directory(cert.parent)
