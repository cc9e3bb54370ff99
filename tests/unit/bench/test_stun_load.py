"""The STUN load: its request, and many datagrams in one call."""

from __future__ import annotations

import socket

from bench.datagrams import Datagrams
from bench.stun_load import ANSWER_STAMP, REQUEST_LEN, request
from tailhub.stun import message


def test_the_request_is_a_tailscale_clients() -> None:
    """The relay's own fast path takes it, and the answer repeats the stamp."""
    text = request(0x01020304)
    assert len(text) == REQUEST_LEN
    answer = message.answer(text, socket.inet_aton("192.0.2.1"), 1234)
    assert answer is not None
    assert ANSWER_STAMP.unpack_from(answer) == (0x01020304,)


def test_datagrams_leave_and_come_in_heaps() -> None:
    """What one side sends as a heap the other receives, whole and as often."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two,
    ):
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        one.connect(two.getsockname())
        two.connect(one.getsockname())
        here, there = Datagrams(one, 4), Datagrams(two, 4)
        assert there.receive(0) == []
        assert here.send(b"abc", 3) == 3
        found: list[bytes] = []
        while len(found) < 3:
            came = there.receive(5)
            assert came
            found += came
        assert found == [b"abc"] * 3
