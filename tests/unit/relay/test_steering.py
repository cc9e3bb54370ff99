"""Steering as transcripts: what clients do, and what becomes of their logins."""

from __future__ import annotations

import random
from ipaddress import ip_address

import pytest

from tailhub.relay import steering
from tailhub.relay.steering import (
    MAX_GUESTS,
    MAX_GUESTS_AT_ADDRESS,
    MAX_MOVES,
    MAX_MOVES_AT_ADDRESS,
    MAX_RETURNS,
    MUTE_JITTER,
    MUTE_S,
    Steering,
)

HERE, THERE, ELSEWHERE = "192.0.2.1", "192.0.2.2", "198.51.100.1"


class Town:
    """A relay that steers, at the time `now`. Each method gives the orders that follow it, as text."""

    def __init__(self, seed: int = 1) -> None:
        self.now = 1000.0
        self.steering: Steering[str] = Steering(random.Random(seed))

    def home(self, login: str, key: str = "k", address: str = HERE, *, allowed: bool = False) -> list[str]:
        """A client logs in and says that its home is here."""
        return self._arrives(login, key, address, True, allowed)

    def visitor(self, login: str, key: str = "k", address: str = HERE, *, allowed: bool = False) -> list[str]:
        """A client logs in and says nothing."""
        return self._arrives(login, key, address, None, allowed)

    def _arrives(self, login: str, key: str, address: str, is_home: bool | None, allowed: bool) -> list[str]:
        where = ip_address(address)
        self.steering.arrived(login, key.encode(), where, is_home, self.now, is_allowed=allowed)
        return self.orders()

    def says(self, login: str, *, home: bool) -> list[str]:
        self.steering.noted(login, home, self.now)
        return self.orders()

    def leaves(self, login: str) -> list[str]:
        self.steering.left(login)
        return self.orders()

    def neighbour_comes(self, address: str = HERE, key: str = "neighbour") -> None:
        self.steering.came(key.encode(), ip_address(address))

    def neighbour_goes(self, address: str = HERE) -> list[str]:
        self.steering.went(ip_address(address), self.now)
        return self.orders()

    def waits(self, seconds: float) -> list[str]:
        """Time passes, as a timer that is set to each deadline lets it; the orders with the time of each."""
        end, found, began = self.now + seconds, [], self.now
        while (due := self.steering.next_deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self.steering.advance(self.now)
            found += [f"{self.now - began:.1f} s: {order}" for order in self.orders()]
        self.now = end
        return found

    def orders(self) -> list[str]:
        return [f"{login} {order}" for login, order in self.steering.take_orders()]

    def answers(self, address: str = HERE) -> bool:
        """Does a STUN request from there get an answer?"""
        return ip_address(address).packed not in self.steering.muted


@pytest.fixture
def town() -> Town:
    return Town()


def moved(town: Town, login: str = "moved", key: str = "k", address: str = HERE) -> None:
    """A home is refused and moves; `login` is the connection that it keeps as a guest."""
    assert town.home("first", key, address) == ["first close"]
    assert town.home(login, key, address) == []
    assert town.says(login, home=False) == [f"{login} admit"]


# --- the recipe -------------------------------------------------------------------------------------------------------


def test_quiet_home(town: Town) -> None:
    """A refused home is muted and closed; its next connection is held in silence until it has moved, then admitted."""
    assert town.answers()
    assert town.home("one") == ["one close"]
    assert not town.answers()
    town.waits(0.1)
    assert town.home("two") == []
    assert town.waits(3.0) == []
    assert town.says("two", home=False) == ["two admit"]
    assert not town.answers()
    assert (town.steering.begun, town.steering.moved, town.steering.stayed) == (1, 1, 0)


def test_active_home(town: Town) -> None:
    """One that has not moved by 5.5 s is closed once more in silence; it moves 3 s later."""
    town.home("one")
    town.waits(0.1)
    town.home("two")
    assert town.waits(5.5) == ["5.4 s: two close"]
    assert town.home("three") == []
    assert town.waits(3.0) == []
    assert town.says("three", home=False) == ["three admit"]


def test_home_that_does_not_move(town: Town) -> None:
    """One that is still there after 12 s is told why it is not served, stays held, and is closed no more."""
    town.home("one")
    town.home("two")
    assert town.waits(5.5) == ["5.5 s: two close"]
    assert town.home("three") == []
    assert town.waits(100.0) == ["6.5 s: three explain"]
    assert not town.answers()
    assert (town.steering.begun, town.steering.moved, town.steering.stayed) == (1, 0, 1)


def test_home_that_moves_late(town: Town) -> None:
    """One that was told why still becomes a guest when its home moves after all."""
    town.home("one")
    town.home("two")
    town.waits(5.5)
    town.home("three")
    town.waits(20.0)
    assert town.says("three", home=False) == ["three admit"]


def test_new_login_of_one_that_was_told(town: Town) -> None:
    """One that was told why and connects again is left 3 s in peace, then told again, and not closed."""
    town.home("one")
    town.home("two")
    town.waits(5.5)
    town.home("three")
    town.waits(20.0)
    town.leaves("three")
    assert town.home("four") == []
    assert town.waits(20.0) == ["3.0 s: four explain"]


def test_slow_client(town: Town) -> None:
    """A connection is held for 3 s at least, however late it comes, because so long a client takes to measure."""
    town.home("one")
    town.waits(5.0)
    town.home("two")
    assert town.waits(5.0) == ["3.0 s: two close"]
    town.waits(2.0)
    assert town.home("three") == []
    assert town.waits(20.0) == ["3.0 s: three explain"]


def test_home_that_leaves(town: Town) -> None:
    """Nothing is ordered for a connection that is over."""
    town.home("one")
    town.home("two")
    assert town.leaves("two") == []
    assert town.waits(100.0) == []
    assert not town.answers()


# --- guests -----------------------------------------------------------------------------------------------------------


def test_visitor(town: Town) -> None:
    """A client that does not say within 0.3 s that its home is here is admitted as a guest, and not muted."""
    assert town.visitor("one") == []
    assert town.waits(1.0) == ["0.3 s: one admit"]
    assert town.answers()
    assert town.steering.begun == 0


def test_late_note(town: Town) -> None:
    """A client that says within 0.3 s that its home is here is a home."""
    town.visitor("one")
    town.waits(0.2)
    assert town.says("one", home=True) == ["one close"]
    assert town.waits(1.0) == []


def test_visitor_that_says_so(town: Town) -> None:
    """A client that says that its home is not here need not be waited for."""
    town.visitor("one")
    assert town.says("one", home=False) == ["one admit"]


def test_moved_client_visits(town: Town) -> None:
    """A client that closed its connection when it moved, and comes back as a visitor, counts as moved."""
    town.home("one")
    town.visitor("two")
    assert town.waits(0.5) == ["0.3 s: two admit"]
    assert town.steering.moved == 1


def test_guest_that_comes_back(town: Town) -> None:
    """A guest whose home is here again is closed, and steered from the start while that goes on."""
    moved(town)
    town.waits(100.0)
    assert town.says("moved", home=True) == ["moved close"]
    assert town.home("next") == []
    assert town.waits(5.5) == ["5.5 s: next close"]


def test_guest_that_comes_back_for_ever(town: Town) -> None:
    """A client that comes back again and again is closed a few times, then held and told."""
    moved(town)
    for turn in range(MAX_RETURNS):
        assert town.home(f"{turn}") == [f"{turn} close"]
        town.home(f"{turn} again")
        assert town.says(f"{turn} again", home=False) == [f"{turn} again admit"]
    assert town.home("last") == []
    assert town.waits(100.0) == ["12.0 s: last explain"]


def test_most_guests(town: Town) -> None:
    """Guests are so many and no more; who comes after that is held and told."""
    for number in range(MAX_GUESTS):
        town.visitor(f"{number}", f"{number}", f"10.0.{number // 256}.{number % 256}")
    assert len(town.waits(1.0)) == MAX_GUESTS
    town.visitor("late", "late")
    assert town.waits(1.0) == ["0.3 s: late explain"]
    town.leaves("7")
    town.visitor("later", "later")
    assert town.waits(1.0) == ["0.3 s: later admit"]


@pytest.mark.parametrize("here", [HERE, "2001:db8:1:1::{}"])
def test_guests_of_one_address(town: Town, here: str) -> None:
    """At one address, or in one /64, they are so many and no more: strangers leave room for others."""
    for number in range(MAX_GUESTS_AT_ADDRESS):
        town.visitor(f"{number}", f"{number}", here.format(number))
    assert len(town.waits(1.0)) == MAX_GUESTS_AT_ADDRESS
    town.visitor("late", "late", here.format("f"))
    town.visitor("other", "other", "2001:db8:1:2::1")
    assert town.waits(1.0) == ["0.3 s: late explain", "0.3 s: other admit"]
    town.leaves("3")
    town.visitor("later", "later", here.format("f"))
    assert town.waits(1.0) == ["0.3 s: later admit"]


# --- coming back ------------------------------------------------------------------------------------------------------


def test_mute_ends(town: Town) -> None:
    """An address is answered again after about an hour; one that then makes this its home again is steered anew."""
    moved(town)
    town.waits(MUTE_S * (1 - MUTE_JITTER) - 1)
    assert not town.answers()
    town.waits(2 * MUTE_S * MUTE_JITTER + 2)
    assert town.answers()
    assert town.says("moved", home=True) == ["moved close"]
    assert not town.answers()


def test_mutes_end_apart() -> None:
    """Those who were muted together are not answered again together."""
    town = Town()
    for number in range(50):
        town.home(f"{number}", f"{number}", f"192.0.2.{number}")
    ends = set()
    while (due := town.steering.next_deadline()) is not None:
        ends.add(due)
        town.steering.advance(due)
    assert len(ends) == 50
    assert max(ends) - min(ends) > MUTE_S * MUTE_JITTER


def test_held_for_the_whole_time(town: Town) -> None:
    """One that is still held when its time is over is asked to move once more."""
    town.home("one")
    town.home("two")
    town.waits(5.5)
    town.home("three")
    assert town.waits(20.0) == ["6.5 s: three explain"]
    orders = town.waits(2 * MUTE_S)
    assert [order.partition(": ")[2] for order in orders] == ["three close"]


def test_allowed_later(town: Town) -> None:
    """A key that is served from now on is no longer muted."""
    moved(town)
    town.neighbour_comes(ELSEWHERE, "k")
    assert town.answers()


def test_allowed_while_away(town: Town) -> None:
    """A key that has moved and may be served now is answered again; one that has not moved yet stays muted."""
    moved(town)
    town.leaves("moved")
    town.home("other", "other", THERE)
    town.steering.changed([b"k", b"other", b"unknown"])
    assert town.answers(HERE)
    assert not town.answers(THERE)


# --- addresses --------------------------------------------------------------------------------------------------------


def test_shared_address(town: Town) -> None:
    """A refused home at an address from which somebody is admitted is told at once, and the address is not muted."""
    town.neighbour_comes()
    assert town.home("one") == ["one explain"]
    assert town.answers()
    assert town.waits(100.0) == []


def test_neighbour_comes(town: Town) -> None:
    """An address is answered from the moment that somebody is admitted from there, until all those have gone."""
    moved(town)
    town.neighbour_comes()
    assert town.answers()
    town.neighbour_comes()
    town.neighbour_goes()
    assert town.answers()
    town.neighbour_goes()
    assert not town.answers()


def test_last_neighbour_goes(town: Town) -> None:
    """A home that was only told, because it shares its address, is steered when it does not share it any more."""
    town.neighbour_comes()
    town.home("one")
    town.home("two", "other")
    town.leaves("two")
    assert town.neighbour_goes() == ["one close"]
    assert not town.answers()


def test_shared_visitor(town: Town) -> None:
    """A home that was only told, and moves by itself, is a guest, whoever else leaves its address."""
    town.neighbour_comes()
    town.home("one")
    assert town.says("one", home=False) == ["one admit"]
    assert town.neighbour_goes() == []


def test_guests_are_no_neighbours(town: Town) -> None:
    """A guest does not keep its address from being muted."""
    moved(town)
    assert not town.answers()


def test_two_refused_at_an_address(town: Town) -> None:
    """An address stays muted until nobody from there is muted any more."""
    town.home("one", "a")
    town.home("two", "b")
    town.neighbour_comes(ELSEWHERE, "a")
    assert not town.answers()
    town.neighbour_comes(ELSEWHERE, "b")
    assert town.answers()


def test_two_addresses_of_a_client(town: Town) -> None:
    """A client that comes by another address is muted at both, and its steps go on."""
    town.home("one", address=HERE)
    assert town.home("two", address="2001:db8::1") == []
    assert not town.answers(HERE)
    assert not town.answers("2001:db8::1")
    assert town.waits(5.5) == ["5.5 s: two close"]
    town.neighbour_comes(ELSEWHERE, "k")
    assert town.answers(HERE)
    assert town.answers("2001:db8::1")


def test_mapped_address(town: Town) -> None:
    """An IPv4 address is muted as sockets of IPv6 see it too."""
    town.home("one")
    assert not town.answers(f"::ffff:{HERE}")


def test_many_keys_at_an_address(town: Town) -> None:
    """So many keys at an address are steered and no more, so that nobody takes the table from others."""
    for number in range(MAX_MOVES_AT_ADDRESS):
        assert town.home(f"{number}", f"{number}") == [f"{number} close"]
    assert town.home("late", "late") == ["late explain"]
    assert town.home("other", "other", THERE) == ["other close"]


def test_many_keys_in_a_network(town: Town) -> None:
    """All addresses of a /64 are one here, since whoever has one has all of them."""
    for number in range(MAX_MOVES_AT_ADDRESS):
        assert town.home(f"{number}", f"{number}", f"2001:db8::{number}") == [f"{number} close"]
    assert town.home("late", "late", "2001:db8::f:1") == ["late explain"]
    assert town.home("other", "other", "2001:db8:0:1::1") == ["other close"]
    town.steering.changed([b"0"])  # it has not moved
    assert town.home("later", "later", "2001:db8::f:2") == ["later explain"]
    town.neighbour_comes("2001:db8:0:1::2", "0")  # served now, elsewhere
    assert town.home("last", "last", "2001:db8::f:3") == ["last close"]


def test_refused_homes_do_not_hinder_an_evacuation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who are allowed have a table of their own, which strangers cannot fill."""
    monkeypatch.setattr(steering, "MAX_MOVES", 3)
    town = Town()
    for number in range(4):
        town.home(f"{number}", f"{number}", f"192.0.2.{number}")
    town.steering.evacuate(True)
    for number in range(10, 13):
        assert town.home(f"{number}", f"{number}", f"192.0.2.{number}", allowed=True) == [f"{number} close"]
    assert town.home("late", "late", "192.0.2.99", allowed=True) == ["late admit"]


def test_full_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a full table a refused home is told as if there was no steering; there is room when others have ended."""
    monkeypatch.setattr(steering, "MAX_MOVES", 10)
    town = Town()
    for number in range(10):
        town.home(f"{number}", f"{number}", f"192.0.2.{number}")
    assert town.home("late", "late", "192.0.2.99") == ["late explain"]
    assert town.answers("192.0.2.99")
    town.neighbour_comes(ELSEWHERE, "3")
    assert town.home("later", "later", "192.0.2.100") == ["later close"]
    assert MAX_MOVES > 1000


# --- evacuation -------------------------------------------------------------------------------------------------------


def test_evacuated_home(town: Town) -> None:
    """A client that would be served moves by the same steps, though others share its address, and is then admitted."""
    town.neighbour_comes()
    town.steering.evacuate(True)
    assert town.home("one", allowed=True) == ["one close"]
    assert not town.answers()
    assert town.home("two", allowed=True) == []
    assert town.says("two", home=False) == ["two admit"]


def test_evacuated_home_that_does_not_move(town: Town) -> None:
    """A client that would be served and does not move in time is served."""
    town.steering.evacuate(True)
    town.home("one", allowed=True)
    town.home("two", allowed=True)
    assert town.waits(5.5) == ["5.5 s: two close"]
    town.home("three", allowed=True)
    assert town.waits(100.0) == ["6.5 s: three admit"]


def test_evacuation_ends(town: Town) -> None:
    """With the evacuation end its mutes, and who is held for it alone is admitted; refused homes stay muted."""
    town.home("refused", "r", THERE)
    town.steering.evacuate(True)
    town.home("one", allowed=True)
    town.home("two", allowed=True)
    town.steering.evacuate(False)
    assert town.orders() == ["two admit"]
    assert town.answers(HERE)
    assert not town.answers(THERE)


def test_late_for_an_evacuation(town: Town) -> None:
    """Who comes to be moved before maintenance when that is over is admitted."""
    assert town.home("one", allowed=True) == ["one admit"]
    assert town.answers()


def test_evacuation_of_shared_addresses(town: Town) -> None:
    """While a relay is evacuated a refused home is muted although others are admitted from its address."""
    moved(town)
    town.neighbour_comes()
    town.steering.evacuate(True)
    assert not town.answers()
    town.steering.evacuate(False)
    assert town.answers()


def test_random_lives() -> None:
    """Whatever clients do: an address with an admitted client is answered, nothing is ordered for who has left, and
    when all is over nothing is muted or kept.
    """
    for seed in range(30):
        rng = random.Random(seed)
        town = Town(seed)
        open_logins: set[str] = set()
        neighbours: dict[str, int] = {}
        for turn in range(300):
            address, key = f"192.0.2.{rng.randrange(3)}", f"{rng.randrange(6)}"
            match rng.randrange(7):
                case 0 | 1:
                    orders = (town.home if rng.random() < 0.7 else town.visitor)(f"{turn}", key, address)
                    open_logins.add(f"{turn}")
                case 2 | 3 if open_logins:
                    orders = town.says(rng.choice(sorted(open_logins)), home=rng.random() < 0.5)
                case 4 if open_logins:
                    leaving = rng.choice(sorted(open_logins))
                    open_logins.discard(leaving)
                    orders = town.leaves(leaving)
                case 5:
                    neighbours[address] = neighbours.get(address, 0) + 1
                    orders = []
                    town.neighbour_comes(address)
                case 6 if neighbours.get(address):
                    neighbours[address] -= 1
                    orders = town.neighbour_goes(address)
                case _:
                    orders = [order.partition(": ")[2] for order in town.waits(rng.expovariate(0.2))]
            for order in orders:
                login, _, what = order.partition(" ")
                assert login in open_logins
                if what == "close":
                    open_logins.discard(login)
            assert all(town.answers(where) for where, there in neighbours.items() if there)
        for login in open_logins:
            town.leaves(login)
        assert town.waits(2 * MUTE_S) == []
        assert not town.steering.muted
        assert town.steering.next_deadline() is None
