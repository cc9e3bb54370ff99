"""Whoever is asked which keys may relay: do they answer, and do they answer the relay?

The relay that runs is asked what they say to it, of a key that nobody has; they are asked from here too, for the
reason. Without a relay it is what they say here that counts. That costs nobody anything: a verify URL hears of one more
stranger.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tailhub import findings
from tailhub.exceptions import FindingError
from tailhub.findings import Finding, Place
from tailhub.findings import askers as askers_findings
from tailhub.findings.remark import Remark
from tailhub.relay.admission import Answer, Verdict
from tailhub.tools.admin_socket import call
from tailhub.tools.doctor.local.context import LocalContext
from tailhub.tools.doctor.local.mounts import is_left_behind
from tailhub.tools.doctor.local.own_client import age_of_tailscaled
from tailhub.tools.doctor.local.rights import may
from tailhub.tools.report import Judgement

if TYPE_CHECKING:
    from tailhub.verifiers.allow_list import AllowList

__all__ = ["AskersSeen", "VerifierSeen", "check", "judge"]

_STEP, _CREDENTIALS = "verifiers", "credentials"
_PROBE_S = 3.0
_NOBODY = IPv4Address("127.0.0.1")
_THOUGH_IT_ANSWERS = frozenset({"TH255", "TH288", "TH357"})  # the credential ends, nobody is on the list
_ABOUT_CREDENTIALS = frozenset({"TH251", "TH252", "TH253", "TH255", "TH256"})
_NO_ANSWER = frozenset({Answer.UNREACHABLE, Answer.UNUSABLE})


@dataclass(frozen=True, slots=True)
class VerifierSeen:
    """One of them.

    `trouble` is what keeps it from answering here, `verdict` what it says here of a key that nobody has, None if that
    was not asked; `told` what it says to the relay of that key, None without a relay. `setting` is where it is named.
    `socket` is the path of a tailscaled, "" for others; of it: whether the mount of it, or of its `directory`, has been
    `left_behind`, whether the user of the relay is `denied`, and what there is to say `about` it though it answers.
    `expires_at` in seconds since 1970, None: never.
    """

    name: str
    setting: Place
    trouble: Finding | None = None
    verdict: Verdict | None = None
    told: Verdict | None = None
    fails_open: bool = False
    socket: str = ""
    left_behind: bool = False
    directory: bool = False
    denied: bool = False
    about: tuple[Finding, ...] = ()
    has_credential: bool = False
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class AskersSeen:
    """All of them."""

    verifiers: tuple[VerifierSeen, ...] = ()


async def check(context: LocalContext) -> Judgement:
    """Look, and judge."""
    return judge(await look(context))


async def look(context: LocalContext) -> AskersSeen:
    """Ask them and the relay that runs, all at a time. Takes `_PROBE_S` for each that does not answer."""
    from tailhub.server.tenant_verifiers import make_verifiers

    key = os.urandom(32)
    try:
        verifiers = make_verifiers(context.config)
    except (FindingError, ValueError):  # what is wrong with the settings is told where they are looked at
        return AskersSeen()
    if not verifiers:
        return AskersSeen()
    looking = asyncio.gather(*(_look_at(context, one, key) for one in verifiers))
    seen, told = await asyncio.gather(looking, asyncio.to_thread(_ask_relay, context, key))
    return AskersSeen(tuple(replace(one, told=told.get(one.name)) for one in seen))


def _ask_relay(context: LocalContext, key: bytes) -> Mapping[str, Verdict]:
    """What each verifier says to the relay that runs, by name."""
    if context.relay is None or context.relay.is_silent:
        return {}
    try:
        explained = call(context.state_dir, "GET", f"explain/nodekey:{key.hex()}?ask=1", timeout_s=_PROBE_S)
        answers: Sequence[Mapping[str, Any]] = explained["answers"]
        return {
            str(one["verifier"]): Verdict(str(one["verifier"]), Answer(one["answer"]), detail=str(one["detail"]))
            for one in answers
        }
    except (FindingError, KeyError, TypeError, ValueError):  # one that is just ending, or older than this call
        return {}


async def _look_at(context: LocalContext, verifier: Any, key: bytes) -> VerifierSeen:
    from tailhub.server.verification import label_of
    from tailhub.verifiers.allow_list import AllowList
    from tailhub.verifiers.tailscaled import TailscaledVerifier
    from tailhub.verifiers.url import UrlVerifier
    from tailhub.verifiers.verifier import HasCredential, Watching

    label = label_of(verifier)
    tenant = next(one for one in context.config.tenants if one.tenant == verifier.tenant)
    trouble = await verifier.probe(_PROBE_S)
    seen = VerifierSeen(label, tenant.place("verify_url"), trouble, fails_open=verifier.fails_open)
    if isinstance(verifier, UrlVerifier) and trouble is None:
        seen = replace(seen, verdict=await _ask(verifier, key))
    elif isinstance(verifier, TailscaledVerifier):
        seen = await _look_at_tailscaled(replace(seen, setting=tenant.place("verify_socket")), context, verifier.path)
    elif isinstance(verifier, AllowList):
        seen = replace(
            seen, setting=tenant.place("allow_list"), about=await _lines(verifier) if trouble is None else ()
        )
    if isinstance(verifier, HasCredential):
        seen = replace(seen, has_credential=True, expires_at=verifier.credential_expires)
    if isinstance(verifier, Watching):
        verifier.stop()
    return seen


async def _look_at_tailscaled(seen: VerifierSeen, context: LocalContext, path: Path) -> VerifierSeen:
    left_behind, is_directory = is_left_behind(path, context.root, context.relay.pid if context.relay else 0)
    return replace(
        seen,
        socket=str(path),
        left_behind=left_behind,
        directory=is_directory,
        denied=_is_socket(path) and may(context, path, "w") is False,
        about=await age_of_tailscaled(path) if seen.trouble is None else (),
    )


async def _lines(allow_list: AllowList) -> tuple[Finding, ...]:
    """What is wrong with single lines of a list that can be read."""
    try:
        return tuple((await allow_list.backing.read()).found)
    except FindingError:
        return ()


async def _ask(verifier: Any, key: bytes) -> Verdict:
    try:
        async with asyncio.timeout(_PROBE_S):
            verdict: Verdict = await verifier.verify(key, _NOBODY)
            return verdict
    except TimeoutError:
        return Verdict(verifier.name, Answer.UNREACHABLE, detail=f"no answer within {_PROBE_S:g} s")


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except OSError:
        return False


# --- what it means ----------------------------------------------------------------------------------------------------


def judge(seen: AskersSeen) -> Judgement:
    """What it means."""
    judgement = Judgement()
    if not seen.verifiers:
        judgement.ok(_STEP, Remark("no_verifiers"))
        return judgement
    for one in seen.verifiers:
        _judge_one(judgement, one)
    for one in seen.verifiers:
        if one.has_credential:
            _judge_credential(judgement, one)
    return judgement


def _judge_one(judgement: Judgement, one: VerifierSeen) -> None:
    remark = Remark("verifier", {"name": one.name})
    finding = _trouble(one)
    ends_later = finding is not None and finding.code == "TH255"  # told as the credential's
    if ends_later or (finding is None and not one.about):
        judgement.ok(_STEP, Remark("verifier_answers", {"name": one.name}))
    elif finding is None:
        for about in one.about:
            judgement.found(_STEP, about, remark)
    elif finding.code in _ABOUT_CREDENTIALS:
        judgement.consequence(_STEP, finding.code, remark)  # the credential's own step says why
    else:
        judgement.found(_STEP, finding, remark)
        if one.fails_open and finding.code == "TH212":
            judgement.found(_STEP, findings.verify_fails_open(one.name, _fail_open(one.setting)), remark)


def _trouble(one: VerifierSeen) -> Finding | None:
    """What keeps it from answering: the relay, if one runs, else us."""
    answers = one.trouble is not None and one.trouble.code in _THOUGH_IT_ANSWERS
    if one.told is not None and one.told.is_answer:  # whatever we may not do
        return one.trouble if answers else None
    if one.left_behind:
        return askers_findings.socket_left_behind(one.socket, str(Path(one.socket).parent), directory=one.directory)
    if one.trouble is not None and not answers:
        return one.trouble
    if one.denied:
        reason = os.strerror(13)
        return findings.tailscaled_unreachable(one.socket, reason, one.setting, denied=True)
    if one.verdict is not None and one.verdict.answer is Answer.UNREACHABLE:
        return findings.verify_url_unreachable(one.name, one.verdict.detail, one.setting)
    if one.verdict is not None and one.verdict.answer is Answer.UNUSABLE:
        return askers_findings.verify_url_unusable(one.name, one.verdict.detail, one.setting)
    if one.told is not None and one.told.answer in _NO_ANSWER:
        return askers_findings.relay_cannot_ask(one.name, one.told.detail or one.told.answer.value)
    return one.trouble


def _fail_open(setting: Place) -> Place:
    return findings.sibling(setting, "verify_url_fail_open")


def _judge_credential(judgement: Judgement, one: VerifierSeen) -> None:
    if one.trouble is not None and one.trouble.code in _ABOUT_CREDENTIALS:
        judgement.found(_CREDENTIALS, one.trouble, Remark("verifier", {"name": one.name}))
    elif one.trouble is not None:
        judgement.untested(_CREDENTIALS, Remark("verifier", {"name": one.name}), one.trouble.code)
    elif one.expires_at is not None:
        date = f"{datetime.fromtimestamp(one.expires_at, UTC):%Y-%m-%d}"
        judgement.ok(_CREDENTIALS, Remark("credential_until", {"name": one.name, "date": date}))
    else:
        judgement.ok(_CREDENTIALS, Remark("credential_stays", {"name": one.name}))
