from __future__ import annotations

import pytest

from tailhub.tools.doctor.judge.here import HereSeen
from tailhub.tools.doctor.judge.name import NameSeen
from tailhub.tools.doctor.judge.stun import Asked, STUNSeen, is_plausible, judge
from tailhub.tools.doctor.judge.tcp import Dial, TCPSeen
from tailhub.tools.doctor.seen import Seen
from tailhub.tools.report import Judgement
from tailhub.tools.target import host_target

V4, V6 = "203.0.113.7", "2001:db8::7"
SILENT, SILENT6 = (Asked(address, 3478, sent=5, local="10.0.0.2") for address in (V4, V6))
REFUSED = Asked(V4, 3478, sent=5, local="10.0.0.2", trouble="refused")
FOREIGN = Asked(V4, 3478, sent=5, local="10.0.0.2", foreign="pong")


def answered(**changed: object) -> Asked:
    values: dict[str, object] = {
        "sent": 5,
        "answered": 5,
        "rtt_s": 0.0123,
        "mapped": "198.51.100.9",
        "local": "10.0.0.2",
    }
    return Asked(V4, 3478, **(values | changed))  # type: ignore[arg-type]


def seen_of(*asked: Asked, dials: tuple[Dial, ...] = (), here: HereSeen | None = None, stun_port: int = 0) -> Seen:
    addresses = tuple(one.address for one in asked) or (V4,)
    return Seen(
        host_target("relay.test", stun_port),
        here=here or HereSeen(),
        name=NameSeen(addresses, addresses, "found"),
        tcp=TCPSeen(dials=dials),
        stun=STUNSeen(tuple(one.version for one in asked if one.answered), asked),
    )


def codes(judgement: Judgement) -> list[str]:
    return [finding.code for finding in judgement.findings]


def steps(judgement: Judgement) -> dict[str, tuple[str, str]]:
    return {step.name: (step.outcome.value, step.code) for step in judgement.steps}


def test_all_is_well() -> None:
    """An answer gives no finding, and its step says the address and the time."""
    judgement = judge(seen_of(answered()))
    assert codes(judgement) == []
    assert str(judgement.steps[0].remark) == "sees 198.51.100.9, 5 of 5 answered, 12.3 ms"


def test_losses_are_told() -> None:
    """Requests that were lost are no finding while others were answered."""
    judgement = judge(seen_of(answered(answered=3)))
    assert codes(judgement) == []
    assert str(judgement.steps[0].remark) == "sees 198.51.100.9, only 3 of 5 answered, 12.3 ms"


def test_off() -> None:
    """Where the map switches STUN off, that is no fault here."""
    judgement = judge(seen_of(stun_port=-1))
    assert codes(judgement) == []
    assert steps(judgement) == {"stun4": ("untested", ""), "stun6": ("untested", "")}


@pytest.mark.parametrize(
    ("asked", "dials", "code", "is_consequence"),
    [
        (SILENT, (Dial(V4, "open"),), "TH003", False),
        (SILENT, (Dial(V4, "silent"),), "TH005", True),  # nothing gets there
        (SILENT, (Dial(V4, "refused"),), "TH006", True),  # the relay does not run
        (REFUSED, (Dial(V4, "open"),), "TH007", False),
        (REFUSED, (Dial(V4, "refused"),), "TH006", True),
        (REFUSED, (Dial(V4, "silent"),), "TH007", False),  # the machine is there: that is another fault
        (FOREIGN, (Dial(V4, "open"),), "TH008", False),
        (FOREIGN, (Dial(V4, "silent"),), "TH008", False),
    ],
)
def test_no_answer(asked: Asked, dials: tuple[Dial, ...], code: str, is_consequence: bool) -> None:
    """Silence, ICMP and something else are told apart, and what TCP has met too is counted once."""
    judgement = judge(seen_of(asked, dials=dials))
    assert codes(judgement) == ([] if is_consequence else [code])
    assert steps(judgement)["stun4"] == ("fail" if is_consequence else "warning", code)


def test_both_families_are_silent() -> None:
    """The same over IPv6 is said once."""
    judgement = judge(seen_of(SILENT, SILENT6, dials=(Dial(V4, "open"), Dial(V6, "open"))))
    assert codes(judgement) == ["TH003"]
    assert steps(judgement)["stun6"] == ("fail", "TH003")


def test_dead_ipv6() -> None:
    """STUN over an IPv6 that is dead for TCP too is a consequence."""
    judgement = judge(seen_of(answered(), SILENT6, dials=(Dial(V4, "open"), Dial(V6, "silent"))))
    assert codes(judgement) == []
    assert steps(judgement)["stun6"] == ("fail", "TH004")


def test_behind_a_proxy() -> None:
    """Where something catches all connections, silence is its consequence."""
    here = HereSeen(accepted="192.0.2.1:30001", accepted_from="10.0.0.2")
    judgement = judge(seen_of(SILENT, dials=(Dial(V4, "open", "10.0.0.2"),), here=here))
    assert codes(judgement) == []
    assert steps(judgement)["stun4"] == ("fail", "TH381")


def test_no_such_network() -> None:
    """A machine without IPv6 does not test it."""
    judgement = judge(seen_of(answered(), Asked(V6, 3478, trouble="no_route")))
    assert codes(judgement) == []
    assert str(judgement.steps[1].remark) == "this machine has no IPv6"


def test_from_elsewhere() -> None:
    """An answer from another address is a fault, though one came."""
    judgement = judge(seen_of(answered(answered_from="203.0.113.8:3478")))
    assert codes(judgement) == ["TH009"]


@pytest.mark.parametrize(
    ("relay", "local", "mapped", "expected"),
    [
        (V4, "10.0.0.2", "198.51.100.9", True),  # an ordinary NAT
        (V4, "198.51.100.9", "198.51.100.9", True),
        (V4, "10.0.0.2", "10.0.0.2", True),  # a network of one's own that leads there
        (V4, "192.168.1.50", "192.168.1.1", True),  # our own router leads us back in
        (V4, "10.0.0.2", "172.17.0.1", False),
        (V4, "10.0.0.2", "127.0.0.1", False),
        ("10.0.0.7", "10.0.0.2", "10.0.0.2", True),
        ("10.0.0.7", "10.0.0.2", "172.17.0.1", False),  # neighbours have no NAT between them
        ("10.0.0.7", "192.168.1.2", "10.0.9.9", True),  # there may be one here
        ("127.0.0.1", "127.0.0.1", "127.0.0.1", True),
        (V6, "2001:db8:1::2", "2001:db8:1::2", True),
        (V6, "2001:db8:1::2", "fd00::1", False),
        ("::1", "::1", "::1", True),
    ],
)
def test_plausible_addresses(relay: str, local: str, mapped: str, expected: bool) -> None:
    """A private address is plausible where the relay and we are in one private network, and as our own."""
    asked = Asked(relay, 3478, sent=5, answered=5, mapped=mapped, local=local)
    assert is_plausible(asked) is expected
    assert codes(judge(seen_of(asked))) == ([] if expected else ["TH010"])
