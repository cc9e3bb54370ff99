"""The clients of `bench.loop.lockstep`: they log in, then write a turn's packets at each step. And what a turn holds.

A client reads bytes and does not decrypt them; that packets arrive is seen in the relay's own counters.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from time import monotonic

from bench.connection import RECORD_LEN, client_context
from tailhub import box
from tailhub.derp import frames
from tailhub.derp.client_protocol import ClientProtocol
from tailhub.derp.handshake import ClientInfo
from tailhub.disco import MAGIC
from tailhub.exceptions import RemoteError
from tailhub.keys import MeshKey, NodePrivate

HOST = "127.0.0.1"
_LAG_TURNS = 3
_ARRIVAL_LIMIT_S = 10.0
_LOGIN_LIMIT_S = 60.0  # of all clients; under valgrind it takes a while


MESH_KEY = MeshKey(bytes(range(32)))


class LockstepError(Exception):
    """Relay and clients are out of step: the figures would mean nothing."""


class Crossing(Enum):
    """Whether packets stay at the relay, or one client of each pair is at another relay, each at one of its own."""

    NONE = "none"
    OUT = "out"  # the receivers: in the places of their connections the relay has links
    IN = "in"  # the senders: in the places of their connections are other relays, which forward


@dataclass(frozen=True, slots=True)
class Case:
    """What each turn finds: `pairs` senders with `packets` packets each, for their partner or (`spread`) for all.

    Beside them there are so many silent `keys`, in all `tenants` alike; the senders belong to the first of these.
    """

    name: str
    pairs: int
    packets: int
    size: int = 1200  # bytes of a packet
    spread: bool = False
    disco: bool = False
    keys: int = 0
    tenants: int = 1
    crossing: Crossing = Crossing.NONE

    @property
    def received_bytes(self) -> int:
        """What each receiver gets in a turn, at least."""
        ends = 2 if self.crossing is Crossing.OUT else 1
        return self.packets * (frames.HEADER_LEN + ends * frames.KEY_LEN + self.size)

    @property
    def packets_a_turn(self) -> int:
        """Packets of all senders."""
        return self.pairs * self.packets

    def text_of(self, sender: int, receivers: Sequence[bytes]) -> bytes:
        """The frames that a sender writes each turn; `receivers` are public keys."""
        packet = (MAGIC if self.disco else b"\x04\0\0\0").ljust(self.size, b"\xa5")
        if self.crossing is Crossing.IN:
            return frames.forward_packet(far_key(sender), receivers[sender], packet) * self.packets
        if self.crossing is Crossing.OUT:
            return frames.send_packet(far_key(sender), packet) * self.packets
        return b"".join(
            frames.send_packet(receivers[(sender + number * self.spread) % self.pairs], packet)
            for number in range(self.packets)
        )


def far_key(pair: int) -> bytes:
    """The key of the client of a pair that is at another relay."""
    return sha256(b"far %d" % pair).digest()


CASES = (
    Case("alone", pairs=1, packets=1),
    Case("k1", pairs=8, packets=1),
    Case("k16", pairs=8, packets=16),
    Case("spread", pairs=8, packets=16, spread=True),
    Case("tenants", pairs=8, packets=16, spread=True, keys=10_000, tenants=100),
    Case("disco", pairs=8, packets=4, size=120, disco=True),
    Case("forward-out", pairs=8, packets=16, crossing=Crossing.OUT),
    Case("forward-in", pairs=8, packets=16, crossing=Crossing.IN),
)


class Client:
    """A client's end of a connection, and a look at the other end: whether what was sent has arrived there."""

    __slots__ = (
        "_incoming",
        "_info",
        "_outgoing",
        "_private",
        "_protocol",
        "_received",
        "_relay_end",
        "_sock",
        "_tls",
        "key",
    )

    def __init__(
        self, private: NodePrivate, relay_end: socket.socket, sock: socket.socket, *, mesh: bool = False
    ) -> None:
        self._info = ClientInfo(mesh_key=MESH_KEY if mesh else None)
        self.key = box.public_key(private).raw
        self._relay_end = relay_end.dup()
        self._sock = sock
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = client_context().wrap_bio(self._incoming, self._outgoing)
        self._protocol: ClientProtocol | None = None
        self._private = private
        self._received = 0  # bytes, as they came, since the login

    def close(self) -> None:
        """Close both."""
        self._sock.close()
        self._relay_end.close()

    def log_in(self) -> bool:
        """Go on with the login. Whether it is done."""
        while data := self._read():
            self._incoming.write(data)
        protocol = self._protocol
        try:
            if protocol is None:
                self._tls.do_handshake()
                protocol = self._protocol = ClientProtocol(self._private, "localhost", info=self._info)
            else:
                protocol.receive_data(self._tls.read(RECORD_LEN))
        except ssl.SSLWantReadError:
            self._flush()
            return False
        if request := protocol.data_to_send():
            self._tls.write(request)
            self._flush()
        return not protocol.waiting_for

    def send(self, plaintext: bytes) -> None:
        """Send in as few records as possible, and see it arrive."""
        for start in range(0, len(plaintext), RECORD_LEN):
            self._tls.write(plaintext[start : start + RECORD_LEN])
        self._flush()

    def drain(self, least_bytes: int) -> None:
        """Read what has come; with what came before it must be `least_bytes` at least."""
        while True:
            if data := self._read():
                self._received += len(data)
            elif self._received >= least_bytes:
                return
            elif not select.select([self._sock], [], [], _ARRIVAL_LIMIT_S)[0]:
                raise LockstepError(f"expected {least_bytes} bytes from the relay, found {self._received}")

    def _read(self) -> bytes:
        try:
            data = self._sock.recv(1 << 18)
        except BlockingIOError:
            return b""
        if not data:
            raise LockstepError("the relay closed a connection")
        return data

    def _flush(self) -> None:
        data = self._outgoing.read()
        if not data:
            return
        sent = self._sock.send(data)
        if sent < len(data):
            raise LockstepError(f"expected the kernel to take {len(data)} bytes, found {sent}")
        deadline = monotonic() + _ARRIVAL_LIMIT_S
        while not self._has_arrived(sent):
            if monotonic() > deadline:
                raise LockstepError("what was sent does not arrive")

    def _has_arrived(self, size: int) -> bool:
        try:
            return len(self._relay_end.recv(size, socket.MSG_PEEK)) >= size
        except BlockingIOError:
            return False


class Clients:
    """All clients. Log in, and from then on write a turn's packets at each step."""

    def __init__(self, case: Case, clients: Sequence[Client]) -> None:
        self._all = clients
        self._newcomers = list(clients)
        self._senders, self._receivers = clients[: case.pairs], clients[case.pairs :]
        keys = [receiver.key for receiver in self._receivers]
        self._texts = [case.text_of(number, keys) for number in range(case.pairs)]
        self._received_bytes = case.received_bytes
        self._turn = 0
        self._login_ends = monotonic() + _LOGIN_LIMIT_S

    def step(self) -> bool:
        """Do what is to be done between two turns. Whether there are packets now."""
        if self._newcomers:
            if monotonic() > self._login_ends:
                raise LockstepError(f"{len(self._newcomers)} clients are not logged in after {_LOGIN_LIMIT_S:.0f} s")
            self._newcomers = [client for client in self._newcomers if not client.log_in()]
            return False
        for receiver in self._receivers:
            # The relay writes a turn's packets in the next one, and its first read of a client is a small one.
            receiver.drain(self._received_bytes * (self._turn - _LAG_TURNS))
        for sender, plaintext in zip(self._senders, self._texts, strict=True):
            sender.send(plaintext)
        self._turn += 1
        return True

    def close(self) -> None:
        """Close all connections."""
        for client in self._all:
            client.close()


class ChildGate:
    """The clients in a process of their own, which takes a step for each byte from us."""

    def __init__(self, clients: Clients) -> None:
        ours, theirs = socket.socketpair()
        self._pid = os.fork()
        if not self._pid:
            ours.close()
            try:
                while theirs.recv(1):
                    theirs.send(b"p" if clients.step() else b"-")
            except (LockstepError, RemoteError, OSError) as exc:
                theirs.send(f"!{exc}".encode())
            finally:
                os._exit(0)
        theirs.close()
        clients.close()
        self._channel = ours

    def step(self) -> bool:
        """See `Clients.step`."""
        self._channel.send(b"s")
        answer = self._channel.recv(1)
        if answer == b"p":
            return True
        if answer == b"-":
            return False
        raise LockstepError(self._channel.recv(1000).decode(errors="replace") or "the clients are gone")

    def close(self) -> None:
        """End the process."""
        self._channel.close()
        os.waitpid(self._pid, 0)


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a TCP connection over loopback, the relay's first."""
    with socket.create_server((HOST, 0)) as listener:
        client_end = socket.create_connection(listener.getsockname())
        relay_end, _ = listener.accept()
    client_end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client_end.setblocking(False)
    relay_end.setblocking(False)
    return relay_end, client_end
