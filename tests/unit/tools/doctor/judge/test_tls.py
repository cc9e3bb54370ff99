"""What is judged without a relay: consequences, clocks and whatever no server can be made to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from support.certificates import Made, make_certificate
from support.outside import hosted, mapped
from tailhub.certs.dates import BUILD_DATE
from tailhub.tools.doctor.judge.certificate import judge_certificate
from tailhub.tools.doctor.judge.http import HTTPSeen
from tailhub.tools.doctor.judge.tcp import TCPSeen
from tailhub.tools.doctor.judge.tls import TLSSeen, judge
from tailhub.tools.doctor.seen import Seen
from tailhub.tools.report import Judgement, Outcome
from tailhub.tools.target import Target

NOW = datetime.now(UTC)
LEAF = make_certificate(dns_names=["derp.example.com"])
SOON = make_certificate(dns_names=["derp.example.com"], valid_from_days=100, valid_to_days=900)


def shown(*chain: Made, at: datetime = NOW, verify_code: int = 0) -> TLSSeen:
    """TLS 1.3 with these certificates, at that time of this machine's clock."""
    ders = tuple(made.der for made in chain)
    return TLSSeen(is_tls=True, chain=ders, version="TLSv1.3", seen_at=at, verify_code=verify_code)


def judged(target: Target, tls: TLSSeen, ahead: timedelta | None = None) -> Judgement:
    """What is said of it; `ahead`: the relay's clock, where it told one."""
    return judge(Seen(target, tcp=TCPSeen(open_address="127.0.0.1"), tls=tls, http=HTTPSeen(clock_ahead=ahead)))


def codes(judgement: Judgement) -> list[str]:
    return [finding.code for finding in judgement.findings]


def test_nothing_was_reached() -> None:
    """Where no connection was, nothing is said against TLS."""
    judgement = judge(Seen(hosted(443)))
    assert codes(judgement) == []
    assert {step.outcome for step in judgement.steps} == {Outcome.UNTESTED}


@pytest.mark.parametrize(
    ("ahead", "expected"),
    [
        (timedelta(days=500), ["TH020"]),  # the relay is where the certificate is good
        (timedelta(), ["TH018"]),  # both agree: it is the certificate
        (timedelta(days=5), ["TH018"]),  # they differ, and it is bad by both
        (timedelta(days=5000), ["TH018"]),
        (None, ["TH018"]),
    ],
)
def test_the_clock_or_the_dates(ahead: timedelta | None, expected: list[str]) -> None:
    """The clock is the cause only where the certificate is good by the relay's."""
    assert codes(judged(mapped(443, cert_name=SOON.pin), shown(SOON), ahead)) == expected


def test_the_clock_without_an_answer() -> None:
    """A CA dates nothing into the future: without another clock to compare with, this one is wrong."""
    assert codes(judged(mapped(443, "derp.example.com"), shown(SOON, verify_code=9))) == ["TH020"]


def test_a_clock_before_this_program_was_made() -> None:
    """Before the day of the release nothing can be now, whatever certificate it is."""
    at = BUILD_DATE - timedelta(days=400)
    assert codes(judged(mapped(443, cert_name=LEAF.pin), shown(LEAF, at=at))) == ["TH020"]


@pytest.mark.parametrize("seconds", [-599, 0, 599])
def test_clocks_that_nearly_agree(seconds: int) -> None:
    """Some minutes do not matter."""
    judgement = judged(mapped(443, cert_name=LEAF.pin), shown(LEAF), timedelta(seconds=seconds))
    assert codes(judgement) == []


def test_several_faults_at_once() -> None:
    """Whose certificate it is and its dates are two faults, and each is said."""
    old = make_certificate(valid_from_days=-9, valid_to_days=-1)
    judgement = judged(mapped(443, cert_name=LEAF.pin), shown(old))
    assert codes(judgement) == ["TH016", "TH014"]


def test_a_certificate_that_cannot_be_read() -> None:
    """A certificate that nobody can read is no good to clients."""
    tls = TLSSeen(is_tls=True, chain=(b"\x30\x03abc",), version="TLSv1.3", seen_at=NOW)
    assert codes(judged(mapped(443), tls)) == ["TH394"]


@pytest.mark.parametrize(
    ("days_valid", "days_left", "is_soon"),
    [(365, 15, False), (365, 13, True), (90, 13, True), (6.5, 3, False), (6.5, 1, True)],
)
def test_when_soon_is(days_valid: float, days_left: float, is_soon: bool) -> None:
    """Fourteen days; of a CA's certificate for some days its last quarter."""
    ca = make_certificate(is_ca=True)
    leaf = make_certificate(issuer=ca, valid_from_days=days_left - days_valid, valid_to_days=days_left)
    verdict = judge_certificate(mapped(443), shown(leaf))
    assert (verdict.dates is not None) == is_soon
    assert not verdict.stops_clients


def test_when_a_certificate_of_ours_was_made() -> None:
    """Tailhub dates the beginning of its certificates back: their end tells when they were made."""
    made = NOW.replace(microsecond=0) - timedelta(hours=3)
    days_left = (made.replace(year=made.year + 10) - NOW).total_seconds() / 86400
    own = make_certificate(valid_from_days=-5, valid_to_days=days_left)
    (finding,) = judged(mapped(443, cert_name=LEAF.pin), shown(own)).findings
    assert f"made {made:%Y-%m-%d %H}" in finding.what()


def test_a_map_from_elsewhere_is_not_changed() -> None:
    """How to change the map is said of a file; of a URL or a tailnet only what has to be in it."""
    target = mapped(443, cert_name=LEAF.pin)
    for origin in ("https://example.com/map.json", "tailnet", "-"):
        elsewhere = Target(target.node, target.region, target.derp_map, origin)
        (finding,) = judged(elsewhere, shown(make_certificate())).findings
        assert "derpmap set" not in finding.remedy()


def test_what_clients_know_themselves() -> None:
    """Clients have Let's Encrypt's roots built in, so that a machine without them does not matter."""
    root = make_certificate(common_name="ISRG Root X1", organization="Internet Security Research Group", is_ca=True)
    middle = make_certificate(common_name="R10", organization="Let's Encrypt", is_ca=True, issuer=root)
    leaf = make_certificate(dns_names=["derp.example.com"], issuer=middle)
    whole = judged(mapped(443, "derp.example.com"), shown(leaf, middle, verify_code=20))
    assert codes(whole) == []
    assert str(whole.steps[-1].remark) == "for derp.example.com, from R10"
    assert codes(judged(mapped(443, "x.example.com"), shown(leaf, middle, verify_code=20))) == ["TH021"]
    assert codes(judged(mapped(443, "derp.example.com"), shown(leaf, verify_code=20))) == ["TH392"]


def test_a_node_for_stun_only() -> None:
    """A node that only answers STUN has no TLS, and that is no fault."""
    target = mapped(443)
    node = msgspec.structs.replace(target.node, stun_only=True)
    judgement = judge(Seen(Target(node, target.region, target.derp_map)))
    assert codes(judgement) == []
    assert str(judgement.steps[0].remark) == "this node does STUN only"


def test_a_check_that_did_not_come_so_far() -> None:
    """A second handshake that fails says nothing against the certificate."""
    judgement = judged(mapped(443, "derp.example.com"), shown(LEAF, verify_code=-1))
    assert codes(judgement) == []
    assert judgement.steps[-1].outcome is Outcome.UNTESTED


def test_a_certificate_for_twenty_years() -> None:
    """What has not begun yet is not when a certificate was made."""
    old = make_certificate(valid_from_days=-30, valid_to_days=20 * 365)
    (finding,) = judged(mapped(443, cert_name=LEAF.pin), shown(old)).findings
    assert f"made {NOW - timedelta(days=30):%Y-%m-%d}" in finding.what()
