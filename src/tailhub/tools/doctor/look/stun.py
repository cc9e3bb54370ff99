"""Looks at whether UDP 3478 tells clients their address, over IPv4 and IPv6.

Several requests, for one may be lost. Whatever comes back is noticed, STUN or not, from wherever it comes:
`tailhub.client.stun` passes over what a client has no use for.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from tailhub.exceptions import StunError
from tailhub.stun.message import TRANSACTION_ID_BYTES, binding_request, parse_response, response_transaction_id
from tailhub.tools.doctor.judge.stun import Asked, STUNSeen
from tailhub.tools.doctor.look.routing import route_source

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Options, Seen

__all__ = ["look"]

TRIES = 5
MAX_PAUSE_S = 0.4  # between two tries
MAX_FOREIGN = 60  # bytes of what is no STUN that are told

# As in `tailhub.client.stun`: Linux tells an unconnected socket of "port unreachable" only if asked to (ip(7)).
_RECVERR = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}


async def look(seen: Seen, options: Options) -> STUNSeen:
    """Look."""
    port = seen.target.stun_port
    if port is None:
        return STUNSeen()
    chosen = (_choose(seen, version) for version in (4, 6))
    asked = await asyncio.gather(*(_ask(address, port, options.timeout_s) for address in chosen if address))
    return STUNSeen(tuple(one.version for one in asked if one.answered), tuple(asked))


def _choose(seen: Seen, version: int) -> str:
    """The address that clients ask; ``STUNTestIP`` of the map goes before all others, for both IP versions."""
    test_ip = seen.target.node.stun_test_ip
    candidates = (test_ip,) if test_ip else seen.name.addresses
    try:
        return next((str(one) for one in map(ip_address, candidates) if one.version == version), "")
    except ValueError:
        return ""


async def _ask(address: str, port: int, timeout_s: float) -> Asked:
    local = route_source(address, port)
    if local is None:
        return Asked(address, port, trouble="no_route")
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        transport, line = await loop.create_datagram_endpoint(
            lambda: _Line(address, port),
            local_addr=("::" if family == socket.AF_INET6 else "0.0.0.0", 0),
            family=family,
        )
    except OSError as exc:
        return Asked(address, port, trouble="no_route", error=exc.strerror or str(exc))
    try:
        _report_errors(transport, family)
        for _ in range(TRIES):
            line.send(transport)
            await line.wait(min(MAX_PAUSE_S, timeout_s / TRIES))
        if not line.is_settled:
            await line.wait(timeout_s)
    finally:
        transport.close()
    return line.result(local)


def _report_errors(transport: asyncio.DatagramTransport, family: socket.AddressFamily) -> None:
    if sys.platform == "linux":
        try:
            transport.get_extra_info("socket").setsockopt(*_RECVERR[family], 1)
        except OSError:
            pass  # then a closed port is silence


class _Line(asyncio.DatagramProtocol):
    """Requests to one address, each with its own transaction id, and all that comes back."""

    def __init__(self, address: str, port: int) -> None:
        self._server = (address, port)
        self._loop = asyncio.get_running_loop()
        self._sent_at: dict[bytes, float] = {}
        self._rtts_s: dict[bytes, float] = {}
        self._mapped = ""
        self._answered_from = ""
        self._foreign = ""
        self._error: OSError | None = None
        self._all_answered = asyncio.Event()

    @property
    def is_settled(self) -> bool:
        """Is there nothing more to wait for?"""
        return len(self._rtts_s) == len(self._sent_at) or bool(self._foreign) or self._error is not None

    def send(self, transport: asyncio.DatagramTransport) -> None:
        """One more request."""
        transaction_id = os.urandom(TRANSACTION_ID_BYTES)
        self._sent_at[transaction_id] = self._loop.time()
        self._all_answered.clear()
        transport.sendto(binding_request(transaction_id), self._server)

    async def wait(self, limit_s: float) -> None:
        """Until all requests are answered, or for so long."""
        try:
            async with asyncio.timeout(limit_s):
                await self._all_answered.wait()
        except TimeoutError:
            pass

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        source = (str(addr[0]).partition("%")[0], addr[1])
        transaction_id = response_transaction_id(data)
        if transaction_id is None or transaction_id not in self._sent_at:
            if source[0] == self._server[0]:
                self._foreign = self._foreign or _printable(data)
            return
        try:
            _, self._mapped, _ = parse_response(data)
        except StunError as error:
            self._foreign = str(error)
            return
        self._rtts_s.setdefault(transaction_id, self._loop.time() - self._sent_at[transaction_id])
        self._answered_from = "" if source == self._server else _with_port(*source)
        if len(self._rtts_s) == len(self._sent_at):
            self._all_answered.set()

    def error_received(self, exc: Exception) -> None:
        if isinstance(exc, OSError):
            self._error = exc

    def result(self, local: str) -> Asked:
        """What was seen, for a machine that sends from `local`."""
        address, port = self._server
        error = self._error
        is_refused = isinstance(error, ConnectionRefusedError | ConnectionResetError)  # the second: as Windows says it
        return Asked(
            address,
            port,
            sent=len(self._sent_at),
            answered=len(self._rtts_s),
            rtt_s=min(self._rtts_s.values(), default=0.0),
            mapped=self._mapped,
            local=local,
            answered_from=self._answered_from,
            foreign=self._foreign,
            trouble="refused" if is_refused else "unreachable" if error else "",
            error=(error.strerror or str(error)) if error and not is_refused else "",
        )


def _printable(data: bytes) -> str:
    """The beginning of a datagram: as text if it is text, else in hexadecimal digits."""
    start = data[:MAX_FOREIGN].strip()
    if start and all(32 <= byte < 127 for byte in start):
        return start.decode("ascii")
    return start[: MAX_FOREIGN // 3].hex() or "nothing"


def _with_port(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
