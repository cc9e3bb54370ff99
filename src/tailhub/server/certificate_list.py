"""Every certificate that a state directory and its relay's listeners know, for ``tailhub cert``.

Works without a running relay: which listener serves what is read from the note that the relay left in its state
(`tailhub.server.listener_record`). Nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from tailhub.certs.files import Certificate, load_pair
from tailhub.certs.layouts import find_pairs
from tailhub.exceptions import MachineError
from tailhub.findings import Finding
from tailhub.server.listener_record import ListenerRecord, read_listeners
from tailhub.server.pinned_pair import load_pinned, pair_paths, pin_names

__all__ = ["ACME", "KnownCertificate", "list_certificates"]

ACME = "acme"  # what our ACME client keeps, below the state directory


@dataclass(frozen=True, slots=True)
class KnownCertificate:
    """A certificate in files, or why there is none. `pin_name` is None unless it is one of the state's pinned pairs.

    `cert` may be a directory when nothing in it can be used. `listeners` serve it; `is_advertised`: one of them is the
    first, which the map tells of.
    """

    cert: Path
    key: Path
    pin_name: str | None = None
    certificate: Certificate | None = None
    finding: Finding | None = None
    listeners: tuple[ListenerRecord, ...] = ()
    is_advertised: bool = False


def list_certificates(directory: Path, now: datetime) -> list[KnownCertificate]:
    """Those of the listeners, in their order, then the state's other pinned pairs. Raises `OSError`."""
    records = read_listeners(directory)
    listeners: dict[tuple[Path, Path], list[ListenerRecord]] = {}
    known: dict[tuple[Path, Path], KnownCertificate] = {}
    for record in records:
        for one in _of_listener(directory, record, now):
            known.setdefault((one.cert, one.key), one)
            listeners.setdefault((one.cert, one.key), []).append(record)
    for name in pin_names(directory):
        one = _pinned(directory, name)
        known.setdefault((one.cert, one.key), one)
    return [
        KnownCertificate(
            one.cert,
            one.key,
            one.pin_name,
            one.certificate,
            one.finding,
            tuple(serving := listeners.get(paths, [])),
            bool(serving) and serving[0] is records[0],
        )
        for paths, one in known.items()
    ]


def _of_listener(directory: Path, record: ListenerRecord, now: datetime) -> Iterator[KnownCertificate]:
    """What this listener serves."""
    if record.origin == "pinned":
        yield _pinned(directory, record.pin)
    elif record.origin == "files":
        cert, key = Path(record.cert), Path(record.key)
        try:
            yield KnownCertificate(cert, key, certificate=load_pair(cert, key))
        except MachineError as exc:
            yield KnownCertificate(cert, key, finding=_finding(exc))
    elif record.origin in ("directory", "acme"):
        place = Path(record.cert_dir) if record.cert_dir else directory / ACME
        try:
            pairs, _ = find_pairs(place, "--cert-dir" if record.cert_dir else "--state-dir", now)
        except MachineError as exc:
            yield KnownCertificate(place, place, finding=_finding(exc))
            return
        for pair in pairs:
            certificate = replace(pair.certificate, never_pinned=record.origin == "acme")
            yield KnownCertificate(pair.cert, pair.key, certificate=certificate)


def _pinned(directory: Path, name: str) -> KnownCertificate:
    cert, key = pair_paths(directory, name)
    try:
        return KnownCertificate(cert, key, name, load_pinned(directory, name))
    except MachineError as exc:
        return KnownCertificate(cert, key, name, finding=_finding(exc))


def _finding(exc: MachineError) -> Finding:
    if not isinstance(exc.finding, Finding):
        raise exc
    return exc.finding
