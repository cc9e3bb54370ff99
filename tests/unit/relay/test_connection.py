from __future__ import annotations

from ipaddress import ip_address

import pytest

from tailhub.derp.frames import HEADER_LEN, PeerPresent, PresenceFlag
from tailhub.relay.connection import Connection, Identity
from tailhub.relay.send_queue import QueuedBytes, QueueLimits, SendQueue
from tailhub.relay.stats import Stats
from tailhub.relay.tenant import Tenant


class CountingSink:
    def __init__(self) -> None:
        self.wakes = 0

    def wake(self) -> None:
        self.wakes += 1

    def close(self, reason: str) -> None:
        raise AssertionError(reason)


def identity(address: str = "192.0.2.1", **flags: bool) -> Identity:
    return Identity(key=bytes(range(32)), connection_id=1, address=ip_address(address), port=41641, **flags)  # type: ignore[arg-type]


def test_a_connection_wakes_its_writer_once_a_turn() -> None:
    """However often something is put in its queue, the writer is called once until it has begun to write."""
    sink = CountingSink()
    connection = Connection(identity(), SendQueue(QueueLimits(), QueuedBytes(), Stats()), sink, Tenant("", 0, Stats()))
    for _ in range(3):
        connection.wake()
    assert sink.wakes == 1
    connection.dirty = False
    connection.wake()
    assert sink.wakes == 2


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_the_present_frame_says_who_where_and_what(address: str) -> None:
    """PeerPresent of a connection carries its key, address, port and flags."""
    frame = identity(address, is_prober=True).present_frame()
    expected = PeerPresent(bytes(range(32)), ip_address(address), 41641, PresenceFlag.PROBER)
    assert PeerPresent.parse(frame[HEADER_LEN:]) == expected


def test_regular_is_the_absence_of_other_flags() -> None:
    """A client that is nothing special is REGULAR, any other is not."""
    assert identity().presence_flags == PresenceFlag.REGULAR
    assert identity(is_mesh=True, is_not_ideal=True).presence_flags == PresenceFlag.MESH_PEER | PresenceFlag.NOT_IDEAL
