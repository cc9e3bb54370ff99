"""Whom a stream hands its bytes to, and the memory that they lie in meanwhile."""

from __future__ import annotations

from typing import Final, Protocol

# Bytes a read, at most. With the text, the answers and the kernel's copies of both it must fit a core's second cache:
# twice as much made a packet a fifth dearer when more was offered than the relay can carry (docs/performance.md).
RECV_SIZE: Final = 64 << 10
MAX_RECORD: Final = 5 + 16384 + 2048  # bytes of a TLS record: RFC 5246 section 6.2.3; TLS 1.3 allows less
_PLAIN_SIZE: Final = 8192 + RECV_SIZE + MAX_RECORD + 64


class Receiver(Protocol):
    """What a stream hands its bytes to. One at a time; may be exchanged while running."""

    def prepare(self, buf: bytearray) -> int:
        """May put up to 8 KiB back at the start of `buf`; returns where new bytes belong."""

    def data_received(self, buf: bytearray, start: int, end: int) -> None:
        """New bytes are in ``buf[start:end]``; `buf` is shared with all streams and reused after the call."""

    def writable(self) -> None:
        """Everything written so far is with the kernel again."""

    def closed(self, reason: str) -> None:
        """The stream is over. Called once."""


class Gate(Protocol):
    """What a stream asks before each read, where it has one."""

    @property
    def must_wait(self) -> bool:
        """Whether nothing is to be read now."""

    def spend(self, seconds: float) -> None:
        """A read has taken so long, with all that was done with it."""


class ReadBuffers:
    """The memory that all streams of one loop read into."""

    __slots__ = ("cipher", "cipher_view", "plain", "plain_view")

    def __init__(self) -> None:
        self.cipher = bytearray(RECV_SIZE + MAX_RECORD)  # behind the start of a record, a whole read
        self.cipher_view = memoryview(self.cipher)
        self.plain = bytearray(_PLAIN_SIZE)
        self.plain_view = memoryview(self.plain)


class Discard:
    """Takes the place of the receiver while a stream closes."""

    __slots__ = ("linger",)

    def __init__(self, *, linger: bool) -> None:
        self.linger = linger

    def prepare(self, buf: bytearray) -> int:
        """Nothing to put back."""
        return 0

    def data_received(self, buf: bytearray, start: int, end: int) -> None:
        """Nobody wants it."""

    def writable(self) -> None:
        """Nothing more is written."""

    def closed(self, reason: str) -> None:
        """Whom it concerns has been told."""
