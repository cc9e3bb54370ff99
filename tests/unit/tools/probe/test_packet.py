"""The packets of a probe."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailhub.disco import looks_like_disco
from tailhub.tools.probe.packet import MIN_SIZE, Kind, ProbePacket, parse, serialize

PACKETS = st.builds(
    ProbePacket,
    st.integers(0, 2**64 - 1),
    st.sampled_from(Kind),
    st.integers(0, 65535),
    st.integers(0, 65535),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
)


@given(PACKETS, st.integers(0, 2000))
def test_there_and_back(packet: ProbePacket, size: int) -> None:
    """What is written is read, has the size that was asked for, and is not taken for disco."""
    data = serialize(packet, size)
    assert parse(data) == packet
    assert len(data) == max(size, MIN_SIZE)
    assert not looks_like_disco(data)


@given(st.binary(max_size=100))
def test_what_others_send(data: bytes) -> None:
    """Whatever comes, reading it raises nothing."""
    parse(data)


@pytest.mark.parametrize("at", [0, 7, 16])
def test_other_packets(at: int) -> None:
    """Another magic or a kind that is not known is not ours; nor is what is cut off."""
    data = bytearray(serialize(ProbePacket(1, Kind.FILL, 0, 0, 1), 60))
    assert parse(bytes(data[: MIN_SIZE - 1])) is None
    data[at] ^= 0x40
    assert parse(bytes(data)) is None
