"""Which of what is seen is worth telling, from when on. Silence from outside is judged in `tailhub.alerts.reach`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from tailhub.alerts.condition import Condition, Look
from tailhub.alerts.seen import CertificateSeen, CredentialSeen, QuotaSeen, Seen, VerifierSeen
from tailhub.relay.quota import Level

__all__ = ["is_newer", "judge"]

DAY_S: Final = 86400.0
DAYS: Final = (14, 3, 1)  # before something expires; each is told once
PIN_DAYS: Final = (365, 90, 30, *DAYS)  # a new pin has to reach every client's map
LIFETIME_PART: Final = 3  # days that are more than this part of the whole lifetime say nothing: it was made short
RENEWAL_FAILURES: Final = 3  # in a row; an ACME server is away for an hour now and then
VERIFIER_AWAY_S: Final = 300.0
STORE_AWAY_S: Final = 300.0
MESH_S: Final = 60.0  # a relay that is restarted is back by then
RESTARTS: Final = 3
RESTARTS_WITHIN_S: Final = 600.0
RESTARTS_OVER_S: Final = 1800.0
_VERSION = re.compile(r"\d+(?:\.\d+){0,5}")


def judge(seen: Seen, now: float) -> Look:
    """What holds `now`."""
    found: list[Condition] = []
    unknown: set[tuple[str, str | None]] = set()
    found += [one for certificate in seen.certificates for one in _certificate(certificate, now)]
    for renewal in seen.renewals or ():
        if renewal.failures >= RENEWAL_FAILURES:
            values = {"name": renewal.name, "failures": renewal.failures}
            subject = f"renewal of {renewal.name}"
            found.append(Condition("certificate", subject, "certificate-renewal", values, renewal.finding))
    if seen.renewals is None:
        unknown.add(("certificate", None))
    for credential in seen.credentials:
        if not credential.is_known:
            unknown.add(("credential", credential.name))
        found += _credential(credential, now)
    for verifier in seen.verifiers:
        if verifier.answers is None:
            unknown.add(("verifier", verifier.name))
        found += _verifier(verifier)
    found += [_quota(quota) for quota in seen.quotas or () if quota.state.level is not Level.FINE]
    if seen.quotas is None:
        unknown.add(("quota", None))
    if seen.store_trouble is not None:
        found.append(Condition("store", "", "store-away", finding=seen.store_trouble, after_s=STORE_AWAY_S))
    found += _workers(seen.worker_restarts, now)
    for trouble in seen.mesh:
        text = "mesh-down" if trouble.is_down else "mesh-half"
        values = {"name": trouble.name}
        found.append(Condition("mesh", trouble.subject, text, values, trouble.finding, after_s=MESH_S))
    if not seen.newest:
        unknown.add(("update", None))
    elif is_newer(seen.newest, seen.running):
        values = {"name": seen.newest, "running": seen.running}
        found.append(Condition("update", seen.newest, "update", values, has_end=False))
    return Look(tuple(found), frozenset(unknown))


def _certificate(seen: CertificateSeen, now: float) -> Iterator[Condition]:
    lifetime_days = (seen.not_after - seen.not_before) / DAY_S
    steps = [days for days in (PIN_DAYS if seen.is_pinned else DAYS) if days * LIFETIME_PART <= lifetime_days]
    level = _level(seen.not_after, now, steps)
    if level:
        text = "certificate-expires" if now < seen.not_after else "certificate-expired"
        values = {
            "name": seen.name,
            "date": _date(seen.not_after),
            **_days(seen.not_after, now),
            "pinned": int(seen.is_pinned),
            "acme": int(seen.is_acme),
        }
        yield Condition("certificate", seen.fingerprint, text, values, level=level)


def _credential(seen: CredentialSeen, now: float) -> Iterator[Condition]:
    if seen.refused is not None:
        level = len(DAYS) + 1  # as one that has expired
        yield Condition("credential", seen.name, "credential-refused", {"name": seen.name}, seen.refused, level)
    elif seen.expires_at is not None and (level := _level(seen.expires_at, now, DAYS)):
        values = {"name": seen.name, **_days(seen.expires_at, now)}
        yield Condition("credential", seen.name, "credential-expires", values, seen.finding, level)


def _level(at: float, now: float, days: Sequence[int]) -> int:
    """How many of these days before `at` have come, and one more when it is over; 0: there is time."""
    return sum(at - now < step * DAY_S for step in days) + (now >= at)


def _verifier(seen: VerifierSeen) -> Iterator[Condition]:
    silent_s = seen.seen_at - seen.since  # not until now: what failed once, hours ago, may long be over
    if seen.answers is False and silent_s >= VERIFIER_AWAY_S:
        values = {
            "name": seen.name,
            "minutes": max(1, round(silent_s / 60)),
            "detail": seen.detail.rstrip("."),
            "open": int(seen.fails_open),
            "remembers": int(seen.remembers),
        }
        yield Condition("verifier", seen.name, "verifier-away", values, seen.finding)


def _quota(seen: QuotaSeen) -> Condition:
    state = seen.state
    slow = f"{state.slow.bytes_per_s * 8 / 1e6:g} Mbit/s" if state.slow is not None and not state.refuses else ""
    values = {
        "name": seen.name,
        "percent": state.level.value,
        "used": f"{state.used_gb:.1f}",
        "quota": f"{state.quota_gb:g}",
        "ends": seen.ends_on,
        "cost": seen.cost,
        "over": int(state.is_over),
        "slow": slow,
    }
    subject = f"{seen.tenant} {seen.key}".strip()
    return Condition("quota", subject, "quota", values, level=state.level.value, has_end=state.is_over)


def _workers(restarts: Sequence[float], now: float) -> Iterator[Condition]:
    recent = [at for at in restarts if now - at < RESTARTS_WITHIN_S]
    if len(recent) >= RESTARTS:
        values = {"count": len(recent), "minutes": round(RESTARTS_WITHIN_S / 60)}
        yield Condition("workers", "", "workers", values, recover_s=RESTARTS_OVER_S)


def is_newer(version: str, than: str) -> bool:
    """Is the release `version` later? What is no plain release (``1.2.0rc1``) is none to tell of."""
    if not _VERSION.fullmatch(version):
        return False
    running = _VERSION.match(than)
    if running is None:
        return False
    new, old = _numbers(version), _numbers(running[0])
    is_final = bool(_VERSION.fullmatch(than)) or than[running.end() :].startswith(("+", ".post"))
    return new > old or (new == old and not is_final)


def _numbers(version: str) -> tuple[int, ...]:
    numbers = [int(number) for number in version.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def _date(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def _days(at: float, now: float) -> dict[str, int]:
    """Whole days until then, and whether they are several."""
    days = max(0, int((at - now) // DAY_S))
    return {"days": days, "several": int(days > 1)}
