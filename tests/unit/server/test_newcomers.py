from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from tailhub.server.newcomers import PREFACE_S, Newcomer, Newcomers


class StillLoop:
    """A loop that remembers its timers."""

    def __init__(self) -> None:
        self.timers: list[StillTimer] = []

    def call_later(self, delay: float, callback: Any, *args: Any) -> StillTimer:
        timer = StillTimer(delay, callback, args)
        self.timers.append(timer)
        return timer

    @property
    def due(self) -> list[StillTimer]:
        return [timer for timer in self.timers if not timer.is_cancelled]


class StillTimer:
    def __init__(self, delay: float, callback: Any, args: tuple[Any, ...]) -> None:
        self.delay = delay
        self.callback = callback
        self.args = args
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class FakeStream:
    """Ends as a stream does: its receiver makes the newcomer leave."""

    def __init__(self, newcomer: Newcomer) -> None:
        self._newcomer = newcomer
        self.reason = ""

    def abort(self, reason: str) -> None:
        self.reason = reason
        self._newcomer.leave()


def arrive(newcomers: Newcomers, address: Any = ("192.0.2.1", 4000)) -> tuple[Newcomer, FakeStream]:
    newcomer = newcomers.make(address)
    stream = FakeStream(newcomer)
    newcomers.add(newcomer, stream)  # type: ignore[arg-type]
    return newcomer, stream


@pytest.fixture
def loop() -> Any:
    return StillLoop()


@pytest.mark.parametrize(
    ("peer", "address", "ip"),
    [
        (("192.0.2.1", 1), "192.0.2.1", "192.0.2.1"),
        (("2001:db8::1", 1, 0, 0), "2001:db8::1", "2001:db8::1"),
        (("::ffff:192.0.2.1", 1, 0, 0), "192.0.2.1", "192.0.2.1"),
        (("fe80::1%eth0", 1, 0, 2), "fe80::1", "fe80::1"),
        ("", None, ""),
        (b"", None, ""),
    ],
)
def test_addresses_are_read_from_what_accept_returns(loop: Any, peer: Any, address: str | None, ip: str) -> None:
    """IPv4, IPv6, mapped and scoped addresses are understood; over a unix socket there is none."""
    newcomer = Newcomers(loop).make(peer)
    assert newcomer.address == (None if address is None else ip_address(address))
    assert newcomer.ip == ip
    assert newcomer.port == (1 if address else 0)


def test_a_newcomer_has_so_much_time(loop: Any) -> None:
    """Who arrives is closed after 30 s, unless it leaves before."""
    newcomers = Newcomers(loop)
    newcomer, stream = arrive(newcomers)
    [timer] = loop.due
    assert timer.delay == PREFACE_S == 30
    timer.callback(*timer.args)
    assert stream.reason == "said nothing useful for 30 s"
    assert len(newcomers) == 0
    newcomer, _ = arrive(newcomers)
    newcomer.leave()
    newcomer.leave()
    assert loop.due == []
    assert len(newcomers) == 0


def test_a_new_deadline_replaces_the_old_one(loop: Any) -> None:
    """Each step of a login has a time of its own."""
    newcomer, stream = arrive(Newcomers(loop))
    newcomer.set_deadline(loop, 10.0, "no ClientInfo")
    [timer] = loop.due
    assert timer.delay == 10.0
    timer.callback(*timer.args)
    assert stream.reason == "no ClientInfo"


def test_over_the_bound_the_oldest_gives_way(loop: Any) -> None:
    """The bound holds; who has waited longest is closed and counted, who has left does not count."""
    newcomers = Newcomers(loop, most=3)
    arrived = [arrive(newcomers) for _ in range(3)]
    arrived[0][0].leave()
    arrived += [arrive(newcomers) for _ in range(3)]
    assert len(newcomers) == 3
    assert newcomers.evicted == 2
    assert [bool(stream.reason) for _, stream in arrived] == [False, True, True, False, False, False]
    assert list(newcomers) == [newcomer for newcomer, _ in arrived[3:]]


def test_all_can_be_closed(loop: Any) -> None:
    """When the relay stops, everyone who has not logged in is closed with the reason given."""
    newcomers = Newcomers(loop)
    arrived = [arrive(newcomers) for _ in range(3)]
    newcomers.close_all("relay stops")
    assert [stream.reason for _, stream in arrived] == ["relay stops"] * 3
    assert len(newcomers) == 0
    assert loop.due == []
