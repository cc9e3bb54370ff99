"""A relay without sockets and clocks, for tests that read as transcripts.

::

    world = World()
    world.login("a")
    world.login("b")
    world.send("a", "b", b"hello")
    assert world.frames("b") == [Packet("a", b"hello")]

Everything a client says goes through the server's decoder, everything it is told through the client's. A connection is
called by its name; its key is made from that name, or from `key` where several connections share one. Nobody reads
before `frames` is called.
"""

from __future__ import annotations

from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from tailhub.derp import frames
from tailhub.derp.codec import FrameDecoder
from tailhub.derp.frames import CLIENT_LIMITS, RECV_OVERHEAD, FrameType, PeerGoneReason, PeerPresent
from tailhub.derp.mesh_runs import MeshRunDecoder
from tailhub.derp.runs import SLACK, RunDecoder
from tailhub.exceptions import FrameError
from tailhub.relay.connection import Connection, Identity
from tailhub.relay.relay import Relay
from tailhub.relay.send_queue import QueueLimits
from tailhub.relay.stats import GONE_DISCONNECTED

DISCO = b"TS\xf0\x9f\x92\xac" + bytes(32 + 24)
"""The shortest packet that is disco."""

_ENDLESS = 1 << 40


class Packet(NamedTuple):
    """RecvPacket. `src` is the name of a key."""

    src: str
    body: bytes


class Gone(NamedTuple):
    """PeerGone(disconnected)."""

    key: str


class NotHere(NamedTuple):
    """PeerGone(not here)."""

    key: str


class Present(NamedTuple):
    """PeerPresent; the last two are what tailhub relays add."""

    key: str
    flags: int = 1
    address: str = "192.0.2.1 4000"
    age_ms: int | None = None
    tag: bytes = b""


class Pong(NamedTuple):
    """Pong."""

    data: bytes


Frame = Packet | Gone | NotHere | Present | Pong


def key_of(name: str) -> bytes:
    """The 32-byte key that belongs to a name."""
    return sha256(name.encode()).digest()


class _Client:
    """One connection, seen from both of its ends. It is the relay's sink."""

    def __init__(self, key: bytes, mesh: bool) -> None:
        self.connection: Connection | None = None
        self.incoming = MeshRunDecoder(key) if mesh else RunDecoder(key)
        self.outgoing = FrameDecoder(CLIENT_LIMITS)
        self.is_woken = False
        self.close_reason = ""

    def wake(self) -> None:
        self.is_woken = True

    def close(self, reason: str) -> None:
        self.close_reason = self.close_reason or reason


class World:
    """A relay and its clients at the time `now`, which only the test moves."""

    def __init__(
        self,
        limits: QueueLimits | None = None,
        own_key: str = "relay",
        tenants: tuple[str, ...] = (),
        pairs: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """`tenants` are beside the nameless one; the two of each of `pairs` may reach each other."""
        self.now = 1000.0
        self.relay = Relay(limits, own_key=key_of(own_key), tenants=tenants, tenant_pairs=pairs)
        self.closed: dict[str, str] = {}  # why the relay closed a connection, by its name
        self._clients: dict[str, _Client] = {}
        self._names: dict[bytes, str] = {}

    # --- clients come, speak and go -----------------------------------------------------------------------------------

    def login(
        self,
        name: str,
        *,
        key: str = "",
        mesh: bool = False,
        prober: bool = False,
        not_ideal: bool = False,
        address: str = "192.0.2.1",
        port: int = 4000,
        tenant: str = "",
        guest: bool = False,
        probe: bool = False,
        app: str = "",
    ) -> None:
        """A client logs in; its connection is called `name`, its key is that of `key` or, without one, of `name`."""
        raw = self.key(key or name)
        client = self._clients[name] = _Client(raw, mesh)
        ip: IPv4Address | IPv6Address = ip_address(address)
        identity = Identity(
            key=raw,
            connection_id=self.relay.next_connection_id(),
            address=ip,
            port=port,
            is_mesh=mesh,
            is_prober=prober,
            is_not_ideal=not_ideal,
            connected_at=self.now,
            tenant=tenant,
            is_guest=guest,
            is_own_probe=probe,
            app_name=app,
        )
        client.connection = self.relay.register(identity, client)
        self._close_those_asked_for()

    def leave(self, name: str, reason: str = GONE_DISCONNECTED) -> None:
        """A connection ends; what waits for it is dropped under `reason`."""
        self.relay.unregister(self.connection(name), reason)
        del self._clients[name]
        self._close_those_asked_for()

    def say(self, name: str, data: bytes) -> None:
        """A client sends bytes. If they break a rule, the relay closes the connection."""
        client, connection = self._clients[name], self.connection(name)
        buffer = bytearray(RECV_OVERHEAD + 2 * len(data) + 4096 + SLACK)
        start = client.incoming.prepare(buffer)
        end = start + len(data)
        buffer[start:end] = data
        items = client.incoming.decode(buffer, end)
        try:
            if items:
                route = self.relay.route_mesh if connection.identity.is_mesh else self.relay.route
                route(connection, items, self.now)
            if client.incoming.skipped_frames:
                self.relay.note_unknown_frames(connection, client.incoming.skipped_frames, self.now)
                client.incoming.skipped_frames = 0
            if client.incoming.error is not None:
                raise client.incoming.error
        except FrameError as exc:
            client.close(exc.reason)
        self._close_those_asked_for()

    def send(self, name: str, dst: str, packet: bytes, times: int = 1) -> None:
        """A client sends packets to the key of `dst`, in one read."""
        self.say(name, frames.send_packet(self.key(dst), packet) * times)

    def forward(self, name: str, src: str, dst: str, packet: bytes) -> None:
        """A mesh peer forwards a packet."""
        self.say(name, frames.forward_packet(self.key(src), self.key(dst), packet))

    def ping(self, name: str, data: bytes = b"12345678") -> None:
        """A client sends Ping."""
        self.say(name, frames.ping(data))

    def note_home(self, name: str, home: bool) -> None:
        """A client says whether this relay is its home."""
        self.say(name, frames.note_preferred(home))

    def watch(self, name: str) -> None:
        """A mesh peer asks for presence."""
        self.say(name, frames.WATCH_CONNS)

    def close_peer(self, name: str, target: str) -> None:
        """A mesh peer has the connections of a key closed."""
        self.say(name, frames.close_peer(self.key(target)))

    # --- what can be seen ---------------------------------------------------------------------------------------------

    @property
    def names(self) -> list[str]:
        """The connections that are open."""
        return list(self._clients)

    def connection(self, name: str) -> Connection:
        """What the relay holds for a connection."""
        connection = self._clients[name].connection
        assert connection is not None
        return connection

    def active(self, key: str) -> str:
        """The name of the connection that gets a key's packets; empty when there is none."""
        active = self.relay.registry.active.get(self.key(key))
        return next((name for name, client in self._clients.items() if client.connection is active), "")

    def frames(self, name: str, most_bytes: int = _ENDLESS) -> list[Frame]:
        """Let a client read: what was written to it since the last time, about `most_bytes` at once."""
        client, connection = self._clients[name], self.connection(name)
        assert client.is_woken or not connection.queue, "something waits, and the writer was not woken"
        client.is_woken = False
        connection.dirty = False  # as the writer does at the end of a turn
        data = connection.queue.take(self.now, most_bytes)
        if connection.queue:
            connection.wake()  # as a writer that goes on later
        return [self._readable(*frame) for frame in client.outgoing.receive_data(data)]

    def dropped(self) -> dict[tuple[str, str], int]:
        """Packets dropped so far by (reason, kind), those that are not 0."""
        return {labels: count for labels, count in self.relay.stats.packets_dropped.items() if count}

    def key(self, name: str) -> bytes:
        """The key of this name, which is known by it from now on."""
        key = key_of(name)
        self._names[key] = name
        return key

    def name_of(self, key: bytes) -> str:
        """What a key is called."""
        return self._names[key]

    def work(self) -> None:
        """What takes turns is done, as far as it can be; that is so at the end of each step."""
        while self.relay.presence.work(self.now) == 0.0:
            pass

    # --- inside -------------------------------------------------------------------------------------------------------

    def _readable(self, frame_type: int, body: bytes) -> Frame:
        match frame_type:
            case FrameType.RECV_PACKET:
                return Packet(self._names[body[:32]], body[32:])
            case FrameType.PEER_GONE:
                raw, reason = frames.parse_peer_gone(body)
                return Gone(self._names[raw]) if reason == PeerGoneReason.DISCONNECTED else NotHere(self._names[raw])
            case FrameType.PEER_PRESENT:
                present = PeerPresent.parse(body)
                address = f"{present.address} {present.port}"
                return Present(self._names[present.key], present.flags, address, present.age_ms, present.tenant_tag)
            case FrameType.PONG:
                return Pong(body)
        raise AssertionError(f"the relay wrote a frame of type {frame_type:#x}")

    def _close_those_asked_for(self) -> None:
        """The end of a turn: connections that the relay wants closed leave, which may bring others to it."""
        self.work()
        while doomed := [name for name, client in self._clients.items() if client.close_reason]:
            for name in doomed:
                client = self._clients.pop(name)
                self.closed[name] = client.close_reason
                assert client.connection is not None
                self.relay.unregister(client.connection)
