"""Packets from each sender to one receiver after the other: `bench.spread`."""

from __future__ import annotations

from bench.spread import SpreadBatch, SpreadCounter, SpreadLedger
from tailhub.derp import frames
from tailhub.derp.codec import FrameDecoder

ALICE = bytes(range(32))
RECEIVERS = [bytes((number,)) * 32 for number in range(1, 6)]


def destinations(text: bytes) -> list[bytes]:
    """Where the frames go."""
    return [body[:32] for _, body in FrameDecoder(frames.SERVER_LIMITS).receive_data(text)]


def test_each_packet_goes_to_the_next_receiver() -> None:
    """Receivers take turns, over the end of the list and from one write to the next."""
    batch = SpreadBatch(RECEIVERS, 100)
    numbers, text = batch.stamped(3, 7)
    assert numbers == [0, 1, 2]
    assert destinations(text) == RECEIVERS[:3]
    numbers, text = batch.stamped(4, 8)
    assert numbers == [3, 4, 0, 1]
    assert destinations(text) == [RECEIVERS[i] for i in numbers]
    batch.skip(4)
    assert batch.stamped(1, 9)[0] == [1]


def test_packets_are_counted_by_source_and_stamp() -> None:
    """A read with packets of several senders, a keep-alive and half a frame is taken apart as it should."""
    batch = SpreadBatch(RECEIVERS, 20)
    _, text = batch.stamped(1, 0x01020304)
    packet = text[37:]
    whole = (
        frames.recv_packet(ALICE, packet)
        + frames.HEADER.pack(frames.FrameType.KEEP_ALIVE, 0)
        + frames.recv_packet(RECEIVERS[0], packet)
        + frames.recv_packet(ALICE, packet)
    )
    found, end = SpreadCounter(20).count(bytearray(whole + whole[:9]), len(whole) + 9)
    assert end == len(whole)
    assert found == {(ALICE[:8], 0x01020304): 2, (RECEIVERS[0][:8], 0x01020304): 1}


def test_order_counts_towards_each_receiver_only() -> None:
    """A later packet to one receiver says nothing about an earlier one to another."""
    ledger = SpreadLedger(2)
    ledger.begin(1)
    ledger.send(1, [0, 1])
    ledger.send(2, [0, 1])
    ledger.receive(0, 1, 1)
    ledger.receive(0, 2, 1)
    assert (ledger.in_flight, ledger.lost) == (2, 0)
    ledger.receive(1, 2, 1)
    assert (ledger.in_flight, ledger.lost, ledger.received, ledger.sent, ledger.stray) == (0, 1, 3, 4, 0)


def test_a_write_that_goes_round_gives_a_receiver_several() -> None:
    """More packets than receivers in one write are all accounted for, and what stays out can be given up."""
    ledger = SpreadLedger(2)
    ledger.begin(0)
    ledger.send(5, [0, 1, 0])
    ledger.receive(0, 5, 2)
    assert ledger.in_flight == 1
    ledger.give_up()
    assert (ledger.in_flight, ledger.lost, ledger.received) == (0, 1, 2)
