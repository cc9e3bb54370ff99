"""What is said of packets between two clients, and of a connection without any."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.relaying import Said, judged, reached
from tailhub.tools.doctor.judge.answer import Answer
from tailhub.tools.doctor.judge.flight import FlightSeen
from tailhub.tools.doctor.judge.http import Connected
from tailhub.tools.doctor.judge.http import judge as judge_http
from tailhub.tools.doctor.judge.login import LoginEnd, LoginSeen
from tailhub.tools.doctor.judge.packets import IdleSeen, PacketsSeen, SegmentsSeen, Way
from tailhub.tools.report import Outcome

SIZES = (60, 1400, 65_536)
CLEAN = SegmentsSeen(400, 0, 0)


def flight(size: int, sent: int = 200, lost: int = 0, delay_s: float = 0.041, lumps: int = 0) -> FlightSeen:
    """Packets of every 10 ms; in each lump one waits 10 ms for the next."""
    delays = [delay_s + 0.0099 * (index % 2 == 0 and index < 2 * lumps) for index in range(sent - lost)]
    return FlightSeen(size, sent, tuple((index / 100, index / 100 + delay) for index, delay in enumerate(delays)))


GOOD = PacketsSeen(
    flights=tuple(flight(size) for size in SIZES),
    pings_s=(0.04, 0.041, 0.042),
    tcp_rtt_s=0.04,
    segments=CLEAN,
)


def said_of(packets: PacketsSeen) -> Said:
    seen = reached(8443, "203.0.113.7")
    seen.login = LoginSeen(is_admitted=True, end=LoginEnd.ADMITTED)
    seen.packets = packets
    return judged(seen)


def test_all_is_well() -> None:
    """A far relay that loses nothing gives no finding, whatever the distance."""
    for rtt_s in (0.0002, 0.04, 0.4):
        flights = tuple(flight(size, delay_s=rtt_s * 1.1) for size in SIZES)
        said = said_of(replace(GOOD, flights=flights, pings_s=(rtt_s,), tcp_rtt_s=rtt_s))
        assert (said.codes, said.steps["packets"].outcome) == ([], Outcome.OK)
    assert str(said_of(GOOD).steps["packets"].remark) == "60, 1400, 65536 B: 0 of 600 lost, p50 41 ms, p99 41 ms"


@pytest.mark.parametrize(("lost", "codes"), [(0, []), (1, []), (5, []), (6, ["TH405"]), (150, ["TH405"])])
def test_from_which_loss_on(lost: int, codes: list[str]) -> None:
    """One lost packet of some hundred is said in the step only; from one in a hundred on it is a finding."""
    said = said_of(replace(GOOD, flights=(flight(60, lost=lost), *GOOD.flights[1:])))
    assert said.codes == codes
    assert f"{lost} of 600 lost" in str(said.steps["packets"].remark)


def test_one_lost_of_few() -> None:
    """One lost packet is not enough, however few were sent."""
    assert said_of(replace(GOOD, flights=(flight(60, sent=10, lost=1),))).codes == []


@pytest.mark.parametrize(
    ("segments", "lumps", "tells"),
    [
        (CLEAN, 0, "in the relay, or in a proxy"),
        (None, 0, "cannot be told"),
        (SegmentsSeen(400, 20, 0), 0, "Towards the relay TCP sent 20/400 segments again"),
        (SegmentsSeen(400, 0, 30), 12, "From the relay packets had to wait for a lost one 12 times"),
        (SegmentsSeen(400, 1, None), 12, "cannot be told"),
    ],
)
def test_where_it_is_lost(segments: SegmentsSeen | None, lumps: int, tells: str) -> None:
    """What TCP knows is said, and that it is not known where it is not."""
    flights = (flight(60, lumps=lumps), flight(1400, lost=40))
    assert tells in said_of(replace(GOOD, flights=flights, segments=segments)).findings["TH405"].what()


@pytest.mark.parametrize(
    ("segments", "lumps", "codes"),
    [
        (SegmentsSeen(400, 3, 0), 0, []),
        (SegmentsSeen(1000, 10, 0), 0, []),
        (SegmentsSeen(400, 12, 0), 0, ["TH405"]),
        (SegmentsSeen(400, 0, 20), 2, []),
        (SegmentsSeen(400, 0, 20), 9, ["TH405"]),
        (SegmentsSeen(400, 7, 20), 9, []),
        (SegmentsSeen(400, 0, 0), 9, []),
        (None, 9, []),
    ],
)
def test_a_path_that_loses_segments(segments: SegmentsSeen | None, lumps: int, codes: list[str]) -> None:
    """TCP loses now and then: it is told when it does so again and again, though no packet is lost in the end."""
    flights = (flight(60, lumps=lumps), flight(1400))
    assert said_of(replace(GOOD, flights=flights, segments=segments)).codes == codes


@pytest.mark.parametrize(
    "last",
    [
        FlightSeen(1400, 11, is_stalled=True),
        FlightSeen(1400, 11),
        FlightSeen(1400, 11, ((0.0, 0.1),), is_stalled=True),
        FlightSeen(1400, 11, ended="closed"),
    ],
    ids=["stalled", "nothing came", "stalled later", "ended"],
)
def test_large_packets_vanish(last: FlightSeen) -> None:
    """Small ones came, and with larger ones it stopped or ended: that is not a loss."""
    said = said_of(replace(GOOD, flights=(flight(60), last)))
    assert said.codes == ["TH402"]
    assert (said.steps["idle"].outcome, said.steps["idle"].code) == (Outcome.UNTESTED, "TH402")


@pytest.mark.parametrize(
    ("way", "words"),
    [(Way.TOWARDS, "towards the relay"), (Way.FROM, "from the relay"), (Way.UNKNOWN, "cannot be told")],
)
def test_on_which_way_they_vanish(way: Way, words: str) -> None:
    """The way is named, or that it is not known."""
    said = said_of(replace(GOOD, flights=(flight(60), FlightSeen(1400, 11)), stalled=way))
    assert words in said.findings["TH402"].what().splitlines()[-1]


def test_nothing_comes() -> None:
    """Where not even small ones come, or no connection can be had for them, relaying itself fails."""
    assert said_of(replace(GOOD, flights=(FlightSeen(60, 24),))).codes == ["TH414"]
    said = said_of(PacketsSeen(error="reset"))
    assert said.codes == ["TH414"]
    assert said.steps["idle"].code == "TH414"


@pytest.mark.parametrize("what", ["altered", "duplicates", "overtaken"])
def test_packets_that_are_not_as_they_were_sent(what: str) -> None:
    """Altered, doubled and overtaken ones are no matter of loss."""
    bad = replace(flight(60, lost=1), **{what: 1})
    said = said_of(replace(GOOD, flights=(bad, *GOOD.flights[1:])))
    assert said.codes == ["TH412"]
    assert said.findings["TH412"].values[what] == 1


@pytest.mark.parametrize(
    ("delay_s", "ping_s", "rtt_s", "codes", "words"),
    [
        (0.3, 0.041, 0.04, ["TH406"], "packets wait in the relay"),
        (0.3, 0.3, 0.04, ["TH406"], "Pings are late too"),
        (0.08, 0.08, 0.04, [], ""),
        (0.35, 0.3, 0.2, [], ""),
        (0.3, 0.04, 0.0, ["TH406"], "packets wait in the relay"),
        (0.3, 0.3, 0.0, [], ""),
    ],
)
def test_a_slow_relay(delay_s: float, ping_s: float, rtt_s: float, codes: list[str], words: str) -> None:
    """A delay beyond the way's own is told; without TCP's round trip a ping is all there is to compare with."""
    flights = (flight(60, delay_s=delay_s), *GOOD.flights[1:])
    said = said_of(replace(GOOD, flights=flights, pings_s=(ping_s,), tcp_rtt_s=rtt_s))
    assert said.codes == codes
    assert not codes or words in said.findings["TH406"].what()


def test_a_few_slow_packets() -> None:
    """Nothing is made of the delay of a few packets: this machine may have been busy just then."""
    assert said_of(replace(GOOD, flights=(flight(60, sent=9, delay_s=0.3),))).codes == []
    assert said_of(replace(GOOD, flights=(flight(60, sent=10, delay_s=0.3),))).codes == ["TH406"]


@pytest.mark.parametrize(("rtt_s", "codes"), [(0.0, ["TH403"]), (0.01, ["TH403"]), (0.06, [])])
def test_lumps(rtt_s: float, codes: list[str]) -> None:
    """Lumps are a proxy's if TCP's own round trip does not have that delay; else the network itself makes them."""
    arrivals = tuple((index / 100, (index // 10 + 1) / 10) for index in range(100))
    said = said_of(replace(GOOD, flights=(FlightSeen(60, 100, arrivals),), pings_s=(0.08,), tcp_rtt_s=rtt_s))
    assert said.codes == codes


def test_one_key_and_sizes_that_were_not_tried() -> None:
    """The step says how it was tested, and what was not."""
    remark = str(said_of(replace(GOOD, is_pair=False, skipped=(65_536,))).steps["packets"].remark)
    assert "from one key to itself" in remark
    assert "65536 B not tried, the limit is too low" in remark


def test_no_size_was_tried() -> None:
    """Where the limit lets nothing through, nothing is said against the relay."""
    said = said_of(PacketsSeen(skipped=(60, 1400, 65_536)))
    assert said.codes == []
    assert str(said.steps["packets"].remark) == "not tested: the relay's limit is too low"


STRANGERS = (b"\1" * 32, b"\2" * 32)


def test_connections_to_different_relays() -> None:
    """That is what is found then, and no loss; once only."""
    packets = PacketsSeen(flights=(FlightSeen(60, 24),), server_keys=STRANGERS)
    said = said_of(packets)
    assert (said.codes, said.steps["packets"].outcome) == (["TH029"], Outcome.FAIL)
    assert (said.steps["idle"].outcome, said.steps["idle"].code) == (Outcome.UNTESTED, "TH029")
    seen = said.seen
    seen.http = replace(seen.http, answer=Answer(101), connections=tuple(Connected(server_key=k) for k in STRANGERS))
    assert judge_http(seen).findings[-1].code == "TH029"
    again = judged(seen)
    assert again.codes == []
    assert (again.steps["packets"].outcome, again.steps["packets"].code) == (Outcome.UNTESTED, "TH029")


def test_relays_of_one_mesh() -> None:
    """Where packets come through all the same, it is well."""
    said = said_of(replace(GOOD, server_keys=STRANGERS))
    assert (said.codes, said.steps["packets"].outcome) == ([], Outcome.OK)


@pytest.mark.parametrize(
    ("idle", "codes", "outcome"),
    [
        (None, [], Outcome.UNTESTED),
        (IdleSeen(90.0), [], Outcome.OK),
        (IdleSeen(90.0, cut_after_s=60.02), ["TH404"], Outcome.WARNING),
        (IdleSeen(90.0, is_dead=True), ["TH404"], Outcome.WARNING),
    ],
)
def test_a_connection_without_traffic(idle: IdleSeen | None, codes: list[str], outcome: Outcome) -> None:
    """Cut, dead, held, or not watched, which says how it can be."""
    said = said_of(replace(GOOD, idle=idle))
    assert said.codes == codes
    assert said.steps["idle"].outcome is outcome
    assert idle is not None or "`--watch 90s`" in str(said.steps["idle"].remark)
