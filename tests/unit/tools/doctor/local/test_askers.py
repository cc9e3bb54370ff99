from __future__ import annotations

from dataclasses import replace

import pytest

from tailhub import findings
from tailhub.findings import Place
from tailhub.findings import askers as askers_findings
from tailhub.relay.admission import Answer, Verdict
from tailhub.tools.doctor.local.askers import AskersSeen, VerifierSeen, judge
from tailhub.tools.report import Judgement, Outcome

SOCKET = "/run/tailscale/tailscaled.sock"
TAILSCALED = VerifierSeen("tailscaled", Place.flag("verify_socket"), socket=SOCKET)
URL = VerifierSeen("http://a.example/verify", Place.flag("verify_url"))
AWAY = findings.tailscaled_unreachable(SOCKET, "No such file or directory", "--verify-socket")


def verdict(answer: Answer, detail: str = "") -> Verdict:
    return Verdict("one", answer, detail=detail)


def codes(*seen: VerifierSeen) -> list[str]:
    return [finding.code for finding in judged(*seen).findings]


def judged(*seen: VerifierSeen) -> Judgement:
    return judge(AskersSeen(seen))


def test_nobody_is_asked() -> None:
    """Where nobody is asked there is nothing to find."""
    assert [step.outcome for step in judged().steps] == [Outcome.OK]


@pytest.mark.parametrize("answer", [Answer.ADMITTED, Answer.REFUSED])
def test_what_the_relay_hears_counts(answer: Answer) -> None:
    """A verifier that answers the relay is fine, whatever whoever looks may not do."""
    told = verdict(answer)
    assert codes(replace(TAILSCALED, told=told, trouble=AWAY, denied=True, left_behind=True)) == []


def test_what_only_the_relay_does_not_hear() -> None:
    """One that answers here and not the relay is the relay's own trouble."""
    told = verdict(Answer.UNREACHABLE, "Permission denied")
    judgement = judged(replace(URL, told=told, verdict=verdict(Answer.REFUSED)))
    assert [finding.values["reason"] for finding in judgement.findings] == ["Permission denied"]
    assert judgement.findings[0].code == "TH456"


def test_the_reason_that_is_seen_here_comes_first() -> None:
    """Where it does not answer here either, what is seen here says more than the relay does."""
    told = verdict(Answer.UNREACHABLE, "No such file or directory")
    assert codes(replace(TAILSCALED, told=told, trouble=AWAY)) == ["TH210"]
    assert codes(replace(TAILSCALED, told=told, trouble=AWAY, left_behind=True, directory=True)) == ["TH452"]


@pytest.mark.parametrize(
    ("answer", "code"), [(Answer.UNREACHABLE, "TH212"), (Answer.UNUSABLE, "TH453"), (Answer.REFUSED, "")]
)
def test_a_url_that_accepts_connections(answer: Answer, code: str) -> None:
    """A URL that can be reached may still not answer, or with no verdict; a no is one."""
    assert codes(replace(URL, verdict=verdict(answer, "it says"))) == ([code] if code else [])


def test_open_on_failure_is_told_while_it_fails() -> None:
    """That everyone may relay while a URL cannot be reached is told when that is so, and no sooner."""
    down = findings.verify_url_unreachable(URL.name, "Connection refused", URL.setting)
    assert codes(replace(URL, trouble=down, fails_open=True)) == ["TH212", "TH213"]
    assert codes(replace(URL, fails_open=True)) == []


def test_one_that_answers_and_is_too_old() -> None:
    """A tailscaled that answers and should be newer is named; a worse fault goes before that."""
    old = askers_findings.tailscaled_too_old(SOCKET, "1.30.0", "invalid 'addr' parameter")
    assert codes(replace(TAILSCALED, about=(old,))) == ["TH451"]
    assert codes(replace(TAILSCALED, about=(old,), denied=True)) == ["TH210"]


def test_a_credential_is_told_once() -> None:
    """A credential that is refused is one finding, though the list cannot be read because of it."""
    gone = findings.credential_refused("https://a.example", "API token invalid", "--tailscale-token")
    judgement = judged(replace(URL, trouble=gone, has_credential=True))
    assert [finding.code for finding in judgement.findings] == ["TH251"]
    assert [(step.outcome, step.code) for step in judgement.steps] == [
        (Outcome.FAIL, "TH251"),
        (Outcome.WARNING, "TH251"),
    ]


def test_a_credential_that_cannot_be_looked_at() -> None:
    """Where the API is away nothing is said of the credential."""
    away = findings.device_api_unreachable("https://a.example", "Connection refused", "--tailscale-token")
    assert [step.outcome for step in judged(replace(URL, trouble=away, has_credential=True)).steps] == [
        Outcome.WARNING,
        Outcome.UNTESTED,
    ]
    fine = judged(replace(URL, has_credential=True, expires_at=1.8e9))
    assert [str(step.remark) for step in fine.steps][1] == f"{URL.name}: good until 2027-01-15"


def test_a_list_that_answers_and_has_nobody() -> None:
    """An allow list answers the relay, and may still have no key, or lines that count for nothing."""
    listed = VerifierSeen("allow list", Place.flag("allow_list"), told=verdict(Answer.REFUSED))
    assert codes(replace(listed, trouble=findings.allow_list_empty("/allow"))) == ["TH288"]
    line = findings.allow_list_line("/allow", 3, "nodekey")
    assert codes(replace(listed, about=(line, line))) == ["TH285", "TH285"]
    assert codes(listed) == []
