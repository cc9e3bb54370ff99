from __future__ import annotations

import pytest

from tailhub import findings
from tailhub.alerts.condition import Condition
from tailhub.alerts.rules import (
    DAY_S,
    MESH_S,
    RENEWAL_FAILURES,
    RESTARTS,
    RESTARTS_WITHIN_S,
    STORE_AWAY_S,
    VERIFIER_AWAY_S,
    is_newer,
    judge,
)
from tailhub.alerts.seen import CertificateSeen, CredentialSeen, MeshSeen, QuotaSeen, RenewalSeen, Seen, VerifierSeen
from tailhub.relay.quota import Level, QuotaState
from tailhub.relay.rate_limit import RateLimit

NOW = 1_900_000_000.0
AWAY = findings.store_unreachable("db", "refused")


def certificate(days_left: float, lifetime_days: float = 90, *, is_pinned: bool = False) -> CertificateSeen:
    ends = NOW + days_left * DAY_S
    return CertificateSeen("derp.example.com", "pin", ends - lifetime_days * DAY_S, ends, is_pinned=is_pinned)


def conditions(seen: Seen) -> list[Condition]:
    return list(judge(seen, NOW).conditions)


@pytest.mark.parametrize(
    ("days_left", "level"), [(14.1, 0), (13.9, 1), (3.1, 1), (2.9, 2), (1.1, 2), (0.9, 3), (0.0, 4), (-3.0, 4)]
)
def test_certificate_levels(days_left: float, level: int) -> None:
    """A certificate is told of 14, 3 and 1 days before its end, and at its end."""
    assert [one.level for one in conditions(Seen(certificates=(certificate(days_left),)))] == [level] * bool(level)


def test_a_certificate_that_was_made_short() -> None:
    """Of a certificate for six days it is no news that it ends within two weeks, but that it ends within a day is."""
    assert not conditions(Seen(certificates=(certificate(3.1, 6.7),)))
    assert [one.level for one in conditions(Seen(certificates=(certificate(0.9, 6.7),)))] == [1]


def test_a_pinned_certificate_is_told_of_a_year_ahead() -> None:
    """The end of a certificate that clients pin is told a year ahead; each step towards it has a higher level."""
    left = (366, 364, 89, 29, 13, 2, 0.5, -1)
    found = [conditions(Seen(certificates=(certificate(days, 3650, is_pinned=True),))) for days in left]
    assert [one[0].level if one else 0 for one in found] == list(range(8))


def test_expired_has_words_of_its_own() -> None:
    """A certificate that is over has another text than one that ends soon."""
    texts = [conditions(Seen(certificates=(certificate(days),)))[0].text for days in (1, -1)]
    assert texts == ["certificate-expires", "certificate-expired"]


def test_renewal() -> None:
    """One failed attempt to renew is no news, some in a row are; while nothing is known, nothing is over."""
    trouble = findings.acme_failed("a.example", "timeout", 3, "2030-01-01 10:00", "")
    few, many = (
        Seen(renewals=(RenewalSeen("a.example", number, trouble),))
        for number in (RENEWAL_FAILURES - 1, RENEWAL_FAILURES)
    )
    assert not conditions(few)
    assert [(one.text, one.finding) for one in conditions(many)] == [("certificate-renewal", trouble)]
    assert ("certificate", None) in judge(Seen(renewals=None), NOW).unknown


def test_credentials() -> None:
    """A credential is told of before its end; one that is refused counts as over; unknown ones are neither."""
    finding = findings.credential_expires("api", "soon", 2, "tailscale_token")
    refused = findings.credential_refused("api", "HTTP 401", "tailscale_token")
    soon = Seen(credentials=(CredentialSeen("api", expires_at=NOW + 2 * DAY_S, finding=finding),))
    over = Seen(credentials=(CredentialSeen("api", refused=refused),))
    assert [(one.text, one.level, one.finding) for one in conditions(soon)] == [("credential-expires", 2, finding)]
    assert [(one.text, one.level, one.finding) for one in conditions(over)] == [("credential-refused", 4, refused)]
    assert judge(Seen(credentials=(CredentialSeen("api", is_known=False),)), NOW).unknown >= {("credential", "api")}


def test_a_verifier_counts_as_away_by_what_was_seen() -> None:
    """A verifier that failed once hours ago is not away; one that was seen failing for minutes is."""
    once = VerifierSeen("v", False, NOW - 7200, NOW - 7200)
    long = VerifierSeen("v", False, NOW - 7200, NOW - 7200 + VERIFIER_AWAY_S, "refused.")
    assert not conditions(Seen(verifiers=(once, VerifierSeen("w", True, NOW - 7200, NOW))))
    (found,) = conditions(Seen(verifiers=(long,)))
    assert (found.subject, found.values["minutes"], found.values["detail"]) == ("v", 5, "refused")


def test_a_verifier_that_nobody_asked_is_unknown() -> None:
    """Of a verifier that has not been asked since the start nobody says that it answers again."""
    assert judge(Seen(verifiers=(VerifierSeen("v", None),)), NOW).unknown >= {("verifier", "v")}


def test_quotas() -> None:
    """A quota's levels are told, with the money; only the end of one that is used up is told."""
    near = QuotaSeen("", "ab", "laptop", QuotaState(Level.WARNED, False, 81.25, 100), "2030-02-01", "6.50 EUR")
    over = QuotaSeen("family", "", "family", QuotaState(Level.OVER, True, 101, 100, slow=RateLimit(125_000, 125_000)))
    first, second = conditions(Seen(quotas=(near, over)))
    assert (first.level, first.has_end, first.values["used"], first.values["cost"]) == (80, False, "81.2", "6.50 EUR")
    assert (second.level, second.has_end, second.values["slow"]) == (100, True, "1 Mbit/s")
    assert ("quota", None) in judge(Seen(quotas=None), NOW).unknown


def test_store() -> None:
    """A store that is away is told when that lasts."""
    assert [(one.finding, one.after_s) for one in conditions(Seen(store_trouble=AWAY))] == [(AWAY, STORE_AWAY_S)]


def test_mesh() -> None:
    """What is half up of the mesh is told after a minute; a link that is down in words of its own."""
    down = MeshSeen("TH550 b.example.com", "b.example.com", AWAY, is_down=True)
    half = MeshSeen("TH552 c.example.com", "c.example.com", AWAY, is_down=False)
    found = conditions(Seen(mesh=(down, half)))
    assert [(one.subject, one.text, one.finding) for one in found] == [
        (down.subject, "mesh-down", AWAY),
        (half.subject, "mesh-half", AWAY),
    ]
    assert [one.after_s for one in found] == [MESH_S, MESH_S]


def test_workers() -> None:
    """Restarts of workers are told when there are several in a short time."""
    times = [NOW - 10 * number for number in range(RESTARTS)]
    assert [one.values["count"] for one in conditions(Seen(worker_restarts=tuple(times)))] == [RESTARTS]
    assert not conditions(Seen(worker_restarts=tuple(times[1:])))
    assert not conditions(Seen(worker_restarts=(*times[1:], NOW - RESTARTS_WITHIN_S - 1)))


@pytest.mark.parametrize(
    ("new", "running", "answer"),
    [
        ("0.2.0", "0.1.0", True),
        ("0.10.0", "0.9.9", True),
        ("1.0", "1.0.0", False),
        ("0.1.0", "0.2.0", False),
        ("0.2.0", "0.2.0rc1", True),
        ("0.2.0", "0.2.0+local", False),
        ("0.2.0", "0.2.0.post1", False),
        ("0.3.0rc1", "0.2.0", False),
        ("nonsense", "0.2.0", False),
        ("0.3.0", "unknown", False),
    ],
)
def test_newer(new: str, running: str, answer: bool) -> None:
    """Only a later plain release is an update."""
    assert is_newer(new, running) is answer


def test_update() -> None:
    """A newer version is told, its end is not; without an answer of the index it is unknown."""
    (found,) = conditions(Seen(running="0.1.0", newest="0.2.0"))
    assert (found.subject, found.has_end) == ("0.2.0", False)
    assert judge(Seen(running="0.1.0"), NOW).unknown == {("update", None)}
