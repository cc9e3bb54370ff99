"""A name server on a loopback port that answers as a test says, and a resolver that asks it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import cast

import dns.message
import dns.rcode
import dns.resolver
import dns.rrset


class NameServer(asyncio.DatagramProtocol):
    """Answers questions for SRV records. `records` are by name, without its last dot; others do not exist."""

    def __init__(self) -> None:
        self.records: dict[str, list[str]] = {}  # as "0 5 8443 b.example.com."
        self.ttl_s = 30
        self.is_silent = False
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer one question."""
        question = dns.message.from_wire(data)
        answer = dns.message.make_response(question, recursion_available=True)
        name = question.question[0].name
        records = self.records.get(name.to_text(omit_final_dot=True))
        if records is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif records:
            answer.answer.append(dns.rrset.from_text(name, self.ttl_s, "IN", "SRV", *records))
        if self._transport is not None and not self.is_silent:
            self._transport.sendto(answer.to_wire(), addr)


@contextlib.asynccontextmanager
async def name_server() -> AsyncIterator[tuple[NameServer, dns.resolver.Resolver]]:
    """The server, and who asks it and nobody else."""
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(NameServer, ("127.0.0.1", 0))
    try:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], transport.get_extra_info("sockname")[1]
        yield server, resolver
    finally:
        transport.close()
