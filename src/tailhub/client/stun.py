"""A small STUN client: from which address and port does a server see us, and how long did the answer take?

Works wherever asyncio has datagram endpoints, Windows included. The protocol is in `tailhub.stun.message`; a relay asks
through its own socket instead (`StunServer.query`).
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tailhub.exceptions import StunError
from tailhub.stun.message import TRANSACTION_ID_BYTES, binding_request, parse_response, response_transaction_id

RETRANSMIT_S = 0.5  # the first time; then twice as long each time (RFC 8489, 6.2.1)

# By address family: the level and number of the option that makes Linux report "port unreachable" to an unconnected
# socket (ip(7)). Elsewhere a closed port looks like silence.
_RECVERR = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}

_Address = tuple[Any, ...]  # a socket address of either family


@dataclass(frozen=True, slots=True)
class StunResult:
    """What a STUN server said."""

    address: str
    """The IP address from which it sees us."""
    port: int
    rtt_s: float
    answered_from: tuple[str, int]
    """Where the answer came from. Not what was asked? Then the server has several addresses and answers from the wrong
    one, which firewalls and NATs drop."""


async def stun_query(
    host: str, port: int, *, timeout_s: float = 3.0, family: socket.AddressFamily = socket.AF_UNSPEC
) -> StunResult:
    """Ask the STUN server at `host` (a name or an IP address) and `port`, over IPv4 or IPv6 if `family` says so.

    Raises `TimeoutError` when nothing answers, `StunError` when the answer is an error, `OSError` when the name does
    not resolve, nothing can be sent, or the system reports that nobody listens there (`ConnectionRefusedError`).
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(timeout_s):
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_DGRAM)
        got_family, _, _, _, server = found[0]
        wildcard = "::" if got_family == socket.AF_INET6 else "0.0.0.0"
        transport, question = await loop.create_datagram_endpoint(
            lambda: _Question(loop.time), local_addr=(wildcard, 0), family=got_family
        )
        try:
            _report_errors(transport, got_family)
            return await _ask(question, transport, server)
        finally:
            transport.close()
            question.leave()


async def _ask(question: _Question, transport: asyncio.DatagramTransport, server: _Address) -> StunResult:
    wait_s = RETRANSMIT_S
    while not question.result.done():
        transport.sendto(question.next_request(), server)
        await asyncio.wait((question.result,), timeout=wait_s)
        wait_s *= 2
    return question.result.result()


def _report_errors(transport: asyncio.DatagramTransport, family: int) -> None:
    if sys.platform != "linux":
        return
    try:
        transport.get_extra_info("socket").setsockopt(*_RECVERR[socket.AddressFamily(family)], 1)
    except OSError:
        pass  # then a closed port is a timeout


class _Question(asyncio.DatagramProtocol):
    """Requests that are on their way to one server.

    Each transmission has its own transaction id, so that the time is that of the request which was answered.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.result: asyncio.Future[StunResult] = asyncio.get_running_loop().create_future()
        self._clock = clock
        self._sent_at: dict[bytes, float] = {}

    def next_request(self) -> bytes:
        transaction_id = os.urandom(TRANSACTION_ID_BYTES)
        self._sent_at[transaction_id] = self._clock()
        return binding_request(transaction_id)

    def leave(self) -> None:
        """Nobody waits for it any more: an error that came in just this moment is nobody's."""
        if not self.result.cancel():
            self.result.exception()

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        now = self._clock()
        transaction_id = response_transaction_id(data)
        if transaction_id is None or transaction_id not in self._sent_at or self.result.done():
            return
        try:
            _, ip, port = parse_response(data)
        except StunError as error:
            self.result.set_exception(error)
            return
        source = (str(addr[0]), addr[1])
        self.result.set_result(StunResult(ip, port, now - self._sent_at[transaction_id], source))

    def error_received(self, exc: Exception) -> None:
        if not self.result.done():
            self.result.set_exception(exc)
