"""Has certificates from an ACME server when they are needed: gets the first one, renews, tries again after a failure.

One in the process that has the pages (the desk, with several workers). It writes files and nothing else; that they are
served is a matter of `tailhub.server.certificate_keeper` in each process. What blocks runs in a thread of its own that
does not keep the process from ending. When is decided in `tailhub.certs.acme_schedule`.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tailhub import findings
from tailhub.certs.acme_challenge import Challenge
from tailhub.certs.acme_client import DEFAULT_ASK, AcmeClient, Server, make_key
from tailhub.certs.acme_errors import AcmeError
from tailhub.certs.acme_schedule import (
    Progress,
    Step,
    Validity,
    Window,
    asked,
    failed,
    next_step,
    restarted,
    succeeded,
)
from tailhub.certs.acme_source import AcmeSource
from tailhub.log_event import log_event
from tailhub.net.threads import in_thread
from tailhub.server.acme_answers import HttpTokens, RelayAnswers
from tailhub.server.acme_config import challenge_of
from tailhub.server.acme_files import Account, AcmeFiles, Pending
from tailhub.server.foundation import Foundation

if TYPE_CHECKING:
    from tailhub.certs.files import Certificate
    from tailhub.findings import Finding
    from tailhub.server.config import ListenerConfig

LOOK_S = 30.0  # at the clock, which may be set, while nothing is due

_log = logging.getLogger("tailhub")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A certificate that somebody asked for."""

    source: AcmeSource
    server: Server
    challenge: Challenge
    hook: str
    cleanup_hook: str

    @property
    def name(self) -> str:
        """For sentences."""
        return ", ".join(self.source.identifiers)


def server_of(listener: ListenerConfig) -> Server:
    """Which ACME server."""
    return Server(
        directory=listener.acme_directory,
        email=listener.acme_email,
        eab_kid=listener.acme_eab_kid,
        eab_key=listener.acme_eab_key,
        ca_file=str(listener.acme_ca_file) if listener.acme_ca_file is not None else "",
    )


def wanted_of(foundation: Foundation) -> list[Wanted]:
    """What the listeners want, each certificate once."""
    found: dict[tuple[str, ...], Wanted] = {}
    listeners: Sequence[ListenerConfig] = foundation.config.listeners
    for listener, source in zip(listeners, foundation.sources, strict=True):
        challenge = challenge_of(foundation.config, listener)
        if isinstance(source, AcmeSource) and challenge is not None:
            hooks = listener.acme_dns_hook, listener.acme_dns_cleanup_hook
            found.setdefault(source.identifiers, Wanted(source, server_of(listener), challenge, *hooks))
    return list(found.values())


class AcmeKeeper:
    """`run` is a task; `tokens` is what the plain HTTP port answers with."""

    def __init__(self, foundation: Foundation, tokens: HttpTokens) -> None:
        self._files = files = AcmeFiles(foundation.state.path)
        self._certificates = [_Certificate(wanted, files, tokens) for wanted in wanted_of(foundation)]

    async def run(self) -> None:
        """Until cancelled."""
        try:
            await in_thread(self._files.clear_challenges)
        except OSError:  # told of when the next one cannot be written
            pass
        async with asyncio.TaskGroup() as group:
            for certificate in self._certificates:
                group.create_task(certificate.run())

    @property
    def renewals(self) -> list[tuple[str, int, Finding | None]] | None:
        """Of each certificate its name, how many attempts in a row have failed, and why; None before that is known."""
        return [one.renewal for one in self._certificates] if all(one.has_begun for one in self._certificates) else None


class _Certificate:
    """One of them: what is known of it, and the steps that it goes through."""

    def __init__(self, wanted: Wanted, files: AcmeFiles, tokens: HttpTokens) -> None:
        self._wanted = wanted
        self._files = files
        self._tokens = tokens
        self._chance = random.random()  # kept, so that a time once chosen stays
        self._client: AcmeClient | None = None
        self._current: Certificate | None = None
        self._pending = Pending()
        self._trouble: Finding | None = None  # of the last attempt, in this process
        self.has_begun = False

    @property
    def renewal(self) -> tuple[str, int, Finding | None]:
        """See `AcmeKeeper.renewals`."""
        return self._wanted.name, self._pending.progress.failures, self._trouble

    async def run(self) -> None:
        await in_thread(self._begin)
        self.has_begun = True
        while True:
            step = self._next()
            wait_s = (step.at - datetime.now(UTC)).total_seconds()
            if wait_s > 0:
                await asyncio.sleep(min(wait_s, LOOK_S))
                continue
            await (self._ask() if step.what == "ask" else self._order())

    def _next(self) -> Step:
        current = self._current
        validity = Validity(current.not_before, current.not_after) if current is not None else None
        return next_step(validity, self._pending.progress, self._chance)

    def _begin(self) -> None:
        wanted = self._wanted
        self._current = wanted.source.issued()
        pending = self._files.pending(wanted.source.identifiers)
        if pending.directory != wanted.server.directory:  # another server knows nothing of all that
            pending = Pending(directory=wanted.server.directory)
        self._pending = replace(pending, progress=restarted(pending.progress, datetime.now(UTC)))

    # --- the window ---------------------------------------------------------------------------------------------------

    async def _ask(self) -> None:
        """Ask the server when it wants the certificate renewed. No answer is no trouble."""
        window, wait = await in_thread(self._asked)
        self._set_progress(asked(self._pending.progress, datetime.now(UTC), window, wait))

    def _asked(self) -> tuple[Window | None, timedelta]:
        from cryptography import x509

        assert self._current is not None  # noqa: S101  next_step asks for nothing else
        try:
            return self._connected().renewal_window(x509.load_der_x509_certificate(self._current.leaf_der))
        except Exception as exc:
            if not isinstance(exc, AcmeError | OSError):
                _log.exception("error while asking when to renew")
            return None, DEFAULT_ASK

    # --- an order -----------------------------------------------------------------------------------------------------

    async def _order(self) -> None:
        wanted = self._wanted
        extra = log_event("certificate", name=wanted.name, place=wanted.server.directory)
        place, challenge = wanted.server.directory, wanted.challenge
        _log.info("asking %s for a certificate for %s (%s)", place, wanted.name, challenge, extra=extra)
        try:
            self._current = await in_thread(self._obtain)
        except Exception as exc:
            if not isinstance(exc, AcmeError | OSError):  # ours: it costs this attempt, not all that would follow
                _log.exception("error while asking for a certificate")
            self._client = None  # what it had learned of the server may be the trouble
            await self._failed(exc)
        else:
            valid_to = self._current.not_after
            self._set_progress(succeeded(datetime.now(UTC), Validity(self._current.not_before, valid_to)))
            extra = log_event("certificate", name=wanted.name, valid_to=_time(valid_to))
            _log.info("new certificate for %s, valid to %s", wanted.name, _time(valid_to), extra=extra)

    def _obtain(self) -> Certificate:
        """Get it and keep it; in a thread."""
        wanted = self._wanted
        identifiers = wanted.source.identifiers
        if not self._pending.key:
            self._keep(replace(self._pending, key=make_key(), order_uri=""))
        chain_pem = self._connected().obtain(
            identifiers,
            self._pending.key,
            wanted.challenge,
            RelayAnswers(self._files, self._tokens, wanted.hook, wanted.cleanup_hook),
            self._pending.order_uri,
            lambda uri: self._keep(replace(self._pending, order_uri=uri)),
        )
        wanted.source.check(chain_pem, self._pending.key)
        self._files.issued(wanted.source, chain_pem, self._pending.key)
        self._keep(Pending(directory=wanted.server.directory))
        certificate = wanted.source.issued()
        if certificate is None:
            raise AcmeError("the server has issued something that cannot be served")
        return certificate

    async def _failed(self, exc: Exception) -> None:
        now = datetime.now(UTC)
        wait = exc.wait if isinstance(exc, AcmeError) else None
        progress = failed(self._pending.progress, now, self._chance, wait)
        # A new attempt is a new order: the server does not forgive one that has failed.
        pending = replace(self._pending, progress=progress, order_uri="")
        self._pending = pending
        served_to = _time(self._current.not_after) if self._current is not None else ""
        finding = self._trouble = findings.acme_failed(
            self._wanted.name, _words(exc), progress.failures, _time(progress.retry_at), served_to
        )
        try:
            await in_thread(lambda: self._keep(pending))
        except OSError:  # a full disk, which may be the trouble anyway
            pass
        _log.warning("%s", finding)

    # --- what both need -----------------------------------------------------------------------------------------------

    def _connected(self) -> AcmeClient:
        server = self._wanted.server
        if self._client is None:
            account = self._files.account(server.directory)

            def keep(uri: str) -> None:
                self._files.keep_account(server.directory, Account(account.key, uri))

            self._client = AcmeClient(server, account.key, account.uri, keep)
        return self._client

    def _keep(self, pending: Pending) -> None:
        self._files.keep_pending(self._wanted.source.identifiers, pending)
        self._pending = pending

    def _set_progress(self, progress: Progress) -> None:
        self._pending = replace(self._pending, progress=progress)


def _words(exc: Exception) -> str:
    if isinstance(exc, OSError):
        return f"{exc.strerror or exc}: {exc.filename}" if exc.filename else str(exc.strerror or exc)
    return str(exc)


def _time(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M}"
