"""What is made of a look: the choice, why, the NAT, findings."""

from __future__ import annotations

import pytest

from support.netcheck_looks import LOCAL_PORT, MS, look, node
from tailhub.tools.netcheck.judge import judge, milliseconds
from tailhub.tools.netcheck.nat import NAT, NATKind, nat_kind
from tailhub.tools.netcheck.seen import NodeSeen, Seen, Trouble, TroubleKind

REFUSED = Trouble("tcp", TroubleKind.REFUSED, "Connect call failed")
OURS, PUBLIC, POOL = "192.168.1.20", "192.0.2.1", "192.0.2.2"


def codes(seen: Seen) -> list[str]:
    return [finding.code for finding in judge(seen).findings]


def test_healthy_relays_give_no_finding() -> None:
    """Where every relay answers and relays, nothing is found."""
    result = judge(look(node("1a", 5), node("2a", 6, 7)))
    assert result.findings == ()
    assert result.is_fine
    assert result.choice.region == 1


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([node("1a", trouble=REFUSED), node("2a", trouble=REFUSED)], ["TH510"]),
        ([node("1a", 5, trouble=REFUSED), node("2a", 9)], ["TH511"]),
        ([node("1a", 5, trouble=REFUSED), node("1b", 5), node("2a", 9)], []),  # clients take the other one
        ([node("1a", 5), node("2a", 9, trouble=REFUSED)], []),  # nobody chooses it
        ([node("1a", 5, trouble=Trouble("login", TroubleKind.NOT_LET_IN)), node("2a", 9)], []),  # our key is nobody's
        ([node("1a", 5), node("2a"), node("3a")], ["TH512"]),
        ([node("1a", 5), node("2a", trouble=REFUSED)], []),  # it is just down
        ([node("1a"), node("2a")], ["TH514"]),
        ([node("1a", 5), node("2a", 6, mapped=(PUBLIC, 42000))], ["TH513"]),
        ([], []),
    ],
)
def test_findings(nodes: list[NodeSeen], expected: list[str]) -> None:
    """Each way in which a network is not as it should be has its code."""
    assert codes(look(*nodes)) == expected


def test_errors_are_what_keeps_devices_from_being_reached() -> None:
    """A home that does not relay is an error, STUN that is closed at another region is not."""
    assert not judge(look(node("1a", 5, trouble=REFUSED))).is_fine
    assert judge(look(node("1a", 5), node("2a"))).is_fine


def test_why_nearest() -> None:
    """Without a home the nearest is chosen, and those are named whose clients would not come over."""
    result = judge(look(node("912a", 12), node("913a", 8), node("914a", 80)))
    assert result.choice.region == 913
    assert result.why.text() == "nearest of those that answered, 8.0 ms"
    assert [one.text() for one in result.also] == [
        "a client whose home is already one of these stays there: 912 (r912)"
    ]


def test_why_it_stays() -> None:
    """A home is kept unless another region beats it by 10 ms and a third, and the figures are given."""
    result = judge(look(node("912a", 12), node("913a", 8)), home=912)
    assert result.choice.region == 912
    assert result.why.text() == (
        "912 (r912) is its home, 12.0 ms; 913 (r913) would be 8.0 ms, but must beat it by 10 ms and by a third:"
        " 2.0 ms or less"
    )
    assert result.also == ()


def test_why_it_moves() -> None:
    """A home that is far enough behind is left."""
    result = judge(look(node("912a", 80), node("913a", 8)), home=912)
    assert result.choice.region == 913
    assert "beats 80.0 ms of 912 (r912)" in result.why.text()


def test_why_without_udp() -> None:
    """It is said that the choice was made by HTTPS."""
    result = judge(look(node("912a", https_ns=12 * MS)))
    assert result.why.text() == "nearest of those that answered without UDP, by HTTPS, 12.0 ms"


def test_what_else_is_worth_knowing() -> None:
    """A score, Avoid that has no effect, and an answer that a client may not wait for are told of."""
    nodes = [node("1a", 10), node("2a", 10), node("3a", 10), node("4a", 40)]
    result = judge(look(*nodes, scores={4: 0.1}, r4={"avoid": True}))
    assert result.choice.region == 4
    keys = [one.key for one in result.also]
    assert keys == ["choice_scored", "choice_avoid", "choice_late", "choice_others_stay"]
    assert result.also[0].text().startswith("4 (r4) was measured with 40.0 ms")


@pytest.mark.parametrize(
    ("mapped", "expected"),
    [
        ([], NAT(NATKind.UNKNOWN)),
        ([(PUBLIC, 41000)], NAT(NATKind.UNKNOWN, False, 1)),
        ([(OURS, LOCAL_PORT)], NAT(NATKind.NONE, True, 1)),
        ([(OURS, LOCAL_PORT), (OURS, LOCAL_PORT)], NAT(NATKind.NONE, True, 1)),
        ([(PUBLIC, LOCAL_PORT), (PUBLIC, LOCAL_PORT)], NAT(NATKind.ENDPOINT_INDEPENDENT, True, 1)),
        ([(PUBLIC, 41000), (PUBLIC, 41000)], NAT(NATKind.ENDPOINT_INDEPENDENT, False, 1)),
        ([(PUBLIC, 41000), (PUBLIC, 42000)], NAT(NATKind.ENDPOINT_DEPENDENT, False, 1)),
        ([(PUBLIC, LOCAL_PORT), (POOL, LOCAL_PORT)], NAT(NATKind.ENDPOINT_DEPENDENT, True, 2)),
        ([(OURS, LOCAL_PORT), (PUBLIC, 41000)], NAT(NATKind.ENDPOINT_DEPENDENT, False, 2)),
    ],
)
def test_nat(mapped: list[tuple[str, int]], expected: NAT) -> None:
    """A NAT is told by what two relays or more see, and whether there is one by our own addresses."""
    nodes = [node(f"1{chr(97 + number)}", 5, mapped=one) for number, one in enumerate(mapped)]
    assert nat_kind(look(*nodes)) == expected


@pytest.mark.parametrize(
    ("value_ns", "text"),
    [(81_872, "0.1"), (99_949_999, "99.9"), (99_950_000, "100"), (2_500 * MS, "2,500")],
)
def test_milliseconds(value_ns: int, text: str) -> None:
    """One decimal where it matters."""
    assert milliseconds(value_ns) == text
