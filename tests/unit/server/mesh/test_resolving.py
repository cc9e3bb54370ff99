"""Which relays links are to be kept to, while names come to stand for others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from support.wire import pass_time, run
from tailhub.server.mesh.lookup import Found
from tailhub.server.mesh.peer_spec import MOST_PEERS, PeerSource, PeerSpec, parse_peer
from tailhub.server.mesh.resolving import FAILED_S, RETRY_S, Resolving

NAME, OTHER = parse_peer("dns:r.example.com"), parse_peer("srv:_derp._tcp.example.com")


class Names:
    """Stands in for DNS: what each entry stands for now; None: it cannot be looked up."""

    def __init__(self) -> None:
        self.hosts: dict[PeerSpec, Sequence[str] | None] = {}
        self.good_s = 60.0
        self.asked: list[PeerSpec] = []
        self.told: list[list[str]] = []

    async def look_up(self, spec: PeerSpec) -> Found:
        self.asked.append(spec)
        await asyncio.sleep(0)
        hosts = self.hosts.get(spec)
        if hosts is None:
            raise OSError("no such name")
        return Found(tuple(replace(parse_peer(host), text=f"{spec.text} {host}") for host in hosts), self.good_s)

    def change(self, specs: Sequence[PeerSpec]) -> None:
        assert all(spec.source is PeerSource.HOST for spec in specs)
        self.told.append(hosts_of(specs))

    def resolving(self) -> Resolving:
        return Resolving(self.change, self.look_up)


def hosts_of(specs: Sequence[PeerSpec]) -> list[str]:
    return [spec.host for spec in specs]


def test_what_is_written_is_known_at_once() -> None:
    """Without names there is nothing to look up, and nothing to tell later."""

    async def scenario() -> None:
        names = Names()
        specs = [parse_peer("a.example.com"), parse_peer("b.example.com")]
        assert list(names.resolving().take(specs)) == specs
        await pass_time(200)
        assert (names.asked, names.told) == ([], [])

    run(scenario)


def test_names_are_looked_up_again() -> None:
    """What a name stands for stands in its place, as soon as that is known and whenever it changes."""

    async def scenario() -> None:
        names = Names()
        names.hosts = {NAME: ["n1", "n2"], OTHER: ["o1"]}
        resolving = names.resolving()
        assert hosts_of(resolving.take([parse_peer("a"), NAME, parse_peer("b"), OTHER])) == ["a", "b"]
        await pass_time(1)
        assert names.told[-1] == ["a", "n1", "n2", "b", "o1"]
        count = len(names.told)
        await pass_time(120)
        assert len(names.told) == count
        names.hosts[NAME] = ["n2", "n3"]
        await pass_time(61)
        assert names.told[count:] == [["a", "n2", "n3", "b", "o1"]]
        names.hosts[OTHER] = []
        await pass_time(61)
        assert names.told[-1] == ["a", "n2", "n3", "b"]
        resolving.stop()
        asked = len(names.asked)
        await pass_time(200)
        assert len(names.asked) == asked

    run(scenario)


def test_how_often() -> None:
    """A name is asked about when its answer is good no longer."""

    async def scenario() -> None:
        names = Names()
        names.hosts, names.good_s = {NAME: ["n1"]}, 20.0
        names.resolving().take([NAME])
        await pass_time(101)
        assert len(names.asked) == 6

    run(scenario)


def test_a_name_that_cannot_be_looked_up(caplog: pytest.LogCaptureFixture) -> None:
    """The last answer stands; that is said once, and again only after it could be looked up meanwhile."""

    def warnings() -> int:
        return sum("cannot be looked up" in one.getMessage() for one in caplog.records)

    async def scenario() -> None:
        names = Names()
        names.hosts = {NAME: ["n1"]}
        names.resolving().take([NAME])
        await pass_time(1)
        names.hosts[NAME] = None
        await pass_time(4 * FAILED_S)
        assert (names.told, warnings()) == ([["n1"]], 1)
        assert "`dns:r.example.com` in mesh_with cannot be looked up: no such name" in caplog.text
        names.hosts[NAME] = ["n2"]
        await pass_time(FAILED_S + 1)
        assert names.told == [["n1"], ["n2"]]
        names.hosts[NAME] = None
        await pass_time(2 * FAILED_S)
        assert (names.told[-1], warnings()) == (["n2"], 2)

    run(scenario)


def test_only_one_worker_says_it(caplog: pytest.LogCaptureFixture) -> None:
    """Of several workers, which all look names up, the others are silent about it."""

    async def scenario() -> None:
        names = Names()
        names.hosts = {OTHER: [f"n{number}" for number in range(MOST_PEERS + 1)]}
        Resolving(names.change, names.look_up, logs=False).take([NAME, OTHER])
        await pass_time(1)
        assert len(names.told[-1]) == MOST_PEERS
        assert caplog.records == []

    run(scenario)


def test_a_name_that_is_not_there_yet(caplog: pytest.LogCaptureFixture) -> None:
    """While nothing is known of it, it is asked about more often: the network may not be up yet."""

    async def scenario() -> None:
        names = Names()
        names.resolving().take([NAME])
        await pass_time(3 * RETRY_S)
        assert len(names.asked) >= 3
        names.hosts[NAME] = ["n1"]
        await pass_time(RETRY_S + 1)
        assert names.told == [["n1"]]
        assert caplog.text.count("cannot be looked up") == 1

    run(scenario)


def test_other_entries() -> None:
    """Names that stay keep their answers, those that go are asked about no more, new ones at once."""

    async def scenario() -> None:
        names = Names()
        names.hosts = {NAME: ["n1"], OTHER: ["o1"]}
        resolving = names.resolving()
        resolving.take([NAME])
        await pass_time(1)
        assert hosts_of(resolving.take([parse_peer("a"), OTHER, NAME])) == ["a", "n1"]
        await pass_time(1)
        assert names.told == [["n1"], ["a", "o1", "n1"]]
        assert hosts_of(resolving.take([OTHER])) == ["o1"]
        names.asked.clear()
        await pass_time(125)
        assert set(names.asked) == {OTHER}
        assert hosts_of(resolving.take([])) == []

    run(scenario)


def test_each_place_once() -> None:
    """A relay that a name stands for too, or two names, is there once, as it was named first."""

    async def scenario() -> None:
        names = Names()
        names.hosts = {NAME: ["a", "n1"], OTHER: ["n1", "n1:8443"]}
        names.resolving().take([parse_peer("a"), NAME, OTHER])
        await pass_time(1)
        assert names.told[-1] == ["a", "n1", "n1"]

    run(scenario)


def test_too_many(caplog: pytest.LogCaptureFixture) -> None:
    """However many relays a name stands for, links are kept to so many, which is said once."""

    async def scenario() -> None:
        names = Names()
        names.hosts = {NAME: [f"n{number}" for number in range(MOST_PEERS + 9)]}
        names.resolving().take([parse_peer("a"), NAME])
        await pass_time(1)
        assert names.told == [["a", *(f"n{number}" for number in range(MOST_PEERS - 1))]]
        names.hosts[NAME] = [f"m{number}" for number in range(MOST_PEERS + 9)]
        await pass_time(61)
        assert names.told[-1][1] == "m0"
        assert caplog.text.count(f"lead to {MOST_PEERS + 10} relays; links are kept to {MOST_PEERS}") == 1

    run(scenario)
