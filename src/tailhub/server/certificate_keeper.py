"""Keeps what is served true while the relay runs: new files, a fresh meta certificate, dates that come near.

One in each process that serves clients; each looks at the files by itself, and one of them (`logs`) says what happened.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from datetime import UTC, datetime

from tailhub import findings
from tailhub.certs.files import Certificate
from tailhub.certs.meta import make_meta
from tailhub.certs.sources import CertSource, Loaded
from tailhub.findings import Finding
from tailhub.log_event import FieldValue, log_event
from tailhub.net.tls_context import server_context
from tailhub.server.foundation import Foundation
from tailhub.server.pin_expiry import ExpiryWatch
from tailhub.server.served_certificates import CertificateWatch, ServedCertificates, reload

LOOK_S = 1.0  # between looks at files
META_CHECK_S = 3600.0  # between looks at dates, by the wall clock, which may be set
WARN_DAYS = (14, 3, 1)  # before a certificate of others expires, once each

_log = logging.getLogger("tailhub")


class CertificateKeeper:
    """Made before anybody may connect; `run` is a task.

    `texts` are what clients are told, by listener; `on_texts` is called when that is something else than before.
    """

    def __init__(self, foundation: Foundation, *, logs: bool) -> None:
        self._public_key = foundation.public_key
        self._meta = make_meta(self._public_key, datetime.now(UTC))
        self._logs = logs
        self._expiry = ExpiryWatch(logs=logs)
        self.texts: dict[int, str] = {}
        self.on_texts: Callable[[], None] = lambda: None
        self.served = ServedCertificates([], self._make_context)
        self.take(foundation)

    def take(self, foundation: Foundation) -> None:
        """Serve what the foundation has, whose listeners may be others than before. Open connections keep theirs."""
        self._sources = foundation.sources
        self._watch = CertificateWatch(foundation.sources, foundation.loaded_from)
        self.served.set(foundation.loaded, self._make_context)
        self._warned: dict[int, tuple[datetime, int]] = {}  # by listener: which certificate, at how many days
        self._kept: dict[int, str] = {}  # by listener: why its old certificate is kept
        self._look_at_dates()
        # A worker that takes the place of another has what its supervisor loaded, which may be months ago.
        for number, source in self._watch.changed():
            self._take(number, source, reload(source, datetime.now(UTC)))

    async def run(self) -> None:
        """Look again and again until cancelled."""
        loop = asyncio.get_running_loop()
        dates_at = loop.time() + META_CHECK_S
        while True:
            await asyncio.sleep(LOOK_S if self._watch.has_files else META_CHECK_S)
            try:
                if self._watch.has_files:
                    await self._look_at_files()
                if loop.time() >= dates_at:
                    dates_at = loop.time() + META_CHECK_S
                    self._renew_meta()
                    self._look_at_dates()
            except Exception:  # ours: it must not be the last look, which would show when the certificate expires
                _log.exception("error while looking at certificates")

    async def _look_at_files(self) -> None:
        loop = asyncio.get_running_loop()
        watch = self._watch
        # In a thread: files may lie on a disk that does not answer.
        for number, source in await loop.run_in_executor(None, watch.changed):
            watch.unfit(number)  # until it is served
            result = await loop.run_in_executor(None, reload, source, datetime.now(UTC))
            if watch is not self._watch:  # there are other sources by now
                return
            self._take(number, source, result)

    def _make_context(self, certificate: Certificate) -> ssl.SSLContext:
        return server_context(certificate.chain_pem, certificate.key_pem, self._meta.pem)

    def _take(self, number: int, source: CertSource, result: Loaded | Finding) -> None:
        """Serve what a source has now, or say why that cannot be."""
        if isinstance(result, Loaded):
            try:
                self.served.replace(number, result)
            except (OSError, ValueError) as exc:  # descriptors may have run out just now
                result = findings.file_trouble(source.place, str(exc))
        if isinstance(result, Finding):
            self._watch.unfit(number)
            if self._kept.get(number) != (reason := str(result)):  # not with each attempt
                self._kept[number] = reason
                self._say(logging.ERROR, findings.certificate_kept(source.place, reason), place=source.place)
            return
        self._watch.fit(number)
        self._kept.pop(number, None)
        first, more = result.certificates[0], len(result.certificates) - 1
        self._say(
            logging.INFO,
            f"new certificate from {source.place}: {', '.join((*first.names, *first.ips)) or 'no names'}, "
            f"valid to {first.not_after:%Y-%m-%d}" + (f", and {more} more" if more else ""),
            place=source.place,
            name=", ".join((*first.names, *first.ips)),
            valid_to=f"{first.not_after:%Y-%m-%d}",
        )
        for note in result.notes:
            self._say(logging.WARNING, note, place=source.place)
        self._look_at_dates()

    def _renew_meta(self) -> None:
        """Replace the meta certificate when it is time; open connections keep theirs."""
        now = datetime.now(UTC)
        if now < self._meta.renew_at:
            return
        before = self._meta
        try:
            self._meta = make_meta(self._public_key, now)
            self.served.renew(self._make_context)
        except (OSError, ValueError) as exc:  # descriptors may have run out just now
            self._meta = before
            text = "the meta certificate could not be renewed, trying again later: %s"
            _log.warning(text, exc, extra=log_event("certificate"))

    def _look_at_dates(self) -> None:
        """Have clients told of a pinned certificate that will expire, and the log of any other."""
        now = datetime.now(UTC)
        served = self.served.defaults
        texts = self._expiry.look(served, now)
        if texts != self.texts:
            self.texts.clear()
            self.texts.update(texts)
            self.on_texts()
        for number, (source, certificate) in enumerate(zip(self._sources, served, strict=True)):
            if source is None or certificate is None or certificate.needs_pin or certificate.never_pinned:
                continue  # of those that ACME renews, the ACME client tells
            days = (certificate.not_after - now).days
            reached = min((limit for limit in WARN_DAYS if days < limit), default=0)
            warned = (certificate.not_after, reached)
            if reached and self._warned.get(number) != warned:
                finding = findings.certificate_expires_soon(source.place, warned[0], days)
                self._say(logging.WARNING, finding, place=source.place)
            self._warned[number] = warned

    def _say(self, level: int, text: str | Finding, **fields: FieldValue) -> None:
        if self._logs:
            _log.log(level, "%s", text, extra=log_event("certificate", **fields))
