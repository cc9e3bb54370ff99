"""How a connection comes from the relay to the process of the operator's pages."""

from __future__ import annotations

import socket

import pytest

from tailhub.admin.handover import MAX_BYTES, Inherited, make_pair, pass_on, take

pytestmark = pytest.mark.skipif(not hasattr(socket, "send_fds"), reason="descriptors cannot be passed here")


@pytest.mark.parametrize("size", [1, 4096, MAX_BYTES])
def test_connection_is_passed_on(size: int) -> None:
    """A connection arrives with all that was read of it, and still works when the giver's descriptor is closed."""
    ours, theirs = make_pair()
    one, other = socket.socketpair()
    with ours, theirs, other:
        data = bytes(number % 251 for number in range(size))
        pass_on(ours, one.fileno(), data)
        one.close()
        taken = take(theirs)
        assert taken is not None
        with taken[0] as connection:
            assert taken[1] == data
            assert not connection.get_inheritable()
            other.sendall(b"more")
            assert connection.recv(16) == b"more"


def test_order_is_kept() -> None:
    """Connections come in the order in which they were passed on, each with its own bytes."""
    ours, theirs = make_pair()
    with ours, theirs:
        for number in range(8):
            one, other = socket.socketpair()
            with one, other:
                pass_on(ours, one.fileno(), b"request %d" % number)
        for number in range(8):
            taken = take(theirs)
            assert taken is not None
            with taken[0]:
                assert taken[1] == b"request %d" % number


def test_nobody_takes() -> None:
    """When nobody takes connections, passing one on ends in an error at once; nobody waits."""
    ours, theirs = make_pair()
    one, other = socket.socketpair()

    def pass_many() -> None:
        for _ in range(100_000):
            pass_on(ours, one.fileno(), bytes(MAX_BYTES))

    with ours, theirs, one, other, pytest.raises(BlockingIOError):
        pass_many()


def test_nothing_there_and_giver_gone() -> None:
    """Taking says whether there is nothing now, or never again."""
    ours, theirs = make_pair()
    with theirs:
        with pytest.raises(BlockingIOError):
            take(theirs)
        ours.close()
        with pytest.raises((EOFError, OSError)):
            take(theirs)


def test_command_line() -> None:
    """The numbers of the descriptors are read as they were written."""
    inherited = Inherited(3, 5, (7, 8))
    assert inherited.arguments() == ["--channel", "3", "--handover", "5", "--listen", "7", "--listen", "8"]
    assert Inherited.parse(inherited.arguments()) == inherited
    assert inherited.all == (3, 5, 7, 8)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--channel", "3"],
        ["--channel", "3", "--handover"],
        ["--channel", "3", "--handover", "x"],
        ["--channel", "3", "--handover", "4", "--other", "5"],
        ["--channel", "3", "--channel", "3", "--handover", "4"],
    ],
)
def test_wrong_command_line(arguments: list[str]) -> None:
    """A command line that is not one of ours is refused."""
    with pytest.raises(ValueError, match="expected"):
        Inherited.parse(arguments)
