"""One UDP socket for all STUN questions over one family, as a client has one: only so can a NAT's mapping be told.

I/O; the messages are in `tailhub.stun.message`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from dataclasses import dataclass
from typing import Any, Self

from tailhub.exceptions import StunError
from tailhub.stun.message import TRANSACTION_ID_BYTES, binding_request, parse_response, response_transaction_id

__all__ = ["StunAnswer", "StunSocket"]


@dataclass(frozen=True, slots=True)
class StunAnswer:
    """From where we are seen, and how long that took, in nanoseconds."""

    address: str
    port: int
    latency_ns: int


class StunSocket(asyncio.DatagramProtocol):
    """Made by `open`; any number of questions at a time. `can_send` tells whether anything has left it."""

    def __init__(self) -> None:
        """Not for callers: use `open`."""
        self.local_port = 0
        self.can_send = False
        self._transport: asyncio.DatagramTransport | None = None
        self._waiting: dict[bytes, asyncio.Future[tuple[str, int, int]]] = {}  # address, port, when
        self._fault: Exception | None = None

    @classmethod
    async def open(cls, family: socket.AddressFamily) -> Self | None:
        """A socket of this family, None where the machine has none."""
        wildcard = "::" if family == socket.AF_INET6 else "0.0.0.0"
        try:
            transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
                cls, local_addr=(wildcard, 0), family=family
            )
        except OSError:
            return None
        protocol._transport = transport
        protocol.local_port = transport.get_extra_info("sockname")[1]
        return protocol

    async def ask(self, address: str, port: int, timeout_s: float) -> StunAnswer | None:
        """Ask once; None without an answer. Raises `OSError` when it cannot be sent."""
        transaction_id = os.urandom(TRANSACTION_ID_BYTES)
        request = binding_request(transaction_id)
        arrival = asyncio.get_running_loop().create_future()
        self._waiting[transaction_id] = arrival
        try:
            sent_ns = time.perf_counter_ns()
            self._send(request, address, port)
            async with asyncio.timeout(timeout_s):
                mapped, mapped_port, arrived_ns = await arrival
            return StunAnswer(mapped, mapped_port, arrived_ns - sent_ns)
        except TimeoutError:
            return None
        finally:
            del self._waiting[transaction_id]

    def _send(self, request: bytes, address: str, port: int) -> None:
        if self._transport is None or self._transport.is_closing():
            raise OSError("the socket is closed")
        self._fault = None
        self._transport.sendto(request, (address, port))
        if self._fault is not None:  # told of it within `sendto`
            raise self._fault
        self.can_send = True

    def close(self) -> None:
        """Close it; twice is fine."""
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """An answer, or anything else that somebody sent us."""
        arrived_ns = time.perf_counter_ns()
        transaction_id = response_transaction_id(data)
        arrival = self._waiting.get(transaction_id) if transaction_id is not None else None
        if arrival is None or arrival.done():
            return
        try:
            _, address, port = parse_response(data)
        except StunError:
            return
        arrival.set_result((address, port, arrived_ns))

    def error_received(self, exc: Exception) -> None:
        """What was just sent could not be, or an earlier datagram was refused somewhere."""
        self._fault = exc
