"""A region of several relays, some of them with several workers, without sockets and clocks.

Each worker has a link to each other relay, which ends at some worker there. What is said travels as bytes, in order
within one direction of a link, and arrives when the test says so: `arrive` moves what one direction holds, `settle`
everything. Clients read at once. Whatever they get is checked as it comes: no packet twice, none for another key, none
from a tenant that may not reach them, none over two links.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from random import Random

from support.fleet_world import MemoryLink
from support.world import key_of
from tailhub.derp import frames
from tailhub.derp.codec import FrameDecoder
from tailhub.derp.frames import CLIENT_LIMITS, RECV_OVERHEAD, SERVER_LIMITS, FrameType, PeerGoneReason
from tailhub.derp.mesh_runs import MeshRunDecoder
from tailhub.derp.runs import SLACK, RunDecoder
from tailhub.relay.connection import Connection, Identity
from tailhub.relay.mesh_link import MeshLink
from tailhub.relay.relay import Relay
from tailhub.relay.send_queue import QueueLimits

_ENDLESS = 1 << 40
_FOREVER_S = 1e9


class _End:
    """A relay's end of a connection: what it sends waits in `connection`'s queue, what it is sent goes to `say`."""

    def __init__(self, relay: Relay, identity: Identity) -> None:
        self.relay = relay
        self.close_reason = ""
        self.connection: Connection = relay.register(identity, self)
        self._decoder = MeshRunDecoder(identity.key) if identity.is_mesh else RunDecoder(identity.key)

    def wake(self) -> None:
        """It is read in any case."""

    def close(self, reason: str) -> None:
        self.close_reason = self.close_reason or reason

    def say(self, data: bytes, now: float) -> None:
        buffer = bytearray(RECV_OVERHEAD + 2 * len(data) + 4096 + SLACK)
        start = self._decoder.prepare(buffer)
        end = start + len(data)
        buffer[start:end] = data
        route = self.relay.route_mesh if self.connection.identity.is_mesh else self.relay.route
        route(self.connection, self._decoder.decode(buffer, end), now)
        assert self._decoder.error is None

    def take(self, now: float) -> bytes:
        self.connection.dirty = False
        return self.connection.queue.take(now, _ENDLESS)


class Client(_End):
    """A client's connection to one worker. `heard_of` are the keys that it believes to be there."""

    def __init__(self, region: Region, node: Node, worker: int, key: str, tenant: str, number: int, now: float) -> None:
        self.region, self.node, self.worker, self.key = region, node, worker, key
        identity = Identity(key_of(key), number, IPv4Address("192.0.2.1"), number, connected_at=now, tenant=tenant)
        super().__init__(node.workers[worker], identity)
        self.decoder = FrameDecoder(CLIENT_LIMITS)
        self.heard_of: set[str] = set()
        self.late: set[str] = set()  # of these it has had packets when its worker did not know them
        self.gone: list[str] = []
        self.got: list[int] = []

    def wake(self) -> None:
        """It reads at once, or what is said before a packet and what after could not be told apart."""
        self.region.read(self)


class _Link:
    """A worker's link to another relay: our `MeshLink`, the other relay's mesh peer, and what is on its way."""

    def __init__(self, region: Region, node: Node, worker: int, other: Node, at: int) -> None:
        self.region, self.node, self.worker, self.other, self.at = region, node, worker, other, at
        identity = Identity(
            node.key,
            region.next_number(),
            IPv4Address("192.0.2.9"),
            1,
            is_mesh=True,
            app_name="tailhub/1" if node.is_tailhub else "",
            connected_at=region.now,
        )
        self.end = _End(other.workers[at], identity)
        self.is_over = False
        self.link = MeshLink(node.workers[worker], self, other.key, is_tailhub=other.is_tailhub)
        self.link.queue.put_control(frames.WATCH_CONNS)
        self.to_other: list[bytes] = []
        self.to_us: list[bytes] = []
        self._forwarded = FrameDecoder(SERVER_LIMITS)

    def wake(self) -> None:
        """It is read in any case."""

    def close(self, reason: str) -> None:
        raise AssertionError(f"nothing closes a link here: {reason}")

    def collect(self) -> None:
        """What both ends have to say is on its way."""
        now = self.region.now
        self.link.dirty = False
        if data := self.link.queue.take(now, _ENDLESS):
            for frame_type, body in self._forwarded.receive_data(data):
                if frame_type == FrameType.FORWARD_PACKET:
                    self.region.note_hop(body)
            self.to_other.append(data)
        if data := self.end.take(now):
            self.to_us.append(data)

    def arrive_there(self) -> None:
        if self.to_other:
            self.end.say(self.to_other.pop(0), self.region.now)

    def arrive_here(self) -> None:
        if not self.to_us:
            return
        data = self.to_us.pop(0)
        buffer = bytearray(len(data) + 4096 + SLACK)
        start = self.link.prepare(buffer)
        end = start + len(data)
        buffer[start:end] = data
        self.link.data_received(buffer, end, self.region.now)

    def cut(self) -> None:
        """It breaks: what is on its way is lost."""
        self.is_over = True
        self.link.broken()
        self.end.relay.unregister(self.end.connection)


@dataclass(eq=False)
class Node:
    """One relay, with its workers and the links between those."""

    name: str
    is_tailhub: bool
    workers: list[Relay]
    inner: list[MemoryLink] = field(default_factory=list)

    @property
    def key(self) -> bytes:
        return key_of(self.name)


@dataclass(frozen=True)
class _Sent:
    src: str
    dst: str
    tenant: str


class Region:
    """`workers` says how many workers each relay has. `relays` beside `tailhubs` speak as the original does."""

    def __init__(
        self,
        random: Random,
        workers: tuple[int, ...] = (1, 2, 2),
        *,
        originals: tuple[int, ...] = (),
        tenants: tuple[str, ...] = (),
        pairs: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.now = 1000.0
        self.random = random
        self._pairs = {*pairs, *((b, a) for a, b in pairs)}
        self._number = 0
        self.clients: list[Client] = []
        self.links: list[_Link] = []
        self.sent: dict[int, _Sent] = {}
        self._received: set[int] = set()
        self._hops: set[int] = set()
        self._names: dict[bytes, str] = {}
        self.nodes = []
        for number, count in enumerate(workers):
            name = f"node {number}"
            limits = QueueLimits(max_age_s=_FOREVER_S)
            relays = [Relay(limits, own_key=key_of(name), tenants=tenants, tenant_pairs=pairs) for _ in range(count)]
            self.nodes.append(node := Node(name, number not in originals, relays))
            for one in range(count):
                for two in range(one):
                    ends = [MemoryLink(relays[each], lambda: self.now) for each in (one, two)]
                    ends[0].peer, ends[1].peer = ends[1], ends[0]
                    relays[one].presence.add_sibling(ends[0].link)
                    relays[two].presence.add_sibling(ends[1].link)
                    node.inner += ends
        for node in self.nodes:
            for other in self.nodes:
                self.connect(node, other)
        self.settle()

    def next_number(self) -> int:
        self._number += 1
        return self._number

    # --- links --------------------------------------------------------------------------------------------------------

    def connect(self, node: Node, other: Node) -> None:
        """Each worker of a relay that has no link to another one gets one."""
        for worker in range(len(node.workers)):
            there = [link for link in self.links if link.node is node and link.worker == worker and link.other is other]
            if not there and node is not other:
                self.links.append(_Link(self, node, worker, other, self.random.randrange(len(other.workers))))

    def cut(self, node: Node, other: Node) -> None:
        """All links between two relays break."""
        for link in [link for link in self.links if {link.node, link.other} == {node, other}]:
            link.cut()
            self.links.remove(link)

    def heal(self) -> None:
        """All links are there."""
        for node in self.nodes:
            for other in self.nodes:
                self.connect(node, other)

    # --- clients ------------------------------------------------------------------------------------------------------

    def login(self, node: Node, key: str, *, worker: int | None = None, tenant: str = "") -> Client:
        """A client comes; at a random worker, if none is named."""
        worker = self.random.randrange(len(node.workers)) if worker is None else worker
        self._names[key_of(key)] = key
        client = Client(self, node, worker, key, tenant, self.next_number(), self.now)
        self.clients.append(client)
        return client

    def leave(self, client: Client) -> None:
        """A connection ends."""
        self.read(client)
        self.clients.remove(client)
        client.relay.unregister(client.connection)

    def send(self, client: Client, dst: str) -> int:
        """A client sends a packet; returns its number."""
        number = self.next_number()
        self.sent[number] = _Sent(client.key, dst, client.connection.identity.tenant)
        client.say(frames.send_packet(key_of(dst), number.to_bytes(4, "big")), self.now)
        return number

    def note_hop(self, body: bytes) -> None:
        """A packet is forwarded to another relay."""
        number = int.from_bytes(body[64:], "big")
        assert number not in self._hops, "a packet is forwarded twice"
        self._hops.add(number)

    def read(self, client: Client) -> None:
        """A client reads all that there is for it."""
        relay = client.relay
        for frame_type, body in client.decoder.receive_data(client.take(self.now)):
            key = self._names.get(body[:32], "")
            if frame_type == FrameType.PEER_GONE:
                if body[32] == PeerGoneReason.DISCONNECTED:
                    assert key in client.heard_of, "told of the leaving of somebody from whom it had nothing"
                    client.heard_of.discard(key)
                    client.gone.append(key)
                continue
            assert frame_type == FrameType.RECV_PACKET
            number = int.from_bytes(body[32:], "big")
            sent = self.sent[number]
            assert (sent.src, sent.dst) == (key, client.key), "a packet reaches a wrong key"
            assert number not in self._received, "a packet is delivered twice"
            tenants = (sent.tenant, client.connection.identity.tenant)
            assert tenants[0] == tenants[1] or tenants in self._pairs, "a packet reaches a stranger"
            self._received.add(number)
            client.got.append(number)
            client.heard_of.add(key)
            is_known = relay.registry.current(body[:32]) is not None or body[:32] in relay.presence.elsewhere
            (client.late.discard if is_known else client.late.add)(key)

    # --- time ---------------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """A little later: clients have read, those that were to be closed are, what is to be said is on its way."""
        self.now += 0.001
        for client in list(self.clients):
            self.read(client)
            if client.close_reason:
                self.leave(client)
        for link in self.links:
            link.collect()
        for node in self.nodes:
            for end in node.inner:
                end.write(self.now)

    def arrivals(self) -> Iterator[Callable[[], object]]:
        """What can happen next by itself."""
        for link in self.links:
            if link.to_us:
                yield link.arrive_here
            if link.to_other:
                yield link.arrive_there
        for node in self.nodes:
            yield from (end.read_now for end in node.inner if end.has_unread)
            yield from (lambda relay=relay: relay.presence.work(self.now) for relay in node.workers)  # type: ignore[misc]

    def settle(self) -> None:
        """All that has been said arrives, in any order."""
        quiet = 0
        while quiet < 3:
            self.step()
            arrivals = list(self.arrivals())
            self.random.shuffle(arrivals)
            for arrive in arrivals:
                arrive()
            works = [relay.presence.work(self.now) for node in self.nodes for relay in node.workers]
            is_quiet = all(work is None for work in works) and not any(
                link.to_us or link.to_other for link in self.links
            )
            quiet = quiet + 1 if is_quiet else 0

    # --- what must be true --------------------------------------------------------------------------------------------

    def check(self) -> None:
        """What always holds."""
        for node in self.nodes:
            for relay in node.workers:
                assert relay.consistency_errors() == []

    def keys_at(self, node: Node) -> set[str]:
        """Which keys a relay has."""
        return {client.key for client in self.clients if client.node is node}

    def check_settled(self) -> None:
        """What holds when all has arrived: everybody knows who is where, and believes no more than is true."""
        self.check()
        for link in self.links:
            elsewhere = link.node.workers[link.worker].presence.elsewhere
            told = {self._names[key] for key in elsewhere.keys_of(link.link)}
            hidden = not (link.node.is_tailhub and link.other.is_tailhub)
            true = {
                client.key
                for client in self.clients
                if client.node is link.other and not (hidden and client.connection.identity.tenant)
            }
            assert told == true, f"{link.node.name} believes {told} to be at {link.other.name}, it is {true}"
            assert link.link.keys == len(told)
        for node in self.nodes:
            for worker, relay in enumerate(node.workers):
                here = {client.key for client in self.clients if client.node is node and client.worker == worker}
                assert {self._names.get(key) for key in relay.registry.all_keys()} - {None} == here
        for client in self.clients:
            unseen = client.heard_of - client.late - self.visible_to(client)
            assert not unseen, "somebody was not told that a key has gone"

    def visible_to(self, client: Client) -> set[str]:
        """Which keys are at its relay or at one to which that has links."""
        return {other.key for other in self.clients if other.node in self._seen_by(client)}

    def _seen_by(self, client: Client) -> set[Node]:
        return {client.node, *(link.other for link in self.links if link.node is client.node)}

    def check_reach(self) -> None:
        """Everybody reaches everybody whom it may reach and whose relay has a link, once; nobody else."""
        for client in list(self.clients):
            seen = self._seen_by(client)
            for key in {other.key for other in self.clients}:
                holders = [other for other in self.clients if other.key == key and other.node in seen]
                before = {id(other): len(other.got) for other in holders}
                number = self.send(client, key)
                self.settle()
                got = [other for other in holders if len(other.got) > before[id(other)] and other.got[-1] == number]
                mine = client.connection.identity.tenant
                may = [
                    other
                    for other in holders
                    if (theirs := other.connection.identity.tenant) == mine or (mine, theirs) in self._pairs
                ]
                if len(may) == len(holders):
                    assert len(got) == bool(holders), f"{len(got)} of {len(holders)} with a key got the packet"
