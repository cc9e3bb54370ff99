"""How many packets of a flood may be on their way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tailhub.tools.probe.bandwidth import Window


def fill(window: Window) -> list[int]:
    sent = []
    while window.is_open:
        sent.append(window.send())
    return sent


def test_it_grows_with_what_arrives() -> None:
    """While nothing is lost, it doubles with each round trip, up to a limit."""
    window = Window()
    sizes = []
    for _ in range(12):
        sent = fill(window)
        sizes.append(len(sent))
        for number in sent:
            window.receive(number)
    assert sizes[:5] == [8, 16, 32, 64, 128]
    assert sizes[-1] == 1024
    assert window.lost == 0


def test_a_loss_halves_it_once() -> None:
    """Several losses of one round trip are one event; it grows slowly from then on."""
    window = Window()
    for _ in range(5):
        for number in fill(window):
            window.receive(number)
    sent = fill(window)
    for number in sent:
        if number % 50 != 7:
            window.receive(number)
    assert window.lost >= 2
    assert len(sent) * 0.4 < window.size < len(sent) * 0.6
    before = window.size
    for number in fill(window):
        window.receive(number)
    assert before < window.size < before + 2


def test_when_nothing_arrives() -> None:
    """All that is on its way is given up, and it begins anew."""
    window = Window()
    sent = fill(window)
    assert not window.is_open
    window.give_up()
    assert (window.lost, window.is_open) == (len(sent), True)
    window.receive(sent[0])
    assert window.received == 0


@given(st.lists(st.tuples(st.integers(1, 30), st.sets(st.integers(0, 29))), max_size=30))
def test_it_adds_up(rounds: list[tuple[int, set[int]]]) -> None:
    """Whatever is lost, what is on its way is never negative, and it is open again when all is known."""
    window = Window()
    for most, lost in rounds:
        sent = fill(window)[:most]
        for index, number in enumerate(sent):
            if index not in lost:
                window.receive(number)
        assert window.sent - window.received - window.lost >= 0
    window.give_up()
    assert window.sent == window.received + window.lost
    assert window.is_open
