"""The certificates on disk: can they be read, served, and used by clients?"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tailhub import findings
from tailhub.certs.acme_source import AcmeSource
from tailhub.certs.files import Certificate, date_findings
from tailhub.certs.layouts import walk
from tailhub.exceptions import FindingError
from tailhub.findings import Finding
from tailhub.findings.remark import Remark
from tailhub.server.acme_config import identifiers_of
from tailhub.server.certificate_list import ACME
from tailhub.server.config import ListenerConfig
from tailhub.server.file_sources import file_source
from tailhub.server.listener_record import origin_of
from tailhub.server.pinned_pair import load_pinned, pair_paths
from tailhub.server.state import secret_findings
from tailhub.tools.doctor.local.configuration import out_of_reach
from tailhub.tools.doctor.local.context import LocalContext
from tailhub.tools.doctor.local.one_step import say_together
from tailhub.tools.report import Judgement

__all__ = ["CertificateSeen", "check", "judge"]

_STEP = "certificate"
SOON_DAYS = 14


@dataclass(frozen=True, slots=True)
class CertificateSeen:
    """The certificate of one listener: where it is from, what is wrong with it, and until when it is valid.

    `is_there` is False for one that is still to be made; `is_hidden`: this user may not look at it.
    """

    listen: str
    origin: str
    place: str = ""
    troubles: tuple[Finding, ...] = ()
    valid_to: datetime | None = None
    is_there: bool = True
    is_hidden: bool = False


async def check(context: LocalContext) -> Judgement:
    """Look, and judge."""
    now = datetime.now(UTC)
    seen = await asyncio.to_thread(lambda: [_look(context, one, now) for one in context.config.listeners])
    return judge(seen, now)


def _look(context: LocalContext, listener: ListenerConfig, now: datetime) -> CertificateSeen:
    origin = origin_of(listener)
    if listener.listen == "off" or origin == "none":
        return CertificateSeen(listener.listen, "none")
    if origin == "acme":
        return _look_at_acme(context, listener, now)
    if origin == "pinned":
        return _look_at_pinned(context, listener, now)
    return _look_at_files(context, listener, now)


def _look_at_files(context: LocalContext, listener: ListenerConfig, now: datetime) -> CertificateSeen:
    source = file_source(listener)
    if source is None:  # one of the pair is not named, of which the configuration tells
        return CertificateSeen(listener.listen, "none")
    troubles = [found for path in _paths(listener) if (found := out_of_reach(context, path)) is not None]
    if troubles and troubles[0].name == "hidden-from-service":
        del troubles[1:]  # the others are hidden for the same reason
    try:
        loaded = source.load(now)
    except FindingError as exc:
        found = exc.finding if isinstance(exc.finding, Finding) else None
        if found is not None and found.name == "file-unreadable" and not (context.is_me or troubles):
            return CertificateSeen(listener.listen, "files", source.place, is_hidden=True)
        # Of a file that its user may not read, once, and in that user's name.
        troubles += [found] if found is not None and not troubles else []
        return CertificateSeen(listener.listen, "files", source.place, tuple(troubles))
    troubles += loaded.notes
    troubles += _soon(loaded.certificates, source.place, now)
    valid_to = min(one.not_after for one in loaded.certificates)
    return CertificateSeen(listener.listen, "files", source.place, tuple(troubles), valid_to)


def _paths(listener: ListenerConfig) -> Iterator[Path]:
    """The files that must be read: of a directory those that can hold a key or certificate."""
    if listener.cert is not None and listener.key is not None:
        yield from dict.fromkeys((listener.cert, listener.key))
    elif listener.cert_dir is not None:
        with contextlib.suppress(OSError):
            yield from (Path(entry.path) for entry in walk(listener.cert_dir))


def _soon(certificates: Iterable[Certificate], place: str, now: datetime) -> Iterator[Finding]:
    for one in certificates:
        days = (one.not_after - now).days
        if now < one.not_after and days < SOON_DAYS:
            yield findings.certificate_expires_soon(place, one.not_after, days)


def _look_at_pinned(context: LocalContext, listener: ListenerConfig, now: datetime) -> CertificateSeen:
    cert, key = pair_paths(context.state_dir, listener.pin)
    there = [path for path in (cert, key) if os.path.lexists(path)]
    if len(there) == 1:
        missing = key if there == [cert] else cert
        half = findings.certificate_half(str(there[0]), str(missing))
        return CertificateSeen(listener.listen, "pinned", str(cert), (half,))
    if not there:
        is_hidden = context.is_hidden or (not os.access(context.state_dir, os.X_OK) and context.state_dir.is_dir())
        return CertificateSeen(listener.listen, "pinned", str(cert), is_there=False, is_hidden=is_hidden)
    troubles = [found for path in there if (found := out_of_reach(context, path)) is not None]
    if not all(os.access(path, os.R_OK) for path in there) and not context.is_me:
        return CertificateSeen(listener.listen, "pinned", str(cert), tuple(troubles), is_hidden=True)
    try:
        certificate = load_pinned(context.state_dir, listener.pin)
    except FindingError as exc:
        troubles += [exc.finding] if isinstance(exc.finding, Finding) and not troubles else []
        return CertificateSeen(listener.listen, "pinned", str(cert), tuple(troubles))
    troubles += [*date_findings(certificate, cert, now, key), *secret_findings(key)]
    if listener.hostname and not certificate.covers(listener.hostname):
        troubles.append(findings.name_needs_new_pin(str(cert), listener.hostname, certificate.names))
    return CertificateSeen(listener.listen, "pinned", str(cert), tuple(troubles), certificate.not_after)


def _look_at_acme(context: LocalContext, listener: ListenerConfig, now: datetime) -> CertificateSeen:
    identifiers = identifiers_of(context.config, listener)
    source = AcmeSource(context.state_dir / ACME, identifiers, "", listener.acme_directory)
    certificate = source.issued()
    if certificate is None:
        is_hidden = not context.is_me and not os.access(context.state_dir, os.X_OK)
        waits = context.is_running and not is_hidden
        waiting = (findings.acme_waiting(", ".join(identifiers), listener.acme_directory),) if waits else ()
        return CertificateSeen(listener.listen, "acme", source.place, waiting, is_there=False, is_hidden=is_hidden)
    troubles = [*date_findings(certificate, source.cert, now), *_soon([certificate], source.place, now)]
    return CertificateSeen(listener.listen, "acme", source.place, tuple(troubles), certificate.not_after)


def judge(seen: Iterable[CertificateSeen], now: datetime) -> Judgement:
    """What it means for those who connect to each listener."""
    judgement = Judgement()
    for one in seen:
        values = {"listen": one.listen, "place": one.place}
        if say_together(judgement, _STEP, one.troubles, Remark("certificate_at", values)):
            continue
        if one.origin == "none":
            judgement.untested(_STEP, Remark("certificate_none", values))
        elif one.is_hidden:
            judgement.untested(_STEP, Remark("certificate_hidden", values))
        elif not one.is_there:
            judgement.ok(_STEP, Remark("certificate_to_come", values))
        elif one.valid_to is not None:
            days = (one.valid_to - now).days
            judgement.ok(_STEP, Remark("certificate_good", {**values, "day": f"{one.valid_to:%Y-%m-%d}", "days": days}))
    return judgement
