"""The STUN server: requests in from UDP sockets, answers out from the address that was asked.

It moves datagrams and counts them; what a request is and what it is answered is in `tailhub.stun`. It answers STUN
requests and nothing else. It can also ask another server from the same socket, which is how a relay behind a NAT learns
the port that others would use.

Datagrams are handled one by one (`recvmsg`, `answer`, `sendmsg`) until a turn of the loop cannot empty the socket; on
Linux they are then handled by the batch. No error of a socket ends the server: it is counted.

Clients can be steered away (`tailhub.relay.steering`): addresses are muted, or all answers come late. Each turn looks
once whether that is so.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

from tailhub.exceptions import LocalError, StunError
from tailhub.server.late_answers import LateAnswers
from tailhub.server.packet_info import Ancillary, PacketInfo, prepare
from tailhub.stun.limits import SourceLimit
from tailhub.stun.message import (
    MAX_ANSWER_BYTES,
    MAX_REQUEST_BYTES,
    TRANSACTION_ID_BYTES,
    answer,
    answer_request,
    binding_request,
    is_stun,
    parse_request,
    parse_response,
    response_transaction_id,
)

if TYPE_CHECKING:
    from tailhub.server.stun_batch import DatagramBatch

TURN_DATAGRAMS = 64  # a socket and turn of the loop; the relay's connections wait for them
RETRANSMIT_S = 0.5  # a question of ours is sent again after this, then after twice as long, and so on (RFC 8489, 6.2.1)

_RECEIVE_BYTES = MAX_REQUEST_BYTES + 1  # one more: what fills it is too long
_MAX_ASKED_ADDRESSES = 256  # local addresses whose control message is kept ready
_V4_IN_V6 = bytes(10) + b"\xff\xff"

OnFirstOutside = Callable[[str], None]


class StunCounters:
    """What happened on the sockets of one IP family since the start."""

    __slots__ = (
        "answers",
        "bad",
        "muted",
        "read_errors",
        "requests",
        "rfc_limited",
        "rfc_refused",
        "rfc_requests",
        "send_errors",
    )

    def __init__(self) -> None:
        self.requests = 0  # well-formed Binding requests, of Tailscale's form and of others
        self.rfc_requests = 0  # of these, not of Tailscale's form
        self.rfc_limited = 0  # of these, without an answer because their source asks too often
        self.rfc_refused = 0  # of these, without an answer because `answer_rfc` is off
        self.answers = 0
        self.send_errors = 0  # answers that the system would not send
        self.read_errors = 0
        self.bad = 0  # datagrams that are no Binding request
        self.muted = 0  # datagrams without an answer so that their source measures another relay as nearer


class StunServer:
    """Answers Binding requests on `sockets`: bound UDP sockets (`tailhub.net.bind`), which it closes in the end.

    `answer_rfc`: whether requests that are not of Tailscale's form are answered too, within `rfc_limit`.
    `on_first_outside` is called once, with the address of the first source that was answered and is not this machine's
    loopback.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        *,
        answer_rfc: bool = True,
        rfc_limit: SourceLimit | None = None,
        on_first_outside: OnFirstOutside | None = None,
    ) -> None:
        self.answer_rfc = answer_rfc
        self.muted: AbstractSet[bytes] = frozenset()  # packed addresses that get no answer, as `Steering.muted`
        self.late = LateAnswers()
        self.counters = {"ipv4": StunCounters(), "ipv6": StunCounters()}
        self._rfc_limit = rfc_limit if rfc_limit is not None else SourceLimit()
        self._on_first_outside = on_first_outside
        self._queries: dict[bytes, asyncio.Future[tuple[str, int]]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._endpoints = [self._endpoint(sock) for sock in sockets]

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where it listens."""
        return [endpoint.address for endpoint in self._endpoints]

    def start(self) -> None:
        """Answer from now on; called in the loop that does it."""
        self._loop = asyncio.get_running_loop()
        for endpoint in self._endpoints:
            endpoint.is_watching = self._on_first_outside is not None
            self._loop.add_reader(endpoint.sock, endpoint.readable)

    def watch_outside(self, report: OnFirstOutside) -> None:
        """Tell of the next source from outside too, unless one is waited for. Until then each one is looked at."""
        if self._on_first_outside is None:
            self._on_first_outside = report
            for endpoint in self._endpoints:
                endpoint.is_watching = True

    def stop(self) -> None:
        """Close the sockets. Questions under way end with `OSError`."""
        for endpoint in self._endpoints:
            if self._loop is not None:
                self._loop.remove_reader(endpoint.sock)
            endpoint.sock.close()
        self._endpoints.clear()
        self.late.stop()
        self._loop = None
        for future in self._queries.values():
            if not future.done():
                future.set_exception(OSError(errno.ECANCELED, "the STUN server was stopped"))

    def take(self, sockets: Sequence[socket.socket]) -> None:
        """Answer on these instead from now on, and ask from them; it leaves the others alone. After `start`."""
        assert self._loop is not None  # noqa: S101
        for endpoint in self._endpoints:
            self._loop.remove_reader(endpoint.sock)
        known = {endpoint.sock: endpoint for endpoint in self._endpoints}
        self._endpoints = [known.get(sock) or self._endpoint(sock) for sock in sockets]
        for endpoint in self._endpoints:
            endpoint.is_watching = self._on_first_outside is not None
            self._loop.add_reader(endpoint.sock, endpoint.readable)

    def _endpoint(self, sock: socket.socket) -> _Endpoint:
        return _Endpoint(sock, self.counters["ipv6" if sock.family == socket.AF_INET6 else "ipv4"], self)

    def dispositions(self) -> dict[str, int]:
        """What became of the datagrams of both families: the reference's words, and ours for what only we do."""
        both = self.counters.values()
        return {
            "success": sum(c.answers for c in both),
            "not_stun": sum(c.bad for c in both),
            "read_error": sum(c.read_errors for c in both),
            "write_error": sum(c.send_errors for c in both),
            "limited": sum(c.rfc_limited for c in both),
            "refused": sum(c.rfc_refused for c in both),
            "muted": sum(c.muted for c in both),
        }

    async def query(self, host_ip: str, port: int, timeout_s: float) -> tuple[str, int]:
        """Ask another STUN server from our own socket; the address and port from which it sees us.

        Raises `TimeoutError`, `StunError` when it answers with an error, and `OSError` when nothing can be sent, for
        example without a socket of that IP family. With several processes on one port the answer may go to another of
        them: ask before they are started.
        """
        try:
            version = ip_address(host_ip).version
        except ValueError as error:
            raise LocalError(f"expected the IP address of a STUN server, found {host_ip!r}") from error
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        endpoint = next((e for e in self._endpoints if e.sock.family == family), None)
        if endpoint is None or self._loop is None:
            raise OSError(errno.EAFNOSUPPORT, f"no STUN socket for IPv{version} is open", host_ip)
        transaction_id = os.urandom(TRANSACTION_ID_BYTES)
        request = binding_request(transaction_id)
        future: asyncio.Future[tuple[str, int]] = self._loop.create_future()
        self._queries[transaction_id] = future
        wait_s = RETRANSMIT_S
        try:
            async with asyncio.timeout(timeout_s):
                while not future.done():
                    try:
                        endpoint.sock.sendto(request, (host_ip, port))
                    except BlockingIOError:
                        pass  # as if it was lost on the way
                    await asyncio.wait((future,), timeout=wait_s)
                    wait_s *= 2
            return future.result()
        finally:
            del self._queries[transaction_id]

    def answer_slowly(self, data: bytes, ip_packed: bytes, port: int, counters: StunCounters) -> bytes | None:
        """What `answer` had nothing for: requests of another form, answers to our own questions, and junk."""
        if len(data) > MAX_REQUEST_BYTES or not is_stun(data):
            if ip_packed in self.muted:  # its data is taken away before it comes here
                counters.muted += 1
            else:
                counters.bad += 1
            return None
        if self._queries and self._take_response(data):
            return None
        try:
            request = parse_request(data)
        except StunError:
            counters.bad += 1
            return None
        counters.requests += 1
        if not request.is_tailnode:
            counters.rfc_requests += 1
            if not self.answer_rfc:
                counters.rfc_refused += 1
                return None
            if not self._rfc_limit.allow(ip_packed, time.monotonic()):
                counters.rfc_limited += 1
                return None
        return answer_request(request, ip_packed, port)

    def _take_response(self, data: bytes) -> bool:
        """Whether `data` answers a question of ours."""
        transaction_id = response_transaction_id(data)
        future = self._queries.get(transaction_id) if transaction_id is not None else None
        if future is None:
            return False
        if not future.done():
            try:
                future.set_result(parse_response(data)[1:])
            except StunError as error:
                future.set_exception(error)
        return True

    def answered(self, ip_packed: bytes) -> None:
        """Somebody was answered: is it the first from outside? Called only until there was one."""
        ip = ip_address(ip_packed[12:] if ip_packed.startswith(_V4_IN_V6) else ip_packed)
        report = self._on_first_outside
        if ip.is_loopback or report is None:
            return
        self._on_first_outside = None
        for endpoint in self._endpoints:
            endpoint.is_watching = False
        if isinstance(ip, IPv6Address) and ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        asyncio.get_running_loop().call_soon(report, str(ip))


class _Endpoint:
    """One socket: takes what has arrived, gets answers, sends them."""

    __slots__ = (
        "_ancillaries",
        "_batch",
        "_can_batch",
        "_has_burst",
        "_info",
        "_pton",
        "_server",
        "address",
        "counters",
        "is_watching",
        "sock",
    )

    def __init__(self, sock: socket.socket, counters: StunCounters, server: StunServer) -> None:
        self.sock = sock
        self.counters = counters
        self.address: tuple[str, int] = sock.getsockname()[:2]
        self.is_watching = False
        self._server = server
        self._info: PacketInfo | None = prepare(sock)
        self._ancillaries: dict[bytes, Ancillary | None] = {}  # by the PKTINFO of the request
        self._pton: Callable[[str], bytes] = _pton_v6 if sock.family == socket.AF_INET6 else socket.inet_aton
        self._batch: DatagramBatch | None = None
        self._can_batch = True
        self._has_burst = False

    def readable(self) -> None:
        """Something has arrived; called by the loop."""
        try:
            if self._server.late.delay_s:
                self._answer_each_late(self._server.late)
            elif self._has_burst and self._batch is not None:
                self._answer_batch(self._batch)
            elif self._info is None:
                self._answer_each()
            else:
                self._answer_each_as_asked(self._info)
        except (BlockingIOError, InterruptedError):
            pass  # the socket is empty
        except OSError:
            self.counters.read_errors += 1

    def _answer_each(self) -> None:
        """The socket has one address: what comes to it, and goes from it, needs no more words."""
        sock, pton, reply_to = self.sock, self._pton, self._replier
        for _ in range(TURN_DATAGRAMS):
            data, source = sock.recvfrom(_RECEIVE_BYTES)
            reply = reply_to(data, pton(source[0]), source[1])
            if reply is not None:
                try:
                    sock.sendto(reply, source)
                    self.counters.answers += 1
                except OSError:
                    self.counters.send_errors += 1
        self._begin_burst()

    def _answer_each_as_asked(self, info: PacketInfo) -> None:
        """The socket is on a wildcard address: answer from the address that was asked."""
        sock, pton, space, ancillaries = self.sock, self._pton, info.space, self._ancillaries
        reply_to = self._replier
        for _ in range(TURN_DATAGRAMS):
            data, received, _, source = sock.recvmsg(_RECEIVE_BYTES, space)
            asked = received[0][2] if received else b""
            try:
                ancillary = ancillaries[asked]
            except KeyError:
                ancillary = self._ancillary(info, asked)
            if ancillary is None:
                self.counters.bad += 1
                continue
            reply = reply_to(data, pton(source[0]), source[1])
            if reply is not None:
                try:
                    sock.sendmsg((reply,), ancillary, 0, source)
                    self.counters.answers += 1
                except OSError:
                    self.counters.send_errors += 1
        self._begin_burst()

    def _ancillary(self, info: PacketInfo, asked: bytes) -> Ancillary | None:
        """What to send with an answer to a request that came with the PKTINFO `asked`; kept for the next one."""
        ancillary = info.reply(asked) if len(asked) == info.size else []
        if len(self._ancillaries) >= _MAX_ASKED_ADDRESSES:
            self._ancillaries.clear()
        self._ancillaries[asked] = ancillary
        return ancillary

    def _answer_each_late(self, late: LateAnswers) -> None:
        """Everybody's answers come late. A burst is not answered by the batch then: this is slow on purpose."""
        sock, info, reply_to = self.sock, self._info, self._replier
        for _ in range(TURN_DATAGRAMS):
            ancillary: Ancillary | None = []
            if info is None:
                data, source = sock.recvfrom(_RECEIVE_BYTES)
            else:
                data, received, _, source = sock.recvmsg(_RECEIVE_BYTES, info.space)
                ancillary = self._ancillary(info, received[0][2] if received else b"")
            if ancillary is None:
                self.counters.bad += 1
                continue
            reply = reply_to(data, self._pton(source[0]), source[1])
            if reply is not None and not late.add(partial(self._send, reply, ancillary, source)):
                self.counters.muted += 1

    def _send(self, reply: bytes, ancillary: Ancillary, source: tuple[str, int]) -> None:
        try:
            if ancillary:
                self.sock.sendmsg((reply,), ancillary, 0, source)
            else:
                self.sock.sendto(reply, source)
            self.counters.answers += 1
        except OSError:
            self.counters.send_errors += 1

    def _answer_batch(self, batch: DatagramBatch) -> None:
        questions = batch.receive()
        if len(questions) < TURN_DATAGRAMS // 2:
            self._has_burst = False
        if muted := self._server.muted:
            questions = [(b"", ip, port) if ip in muted else (data, ip, port) for data, ip, port in questions]
        answers = [answer(data, ip_packed, port) for data, ip_packed, port in questions]
        others = answers.count(None)
        self.counters.requests += len(answers) - others
        if others or self.is_watching:
            answers = [self._finish(reply, *question) for reply, question in zip(answers, questions, strict=True)]
        sent, failed = batch.send(answers)
        self.counters.answers += sent
        self.counters.send_errors += failed

    @property
    def _replier(self) -> Callable[[bytes, bytes, int], bytes | None]:
        """What answers in this turn."""
        return self._reply_unless_muted if self._server.muted else self._reply

    def _reply_unless_muted(self, data: bytes, ip_packed: bytes, port: int) -> bytes | None:
        return self._reply(b"" if ip_packed in self._server.muted else data, ip_packed, port)

    def _reply(self, data: bytes, ip_packed: bytes, port: int) -> bytes | None:
        reply = answer(data, ip_packed, port)
        if reply is not None:
            self.counters.requests += 1
            if not self.is_watching:
                return reply
        return self._finish(reply, data, ip_packed, port)

    def _finish(self, reply: bytes | None, data: bytes, ip_packed: bytes, port: int) -> bytes | None:
        """What the quick answer leaves to do: other forms, and the report of the first source from outside."""
        if reply is None:
            reply = self._server.answer_slowly(data, ip_packed, port, self.counters)
        if self.is_watching and reply is not None:
            self._server.answered(ip_packed)
        return reply

    def _begin_burst(self) -> None:
        """A whole turn did not empty the socket: use the batch from the next one on, if there can be one."""
        if self._batch is None and self._can_batch:
            try:
                from tailhub.server.stun_batch import DatagramBatch

                self._batch = DatagramBatch(self.sock, self._info, _RECEIVE_BYTES, MAX_ANSWER_BYTES)
            except (ImportError, OSError):  # a Python without ctypes, another system
                self._can_batch = False
        self._has_burst = self._batch is not None


def _pton_v6(host: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6, host)
