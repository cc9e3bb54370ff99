"""What is judged without a server: consequences, and several relays."""

from __future__ import annotations

import pytest

from support.outside import mapped
from tailhub.tools.doctor.judge.answer import Answer
from tailhub.tools.doctor.judge.http import Connected, HTTPSeen, judge
from tailhub.tools.doctor.judge.login import LoginSeen
from tailhub.tools.doctor.judge.tls import TLSSeen
from tailhub.tools.doctor.seen import Seen
from tailhub.tools.report import Judgement, Outcome

FIRST, SECOND = bytes(range(32)), bytes(range(1, 33))
UPGRADED = Answer(101, (("upgrade", "DERP"),))


def judged(http: HTTPSeen, *, login_key: bytes = b"", is_trusted: bool = True) -> Judgement:
    """What is said of it, TLS being well."""
    tls = TLSSeen(is_tls=True, is_trusted=is_trusted, version="TLSv1.3")
    return judge(Seen(mapped(443), tls=tls, http=http, login=LoginSeen(server_key=login_key)))


def upgraded(*keys: bytes, is_one_mesh: bool | None = None) -> HTTPSeen:
    connections = tuple(Connected(server_key=key) for key in keys)
    return HTTPSeen(is_upgraded=True, answer=UPGRADED, connections=connections, is_one_mesh=is_one_mesh)


def codes(judgement: Judgement) -> list[str]:
    return [finding.code for finding in judgement.findings if finding.code != "TH025"]


def test_without_tls_nothing_is_said() -> None:
    """Where TLS has failed the upgrade was not tried."""
    judgement = judge(Seen(mapped(443)))
    assert codes(judgement) == []
    assert [step.outcome for step in judgement.steps] == [Outcome.UNTESTED]


@pytest.mark.parametrize(
    ("http", "login_key", "expected"),
    [
        (upgraded(FIRST, FIRST), b"", []),
        (upgraded(FIRST, FIRST), FIRST, []),
        (upgraded(FIRST, FIRST), SECOND, ["TH029"]),
        (upgraded(FIRST, SECOND), b"", ["TH029"]),
        (upgraded(FIRST, SECOND, is_one_mesh=False), b"", ["TH029"]),
        (upgraded(FIRST, SECOND, is_one_mesh=True), SECOND, []),
        (upgraded(b"", b""), FIRST, []),
    ],
)
def test_one_relay_or_several(http: HTTPSeen, login_key: bytes, expected: list[str]) -> None:
    """Keys that differ, among the connections or at the login, are several relays unless they are one mesh."""
    assert codes(judged(http, login_key=login_key)) == expected


def test_beyond_a_certificate() -> None:
    """What is well behind a certificate that clients refuse is marked so."""
    judgement = judged(upgraded(FIRST), is_trusted=False)
    assert {step.name: step.outcome for step in judgement.steps}["relays"] is Outcome.OK_BEYOND


@pytest.mark.parametrize("status", [502, 503, 504, 521, 525])
def test_nothing_behind(status: int) -> None:
    """What proxies answer when nothing is behind them, Cloudflare's own numbers too."""
    assert codes(judged(HTTPSeen(answer=Answer(status)))) == ["TH028"]


PROBE = Answer(200, (("access-control-allow-origin", "*"),))


@pytest.mark.parametrize(
    ("answer", "pages", "expected"),
    [
        (Answer(404), (("/derp/probe", PROBE),), "TH027"),
        (Answer(404), (("/derp/probe", Answer(200)),), "TH026"),
        (Answer(404), (("/generate_204", Answer(204)),), "TH026"),
        (
            Answer(404),
            (("/generate_204", Answer(204, (("x-tailscale-response", "response tailhub-doctor"),))),),
            "TH027",
        ),
        (Answer(426, (), b"DERP requires connection upgrade"), (), "TH027"),
        (Answer(426, (), b"Upgrade Required"), (), "TH026"),
        (Answer(101, (("upgrade", "websocket"),)), (("/derp/probe", PROBE),), "TH027"),
    ],
)
def test_a_relay_or_none(answer: Answer, pages: tuple[tuple[str, Answer], ...], expected: str) -> None:
    """A relay is told by its own pages; that something answers them with success is not enough."""
    assert codes(judged(HTTPSeen(answer=answer, pages=pages))) == [expected]
