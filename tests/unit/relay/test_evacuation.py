"""What an evacuation does when, and whom it closes."""

from __future__ import annotations

import pytest

from support.world import World
from tailhub.relay import evacuation
from tailhub.relay.evacuation import DELAY_S, LOOK_S, QUIET_S, Evacuation, Phase, QuietHomes


class Look:
    """Looks at a world's homes every `LOOK_S`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.homes = QuietHomes()

    def __call__(self) -> list[str]:
        """The names of those that are quiet now."""
        connections = {self.world.connection(name): name for name in self.world.names}
        return [connections[connection] for connection in self.homes.look(connections, self.world.now)]

    def for_seconds(self, seconds: float) -> list[str]:
        """The last of the looks in this time."""
        for _ in range(int(seconds / LOOK_S)):
            self.world.now += LOOK_S
            found = self()
        return found


def home(world: World, name: str) -> None:
    world.login(name)
    world.note_home(name, True)


def test_phases() -> None:
    """Nobody is closed until STUN has been late for long enough, and it does not end by itself."""
    one = Evacuation(100.0)
    assert one.phase(100.0) is one.phase(99.9 + DELAY_S) is Phase.DELAYING
    assert one.phase(100.0 + DELAY_S) is one.phase(1e6) is Phase.CLOSING
    assert Evacuation(100.0, 0.0).phase(100.0) is Phase.CLOSING


def test_quiet_home() -> None:
    """A home that sends no packet is found quiet after a time, and goes on being found."""
    world = World()
    home(world, "a")
    look = Look(world)
    assert look() == []
    assert look.for_seconds(QUIET_S - LOOK_S) == []
    assert look.for_seconds(LOOK_S) == ["a"]
    assert look.for_seconds(LOOK_S) == ["a"]


def test_busy_home() -> None:
    """A home that sends a packet is not quiet for as long after it, though it receives nothing."""
    world = World()
    home(world, "a")
    look = Look(world)
    look()
    look.for_seconds(QUIET_S - LOOK_S)
    world.send("a", "b", b"packet")
    assert look.for_seconds(QUIET_S) == []
    assert look.for_seconds(LOOK_S) == ["a"]


def test_receiving_home() -> None:
    """A home that only receives is quiet: whoever receives anything that matters answers it."""
    world = World()
    home(world, "a")
    world.login("b")
    look = Look(world)
    look()
    world.send("b", "a", b"packet")
    assert look.for_seconds(QUIET_S) == ["a"]


def test_visitors_are_left_alone() -> None:
    """A client whose home is elsewhere is never found; one that moves away is not found any more."""
    world = World()
    home(world, "a")
    world.login("b")
    look = Look(world)
    look()
    assert look.for_seconds(2 * QUIET_S) == ["a"]
    world.note_home("a", False)
    assert look() == []


def test_longest_silent_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """When many are quiet, those come first that have been so for longest, and not more than a number at once."""
    monkeypatch.setattr(evacuation, "MAX_CLOSES", 2)
    world = World()
    look = Look(world)
    for name in "cab":
        home(world, name)
        look.for_seconds(LOOK_S)
    assert look.for_seconds(2 * QUIET_S) == ["c", "a"]
    world.leave("c")
    assert look() == ["a", "b"]
