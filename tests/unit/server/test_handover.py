"""What the supervisor and its processes tell each other."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Iterator

import pytest

from tailhub.server.handover import MAX_SOCKETS, LinkTo, channel_pair, hand_over, take_over, wake_by_signal


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, two = channel_pair()
    with one, two:
        yield one, two


def test_messages_keep_their_kind_and_order(ends: tuple[socket.socket, socket.socket]) -> None:
    """Whatever is said arrives as what it was, in both directions, whether short or far longer than a channel holds."""
    for one, two in (ends, ends[::-1]):
        messages = [LinkTo(3), {"a": (1, None)}, os.urandom(5_000_000), b"\0", os.urandom(64 << 10), ""]
        for message in messages:
            assert hand_over(one, message)
        assert [take_over(two) for _ in messages] == [(message, []) for message in messages]
        assert take_over(two) is None


def test_sockets_go_with_their_message(ends: tuple[socket.socket, socket.socket]) -> None:
    """Each message arrives with its own sockets, also a long one, and no program that is started gets them."""
    with contextlib.ExitStack() as close:
        for message, count in ((LinkTo(1), 1), (os.urandom(100_000), 2), ("most", MAX_SOCKETS)):
            sent = [close.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(min(count, 3))]
            sent += [sent[0]] * (count - len(sent))
            assert hand_over(ends[0], message, sent)
            got = take_over(ends[1])
            assert got is not None
            for sock in got[1]:
                close.enter_context(sock)
            assert got[0] == message
            assert [sock.getsockname() for sock in got[1]] == [sock.getsockname() for sock in sent]
            assert not any(os.get_inheritable(sock.fileno()) for sock in got[1])


def test_the_end_of_the_other_is_told(ends: tuple[socket.socket, socket.socket]) -> None:
    """What it said before it ended is heard; nothing can be handed to it any more."""
    hand_over(ends[0], "last words")
    ends[0].close()
    assert take_over(ends[1]) == ("last words", [])
    with pytest.raises(EOFError):
        take_over(ends[1])
    assert not hand_over(ends[1], "anybody there?")


def test_nobody_waits_for_one_that_hangs(ends: tuple[socket.socket, socket.socket]) -> None:
    """Once the channel is full, messages are lost and it is said so."""
    assert not all(hand_over(ends[0], os.urandom(32 << 10)) for _ in range(1000))


def test_a_message_wakes_by_a_signal(ends: tuple[socket.socket, socket.socket]) -> None:
    """A process that waits for signals only learns that something has come."""
    old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGIO})
    try:
        wake_by_signal(ends[1])
        hand_over(ends[0], "now")
        assert signal.sigtimedwait({signal.SIGIO}, 30) is not None
        assert take_over(ends[1]) == ("now", [])
        while signal.sigtimedwait({signal.SIGIO}, 0) is not None:
            pass
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old)
