"""Writing and counting of packets in `bench.traffic`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.traffic import MIN_SIZE, Batch, Ledger, PacketCounter
from tailhub.derp import frames
from tailhub.derp.codec import FrameDecoder

ALICE = bytes(range(32))
BOB = bytes(range(32, 64))


def relayed(batch: memoryview, frame_len: int) -> bytes:
    """What a relay makes of frames to BOB: the same packets, from ALICE."""
    wire = bytes(batch)
    packets = [wire[at + 37 : at + frame_len] for at in range(0, len(wire), frame_len)]
    return b"".join(frames.recv_packet(ALICE, packet) for packet in packets)


@pytest.mark.parametrize("stamp", [0, 1, 0xFFFF, 0x10000, 0x12345678, 0xFFFFFFFF])
def test_a_batch_is_frames(stamp: int) -> None:
    """A stamped batch is so many SendPacket frames to its destination, with the stamp as they were given."""
    batch = Batch(BOB, 100, 8)
    found = FrameDecoder(frames.SERVER_LIMITS).receive_data(batch.stamped(5, stamp))
    assert [(kind, body[:32], len(body)) for kind, body in found] == [(frames.FrameType.SEND_PACKET, BOB, 132)] * 5
    assert {body[36:40] for _, body in found} == {stamp.to_bytes(4, "little")}


def test_a_stamp_leaves_nothing_of_the_one_before() -> None:
    """Frames that an earlier, smaller batch did not touch carry the new stamp all the same."""
    batch, counter = Batch(BOB, MIN_SIZE, 4), PacketCounter(ALICE, MIN_SIZE)
    for count, stamp in ((1, 0x00020005), (4, 0x00020006), (2, 0x01030000), (4, 0x01030001)):
        text = bytearray(relayed(batch.stamped(count, stamp), batch.frame_len))
        assert counter.count(text, len(text)) == ([(stamp, count)], len(text))


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, (1 << 32) - 1)), max_size=5), st.integers(0, 60))
def test_counting_a_read(batches: list[tuple[int, int]], cut: int) -> None:
    """However many batches a read holds and wherever it ends, every whole packet is counted under its stamp."""
    batch, counter = Batch(BOB, 50, 6), PacketCounter(ALICE, 50)
    text = bytearray(b"".join(relayed(batch.stamped(count, stamp), batch.frame_len) for count, stamp in batches))
    end = max(0, len(text) - cut)
    stamps = [stamp for count, stamp in batches for _ in range(count)][: end // batch.frame_len]
    found, stop = counter.count(text, end)
    # A stamp that comes first and last is taken for the only one: it is, for stamps of a flow never come back.
    if stamps and stamps[0] == stamps[-1]:
        assert found == [(stamps[0], len(stamps))]
    else:
        assert dict(found) == {stamp: stamps.count(stamp) for stamp in stamps}
    assert stop == len(stamps) * batch.frame_len


@pytest.mark.parametrize("at", [0, 2, 4])
def test_other_frames_in_between_do_not_disturb(at: int) -> None:
    """A keep-alive before, among or behind the packets of a read is passed over."""
    batch, counter = Batch(BOB, 50, 4), PacketCounter(ALICE, 50)
    wire = relayed(batch.stamped(4, 7), batch.frame_len)
    split = at * batch.frame_len
    text = bytearray(wire[:split] + frames.KEEP_ALIVE + wire[split:])
    assert counter.count(text, len(text)) == ([(7, 4)], len(text))


def test_bytes_behind_the_end_are_not_read() -> None:
    """What an earlier read left in the buffer behind the end is not counted."""
    batch, counter = Batch(BOB, 50, 4), PacketCounter(ALICE, 50)
    text = bytearray(relayed(batch.stamped(4, 7), batch.frame_len))
    assert counter.count(text, batch.frame_len + 3) == ([(7, 1)], batch.frame_len)


def test_a_ledger_knows_what_is_lost() -> None:
    """Packets of a batch that have not come when a later batch arrives are lost; the rest stays in flight."""
    ledger = Ledger()
    for stamp in (1, 2, 3):
        ledger.send(stamp, 10)
    ledger.receive(1, 4)
    ledger.receive(2, 10)
    assert (ledger.sent, ledger.received, ledger.lost, ledger.in_flight) == (30, 14, 6, 10)
    ledger.give_up()
    assert (ledger.received, ledger.lost, ledger.in_flight) == (14, 16, 0)


def test_a_ledger_counts_loss_from_its_beginning_on() -> None:
    """Packets that were sent before the measurement are neither sent nor lost, but do count when they arrive."""
    ledger = Ledger()
    ledger.send(1, 10)
    ledger.send(2, 10)
    ledger.begin(3)
    ledger.send(3, 10)
    ledger.receive(2, 10)
    ledger.receive(3, 9)
    ledger.give_up()
    assert (ledger.sent, ledger.received, ledger.lost) == (10, 19, 1)


def test_a_packet_that_comes_twice_is_stray() -> None:
    """A second copy, or a packet that was already given up, is neither received nor in flight."""
    ledger = Ledger()
    ledger.send(1, 1)
    ledger.receive(1, 1)
    ledger.receive(1, 1)
    assert (ledger.received, ledger.stray, ledger.in_flight) == (1, 1, 0)
