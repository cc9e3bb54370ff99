"""Where the certificates of one listener come from: a pair of files, a directory of many, or a pinned pair.

A source is loaded at the start, when a fault is an error, and again when its files have changed, when a fault keeps
what was there. It says by which files a change shows. Who makes those files (a person, certbot, an ACME client of
ours) is no matter here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Protocol

from tailhub.certs.files import Certificate, date_findings, load_pair, use_findings
from tailhub.certs.layouts import find_pairs, walk
from tailhub.findings import Finding

__all__ = ["CertSource", "DirectorySource", "FixedSource", "Loaded", "PairSource", "Traces"]

Traces = tuple[tuple[str, int, int, int], ...]
"""By which a change shows: path, device and file number, time of the last change, size, of each file."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Certificates to serve, and what is worth saying about them. The first is for who asks for no known name."""

    certificates: tuple[Certificate, ...]
    notes: tuple[Finding, ...] = ()


class CertSource(Protocol):
    """One of the kinds below. `changes`: are its files to be looked at again and again?"""

    changes: ClassVar[bool]

    @property
    def place(self) -> str:
        """What to call it: a path."""

    def load(self, now: datetime) -> Loaded:
        """Read everything. Raises `MachineError`."""

    def traces(self) -> Traces:
        """What its files look like from outside."""


@dataclass(frozen=True, slots=True)
class PairSource:
    """``--cert`` and ``--key``."""

    changes: ClassVar[bool] = True

    cert: Path
    key: Path
    hostname: str
    cert_option: str = "--cert"
    key_option: str = "--key"

    @property
    def place(self) -> str:
        """See `CertSource`."""
        return str(self.cert)

    def load(self, now: datetime) -> Loaded:
        """See `CertSource`."""
        certificate = load_pair(self.cert, self.key, self.cert_option, self.key_option)
        notes = date_findings(certificate, self.cert, now) + use_findings(certificate, self.cert, self.hostname)
        return Loaded((_as_served(certificate),), tuple(notes))

    def traces(self) -> Traces:
        """See `CertSource`."""
        return tuple(_trace(str(path), path) for path in (self.cert, self.key))


@dataclass(frozen=True, slots=True)
class DirectorySource:
    """``--cert-dir``."""

    changes: ClassVar[bool] = True

    directory: Path
    hostname: str
    option: str = "--cert-dir"

    @property
    def place(self) -> str:
        """See `CertSource`."""
        return str(self.directory)

    def load(self, now: datetime) -> Loaded:
        """See `CertSource`."""
        pairs, troubles = find_pairs(self.directory, self.option, now)
        pairs.sort(key=lambda pair: not pair.certificate.covers(self.hostname) if self.hostname else False)
        notes = [*troubles]
        for pair in pairs:
            notes += date_findings(pair.certificate, pair.cert, now)
        notes += use_findings(pairs[0].certificate, pairs[0].cert, self.hostname)
        return Loaded(tuple(_as_served(pair.certificate) for pair in pairs), tuple(notes))

    def traces(self) -> Traces:
        """See `CertSource`."""
        try:
            return tuple(_trace(entry.path, entry) for entry in walk(self.directory))
        except OSError:
            return ()


@dataclass(frozen=True, slots=True)
class FixedSource:
    """A certificate that is made once and never changed: the pinned one."""

    changes: ClassVar[bool] = False

    path: Path
    make: Callable[[datetime], tuple[Certificate, list[Finding]]]

    @property
    def place(self) -> str:
        """See `CertSource`."""
        return str(self.path)

    def load(self, now: datetime) -> Loaded:
        """See `CertSource`."""
        certificate, notes = self.make(now)
        return Loaded((certificate,), tuple(notes))

    def traces(self) -> Traces:
        """See `CertSource`: it does not change."""
        return ()


def _as_served(certificate: Certificate) -> Certificate:
    """One that clients must pin is served without its chain, which they would refuse."""
    return certificate.alone() if certificate.needs_pin else certificate


def _trace(path: str, place: Path | os.DirEntry[str]) -> tuple[str, int, int, int]:
    try:
        status = place.stat()
    except OSError:
        return (path, 0, 0, 0)
    return (path, status.st_ino ^ status.st_dev << 32, status.st_mtime_ns, status.st_size)
