from __future__ import annotations

import pytest

from tailhub.tailcfg.derpmap import DERPNode, DERPRegion
from tailhub.tools.doctor.judge.heard import Heard
from tailhub.tools.doctor.judge.here import HereSeen
from tailhub.tools.doctor.judge.name import NameSeen
from tailhub.tools.doctor.judge.stun import STUNSeen
from tailhub.tools.doctor.judge.tcp import Dial, TCPSeen, judge, why_no_tls
from tailhub.tools.doctor.seen import Seen
from tailhub.tools.report import Judgement
from tailhub.tools.target import Target, host_target

V4, OTHER, V6 = "203.0.113.7", "203.0.113.8", "2001:db8::7"
TLS = Heard("tls")


def opened(address: str = V4, heard: Heard | None = TLS) -> Dial:
    return Dial(address, "open", "10.0.0.2", 0.038, heard=heard)


def seen_of(*dials: Dial, here: HereSeen | None = None, port80: str = "", target: Target | None = None) -> Seen:
    addresses = tuple(dial.address for dial in dials)
    open_address = next((dial.address for dial in dials if dial.end == "open"), "")
    return Seen(
        target or host_target("relay.test:8443"),
        here=here or HereSeen(),
        name=NameSeen(addresses, addresses, "found"),
        tcp=TCPSeen(open_address, 0.038, dials, limit_s=5.0, port80=port80),
    )


def codes(judgement: Judgement) -> list[str]:
    return [finding.code for finding in judgement.findings]


def steps(judgement: Judgement) -> dict[str, tuple[str, str]]:
    return {step.name: (step.outcome.value, step.code) for step in judgement.steps}


def test_all_is_well() -> None:
    """Open ports that speak TLS give no finding, and say how long it took."""
    judgement = judge(seen_of(opened(), opened(V6), port80="204"))
    assert codes(judgement) == []
    assert set(steps(judgement).values()) == {("ok", "")}
    assert str(judgement.steps[0].remark) == "8443 open, 38 ms"
    assert why_no_tls(seen_of(opened())) == ""


@pytest.mark.parametrize("status", ["", "404"])
def test_port_80_is_never_a_fault(status: str) -> None:
    """Whatever port 80 does, only its step says it."""
    judgement = judge(seen_of(opened(), port80=status))
    assert codes(judgement) == []
    assert steps(judgement)["port80"] == ("untested", "")


@pytest.mark.parametrize(
    ("dials", "expected"),
    [
        ((Dial(V4, "silent"),), ["TH005"]),
        ((Dial(V4, "unreachable", error="No route to host"),), ["TH005"]),
        ((Dial(V4, "refused"),), ["TH006"]),
        ((Dial(V4, "silent"), Dial(OTHER, "refused")), ["TH006"]),
        ((Dial(V4, "silent"), Dial(V6, "silent")), ["TH005"]),
        ((Dial(V4, "silent"), Dial(V6, "refused")), ["TH005", "TH006"]),
        ((Dial(V4, "silent"), Dial(V6, "no_route")), ["TH005"]),
        ((Dial(V4, "no_route"), Dial(V6, "no_route")), ["TH386"]),
        ((Dial(V4, "no_route"), opened(V6)), []),
        ((opened(), Dial(V6, "no_route")), []),
        ((opened(), Dial(V6, "silent")), ["TH004"]),
        ((opened(), Dial(V6, "refused")), ["TH004"]),
        ((Dial(V4, "silent"), opened(V6)), ["TH005"]),
        ((opened(), Dial(OTHER, "silent")), ["TH389"]),
    ],
)
def test_addresses(dials: tuple[Dial, ...], expected: list[str]) -> None:
    """Which of the addresses answer decides what is wrong; the same thing twice is said once."""
    assert codes(judge(seen_of(*dials))) == expected


def test_what_udp_adds() -> None:
    """Where STUN answers, a closed port is likely another one, and a filtered one's machine is there."""
    for end, hint in (("refused", "the relay seems to have another port"), ("silent", "the machine is there")):
        seen = seen_of(Dial(V4, end))  # type: ignore[arg-type]
        assert hint not in judge(seen).findings[0].what()
        seen.stun = STUNSeen(answered=(4,))
        assert hint in judge(seen).findings[0].what()


def test_a_private_address() -> None:
    """A private address that does not answer is told as what it is."""
    assert "private" in judge(seen_of(Dial("10.1.2.3", "silent"))).findings[0].means()
    assert "private" not in judge(seen_of(Dial(V4, "silent"))).findings[0].means()


def test_the_same_twice_is_a_consequence() -> None:
    """A second IP version that fails alike names the first one's finding, which its addresses need not be in."""
    assert steps(judge(seen_of(Dial(V4, "silent"), Dial(V6, "silent"))))["tcp6"] == ("fail", "TH005")


def test_without_an_open_port_nothing_was_heard() -> None:
    """What speaks there is untested because of what closes the port; port 80 is not mentioned."""
    judgement = judge(seen_of(Dial(V4, "refused")))
    assert steps(judgement)["speaks"] == ("untested", "TH006")
    assert "port80" not in steps(judgement)
    assert why_no_tls(seen_of(Dial(V4, "refused"))) == "TH006"


@pytest.mark.parametrize(
    ("heard", "code"),
    [
        (Heard("http", "HTTP/1.1 400 Bad Request", "nginx"), "TH012"),
        (Heard("other", "SSH-2.0-x", protocol="SSH"), "TH013"),
        (Heard("silent"), "TH387"),
        (Heard("closed"), "TH388"),
        (Heard("closed", is_name_cut=True), "TH011"),
        (Heard("silent", is_name_cut=True), "TH011"),
    ],
)
def test_what_speaks(heard: Heard, code: str) -> None:
    """What does not speak TLS is told apart, and is why there is none."""
    seen = seen_of(opened(heard=heard))
    assert codes(judge(seen)) == [code]
    assert why_no_tls(seen) == code


@pytest.mark.parametrize("heard", [Heard("closed"), Heard("silent")])
def test_behind_what_catches_all(heard: Heard) -> None:
    """Where something accepts every connection, a port that then speaks no TLS is its consequence."""
    seen = seen_of(opened(heard=heard), here=HereSeen(accepted="192.0.2.1:30001", accepted_from="10.0.0.2"))
    assert codes(judge(seen)) == []
    assert steps(judge(seen))["speaks"] == ("fail", "TH381")
    assert why_no_tls(seen) == "TH381"


def test_one_family_speaks_something_else() -> None:
    """TLS over IPv4 and something else over IPv6 is a fault of that address."""
    judgement = judge(seen_of(opened(), opened(V6, Heard("http"))))
    assert codes(judgement) == ["TH012"]
    assert judgement.findings[0].values["address"] == V6


def test_a_relay_that_moved() -> None:
    """Where the name leads to a port that is open, the map's dead address is a consequence of the old map."""
    seen = seen_of(Dial(V4, "silent"))
    seen.tcp = TCPSeen(dials=seen.tcp.dials, moved_to=(OTHER,))
    assert codes(judge(seen)) == []
    assert steps(judge(seen))["tcp4"] == ("fail", "TH385")


def test_a_node_for_stun_only() -> None:
    """A node that does no DERP has no TCP port to look at."""
    node = DERPNode(host_name=V4, stun_only=True)
    judgement = judge(Seen(Target(node, DERPRegion(nodes=(node,)))))
    assert codes(judgement) == []
    assert set(steps(judgement).values()) == {("untested", "")}


def test_a_family_that_the_map_switches_off() -> None:
    """What the map switches off is not tested, for that reason."""
    node = DERPNode(host_name="relay.test", ipv4=V4, ipv6="none")
    judgement = judge(seen_of(opened(), target=Target(node, DERPRegion(nodes=(node,)))))
    assert str(judgement.steps[1].remark) == "switched off in the map"
