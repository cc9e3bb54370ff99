"""Judges whether `GET /derp` is upgraded, and if not, who ate the request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tailhub.findings import tls as findings
from tailhub.findings.remark import Remark
from tailhub.keys import NodePublic
from tailhub.tools.doctor.judge.answer import Answer
from tailhub.tools.doctor.judge.fronts import front_of
from tailhub.tools.doctor.judge.tcp import why_no_tls
from tailhub.tools.report import Judgement

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Seen

__all__ = ["CHALLENGE", "Connected", "HTTPSeen", "judge"]

CHALLENGE: Final = "tailhub-doctor"
"""What `/generate_204` is asked to repeat; only a relay does."""
_MAX_SHOWN: Final = 80  # characters of what a server calls itself
_NOTHING_BEHIND: Final = frozenset({502, 503, 504, *range(520, 528)})  # from 520: Cloudflare's own


@dataclass(frozen=True, slots=True)
class Connected:
    """One connection of several: who answered. Keys are raw, empty if not told; `pin` is its certificate's."""

    address: str = ""
    pin: str = ""
    meta_key: bytes = b""
    server_key: bytes = b""
    """Out of the answer to the upgrade."""

    @property
    def key(self) -> bytes:
        """By which this relay is told from another."""
        return self.server_key or self.meta_key

    @property
    def is_of_two(self) -> bool:
        """Does the meta certificate have another key than the relay that answers?"""
        return self.meta_key != self.server_key and b"" not in (self.meta_key, self.server_key)


@dataclass(frozen=True, slots=True)
class HTTPSeen:
    """What was seen."""

    is_upgraded: bool = False
    answer: Answer | None = None
    """To `GET /derp` with an upgrade and without fast start."""
    failure: str = ""
    """Why there is no answer: ``timeout``, ``closed``, ``not_http``, or another word."""
    pages: tuple[tuple[str, Answer], ...] = ()
    """What was answered to plain requests, by path."""
    connections: tuple[Connected, ...] = ()
    """Several to the address that was looked at, one to each other that clients dial."""
    is_one_mesh: bool | None = None
    """Where several relays answer: do packets go from one to the other? None: it could not be tried."""
    starts_fast: bool | None = None
    """Do frames come at once to who asks for a fast start? None: none was offered, or it could not be seen.

    That a login gets through is not said by that: nginx passes such frames on, and nothing the other way.
    """
    clock_ahead: timedelta | None = None
    """How far the relay's clock is ahead of this machine's, by the Date of its answers."""

    def page(self, path: str) -> Answer | None:
        """The answer to a plain request for it."""
        return next((answer for asked, answer in self.pages if asked == path), None)

    @property
    def keys(self) -> frozenset[bytes]:
        """The relays that were told apart."""
        return frozenset(one.key for one in self.connections if one.key)

    @property
    def are_strangers(self) -> bool:
        """Did relays answer that do not know each other, or may not?"""
        return len(self.keys) > 1 and not self.is_one_mesh

    @property
    def is_meta_of_another(self) -> bool:
        """Does the meta certificate have a key that the relay behind it does not have? No login is understood then."""
        return any(one.is_of_two for one in self.connections)

    @property
    def why_no_login(self) -> str:
        """The code of what keeps clients from logging in although the upgrade works, "" if nothing does."""
        return "TH395" if self.is_meta_of_another else "TH399" if self.starts_fast is False else ""

    @property
    def pins(self) -> frozenset[str]:
        """The certificates that were shown, if there was more than one."""
        found = frozenset(one.pin for one in self.connections if one.pin)
        return found if len(found) > 1 else frozenset()


def judge(seen: Seen) -> Judgement:
    """What it means."""
    judgement = Judgement()
    http = seen.http
    if not seen.tls.is_tls or (http.answer is None and not http.failure):
        cause, is_needed = why_no_tls(seen), not seen.target.node.stun_only
        remark = Remark("http-not-asked" if is_needed else "stun-only")
        judgement.untested("upgrade", None if cause else remark, cause)
        return judgement
    _say_upgrade(judgement, seen)
    if http.is_upgraded:
        _say_relays(judgement, seen)
    check = http.page("/derp/latency-check")
    if check is not None and check.status == 101:
        judgement.found("check_page", findings.check_page_upgrades())
    elif check is not None and check.status == 200 and http.is_upgraded:
        judgement.ok("check_page", Remark("http-check-page"), beyond=not seen.tls.is_trusted)
    return judgement


def _say_upgrade(judgement: Judgement, seen: Seen) -> None:
    http = seen.http
    if http.is_upgraded:
        _say_start(judgement, seen)
        return
    answer = http.answer
    if answer is None:
        judgement.found("upgrade", findings.no_answer_to_upgrade(str(seen.target), http.failure))
        return
    answers = [answer, *(page for _, page in http.pages)]
    front = front_of(answers)
    server = next((name for one in answers if (name := one.header("server"))), "")[:_MAX_SHOWN]
    if answer.status in _NOTHING_BEHIND:
        judgement.found("upgrade", findings.nothing_behind_proxy(answer.status, server, front, answer.title))
    elif is_relay_behind(http):
        judgement.found("upgrade", findings.upgrade_eaten(answer.status, server, front, answer.title))
    else:
        judgement.found(
            "upgrade", findings.other_web_server(str(seen.target), answer.status, server, front, answer.title)
        )


def is_relay_behind(http: HTTPSeen) -> bool:
    """Do the plain pages, or what is said of the upgrade, come from a relay?"""
    echo, probe, said = http.page("/generate_204"), http.page("/derp/probe"), http.answer
    return (
        (echo is not None and echo.header("x-tailscale-response") == f"response {CHALLENGE}")
        or (
            probe is not None
            and probe.status == 200
            and probe.header("access-control-allow-origin") == "*"
            and not probe.body
        )
        or (said is not None and said.status == 426 and b"DERP" in said.body)
    )


def _say_start(judgement: Judgement, seen: Seen) -> None:
    tls, http = seen.tls, seen.http
    beyond = not tls.is_trusted
    if http.is_meta_of_another:
        (one, *_) = (one for one in http.connections if one.is_of_two)
        keys = str(NodePublic(one.meta_key)), str(NodePublic(one.server_key))
        judgement.found("upgrade", findings.meta_key_differs(*keys))
    elif http.starts_fast is False:
        judgement.found("upgrade", findings.fast_start_broken(), Remark("http-upgraded"))
    elif not tls.has_meta_certificate:
        front = front_of([page for _, page in http.pages])
        judgement.found("upgrade", findings.meta_certificate_missing(front), Remark("http-upgraded"))
    elif tls.meta_key:
        judgement.ok("upgrade", Remark("http-upgraded-fast"), beyond=beyond)
    else:
        values = {"version": tls.version.removeprefix("TLSv")}
        judgement.ok("upgrade", Remark("http-upgraded-old", values), beyond=beyond)


def _say_relays(judgement: Judgement, seen: Seen) -> None:
    http = seen.http
    told = seen.login.server_key if not http.is_meta_of_another else b""  # with fast start it is the meta certificate's
    keys = http.keys | ({told} if told and http.keys else frozenset())
    beyond = not seen.tls.is_trusted
    if len(keys) <= 1:
        judgement.ok("relays", Remark("http-one-relay", {"count": len(http.connections)}), beyond=beyond)
    elif http.is_one_mesh:
        judgement.ok("relays", Remark("http-one-mesh", {"count": len(keys)}), beyond=beyond)
    else:
        texts = sorted(str(NodePublic(key)) for key in keys)
        judgement.found(
            "relays",
            findings.several_relays(
                str(seen.target), texts, len(http.connections), is_untried=http.is_one_mesh is None
            ),
        )
