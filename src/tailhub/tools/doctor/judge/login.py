"""Judges whether the relay lets a client in.

That a key is not allowed says nothing against the relay, unless somebody says that it should be.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from tailhub.findings import Finding, Severity, relaying
from tailhub.findings.remark import Remark
from tailhub.tools.doctor.judge.here import judge as judge_here
from tailhub.tools.doctor.judge.http import judge as judge_http
from tailhub.tools.doctor.judge.tcp import judge as judge_tcp
from tailhub.tools.doctor.judge.tls import judge as judge_tls
from tailhub.tools.report import Judgement

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Seen

__all__ = ["LoginEnd", "LoginSeen", "cause_before_login", "judge", "refusal"]


class LoginEnd(Enum):
    """How a login ended."""

    NOT_TRIED = auto()  # there was no way to the relay
    ADMITTED = auto()
    TOLD = auto()  # not let in, and told why: it is held, or was closed after that
    CLOSED = auto()  # after our ClientInfo, without a word
    SILENT = auto()  # no answer to our ClientInfo, and not closed
    BROKEN = auto()  # what came is not DERP
    FAILED = auto()  # it ended before it was for the relay to say whether we may


@dataclass(frozen=True, slots=True)
class LoginSeen:
    """What was seen."""

    is_admitted: bool = False
    server_key: bytes = b""
    """Raw; empty if it was not learnt."""
    end: LoginEnd = LoginEnd.NOT_TRIED
    key: str = ""
    """The public key that logged in, ``nodekey:…``."""
    is_thrown_away: bool = False
    """Was the key made for this and is gone now? Nobody can let it in then."""
    must_be_admitted: bool = False
    """Did somebody say that this key should be let in?"""
    told: str = ""
    """Why it is not let in, in the relay's words."""
    notice: str = ""
    """What the relay tells a client that it has let in, for its user to read."""
    detail: str = ""
    """How it failed, in the words of our client."""
    took_s: float = 0.0
    """From the first byte to the admission, or to giving up."""
    rate_bytes_per_s: int = 0
    """What clients are asked to keep to; 0: no limit."""
    burst_bytes: int = 0


def judge(seen: Seen) -> Judgement:
    """What it means."""
    login, said = seen.login, Judgement()
    if login.end is LoginEnd.NOT_TRIED:
        cause = cause_before_login(seen)
        said.untested("login", None if cause else Remark("login-not-reached"), cause)
        return said
    if not login.is_admitted and seen.http.why_no_login:
        said.consequence("login", seen.http.why_no_login)
        return said
    if not login.is_admitted:
        said.found("login", refusal(seen), Remark("login-refused") if _is_refusal(login) else None)
        return said
    said.ok("login", Remark("login-admitted", {"ms": _ms(login.took_s)}), beyond=bool(cause_before_login(seen)))
    if login.rate_bytes_per_s:
        limit = relaying.limited(_bytes(login.rate_bytes_per_s), _bytes(login.burst_bytes))
        said.found("limit", limit, Remark("limit-rate", {"rate": _bytes(login.rate_bytes_per_s)}))
    if login.notice:
        said.found("notice", relaying.relay_notice(login.notice))
    return said


def refusal(seen: Seen) -> Finding:
    """Why the login of `seen` did not come to an admission."""
    login, relay = seen.login, str(seen.target)
    if login.end is LoginEnd.SILENT:
        return relaying.login_silent(relay, round(login.took_s))
    if login.end in (LoginEnd.BROKEN, LoginEnd.FAILED):
        return relaying.login_broken(relay, login.detail)
    if login.must_be_admitted:
        return relaying.given_key_refused(login.key, login.told)
    key = "" if login.is_thrown_away else login.key
    return relaying.key_not_allowed(login.told, key) if login.told else relaying.login_closed(relay, key)


def cause_before_login(seen: Seen) -> str:
    """The code of what stops clients before they log in, "" if nothing does."""
    parts = (judge_here, judge_tcp, judge_tls, judge_http)
    findings = (finding for part in parts for finding in part(seen).findings)
    return next((finding.code for finding in findings if finding.severity is Severity.ERROR), "")


def _is_refusal(login: LoginSeen) -> bool:
    return login.end in (LoginEnd.TOLD, LoginEnd.CLOSED)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _bytes(count: int) -> str:
    """A number of bytes for people, in decimal units."""
    for unit, size in (("MB", 1_000_000), ("kB", 1_000)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} B"
