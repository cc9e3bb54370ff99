"""The loop's selector: which of our sockets are called in a turn, and what is done between them."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import itertools
import selectors
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tailhub.net import turn_selector
from tailhub.net.turn_selector import TurnSelector

with_epoll = pytest.mark.skipif(not TurnSelector.has_sockets, reason="the selector has sockets of its own with epoll")

MANY = 100


@pytest.fixture
def selector() -> Iterator[TurnSelector]:
    """A selector without a loop."""
    made = TurnSelector()
    yield made
    made.close()


@pytest.fixture
def pairs() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    """Connected sockets; something has been sent to the first of each."""
    with ExitStack() as stack:
        made = [socket.socketpair() for _ in range(MANY)]
        for ours, peer in made:
            stack.enter_context(ours)
            stack.enter_context(peer)
            peer.send(b"x")
        yield made


Pairs = list[tuple[socket.socket, socket.socket]]


@with_epoll
def test_what_many_sockets_bring_is_not_written_all_at_the_end(selector: TurnSelector, pairs: Pairs) -> None:
    """Where many sockets are ready, what the first ones brought is written before the last ones are read."""
    log: list[str] = []

    def write() -> None:
        selector.is_due = False
        log.append("write")

    def read(sock: socket.socket) -> None:
        sock.recv(10)
        log.append("read")
        selector.is_due = True

    selector.at_turn_end = write
    for ours, _ in pairs:
        selector.add_reader(ours.fileno(), lambda ours=ours: read(ours))  # type: ignore[misc]
    assert selector.select(1) == []
    assert log.count("read") == MANY
    assert log[-1] == "write"
    assert max(map(len, "".join(word[0] for word in log).split("w"))) <= 32


@with_epoll
def test_a_long_turn_is_interrupted_for_the_sockets_of_the_loop(
    selector: TurnSelector, pairs: Pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where many sockets take long, the loop's own are told of in between, and each of ours is called once."""
    clock = [0.0]
    monkeypatch.setattr(turn_selector, "monotonic", lambda: clock[0])
    called: list[int] = []

    def read(sock: socket.socket) -> None:
        sock.recv(10)
        clock[0] += 0.001
        called.append(sock.fileno())

    (stun, _), *others = pairs
    key = selector.register(stun, selectors.EVENT_READ)
    for ours, _ in others:
        selector.add_reader(ours.fileno(), lambda ours=ours: read(ours))  # type: ignore[misc]
    counts = [0]
    told = 0
    while len(called) < len(others):
        told += (key, selectors.EVENT_READ) in selector.select(1)
        counts.append(len(called))
    assert told >= len(counts) - 2  # each time but the first, when it may not have been its turn yet
    assert max(after - before for before, after in itertools.pairwise(counts)) <= 32
    assert sorted(called) == sorted(ours.fileno() for ours, _ in others)
    assert (key, selectors.EVENT_READ) in selector.select(1)
    assert len(called) == len(others)


@with_epoll
def test_a_socket_that_is_gone_when_an_interrupted_turn_goes_on(
    selector: TurnSelector, pairs: Pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sockets that end while a turn is interrupted are not called when it goes on."""
    clock = itertools.count()  # a second for each look at it
    monkeypatch.setattr(turn_selector, "monotonic", lambda: next(clock))
    called: list[int] = []
    numbers = [ours.fileno() for ours, _ in pairs]
    for number in numbers:
        selector.add_reader(number, lambda number=number: called.append(number))  # type: ignore[misc]
    selector.select(1)
    for number in numbers:
        selector.remove_reader(number)
    before = len(called)
    selector.select(0)
    selector.select(0)
    assert len(called) == before < MANY


@with_epoll
def test_a_socket_that_ends_another_in_the_same_turn(selector: TurnSelector, pairs: Pairs) -> None:
    """Of two sockets that are ready and end each other only the first is called."""
    called: list[int] = []
    both = [ours.fileno() for ours, _ in pairs[:2]]

    def end(me: int, other: int) -> None:
        called.append(me)
        assert selector.remove_reader(other)
        assert not selector.remove_writer(other)

    selector.add_reader(both[0], lambda: end(both[0], both[1]))
    selector.add_reader(both[1], lambda: end(both[1], both[0]))
    selector.select(1)
    assert len(called) == 1


@with_epoll
def test_a_descriptor_that_comes_again_in_the_same_turn(selector: TurnSelector, pairs: Pairs) -> None:
    """A new socket with the number of one that has just ended is called for nothing at most, never for good."""
    called: list[str] = []
    first, second = pairs[0][0], pairs[1][0]
    number = second.fileno()

    def replace() -> None:
        first.recv(10)
        selector.remove_reader(number)
        second.close()
        fresh = socket.socketpair()
        pairs.append(fresh)
        assert number in {sock.fileno() for sock in fresh}
        selector.add_reader(number, lambda: called.append("fresh"))

    selector.add_reader(first.fileno(), replace)
    selector.add_reader(number, lambda: called.append("old"))
    for _ in range(5):
        selector.select(0)
    assert called.count("fresh") <= 1
    for sock in pairs.pop():
        sock.close()


@with_epoll
def test_what_a_socket_raises_is_told_and_others_are_called(selector: TurnSelector, pairs: Pairs) -> None:
    """A callback that raises does not keep the next ones from being called."""
    told: list[dict[str, Any]] = []
    called: list[int] = []

    def fail() -> None:
        raise ZeroDivisionError

    selector.on_error = told.append
    selector.add_reader(pairs[0][0].fileno(), fail)
    selector.add_reader(pairs[1][0].fileno(), lambda: called.append(1))
    selector.select(1)
    assert called == [1]
    assert [type(context["exception"]) for context in told] == [ZeroDivisionError]


@with_epoll
def test_the_end_of_the_peer_is_told_to_whoever_is_there(selector: TurnSelector, pairs: Pairs) -> None:
    """A socket that is only written to learns that the other side is gone; one that is not watched tells nothing."""
    called: list[str] = []
    (writing, its_peer), (silent, other_peer) = pairs[:2]
    for sock in (writing, silent):
        sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                sock.send(bytes(65536))
    selector.add_writer(writing.fileno(), lambda: called.append("writer"))
    selector.add_reader(silent.fileno(), lambda: called.append("reader"))
    assert selector.remove_reader(silent.fileno())
    its_peer.close()
    other_peer.close()
    selector.select(1)
    assert called == ["writer"]


@with_epoll
def test_a_socket_that_cannot_be_watched_is_not_remembered(selector: TurnSelector, pairs: Pairs) -> None:
    """When the kernel refuses to watch a socket, nothing is kept of it."""
    ours = pairs[0][0]
    number = ours.fileno()
    ours.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        selector.add_reader(number, lambda: None)
    assert not selector.remove_reader(number)
    with pytest.raises(OSError, match="Bad file descriptor"):
        selector.add_writer(number, lambda: None)
    assert not selector.remove_writer(number)


@pytest.mark.parametrize("name", ["SelectSelector", "PollSelector", "KqueueSelector"])
def test_a_loop_without_epoll_runs_with_what_the_platform_has(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On another platform's selector a loop runs, and what is due is done."""
    if not hasattr(selectors, name):
        pytest.skip(f"no {name} here")
    monkeypatch.setattr(sys, "platform", "elsewhere")
    monkeypatch.setattr(selectors, "DefaultSelector", getattr(selectors, name))
    spec = importlib.util.find_spec("tailhub.net.turn_selector")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.undo()
    selector = module.TurnSelector()
    assert not selector.has_sockets

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        ours, peer = socket.socketpair()
        with ours, peer:
            ours.setblocking(False)
            done = asyncio.Event()

            def write() -> None:
                selector.is_due = False
                done.set()

            selector.at_turn_end = write
            peer.send(b"x")
            assert await loop.sock_recv(ours, 1) == b"x"
            selector.is_due = True
            await done.wait()

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        runner.run(asyncio.wait_for(scenario(), 20))
