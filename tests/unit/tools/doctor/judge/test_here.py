from __future__ import annotations

from tailhub.tailcfg.derpmap import DERPNode, DERPRegion
from tailhub.tools.doctor.judge.here import HereSeen, judge, what_catches
from tailhub.tools.doctor.judge.login import LoginSeen
from tailhub.tools.doctor.judge.name import NameSeen
from tailhub.tools.doctor.judge.tcp import Dial, TCPSeen
from tailhub.tools.doctor.seen import Seen
from tailhub.tools.report import Judgement, Outcome
from tailhub.tools.target import Target, host_target

RELAY = "203.0.113.7"
ACCEPTED = HereSeen(accepted="192.0.2.9:30001", accepted_from="198.18.0.1", tunnels=("Meta",))


def codes(judgement: Judgement) -> list[str]:
    return [finding.code for finding in judgement.findings]


def dialled(source: str, address: str = RELAY) -> TCPSeen:
    return TCPSeen(address, dials=(Dial(address, "open", source),))


def test_nothing_in_the_way() -> None:
    """A machine without a proxy gives no finding and says so."""
    judgement = judge(Seen(host_target(RELAY)))
    assert codes(judgement) == []
    assert str(judgement.steps[0].remark) == "no proxy in the way"


def test_every_connection_is_accepted() -> None:
    """Who accepts a connection to nobody is the cause of what fails, if the relay is reached by the same way."""
    seen = Seen(host_target(RELAY), here=ACCEPTED, tcp=dialled("198.18.0.1"))
    assert what_catches(seen) == "TH381"
    assert codes(judge(seen)) == ["TH381"]
    assert "192.0.2.9:30001" in judge(seen).findings[0].what()
    assert "Meta" in judge(seen).findings[0].what()


def test_a_neighbour_is_not_caught() -> None:
    """A relay that is reached from another address of this machine than the proxy's TUN is none of its business."""
    seen = Seen(host_target("10.0.0.7"), here=ACCEPTED, tcp=dialled("10.0.0.2", "10.0.0.7"))
    assert what_catches(seen) == ""
    assert codes(judge(seen)) == []


def test_all_is_caught_where_nothing_was_dialled() -> None:
    """Before an address is known, and for a relay with IPv6 only, whatever catches IPv4 is taken to catch all."""
    assert what_catches(Seen(host_target(RELAY), here=ACCEPTED)) == "TH381"
    assert what_catches(Seen(host_target(RELAY), here=ACCEPTED, tcp=dialled("2001:db8::2", "2001:db8::7"))) == "TH381"


def test_a_proxy_that_lets_through() -> None:
    """Behind a proxy a relay that admits us works: a note says how far what was seen holds."""
    seen = Seen(host_target(RELAY), here=ACCEPTED, tcp=dialled("198.18.0.1"), login=LoginSeen(is_admitted=True))
    judgement = judge(seen)
    assert codes(judgement) == ["TH383"]
    assert judgement.steps[0].outcome is Outcome.OK


def test_made_up_addresses() -> None:
    """An address of 198.18/15, or any by a name server that knows names which cannot exist, is made up."""
    for here, address in ((HereSeen(), "198.18.3.4"), (HereSeen(invented=("10.1.1.1",)), "10.1.1.2")):
        seen = Seen(host_target("relay.test"), here=here, name=NameSeen((address,), (address,), "found"))
        assert codes(judge(seen)) == ["TH380"]


def test_made_up_addresses_that_nobody_needs() -> None:
    """Where the map has the address, clients go by that: made-up ones are no fault."""
    node = DERPNode(host_name="relay.test", ipv4=RELAY, ipv6="none")
    seen = Seen(
        Target(node, DERPRegion(nodes=(node,))),
        here=HereSeen(invented=("198.18.0.1",)),
        name=NameSeen((RELAY,), ("198.18.0.2",), "found"),
    )
    judgement = judge(seen)
    assert codes(judgement) == []
    assert str(judgement.steps[0].remark) == "DNS gives made-up addresses, but clients take the map's"


def test_a_proxy_in_the_environment() -> None:
    """The note about a proxy says which port Tailscale would ask it for."""
    odd, usual = (
        judge(Seen(host_target(f"relay.test:{port}"), here=HereSeen(proxies=("HTTPS_PROXY",)))).findings[0]
        for port in (8443, 443)
    )
    assert odd.code == usual.code == "TH382"
    assert "this relay has 8443, which it would not get to" in odd.means()
    assert "and this relay has 443" in usual.means()
