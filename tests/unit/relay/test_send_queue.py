from __future__ import annotations

import sys
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.world import DISCO, key_of
from tailhub.derp import frames
from tailhub.derp.codec import FrameDecoder
from tailhub.derp.frames import CLIENT_LIMITS
from tailhub.relay.send_queue import RUN_COST, QueuedBytes, QueueLimits, SendQueue
from tailhub.relay.stats import DROP_REASONS, Stats

SRC = key_of("src")
ALL = 1 << 40


class Queue:
    """A queue with its surroundings."""

    def __init__(self, limits: QueueLimits | None = None, *, mesh: bool = False, total: QueuedBytes | None = None):
        self.stats = Stats()
        self.total = total or QueuedBytes()
        self.queue = SendQueue(limits or QueueLimits(), self.total, self.stats, mesh=mesh)

    def put(self, *packets: bytes, now: float = 0.0, disco: bool = False) -> int:
        """Add one run; return what it costs."""
        run = b"".join(frames.recv_packet(SRC, packet) for packet in packets)
        self.queue.put(now, run, len(packets), disco)
        return len(run) + RUN_COST

    def take(self, now: float = 0.0, most_bytes: int = ALL) -> list[bytes]:
        """The packets that are written; control frames as their whole body."""
        taken = FrameDecoder(CLIENT_LIMITS).receive_data(self.queue.take(now, most_bytes))
        return [body[32:] if kind == frames.FrameType.RECV_PACKET else body for kind, body in taken]

    def dropped(self) -> dict[tuple[str, str], int]:
        return {labels: count for labels, count in self.stats.packets_dropped.items() if count}


def cost(packet_len: int) -> int:
    """What a run of one packet takes."""
    return 37 + packet_len + RUN_COST


def test_an_empty_queue_gives_nothing() -> None:
    """Nothing waits in a new queue, and taking from it gives no bytes."""
    queue = Queue()
    assert not queue.queue
    assert queue.take() == []


@pytest.mark.parametrize("disco", [False, True])
def test_a_queue_with_a_packet_is_true(disco: bool) -> None:
    """A queue is true as long as something waits in it."""
    queue = Queue()
    queue.put(b"x", disco=disco)
    assert queue.queue
    queue.take()
    assert not queue.queue
    queue.queue.put_control(frames.KEEP_ALIVE)
    assert queue.queue
    queue.take()
    assert not queue.queue


def test_control_then_disco_then_data() -> None:
    """The order of kinds does not depend on the order of arrival; within a kind it is kept."""
    queue = Queue()
    queue.put(b"data 1")
    queue.put(b"disco 1", disco=True)
    queue.put(b"data 2", b"data 3")
    queue.queue.put_control(frames.pong(b"control1"))
    queue.put(b"disco 2", disco=True)
    queue.queue.put_control(frames.pong(b"control2"))
    assert queue.take() == [b"control1", b"control2", b"disco 1", b"disco 2", b"data 1", b"data 2", b"data 3"]


def test_take_stops_at_about_the_bytes_asked_for() -> None:
    """At least one run is given, and no further one once the bytes are reached."""
    queue = Queue()
    for number in range(5):
        queue.put(b"%100d" % number)
    assert queue.take(most_bytes=1) == [b"%100d" % 0]
    assert queue.take(most_bytes=138) == [b"%100d" % 1, b"%100d" % 2]
    assert queue.take() == [b"%100d" % 3, b"%100d" % 4]


def test_control_counts_towards_the_bytes_asked_for() -> None:
    """Packets wait for the next time when control frames have filled this one."""
    queue = Queue()
    queue.put(b"data")
    queue.queue.put_control(frames.pong(b"12345678"))
    assert queue.take(most_bytes=13) == [b"12345678"]
    assert queue.take(most_bytes=13) == [b"data"]


def test_the_oldest_gives_way_when_a_queue_is_full_in_bytes() -> None:
    """Data over its bound drops the oldest runs; disco has a bound of its own."""
    queue = Queue(QueueLimits(data_bytes=3 * cost(10), disco_bytes=2 * cost(63)))
    for number in range(5):
        queue.put(b"%10d" % number)
        queue.put(b"%63d" % number, disco=True)
    assert queue.dropped() == {("queue_head", "other"): 2, ("queue_head", "disco"): 3}
    assert queue.stats.bytes_dropped["queue_head", "other"] == 20
    assert queue.stats.bytes_dropped["queue_head", "disco"] == 3 * 63
    assert queue.take() == [b"%63d" % 3, b"%63d" % 4, b"%10d" % 2, b"%10d" % 3, b"%10d" % 4]


def test_a_run_is_dropped_whole() -> None:
    """A run of several packets leaves together, and each of its packets is counted."""
    queue = Queue(QueueLimits(data_bytes=4 * 47 + 2 * RUN_COST))
    queue.put(b"%10d" % 1, b"%10d" % 2, b"%10d" % 3)
    queue.put(b"%10d" % 4, b"%10d" % 5)
    assert queue.dropped() == {("queue_head", "other"): 3}
    assert queue.take() == [b"%10d" % 4, b"%10d" % 5]


def test_the_newest_stays_however_long_it_is() -> None:
    """A run over the bound of its queue is kept until a newer one comes."""
    queue = Queue(QueueLimits(data_bytes=100))
    queue.put(bytes(1000))
    assert queue.take() == [bytes(1000)]
    queue.put(bytes(1000))
    queue.put(bytes(2000))
    assert queue.take() == [bytes(2000)]
    assert queue.dropped() == {("queue_head", "other"): 1}


def test_what_is_too_old_is_dropped_when_its_turn_comes() -> None:
    """Packets older than the allowed age are not written; those of just that age are."""
    queue = Queue(QueueLimits(max_age_s=0.5))
    queue.put(b"1", now=10.0)
    queue.put(b"2", now=10.1, disco=True)
    queue.put(b"3", now=10.25)
    queue.put(b"4", now=10.5)
    assert queue.take(now=10.75) == [b"3", b"4"]
    assert queue.dropped() == {("queue_age", "other"): 1, ("queue_age", "disco"): 1}


def test_all_too_old_gives_nothing() -> None:
    """When everything is too old, nothing is written and nothing is left."""
    queue = Queue()
    queue.put(b"1")
    assert queue.take(now=100.0) == []
    assert not queue.queue
    assert queue.total.used == 0


def test_control_is_bounded_by_itself() -> None:
    """A control frame for which there is no room is refused and counted; taking makes room again."""
    queue = Queue(QueueLimits(control_bytes=26, mesh_control_bytes=39))
    assert [queue.queue.put_control(frames.pong(bytes(8))) for _ in range(3)] == [True, True, False]
    assert queue.stats.control_dropped == 1
    assert len(queue.take()) == 2
    assert queue.queue.put_control(frames.pong(bytes(8)))


def test_a_mesh_peer_has_room_for_the_presence_of_a_region() -> None:
    """The bound of control frames is another one for mesh peers."""
    limits = QueueLimits(control_bytes=26, mesh_control_bytes=39)
    queue = Queue(limits, mesh=True)
    assert [queue.queue.put_control(frames.pong(bytes(8))) for _ in range(4)] == [True, True, True, False]


def test_shrink_drops_the_older_half_of_the_larger_kind() -> None:
    """Making room for others takes the older half of data, or of disco when that is more."""
    queue = Queue()
    for number in range(8):
        queue.put(b"%10d" % number)
    queue.put(b"disco", disco=True)
    assert queue.queue.shrink() == 4 * cost(10)
    assert queue.dropped() == {("queue_total", "other"): 4}
    assert queue.take() == [b"disco", *(b"%10d" % number for number in range(4, 8))]
    for number in range(2):
        queue.put(b"%63d" % number, disco=True)
    assert queue.queue.shrink() == cost(63)
    assert queue.take() == [b"%63d" % 1]


def test_clear_counts_what_it_drops_under_the_reason_given() -> None:
    """When a connection ends, what waited for it is counted; control frames just go."""
    queue = Queue()
    queue.put(b"1", b"2")
    queue.put(b"3", disco=True)
    queue.queue.put_control(frames.KEEP_ALIVE)
    queue.queue.clear("write_error")
    assert queue.dropped() == {("write_error", "other"): 2, ("write_error", "disco"): 1}
    assert not queue.queue
    assert queue.total.used == queue.queue.packet_bytes == 0


def test_each_queue_knows_what_it_dropped() -> None:
    """A queue counts by reason what it has dropped itself, however that came about; one that has not has no counter."""
    queue = Queue(QueueLimits(data_bytes=2 * cost(10), max_age_s=0.5))
    queue.put(bytes(10), now=10.0)
    assert queue.queue.dropped is None
    queue.put(bytes(10), now=10.0)
    queue.put(bytes(10), now=10.0)
    queue.take(now=11.0)
    queue.put(b"1", b"2", now=11.0)
    queue.queue.clear("write_error")
    assert queue.queue.dropped == {"queue_head": 1, "queue_age": 2, "write_error": 2}
    assert queue.queue.dropped.total() == sum(queue.dropped().values())


def test_what_is_taken_is_counted_as_sent() -> None:
    """Packets and their payload are counted when they leave the queue, for it and for all."""
    queue = Queue()
    queue.put(b"12345", b"123")
    queue.put(b"1", disco=True)
    queue.put(b"", now=0.0)
    queue.take()
    assert (queue.queue.taken_packets, queue.queue.taken_bytes) == (4, 9)
    assert (queue.stats.packets_sent, queue.stats.bytes_sent) == (4, 9)


def test_dropping_frees_the_memory_at_once() -> None:
    """A queue that is full and goes on dropping holds no more than its bound, and no dropped packets."""
    limit = 1 << 20
    queue = Queue(QueueLimits(data_bytes=limit))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(500):
            queue.put(bytes(30000))
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert limit // 2 < held < limit * 1.25


def test_empty_packets_cost_what_they_take() -> None:
    """The bound holds for the memory that many short runs really take, not for their bytes alone."""
    limit = 1 << 20
    queue = Queue(QueueLimits(data_bytes=limit))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(20000):
            queue.put(b"", now=number / 1000)
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert held < limit * 1.25


def test_run_cost_is_about_what_python_needs() -> None:
    """The cost of a run covers its tuple, its time, its bytes' header and its place in the list."""
    needed = sys.getsizeof((0.0, b"", 1)) + sys.getsizeof(0.5) + sys.getsizeof(b"") + 8
    assert needed <= RUN_COST


runs = st.tuples(st.just("put"), st.lists(st.integers(0, 300), min_size=1, max_size=4), st.booleans())
steps = st.one_of(
    runs,
    runs,
    runs,
    st.tuples(st.just("take"), st.integers(1, 600)),
    st.tuples(st.just("wait"), st.sampled_from((0.1, 0.3))),
    st.tuples(st.just("shrink")),
)


@given(st.lists(steps, max_size=60))
def test_no_packet_is_lost_uncounted_or_out_of_order(script: list[tuple[object, ...]]) -> None:
    """Each packet is written once and in order, or counted as dropped, and the bounds hold all the time."""
    limits = QueueLimits(data_bytes=2000, disco_bytes=1000)
    total = QueuedBytes()
    queue, other = Queue(limits, total=total), Queue(limits, total=total)
    other_cost = other.put(b"of somebody else")
    now, serial = 0.0, 0
    written: dict[bool, list[int]] = {False: [], True: []}
    put = {False: 0, True: 0}

    def note(packets: list[bytes]) -> None:
        for packet in packets:
            written[packet.startswith(b"disco")].append(int(packet[5:15]))

    for step in script:
        if step[0] == "put":
            _, sizes, disco = step
            assert isinstance(sizes, list)
            packets = []
            for size in sizes:
                packets.append((b"disco" if disco else b"other") + b"%010d" % serial + bytes(size))
                serial += 1
            queue.put(*packets, now=now, disco=bool(disco))
            put[bool(disco)] += len(packets)
        elif step[0] == "take":
            assert isinstance(step[1], int)
            note(queue.take(now, step[1]))
        elif step[0] == "wait":
            assert isinstance(step[1], float)
            now += step[1]
        else:
            queue.queue.shrink()
        assert total.used == queue.queue.packet_bytes + other_cost
        # One run may be longer than its bound.
        assert queue.queue.packet_bytes <= 2000 + 1000 + 2 * (4 * 352 + RUN_COST)
    note(queue.take(now))
    for disco, kind in ((False, "other"), (True, "disco")):
        assert written[disco] == sorted(set(written[disco]))
        dropped = sum(queue.stats.packets_dropped[reason, kind] for reason in DROP_REASONS)
        assert len(written[disco]) + dropped == put[disco]
    assert not queue.queue
    assert total.used == other_cost


def test_disco_in_these_tests_is_disco() -> None:
    """The packet used as disco is the shortest that counts as such."""
    from tailhub.disco import looks_like_disco

    assert looks_like_disco(DISCO)
    assert not looks_like_disco(DISCO[:-1])
