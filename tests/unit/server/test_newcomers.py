from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from tailhub.server.newcomers import PREFACE_S, Newcomer, Newcomers


class StillLoop:
    """A loop whose clock a test puts forward."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[StillTimer] = []
        self.made = 0

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Any, *args: Any) -> StillTimer:
        timer = StillTimer(when, callback, args)
        self.timers.append(timer)
        self.made += 1
        return timer

    @property
    def due(self) -> list[float]:
        """When timers will fire."""
        return [timer.when for timer in self.timers if not timer.is_cancelled]

    def put_forward(self, seconds: float) -> None:
        """Let time pass; timers fire when it is their time."""
        end = self.now + seconds
        while (when := min(self.due, default=end + 1)) <= end:
            self.now = when
            timer = next(timer for timer in self.timers if timer.when == when and not timer.is_cancelled)
            self.timers.remove(timer)
            timer.callback(*timer.args)
        self.now = end


class StillTimer:
    def __init__(self, when: float, callback: Any, args: tuple[Any, ...]) -> None:
        self.when = when
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
    _, stream = arrive(newcomers)
    gone, left = arrive(newcomers)
    gone.leave()
    gone.leave()
    loop.put_forward(PREFACE_S - 0.01)
    assert len(newcomers) == 1
    assert stream.reason == ""
    loop.put_forward(0.02)
    assert PREFACE_S == 30
    assert stream.reason == "said nothing useful for 30 s"
    assert left.reason == ""
    assert len(newcomers) == 0
    assert loop.due == []


def test_a_new_deadline_replaces_the_old_one(loop: Any) -> None:
    """Each step of a login has a time of its own, shorter or longer than what was left."""
    newcomers = Newcomers(loop)
    first, first_stream = arrive(newcomers)
    second, second_stream = arrive(newcomers)
    first.set_deadline(10.0, "no ClientInfo")
    loop.put_forward(9.9)
    assert first_stream.reason == ""
    second.set_deadline(30.0, "idle")
    loop.put_forward(0.2)
    assert first_stream.reason == "no ClientInfo"
    loop.put_forward(29.7)
    assert second_stream.reason == ""
    loop.put_forward(0.2)
    assert second_stream.reason == "idle"
    assert loop.due == []


def test_each_is_closed_at_its_own_time(loop: Any) -> None:
    """However deadlines of different lengths overlap, nobody is closed early and nobody late."""
    newcomers = Newcomers(loop)
    closed_at: dict[FakeStream, float] = {}
    expected: dict[FakeStream, float] = {}
    for number in range(200):
        newcomer, stream = arrive(newcomers)
        seconds = (30.0, 10.0, 2.5)[number % 3]
        newcomer.set_deadline(seconds, "late")
        expected[stream] = loop.now + seconds
        stream.abort = lambda reason, n=newcomer, s=stream: (closed_at.update({s: loop.now}), n.leave())  # type: ignore[method-assign,misc]
        if number % 5 == 0:
            newcomer.leave()
            del expected[stream]
        loop.put_forward(0.07)
    loop.put_forward(60)
    assert closed_at.keys() == expected.keys()
    assert all(abs(closed_at[stream] - expected[stream]) < 1e-6 for stream in expected)
    assert len(newcomers) == 0


def test_logins_in_time_set_no_timers(loop: Any) -> None:
    """A thousand logins a second, each done in time, take a few timers together and not two each."""
    newcomers = Newcomers(loop)
    for _ in range(20_000):
        newcomer, _ = arrive(newcomers)
        newcomer.set_deadline(10.0, "no ClientInfo")
        newcomer.leave()
        loop.put_forward(0.001)
    assert loop.made < 20
    loop.put_forward(60)
    assert loop.due == []


def test_one_whose_stream_has_ended_holds_up_nobody(loop: Any) -> None:
    """A newcomer that a bug left behind is let go at its deadline, and those behind it are closed too."""
    newcomers = Newcomers(loop)
    _, broken = arrive(newcomers)
    broken.abort = lambda reason: None  # type: ignore[method-assign]
    _, stream = arrive(newcomers)
    loop.put_forward(31)
    assert stream.reason
    assert len(newcomers) == 0


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
