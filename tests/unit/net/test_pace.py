"""When the loop lets packets gather, and when it does not."""

from __future__ import annotations

from tailhub.net.pace import FIRST_PAUSE_S, MOST_PAUSE_S, RETRY_S, WINDOW_S, Pace


class Loop:
    """A loop whose load a test chooses, window by window."""

    def __init__(self) -> None:
        self.packets = 0
        self.now = 1000.0
        self.cpu_s = 5.0
        self.pace = Pace(lambda: self.packets)
        self.pace.judge(self.now, self.cpu_s)

    def window(self, *, busy: float, each: float, reads: int = 500, seconds: float = WINDOW_S) -> float:
        """One window has passed; the pause now."""
        self.now += seconds
        self.cpu_s += busy * seconds
        self.pace.reads += reads
        self.packets += round(reads * each)
        assert self.now >= self.pace.due
        self.pace.judge(self.now, self.cpu_s)
        return self.pace.pause_s

    def gathers(self) -> None:
        """A pause was tried, and was worth it."""
        assert self.window(busy=0.95, each=1.0) == FIRST_PAUSE_S
        assert self.window(busy=0.5, each=2.0) == FIRST_PAUSE_S


def test_a_loop_with_time_to_spare_never_pauses() -> None:
    """Latency is all that counts where CPU is no matter."""
    loop = Loop()
    for _ in range(50):
        assert loop.window(busy=0.7, each=1.0) == 0


def test_a_loop_that_finds_much_never_pauses() -> None:
    """Under full load packets gather by themselves, and a pause would only cost throughput."""
    loop = Loop()
    for _ in range(50):
        assert loop.window(busy=1.0, each=16.0) == 0


def test_single_packets_in_a_busy_loop_gather() -> None:
    """The pause that brought more packets a read stays, and grows while the loop is busy, up to a millisecond."""
    loop = Loop()
    loop.gathers()
    before = FIRST_PAUSE_S
    for _ in range(20):
        after = loop.window(busy=0.9, each=2.0)
        assert after == min(before * 1.25, MOST_PAUSE_S)
        before = after
    assert before == MOST_PAUSE_S


def test_a_pause_that_brings_nothing_is_given_up() -> None:
    """Where a packet comes only after the answer to the last one it is tried for one window a second."""
    loop = Loop()
    assert loop.window(busy=0.9, each=1.0) == FIRST_PAUSE_S
    assert loop.window(busy=0.3, each=1.05) == 0
    windows = 0
    while loop.window(busy=0.9, each=1.0) == 0:
        windows += 1
    assert windows * WINDOW_S >= RETRY_S - 2 * WINDOW_S


def test_a_pause_that_stops_bringing_anything_is_given_up() -> None:
    """The senders have become others, whom a pause does not help."""
    loop = Loop()
    loop.gathers()
    assert loop.window(busy=0.9, each=1.1) == 0


def test_the_pause_goes_with_the_load() -> None:
    """Less to do makes it shorter until there is none."""
    loop = Loop()
    loop.gathers()
    pauses = [loop.window(busy=0.2, each=1.5) for _ in range(10)]
    assert pauses == sorted(pauses, reverse=True)
    assert pauses[-1] == 0


def test_the_pause_goes_where_packets_gather_by_themselves() -> None:
    """When the load has become so large that reads are deep there is nothing to wait for."""
    loop = Loop()
    loop.gathers()
    for _ in range(10):
        pause = loop.window(busy=1.0, each=20.0)
    assert pause == 0


def test_silence_ends_the_pause() -> None:
    """Who comes back after a while is not kept waiting for what was before."""
    loop = Loop()
    loop.gathers()
    assert loop.window(busy=0.9, each=1.0, seconds=1.0) == 0


def test_nothing_at_all_is_no_division_by_zero() -> None:
    """A window without reads changes nothing."""
    loop = Loop()
    assert loop.window(busy=0.9, each=0, reads=0) == 0
