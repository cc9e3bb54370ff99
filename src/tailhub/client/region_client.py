"""`RegionClient`: stays connected to a region, whichever of its nodes answers and however often the connection ends.

Nodes are tried in the order of the DERP map, each to the end of its login (a real client stays with the first that
accepts TCP, so that one bad node can break a region). A round without success is followed by a pause that doubles, with
jitter. There is no task behind it: the one who calls `recv` drives it.
"""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self

from tailhub import box
from tailhub.client.derp_client import CONNECT_TIMEOUT_S, IDLE_TIMEOUT_S, DERPClient
from tailhub.client.dial import Endpoint
from tailhub.derp.handshake import ServerInfo
from tailhub.derp.messages import Health, Message
from tailhub.derp.upgrade import ClientUpgrade
from tailhub.exceptions import ConnectionClosedError, LocalError, RemoteError
from tailhub.keys import MeshKey, NodePrivate, NodePublic
from tailhub.tailcfg.derpmap import DERPNode
from tailhub.tailcfg.map_words import NO_ADDRESS

__all__ = ["Connected", "Disconnected", "RegionClient", "node_endpoints"]

BACKOFF_MIN_S = 0.5
BACKOFF_MAX_S = 30.0
STABLE_S = 30.0  # a connection that held so long makes the pauses start anew


@dataclass(frozen=True, slots=True)
class Connected:
    """A relay of the region has let us in. What the connection before has told of peers does not hold any more."""

    node: DERPNode
    server_key: bytes


@dataclass(frozen=True, slots=True)
class Disconnected:
    """There is no connection now; the next attempt follows after a pause."""

    reason: str
    retry_in_s: float


class RegionClient:
    """A client of one region.

    ::

        async with RegionClient(derp_map.regions[900].nodes) as client:
            await client.note_preferred(True)
            async for message in client:
                if isinstance(message, Connected):
                    await client.send(peer_key, b"hello")

    One task calls `recv` or iterates, always: connecting happens there. Messages are those of `DERPClient` and besides
    `Connected` and `Disconnected`. `note_preferred` and, with `watch_conns`, the watching are repeated on each new
    connection. A relay that reports a problem instead of letting us in is stayed with, as real clients do: it may yet.

    `nodes` are those of a DERP map. Raises `LocalError` when none of them can be dialled, or one has a pin that cannot
    match or a name that no HTTP header can carry. The other arguments are those of `DERPClient.connect`.
    """

    def __init__(
        self,
        nodes: Sequence[DERPNode],
        *,
        private_key: NodePrivate | None = None,
        tls: bool = True,
        ssl_context: ssl.SSLContext | None = None,
        mesh_key: MeshKey | None = None,
        watch_conns: bool = False,
        is_prober: bool = False,
        can_ack_pings: bool = True,
        app_name: str = "",
        timeout_s: float = CONNECT_TIMEOUT_S,
        idle_timeout_s: float = IDLE_TIMEOUT_S,
        backoff_min_s: float = BACKOFF_MIN_S,
        backoff_max_s: float = BACKOFF_MAX_S,
    ) -> None:
        if watch_conns and mesh_key is None:
            raise LocalError("watch_conns: only for mesh peers, expected a mesh_key")
        self._targets = [
            (node, endpoint)
            for node in nodes
            if not node.stun_only
            for endpoint in node_endpoints(node, tls, ssl_context)
        ]
        if not self._targets:
            raise LocalError("nodes: expected at least one that has an address and is not STUNOnly")
        self._ideal_node = nodes[0].name
        for _, endpoint in self._targets:
            ClientUpgrade(endpoint.host_header, ideal_node=self._ideal_node)  # raises now what it would raise later
        self._private_key = private_key or box.generate()
        self._mesh_key = mesh_key
        self._watch_conns = watch_conns
        self._is_prober, self._can_ack_pings, self._app_name = is_prober, can_ack_pings, app_name
        self._timeout_s, self._idle_timeout_s = timeout_s, idle_timeout_s
        self._home = False
        self._link = _Link(backoff_min_s, backoff_max_s)
        self._untried = deque(self._targets)
        self._reasons: list[str] = []  # why the targets of this round failed
        self._attempt: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def connection(self) -> DERPClient | None:
        """The connection that is admitted now, for what is not repeated here (`ping`, `close_peer`)."""
        return self._link.client if self._link.is_admitted else None

    async def recv(self) -> Message | Connected | Disconnected:
        """The next message. Raises `ConnectionClosedError` after our own `close`, and for nothing else."""
        while not self._is_closed:
            client = self._link.client
            if client is None:
                await self._run_attempt()
                if self._link.client is None and not self._untried and not self._is_closed:
                    return self._disconnected("; ".join(self._reasons))
                continue
            try:
                message = await self._link.recv(self._timeout_s)
            except (ConnectionClosedError, TimeoutError) as exc:
                was_admitted = self._link.is_admitted
                self._link.lost()
                await client.close()
                if not was_admitted and self._untried:
                    self._reasons.append(str(exc))
                    continue
                if not self._is_closed:
                    return self._disconnected("; ".join([*self._reasons, str(exc)]))
                break
            if isinstance(message, ServerInfo) and not self._link.is_admitted:
                return await self._admitted(client)
            return message
        raise ConnectionClosedError("region client: closed by us")

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message | Connected | Disconnected:
        """Iteration ends after our own `close`, and never for another reason."""
        try:
            return await self.recv()
        except ConnectionClosedError:
            raise StopAsyncIteration from None

    async def send(self, dst: NodePublic | bytes, packet: bytes) -> bool:
        """Send a packet if there is a connection; else drop it and return False. It never waits for a connection."""
        client = self.connection
        if client is None:
            return False
        try:
            await client.send(dst, packet)
        except ConnectionClosedError:
            return False
        return True

    async def note_preferred(self, home: bool) -> None:
        """Tell the relay whether the region is our home, now and after each new connection."""
        self._home = home
        if self._link.client is not None:
            try:
                await self._link.client.note_preferred(home)
            except ConnectionClosedError:
                pass  # the next connection begins with it

    async def close(self) -> None:
        """End it, and whoever waits in `recv`."""
        self._is_closed = True
        if self._attempt is not None:
            self._attempt.cancel()
        if self._link.client is not None:
            await self._link.client.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _run_attempt(self) -> None:
        """Pause if that is due, then try the next target; in a task of its own, so that `close` can end it."""
        self._attempt = asyncio.create_task(self._try_next(), name="RegionClient")
        try:
            await self._attempt
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if not self._is_closed or (current is not None and current.cancelling()):
                raise
        finally:
            self._attempt = None

    async def _try_next(self) -> None:
        if not self._untried:
            await asyncio.sleep(self._link.pause_s)
            self._untried = deque(self._targets)
            self._reasons = []
        node, endpoint = target = self._untried.popleft()
        try:
            self._link.opened(node, await self._connect(node, endpoint))
        except asyncio.CancelledError:
            self._untried.appendleft(target)
            raise
        except (OSError, RemoteError, ConnectionClosedError) as exc:
            self._reasons.append(str(exc) or type(exc).__name__)

    async def _connect(self, node: DERPNode, endpoint: Endpoint) -> DERPClient:
        return await DERPClient.connect(
            endpoint.host,
            endpoint.port,
            private_key=self._private_key,
            server_name=endpoint.server_name,
            cert_name=endpoint.cert_name,
            insecure=endpoint.insecure,
            tls=endpoint.tls,
            ssl_context=endpoint.ssl_context,
            mesh_key=self._mesh_key,
            is_prober=self._is_prober,
            can_ack_pings=self._can_ack_pings,
            app_name=self._app_name,
            ideal_node="" if node.name == self._ideal_node else self._ideal_node,
            preferred=self._home,
            family=endpoint.family,
            wait_admission=False,
            timeout_s=self._timeout_s,
            idle_timeout_s=self._idle_timeout_s,
        )

    async def _admitted(self, client: DERPClient) -> Connected:
        self._link.admitted()
        self._reasons = []
        if self._watch_conns:
            try:
                await client.watch_conns()
            except ConnectionClosedError:
                pass  # the next `recv` says so
        return Connected(self._link.node, client.server_key)

    def _disconnected(self, reason: str) -> Disconnected:
        self._untried.clear()
        self._reasons = []
        return Disconnected(reason, self._link.plan_pause())


class _Link:
    """The connection of the moment, and how long to pause after it."""

    def __init__(self, backoff_min_s: float, backoff_max_s: float) -> None:
        self._backoff_min_s, self._backoff_max_s = backoff_min_s, backoff_max_s
        self._failures = 0  # in a row
        self._admitted_at: float | None = None
        self._is_held = False  # the relay has said why it does not let us in
        self.client: DERPClient | None = None
        self.node = DERPNode()
        self.pause_s = 0.0

    @property
    def is_admitted(self) -> bool:
        return self._admitted_at is not None

    def opened(self, node: DERPNode, client: DERPClient) -> None:
        self.node, self.client = node, client
        self._admitted_at = None
        self._is_held = False

    def admitted(self) -> None:
        self._admitted_at = asyncio.get_running_loop().time()

    async def recv(self, admission_timeout_s: float) -> Message:
        """The next message; `TimeoutError` when the relay neither lets us in nor says why not."""
        if self.client is None:
            raise LocalError("not connected")
        if self.is_admitted or self._is_held:
            return await self.client.recv()
        try:
            async with asyncio.timeout(admission_timeout_s):
                message = await self.client.recv()
        except TimeoutError:
            raise TimeoutError(f"{self.client.endpoint}: no ServerInfo within {admission_timeout_s:g} s") from None
        self._is_held = isinstance(message, Health)
        return message

    def lost(self) -> None:
        if self._admitted_at is not None and asyncio.get_running_loop().time() - self._admitted_at >= STABLE_S:
            self._failures = 0
        self.client = None
        self._admitted_at = None

    def plan_pause(self) -> float:
        """Between half of the back-off and all of it, so that the clients of a relay do not come back together."""
        backoff_s = min(self._backoff_max_s, self._backoff_min_s * 2 ** min(self._failures, 16))
        self._failures += 1
        self.pause_s = backoff_s * random.uniform(0.5, 1.0)
        return self.pause_s


def node_endpoints(node: DERPNode, tls: bool = True, ssl_context: ssl.SSLContext | None = None) -> list[Endpoint]:
    """Where to dial a node, in order: IPv4, then IPv6; an address the map leaves out comes from DNS.

    Raises `LocalError` for a pin that no certificate can have.
    """
    families = [
        (node.ipv4, socket.AF_INET, 4),
        (node.ipv6, socket.AF_INET6, 6),
    ]
    literal = _ip_version(node.host_name)
    if not node.ipv4 and not node.ipv6:
        hosts = [(node.host_name, socket.AF_UNSPEC)]
    else:
        hosts = [
            (address or node.host_name, socket.AF_UNSPEC if address else family)
            for address, family, version in families
            if address != NO_ADDRESS and (address or literal in (0, version))
        ]
    return [
        Endpoint(
            host,
            node.derp_port or 443,
            node.host_name or None,
            node.cert_name or None,
            node.insecure_for_tests,
            tls,
            ssl_context,
            family,
        )
        for host, family in hosts
        if host
    ]


def _ip_version(host: str) -> int:
    try:
        return ip_address(host).version
    except ValueError:
        return 0
