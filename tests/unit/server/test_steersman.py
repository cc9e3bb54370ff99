"""Orders of the steering reach logins: in one process, and from the desk to workers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import pytest

from support.waiting import run, until
from tailhub.relay import steering
from tailhub.relay.steering import Order, Steering
from tailhub.server.steering_desk import DeskSteersman, LoginOrder, SteeredWorker
from tailhub.server.steersman import LocalSteersman, Steersman

HERE, THERE = ip_address("192.0.2.1"), ip_address("2001:db8::1")
KEY, SERVED = bytes(32), b"s" * 32


class Login:
    """What a connection is told."""

    def __init__(self) -> None:
        self.orders: list[Order] = []

    def obey(self, order: Order) -> None:
        self.orders.append(order)


def local(*, steers_refused: bool = True) -> LocalSteersman:
    return LocalSteersman(Steering(random.Random(1)), steers_refused=steers_refused)


class Fleet:
    """A desk and its workers, between which messages take a turn of the loop, as they do over a socket."""

    def __init__(self) -> None:
        self.desk = local()
        self.sides: dict[DeskSteersman, SteeredWorker] = {}

    def worker(self) -> DeskSteersman:
        worker = DeskSteersman(steers_refused=True)
        self.connect(worker)
        return worker

    def connect(self, worker: DeskSteersman) -> None:
        loop = asyncio.get_running_loop()
        side = self.sides[worker] = SteeredWorker(self.desk, lambda order: loop.call_soon(worker.receive, order))
        worker.desk_came(lambda message: loop.call_soon(side.receive, message))

    def replace_desk(self) -> None:
        """The desk ends, and another one begins that knows nothing."""
        workers, self.sides = list(self.sides), {}
        self.desk.stop()
        self.desk = local()
        for worker in workers:
            worker.desk_left()
        for worker in workers:
            self.connect(worker)

    def ends(self, worker: DeskSteersman) -> None:
        self.sides.pop(worker).end()

    @property
    def muted(self) -> set[bytes]:
        return self.desk.steering.muted


def in_one_process() -> tuple[Steersman, Callable[[], set[bytes]]]:
    steersman = local()
    return steersman, lambda: steersman.steering.muted


def in_a_worker() -> tuple[Steersman, Callable[[], set[bytes]]]:
    fleet = Fleet()
    return fleet.worker(), lambda: fleet.muted


ways = pytest.mark.parametrize("make", [in_one_process, in_a_worker])


@ways
def test_the_whole_recipe(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused home is closed, its next login after a time once more, and the third is told why, each by a timer."""
    for name, seconds in {"SECOND_CLOSE_S": 0.02, "SETTLE_S": 0.01, "PATIENCE_S": 0.04}.items():
        monkeypatch.setattr(steering, name, seconds)

    async def scenario() -> None:
        steersman, muted = make()
        for order in (Order.CLOSE, Order.CLOSE, Order.EXPLAIN):
            login = Login()
            steersman.arrived(login, KEY, HERE, True, is_allowed=False)
            assert login.orders == []  # not within the call
            await until(lambda login=login: login.orders)
            assert login.orders == [order]
        assert HERE.packed in muted()

    run(scenario)


@ways
def test_guest(make: Any) -> None:
    """Who says that its home is elsewhere is admitted as a guest, and closed when it says otherwise."""

    async def scenario() -> None:
        steersman, muted = make()
        login = Login()
        steersman.arrived(login, KEY, HERE, None, is_allowed=False)
        steersman.noted(login, False)
        await until(lambda: login.orders == [Order.ADMIT])
        assert not muted()
        steersman.noted(login, True)
        await until(lambda: login.orders == [Order.ADMIT, Order.CLOSE])
        steersman.noted(login, True)
        steersman.left(login)
        assert HERE.packed in muted()

    run(scenario)


@ways
def test_one_that_says_nothing(make: Any) -> None:
    """Who says nothing is admitted as a guest by a timer."""

    async def scenario() -> None:
        steersman, _ = make()
        login = Login()
        steersman.arrived(login, KEY, HERE, None, is_allowed=False)
        await until(lambda: login.orders)
        assert login.orders == [Order.ADMIT]

    run(scenario)


@ways
def test_admitted_clients(make: Any) -> None:
    """An address is answered while an admitted client is there, and muted when the last one has gone."""

    async def scenario() -> None:
        steersman, muted = make()
        steersman.arrived(Login(), KEY, HERE, True, is_allowed=False)
        await until(muted)
        steersman.came(SERVED, HERE)
        steersman.came(SERVED, HERE)
        await until(lambda: not muted())
        steersman.went(HERE)
        steersman.went(HERE)
        await until(muted)

    run(scenario)


@ways
def test_keys_that_may_be_served(make: Any) -> None:
    """Whose key may be served now is answered again."""

    async def scenario() -> None:
        steersman, muted = make()
        for note in (True, False):
            login = Login()
            steersman.arrived(login, KEY, HERE, note, is_allowed=False)
            await until(lambda login=login: login.orders)
        assert muted()
        steersman.changed([KEY])
        await until(lambda: not muted())

    run(scenario)


def test_order_wakes_in_time() -> None:
    """A deadline that comes nearer is kept."""

    async def scenario() -> None:
        steersman = local()
        first, second = Login(), Login()
        steersman.arrived(first, KEY, HERE, True, is_allowed=False)
        await until(lambda: first.orders)  # waits for an hour now
        steersman.arrived(second, b"other" * 6, THERE, None, is_allowed=False)
        await until(lambda: second.orders == [Order.ADMIT])
        steersman.stop()

    run(scenario)


def test_worker_ends() -> None:
    """When a worker ends, what it had of clients and logins is over; those of others go on."""

    async def scenario() -> None:
        fleet = Fleet()
        one, other = fleet.worker(), fleet.worker()
        other.came(SERVED, THERE)
        for _ in range(3):
            one.came(SERVED, HERE)
        login, another = Login(), Login()
        one.arrived(login, KEY, HERE, True, is_allowed=False)
        other.arrived(another, KEY, HERE, True, is_allowed=False)
        await until(lambda: login.orders and another.orders == [Order.EXPLAIN])
        fleet.ends(one)
        await until(lambda: another.orders == [Order.EXPLAIN, Order.CLOSE])
        assert login.orders == [Order.EXPLAIN]
        assert HERE.packed in fleet.muted
        other.arrived(Login(), b"other" * 6, THERE, True, is_allowed=False)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert THERE.packed not in fleet.muted

    run(scenario)


def test_desk_ends() -> None:
    """The next desk is told of all clients and logins that are there, and goes on with them."""

    async def scenario() -> None:
        fleet = Fleet()
        worker = fleet.worker()
        worker.came(SERVED, THERE)
        worker.came(SERVED, HERE)
        worker.went(HERE)
        guest, home = Login(), Login()
        worker.arrived(guest, b"guest" * 6, THERE, False, is_allowed=False)
        await until(lambda: guest.orders == [Order.ADMIT])
        worker.arrived(home, KEY, THERE, True, is_allowed=False)
        await until(lambda: home.orders == [Order.EXPLAIN])
        fleet.replace_desk()
        await until(lambda: (guest.orders, home.orders) == ([Order.ADMIT] * 2, [Order.EXPLAIN] * 2))
        assert not fleet.muted
        worker.went(THERE)
        await until(lambda: home.orders[2:] == [Order.CLOSE])

    run(scenario)


def test_evacuation() -> None:
    """Who is allowed, and held for an evacuation only, is admitted when it ends, and then forgotten."""

    async def scenario() -> None:
        fleet = Fleet()
        worker = fleet.worker()
        fleet.desk.evacuate(True)
        first, login = Login(), Login()
        worker.arrived(first, KEY, HERE, True, is_allowed=True)
        await until(lambda: first.orders == [Order.CLOSE])
        worker.arrived(login, KEY, HERE, True, is_allowed=True)
        fleet.desk.evacuate(False)
        await until(lambda: login.orders == [Order.ADMIT])
        assert not fleet.muted
        worker.receive(LoginOrder(2, Order.CLOSE))
        worker.left(login)
        assert login.orders == [Order.ADMIT]

    run(scenario)
