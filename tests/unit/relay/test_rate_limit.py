"""The rate limit's decision as transcripts of reads, under a simulated clock."""

from __future__ import annotations

import random

import pytest

from tailhub.derp import frames
from tailhub.derp.frames import HEADER_LEN
from tailhub.derp.runs import RunDecoder
from tailhub.relay.rate_limit import LEAST_PAUSE_S, MIN_BURST_BYTES, RateLimit, Throttle
from tailhub.relay.stats import Stats

READ_BYTES = 65536
WINDOW_S = 30.0
SOURCE, OTHER = bytes(range(32)), bytes(range(32, 64))


def limit(bytes_per_s: float, burst_bytes: float = 0) -> RateLimit:
    found = RateLimit.of(bytes_per_s, burst_bytes)
    assert found is not None
    return found


class Reader:
    """A client's connection: `reads` are times and sizes of what was read from it."""

    def __init__(self, rate_limit: RateLimit) -> None:
        self.stats = Stats()
        self.throttle = Throttle(rate_limit, self.stats, 0.0)
        self.reads: list[tuple[float, int]] = []
        self.first_pause_at = 0.0

    def read(self, size: int, now: float) -> float:
        """One read at `now`; for how long it then pauses."""
        self.reads.append((now, size))
        wait_s = self.throttle.pause_after(size, (), 0, now)
        if wait_s and not self.first_pause_at:
            self.first_pause_at = now
        return wait_s

    def most_in_a_window(self, after: float) -> int:
        """The most bytes in any `WINDOW_S` that begin after that time."""
        later = [(at, size) for at, size in self.reads if at > after]
        most = current = start = 0
        for at, size in later:
            current += size
            while later[start][0] <= at - WINDOW_S:
                current -= later[start][1]
                start += 1
            most = max(most, current)
        return most


def always_sending(reader: Reader, seconds: float, latest_s: float, seed: int) -> None:
    """A client that ignores what it is told: there is always more to read. Timers are up to `latest_s` late."""
    draw = random.Random(seed)
    now = 0.0
    while now < seconds:
        wait_s = reader.read(draw.choice((READ_BYTES, READ_BYTES, 20_000, 1_500)), now)
        now += wait_s + draw.uniform(0, latest_s) if wait_s else 0.0002


@pytest.mark.parametrize("latest_s", [0.0, 0.002, 0.015])
@pytest.mark.parametrize("burst_bytes", [0, 1, 300_000])
@pytest.mark.parametrize("bytes_per_s", [1_250_000, 12_500_000, 125_000_000])
def test_whoever_always_sends(bytes_per_s: int, burst_bytes: int, latest_s: float) -> None:
    """After its burst it gets from 95 to 105 % of the rate, in any 30 s and in all, however late timers are."""
    seconds = 70.0
    reader = Reader(limit(bytes_per_s, burst_bytes))
    always_sending(reader, seconds, latest_s, seed=bytes_per_s + burst_bytes)
    assert reader.most_in_a_window(reader.first_pause_at) <= 1.05 * bytes_per_s * WINDOW_S
    after = sum(size for at, size in reader.reads if at > reader.first_pause_at)
    assert after >= 0.95 * bytes_per_s * (seconds - reader.first_pause_at)


@pytest.mark.parametrize("bytes_per_s", [125_000, 1_250_000])
def test_whoever_keeps_to_what_it_is_told(bytes_per_s: int) -> None:
    """A client that drops what its own bucket does not hold, as real ones do, is never held up."""
    rate_limit = limit(bytes_per_s)
    info = rate_limit.server_info()
    reader, packet_bytes = Reader(rate_limit), 1_200
    tokens, now = float(info.rate_burst_bytes), 0.0
    while now < 40:
        now += 0.0005  # 19 Mbit/s are offered
        tokens = min(info.rate_burst_bytes, tokens + 0.0005 * info.rate_bytes_per_s)
        if tokens >= packet_bytes + HEADER_LEN:  # the client counts the header too
            tokens -= packet_bytes + HEADER_LEN
            assert reader.read(packet_bytes, now) == 0
    assert sum(size for _, size in reader.reads) > 0.95 * 40 * bytes_per_s
    assert reader.stats.rate_pauses == 0


def test_the_burst() -> None:
    """It passes at once; the read that exceeds it is paid for by a pause as long as the rate needs for what exceeds."""
    reader = Reader(limit(1_000_000, 100_000))
    assert reader.read(60_000, 0.0) == 0
    assert reader.read(40_000, 0.0) == 0
    assert reader.read(READ_BYTES, 0.0) == pytest.approx(0.065536)
    assert (reader.stats.rate_pauses, reader.stats.rate_paused_s) == (1, pytest.approx(0.065536))
    assert reader.read(30_000, 0.065536) == pytest.approx(0.03)


def test_single_packets_cost_no_pause_each() -> None:
    """A client that sends a little too much in single packets is held up at most once in the least pause."""
    reader, now, seconds = Reader(limit(1_250_000, 65_568)), 0.0, 10.0
    while now < seconds:
        now += max(reader.read(1_200, now), 0.0007)
    assert 0 < reader.stats.rate_pauses <= seconds / LEAST_PAUSE_S
    assert len(reader.reads) > 5 * reader.stats.rate_pauses


def test_what_is_counted() -> None:
    """Counted are the bodies of all frames, as the original counts them, in whatever pieces they are read."""
    stream, bodies = bytearray(), 0
    for frame in (
        *(frames.send_packet(OTHER, bytes(size)) for size in (0, 1, 1_200, 1_200, 40_000)),
        frames.send_packet(SOURCE, b"TS\xf0\x9f\x92\xac" + bytes(60)),
        frames.ping(b"12345678"),
        frames.note_preferred(True),
        frames.serialize(0x7F, bytes(70_000)),
    ):
        stream += frame
        bodies += len(frame) - HEADER_LEN
    for seed in range(20):
        throttle = Throttle(limit(1, MIN_BURST_BYTES), Stats(), 0.0)
        assert throttle.pause_after(MIN_BURST_BYTES, (), 0, 0.0) == 0  # nothing left: a pause now says what was counted
        draw, decoder, pos, wait_s = random.Random(seed), RunDecoder(SOURCE), 0, 0.0
        while pos < len(stream):
            piece = stream[pos : pos + draw.randint(1, 30_000)]
            pos += len(piece)
            buffer = bytearray(100_000)
            start = decoder.prepare(buffer)
            buffer[start : start + len(piece)] = piece
            items = decoder.decode(buffer, start + len(piece))
            wait_s = throttle.pause_after(len(piece), items, decoder.skipped_frames, 0.0)
            decoder.skipped_frames = 0
        assert wait_s == bodies


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ((0, 0), None),
        ((0, 100_000), None),
        ((1_250_000, 0), (1_250_000, 1_250_000)),
        ((1_000, 0), (1_000, MIN_BURST_BYTES)),
        ((1_250_000, 1), (1_250_000, MIN_BURST_BYTES)),
        ((1_250_000, 200_000), (1_250_000, 200_000)),
        ((125_000_000, 200_000), (125_000_000, 2_500_000)),
        ((0.5, 0), (1, MIN_BURST_BYTES)),
        ((2**64, 2**64), (2**53, 2**53)),
    ],
)
def test_what_somebody_asks_for(asked: tuple[float, float], found: tuple[int, int] | None) -> None:
    """Without a rate there is no limit; a burst is never under 65,568 bytes or 20 ms, and usually those of a second."""
    rate_limit = RateLimit.of(*asked)
    assert (None if rate_limit is None else (rate_limit.bytes_per_s, rate_limit.burst_bytes)) == found


def test_what_a_client_is_told() -> None:
    """The rate, and as burst at least what comes in a second and a whole packet: it drops what does not fit."""
    for bytes_per_s, burst_bytes in ((1_250_000, 65_568), (1_000, 0), (1_000_000, 3_000_000)):
        info = limit(bytes_per_s, burst_bytes).server_info()
        assert info.rate_bytes_per_s == bytes_per_s
        assert info.rate_burst_bytes == max(65_568, bytes_per_s, burst_bytes)
