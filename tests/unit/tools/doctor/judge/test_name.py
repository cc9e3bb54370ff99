from __future__ import annotations

import pytest

from tailhub.tailcfg.derpmap import DERPNode, DERPRegion
from tailhub.tools.doctor.judge.here import HereSeen
from tailhub.tools.doctor.judge.name import LookUp, NameSeen, addresses_elsewhere, judge, why_no_address
from tailhub.tools.doctor.judge.tcp import TCPSeen
from tailhub.tools.doctor.seen import Seen
from tailhub.tools.report import Judgement, Outcome
from tailhub.tools.target import Target, host_target

FIRST, OTHER, FIRST6, OTHER6 = "203.0.113.7", "203.0.113.8", "2001:db8::7", "2001:db8::8"


def codes(judgement: Judgement) -> list[str]:
    return [finding.code for finding in judgement.findings]


def in_map(ipv4: str = "", ipv6: str = "", host: str = "relay.test") -> Target:
    node = DERPNode(host_name=host, ipv4=ipv4, ipv6=ipv6)
    return Target(node, DERPRegion(nodes=(node,)))


def said(judgement: Judgement) -> tuple[str, str]:
    (step,) = judgement.steps
    return step.outcome, str(step.remark or "")


def test_an_address_needs_no_look_up() -> None:
    """A host that is an address is fine."""
    assert said(judge(Seen(host_target(FIRST), name=NameSeen((FIRST,))))) == (
        Outcome.OK,
        f"{FIRST} is an address, nothing to look up",
    )


@pytest.mark.parametrize(
    ("look_up", "is_dns_answering", "code"),
    [
        ("not_found", True, "TH001"),
        ("no_answer", True, "TH384"),
        ("no_answer", False, "TH384"),
        ("not_found", False, "TH384"),
    ],
)
def test_no_address(look_up: LookUp, is_dns_answering: bool, code: str) -> None:
    """A name that does not exist is told from name servers that do not answer."""
    here = HereSeen(is_dns_answering=is_dns_answering)
    seen = Seen(host_target("relay.test"), here=here, name=NameSeen(look_up=look_up))
    assert codes(judge(seen)) == [code]
    assert why_no_address(seen) == code


def test_a_family_that_is_off_has_no_cause() -> None:
    """A map that switches off what the name leads to leaves no address, and no fault of DNS."""
    assert why_no_address(Seen(in_map("none", "none"), name=NameSeen((), (FIRST,), "found"))) == ""


@pytest.mark.parametrize("look_up", ["not_found", "no_answer"])
def test_a_made_up_name_with_addresses(look_up: LookUp) -> None:
    """Clients do not look up a name whose addresses the map has: it need not exist."""
    judgement = judge(Seen(in_map(FIRST, "none"), name=NameSeen((FIRST,), (), look_up)))
    assert codes(judgement) == []
    assert said(judgement)[1] == f"clients take {FIRST} from the map, relay.test need not lead anywhere"


@pytest.mark.parametrize(
    ("target", "dialled", "resolved", "differing"),
    [
        (in_map(FIRST), (FIRST,), (FIRST,), None),
        (in_map(FIRST, FIRST6), (FIRST, FIRST6), (FIRST, FIRST6), None),
        (in_map(FIRST, "none"), (FIRST,), (FIRST, OTHER6), None),  # IPv6 is off: DNS may have what it likes
        (in_map(FIRST), (FIRST, OTHER6), (FIRST, OTHER6), None),  # IPv6 comes from DNS
        (in_map(FIRST), (FIRST,), (OTHER, FIRST), None),  # one of several
        (in_map(FIRST), (FIRST,), ("10.0.0.7",), None),  # this network's own view
        (in_map(FIRST), (FIRST,), ("127.0.1.1",), None),  # the relay's own hosts file
        (in_map(FIRST), (FIRST,), (OTHER6,), None),  # DNS has no IPv4: nothing that differs
        (in_map(FIRST), (FIRST,), ("198.18.0.9",), None),  # a proxy's own
        (in_map(FIRST), (FIRST,), (OTHER,), (FIRST, OTHER)),
        (in_map("10.0.0.7"), ("10.0.0.7",), ("10.0.0.8",), ("10.0.0.7", "10.0.0.8")),
        (in_map(FIRST, FIRST6), (FIRST, FIRST6), (FIRST, OTHER6), (FIRST6, OTHER6)),
    ],
)
def test_map_and_dns(
    target: Target, dialled: tuple[str, ...], resolved: tuple[str, ...], differing: tuple[str, str] | None
) -> None:
    """The map's address of each IP version has to be among those of DNS, if that has any that counts."""
    seen = Seen(target, name=NameSeen(dialled, resolved, "found"))
    judgement = judge(seen)
    if differing is None:
        assert codes(judgement) == []
        assert addresses_elsewhere(seen) == ()
    else:
        assert addresses_elsewhere(seen) == (differing[1],)
        assert codes(judgement) == ["TH002"]
        assert judgement.findings[0].values == {"host": "relay.test", "in_map": differing[0], "resolved": differing[1]}


def test_it_has_moved() -> None:
    """Where only the name's address answers, the map is old: that is the cause, not a difference."""
    seen = Seen(in_map(FIRST, "none"), name=NameSeen((FIRST,), (OTHER,), "found"), tcp=TCPSeen(moved_to=(OTHER,)))
    assert codes(judge(seen)) == ["TH385"]


def test_made_up_addresses_are_not_compared() -> None:
    """What a fake-ip name server says is no reason to doubt the map, and a name that it makes up is its consequence."""
    here = HereSeen(invented=("198.18.0.1",))
    assert codes(judge(Seen(in_map(FIRST), here=here, name=NameSeen((FIRST,), ("198.18.0.2",), "found")))) == []
    fake = NameSeen(("198.18.0.2",), ("198.18.0.2",), "found")
    (step,) = judge(Seen(in_map(), here=here, name=fake)).steps
    assert (step.outcome, step.code) == (Outcome.FAIL, "TH380")
