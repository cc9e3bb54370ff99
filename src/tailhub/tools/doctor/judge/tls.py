"""Judges what certificate the relay shows, and whether clients take it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from tailhub.certs.dates import is_clock_behind
from tailhub.findings import Finding
from tailhub.findings import tls as findings
from tailhub.findings.remark import Remark
from tailhub.tools.doctor.judge.certificate import (
    NOT_ASKED,
    NOT_YET_VALID,
    Verdict,
    is_checked_by_clients,
    is_vouched_for,
    judge_certificate,
)
from tailhub.tools.doctor.judge.shown import own_chain
from tailhub.tools.doctor.judge.tcp import why_no_tls
from tailhub.tools.report import Judgement

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Seen

__all__ = ["TLSSeen", "judge"]

OLD_VERSIONS: Final = ("SSLv3", "TLSv1", "TLSv1.1")
"""As the `ssl` module calls them; clients take none of them."""
# How servers without a certificate for a name say so; derper with the first.
_NAME_ALERTS: Final = ("TLSV1_ALERT_INTERNAL_ERROR", "TLSV1_UNRECOGNIZED_NAME", "TLSV1_ALERT_UNRECOGNIZED_NAME")
# Clocks that are further apart are worth a word. Certificates count minutes, and an HTTP answer may be late.
_APART: Final = timedelta(minutes=10)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TLSSeen:
    """What was seen."""

    is_tls: bool = False
    """Did some TLS handshake succeed, whatever the certificate?"""
    is_trusted: bool = False
    """Would clients go on? Later steps pass over the certificate if not."""
    chain: tuple[bytes, ...] = ()
    """What it presented, in DER, its own first."""
    version: str = ""
    """As ``TLSv1.3``."""
    meta_key: bytes = b""
    """The relay's key out of its meta certificate; clients that find it there log in without waiting."""
    seen_at: datetime = _EPOCH
    """When, by this machine's clock (UTC)."""
    failure: str = ""
    """Why there is no TLS: ``timeout``, ``closed``, ``reset``, or what OpenSSL calls it, ``TLSV1_ALERT_…``."""
    is_by_name: bool = False
    """Was a name asked for (SNI)?"""
    works_without_name: bool = False
    """After a failure: does it answer who asks for no name?"""
    verify_code: int = 0
    """What OpenSSL finds by the CAs of this machine, dates looked at last; 0 if nothing, or if clients do not ask."""
    verify_says: str = ""
    """The same in its words."""
    knows_authorities: bool = True
    """Does this machine have CAs to go by?"""
    authorities: frozenset[str] = frozenset()
    """The organisations of those; looked at only if an issuer was not found."""

    @property
    def has_meta_certificate(self) -> bool:
        """Was a meta certificate among the chain? Before TLS 1.3 clients make no use of it."""
        return len(own_chain(self.chain)) < len(self.chain)


def judge(seen: Seen) -> Judgement:
    """What it means."""
    judgement = Judgement()
    tls = seen.tls
    if not tls.is_tls:
        _no_tls(judgement, seen)
        return judgement
    if tls.version in OLD_VERSIONS:
        judgement.found("tls", findings.tls_too_old(_shown_version(tls.version)))
        judgement.untested(_identity_step(seen), code="TH024")
        return judgement
    count = len(own_chain(tls.chain))
    values = {
        "version": _shown_version(tls.version),
        "count": count,
        "several": count > 1,
        "meta": tls.has_meta_certificate,
    }
    judgement.ok("tls", Remark("tls-shown", values))
    verdict = judge_certificate(seen.target, tls)
    _say_dates(judgement, seen, verdict)
    _say_identity(judgement, seen, verdict)
    return judgement


def _no_tls(judgement: Judgement, seen: Seen) -> None:
    tls, cause = seen.tls, why_no_tls(seen)
    if seen.target.node.stun_only:
        judgement.untested("tls", Remark("stun-only"))
        return
    if cause or not tls.failure:  # it was not tried
        judgement.untested("tls", None if cause else Remark("tls-not-reached"), cause)
    elif tls.is_by_name and (tls.works_without_name or tls.failure in _NAME_ALERTS):
        finding = findings.name_refused(seen.target.host, tls.failure, answers_others=tls.works_without_name)
        judgement.found("tls", finding)
    else:
        judgement.found("tls", findings.handshake_failed(str(seen.target), tls.failure))
    judgement.untested(_identity_step(seen), code=judgement.steps[-1].code)


def _say_dates(judgement: Judgement, seen: Seen, verdict: Verdict) -> None:
    """Dates, and with them the clocks."""
    if not is_checked_by_clients(seen.target) or verdict.shown is None:
        return
    fault, ahead = verdict.dates, seen.http.clock_ahead
    if fault is not None and fault.code != "TH019" and (clock := _clock(seen, verdict)) is not None:
        judgement.found("dates", clock)
    elif fault is not None:
        judgement.found("dates", fault)
    elif ahead is not None and abs(ahead) > _APART:
        judgement.found("dates", findings.clocks_differ(*_both_clocks(seen, ahead)))
    else:
        values = {"date": f"{verdict.shown.not_after:%Y-%m-%d}", "clock": ahead is not None}
        judgement.ok("dates", Remark("tls-dates-good", values))


def _clock(seen: Seen, verdict: Verdict) -> Finding | None:
    """The clock of this machine as the reason why the dates seem bad, if it is that."""
    tls, shown, ahead = seen.tls, verdict.shown, seen.http.clock_ahead
    if shown is None:
        return None
    if ahead is not None and abs(ahead) > _APART and shown.not_before <= tls.seen_at + ahead <= shown.not_after:
        return findings.clock_wrong(*_both_clocks(seen, ahead))
    # A CA dates nothing into the future, and nothing was valid before this program was made.
    is_behind = is_clock_behind(tls.seen_at) or (ahead is None and tls.verify_code == NOT_YET_VALID)
    if is_behind and tls.seen_at < shown.not_before:
        return findings.clock_wrong(_clock_text(tls.seen_at), "")
    return None


def _both_clocks(seen: Seen, ahead: timedelta) -> tuple[str, str]:
    return _clock_text(seen.tls.seen_at), _clock_text(seen.tls.seen_at + ahead)


def _clock_text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _say_identity(judgement: Judgement, seen: Seen, verdict: Verdict) -> None:
    """Whose certificate it is."""
    target, tls, shown = seen.target, seen.tls, verdict.shown
    step = _identity_step(seen)
    is_of_several = target.is_pinned and target.node.cert_name in seen.http.pins
    if is_of_several and seen.http.are_strangers:
        judgement.consequence(step, "TH029")  # it is one of theirs
    elif is_of_several:
        judgement.found(step, findings.several_certificates(sorted(seen.http.pins)))
    elif verdict.identity is not None:
        judgement.found(step, verdict.identity)
    elif shown is None:
        judgement.untested(step, Remark("tls-certificate-unread"))
    elif target.is_pinned:
        judgement.ok(step, Remark("tls-pin-same"))
    elif not is_checked_by_clients(target):
        judgement.ok(step, Remark("tls-nothing-checked", {"pin": shown.pin}))
    elif is_vouched_for(tls):
        names = ", ".join(shown.names[:3])
        judgement.ok(step, Remark("tls-vouched-for", {"issuer": shown.issuer, "names": names}))
    elif tls.verify_code == NOT_ASKED:
        judgement.untested(step, Remark("tls-not-asked", {"reason": tls.verify_says}))
    elif not tls.knows_authorities and not shown.is_self_signed:
        judgement.untested(step, Remark("tls-no-authorities", {"issuer": shown.issuer}))
    else:
        judgement.ok(step, Remark("tls-pin-unknown", {"pin": shown.pin}))


def _identity_step(seen: Seen) -> str:
    return "pin" if seen.target.is_pinned else "certificate"


def _shown_version(version: str) -> str:
    return version.removeprefix("TLSv")
