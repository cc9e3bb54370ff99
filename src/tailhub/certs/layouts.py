"""Finding certificates with their keys in a directory, however it is laid out.

certbot's ``live/``, acme.sh, Caddy's storage, ``<host>.crt`` and ``<host>.key``, ``cert.pem`` and ``cert.key``, one
file with everything: what belongs together is told by the keys, not by the names of files. Where several certificates
are for the same names, the one that is valid for the longest time from now counts. Nothing is written.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tailhub import findings
from tailhub.certs.files import (
    Certificate,
    certificates_in,
    chain_of,
    check_servable,
    current_directory,
    describe,
    find_private_key,
    public_key_der,
    unreadable,
)
from tailhub.exceptions import MachineError
from tailhub.findings import Finding

if TYPE_CHECKING:
    from cryptography.x509 import Certificate as X509Certificate

__all__ = ["FoundPair", "find_pairs", "walk"]

MAX_FILES = 2000
MAX_DEPTH = 6
_MAX_FILE_LEN = 1 << 18  # bytes; larger files are no certificates
_SUFFIXES = frozenset({".pem", ".crt", ".cer", ".cert", ".key", ".chain", ".fullchain", ""})
# What certbot keeps of old times, and ACME accounts, whose keys are for no certificate.
_PASSED_OVER = frozenset(
    {"archive", "accounts", "csr", "keys", "renewal", "acme-challenges", "challenges", "lost+found"}
)


@dataclass(frozen=True, slots=True)
class FoundPair:
    """A certificate, and the files that it and its key are from."""

    certificate: Certificate
    cert: Path
    key: Path


@dataclass(slots=True)
class _Seen:
    """What lies in a directory tree."""

    certs: dict[Path, list[X509Certificate]] = field(default_factory=dict)
    keys: dict[bytes, tuple[Path, bytes]] = field(default_factory=dict)  # by public key in DER: file and PEM
    troubles: list[Finding] = field(default_factory=list)


def find_pairs(directory: Path, option: str, now: datetime) -> tuple[list[FoundPair], list[Finding]]:
    """The certificates in `directory`, one for each set of names, and what is wrong with other files there.

    `option` is how the user named the directory. Raises `MachineError` when there is none that could be served.
    """
    seen = _look(directory, option)
    best: dict[tuple[str, ...], FoundPair] = {}
    for path, certificates in seen.certs.items():
        for leaf in certificates:
            found = seen.keys.get(public_key_der(leaf) or b"")
            if found is None:
                continue
            pair = _pair(leaf, path, found, seen)
            try:
                check_servable(pair.certificate, path)
            except MachineError as exc:
                seen.troubles.append(_finding(exc, path))
                continue
            names = (*sorted(pair.certificate.names), *sorted(pair.certificate.ips))
            if names not in best or _rank(pair, now) > _rank(best[names], now):
                best[names] = pair
    if not best:
        raise MachineError(_why_none(directory, seen))
    pairs = sorted(best.values(), key=lambda pair: str(pair.cert))
    taken = {str(path) for pair in pairs for path in (pair.cert, pair.key)}
    return pairs, [trouble for trouble in seen.troubles if trouble.values.get("path") not in taken]


def walk(directory: Path, on_closed: Callable[[Path, OSError], None] | None = None) -> Iterator[os.DirEntry[str]]:
    """The files below `directory` that may have certificates or keys, links included; bounded. Raises `OSError`.

    Pipes and the like are none. `on_closed` is told of each directory further down that cannot be looked into.
    """
    waiting = [(str(directory), 0)]
    count = 0
    seen: set[tuple[int, int]] = set()
    while waiting:
        place, depth = waiting.pop()
        try:
            with os.scandir(place) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as exc:
            if not depth:
                raise
            if on_closed is not None:
                on_closed(Path(place), exc)
            continue
        for entry in entries:
            count += 1
            if count > MAX_FILES:
                return
            try:
                status = entry.stat()
            except OSError:  # a link to nowhere
                continue
            if stat.S_ISREG(status.st_mode):
                if Path(entry.name).suffix.lower() in _SUFFIXES and status.st_size <= _MAX_FILE_LEN:
                    yield entry
            elif not stat.S_ISDIR(status.st_mode) or depth >= MAX_DEPTH:
                continue
            elif entry.name not in _PASSED_OVER and not entry.name.startswith("."):
                identity = (status.st_dev, status.st_ino)
                if identity not in seen:  # links may lead in a circle
                    seen.add(identity)
                    waiting.append((entry.path, depth + 1))


def _look(directory: Path, option: str) -> _Seen:
    seen = _Seen()

    def closed(place: Path, exc: OSError) -> None:
        is_denied = isinstance(exc, PermissionError)
        reason = exc.strerror or str(exc)
        seen.troubles.append(unreadable(place) if is_denied else findings.file_trouble(str(place), reason))

    try:
        files = [Path(entry.path) for entry in walk(directory, closed)]
    except FileNotFoundError as exc:
        raise MachineError(findings.directory_missing(option, str(directory), current_directory())) from exc
    except OSError as exc:
        raise MachineError(findings.file_trouble(str(directory), exc.strerror or str(exc))) from exc
    for path in files:
        for read in (_read_certificates, _read_key):
            try:
                read(path, option, seen)
            except MachineError as exc:
                seen.troubles.append(_finding(exc, path))
                break  # of an unreadable file, once
    return seen


def _read_certificates(path: Path, option: str, seen: _Seen) -> None:
    if found := certificates_in(path, option, may_lack=True):
        seen.certs[path] = found


def _read_key(path: Path, option: str, seen: _Seen) -> None:
    if (found := find_private_key(path, option)) is not None:
        pem, public = found
        seen.keys.setdefault(public, (path, pem))


def _pair(leaf: X509Certificate, path: Path, key: tuple[Path, bytes], seen: _Seen) -> FoundPair:
    """The leaf with the issuers that lie in its own file, else in the files beside it."""
    beside = [one for other, found in seen.certs.items() if other.parent == path.parent for one in found]
    key_path, pem = key
    return FoundPair(describe(chain_of(leaf, seen.certs[path] + beside), pem), path, key_path)


def _rank(pair: FoundPair, now: datetime) -> tuple[bool, datetime, int]:
    certificate = pair.certificate
    return certificate.not_before <= now, certificate.not_after, certificate.chain_length


def _why_none(directory: Path, seen: _Seen) -> Finding:
    """Nothing there can be served: the first trouble explains it, else say what was there."""
    if seen.troubles:
        return seen.troubles[0]
    return findings.no_pair_in_directory(str(directory), len(seen.certs), len(seen.keys))


def _finding(exc: MachineError, path: Path) -> Finding:
    return exc.finding if isinstance(exc.finding, Finding) else findings.file_trouble(str(path), str(exc))
