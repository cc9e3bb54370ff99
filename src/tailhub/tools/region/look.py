"""Looks at a region: logs in to every node at the same time, with a key of its own for each, and sees who is there.

I/O. With a mesh key we are a mesh peer, and are told of all connections: those of other relays among them are links
that they have dialled. Without it we are a client at each node, and send a packet from each to each. Works with any
DERP relay. What it means is judged elsewhere. Raises nothing that a relay or a network does, and takes a bounded time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from itertools import permutations

from tailhub import __version__, box
from tailhub.client.derp_client import DERPClient
from tailhub.client.region_client import node_endpoints
from tailhub.derp.frames import PeerPresent, PresenceFlag
from tailhub.derp.handshake import OWN_APP
from tailhub.derp.messages import Message, PeerGone
from tailhub.exceptions import ConnectionClosedError, TailhubError
from tailhub.keys import MeshKey
from tailhub.tailcfg.derpmap import DERPNode
from tailhub.tools.doctor.judge.login import LoginEnd
from tailhub.tools.doctor.look.entry import wait_admission
from tailhub.tools.doctor.look.flight import Plan, fly
from tailhub.tools.region.seen import NodeSeen, RegionSeen

__all__ = ["SETTLE_S", "connect_to_node", "look_at_region"]

TIMEOUT_S = 10.0
SETTLE_S = 7.0  # a link that just broke is back by then: relays dial again after 5 s at most
_STEP_SHARE = 0.6  # of the time, for the connection or the login alone: what failed can then be said
_QUIET_S = 0.2  # without news of who is there: that was all. The original may answer a ping before it has told all
_FLIGHT = Plan(size=60, count=3, interval_s=0.01)
_PATIENCE_S = 0.5  # for a packet between two nodes
_AGAIN_S = 0.5


async def look_at_region(
    nodes: Sequence[DERPNode],
    mesh_keys: Sequence[MeshKey],
    *,
    timeout_s: float = TIMEOUT_S,
    settle_s: float = SETTLE_S,
) -> RegionSeen:
    """Look at these nodes of one region; those that are for STUN only are left to the caller.

    `mesh_keys` are tried in this order; none: as a client. `timeout_s` is for the login at a node and what it tells,
    `settle_s` how long a missing way is waited for.
    """
    logins = [_Login(node, mesh_keys, timeout_s) for node in nodes]
    try:
        await asyncio.gather(*(login.enter() for login in logins))
        ways = await (_watch if mesh_keys else _send_each)(logins, settle_s)
        seen = tuple(login.seen(logins) for login in logins)
    finally:
        await asyncio.gather(*(login.close() for login in logins))
    return RegionSeen(seen, ways, has_mesh_key=bool(mesh_keys))


async def connect_to_node(node: DERPNode, mesh_key: MeshKey | None, timeout_s: float) -> DERPClient:
    """Log in there with a key of our own, by whichever of its addresses lets us; who is let in is not waited for.

    Raises `ConnectionClosedError` when there is no connection.
    """
    reasons = []
    for endpoint in node_endpoints(node):
        try:
            return await DERPClient.connect(
                endpoint.host,
                endpoint.port,
                private_key=box.generate(),
                server_name=endpoint.server_name,
                cert_name=endpoint.cert_name,
                insecure=endpoint.insecure,
                mesh_key=mesh_key,
                is_prober=True,  # so that nobody takes us for a relay
                app_name=OWN_APP + __version__ if mesh_key is not None else "tailhub region check",
                family=endpoint.family,
                wait_admission=False,
                timeout_s=timeout_s,
            )
        except (TailhubError, OSError, ValueError) as exc:  # the last of a name that TLS cannot carry
            reasons.append(str(exc) or type(exc).__name__)
    raise ConnectionClosedError("; ".join(reasons) or "the map has no address for it")


class _Login:
    """Our connection to one node, and what came over it."""

    def __init__(self, node: DERPNode, mesh_keys: Sequence[MeshKey], timeout_s: float) -> None:
        self.client: DERPClient | None = None
        self.is_mesh: bool | None = None
        self._node, self._mesh_keys, self._timeout_s = node, mesh_keys, timeout_s
        self.server_key = b""  # the node's, raw; empty while it is not known
        self.meets: set[int] = set()  # numbers of nodes that are this same relay
        self._failure, self._told = "", ""
        self._present: dict[bytes, int] = {}  # key: flags
        self._news = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None

    async def enter(self) -> None:
        """Log in: with the first mesh key that is taken, or as a client."""
        for mesh_key in self._mesh_keys or (None,):
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._try(mesh_key)
            except TimeoutError as exc:
                self._failure = str(exc) or f"nothing came of it within {self._timeout_s:g} s"
            except (TailhubError, OSError, ValueError) as exc:  # the last of a name that TLS cannot carry
                self._failure = str(exc) or type(exc).__name__
            if self._failure:
                await self.close()
            if self._failure or self.is_mesh is not False:
                return
            await self.close()

    async def _try(self, mesh_key: MeshKey | None) -> None:
        self._present.clear()
        self.client = client = await connect_to_node(self._node, mesh_key, self._timeout_s * _STEP_SHARE)
        self.server_key = client.server_key
        end, self._told, detail = await wait_admission(client, self._timeout_s * _STEP_SHARE)
        if end in (LoginEnd.BROKEN, LoginEnd.SILENT):
            raise ConnectionClosedError(detail or "no answer to the login")
        if mesh_key is None:
            if end is not LoginEnd.ADMITTED:
                await self.close()
            return
        # A mesh peer is let in without further questions, and may watch.
        self.is_mesh = end is LoginEnd.ADMITTED and await self._may_watch(client)

    async def _may_watch(self, client: DERPClient) -> bool:
        """Ask who is there; a relay closes the connection of one that is none of its mesh peers."""
        self._reading = asyncio.create_task(self._read(client))
        try:
            await client.watch_conns()
            await client.ping(self._timeout_s)
        except ConnectionClosedError:
            return False
        return True

    async def _read(self, client: DERPClient) -> None:
        with contextlib.suppress(ConnectionClosedError):
            while True:
                self._note(await client.recv())

    def _note(self, message: Message) -> None:
        if isinstance(message, PeerPresent):
            self._present[message.key] = message.flags
        elif isinstance(message, PeerGone):
            self._present.pop(message.key, None)
        else:
            return
        self._news.set()

    async def hear_out(self) -> None:
        """Wait until the node has told of all that are there now, but not for ever."""
        if self.client is None or not self.is_mesh:
            return
        try:
            async with asyncio.timeout(self._timeout_s):
                await self.client.ping(self._timeout_s)
                while await self._has_news():
                    pass
        except TimeoutError:
            pass  # so busy that it has to do as it is
        except ConnectionClosedError as exc:  # it ends just now
            self.is_mesh, self._failure = None, str(exc)

    async def _has_news(self) -> bool:
        self._news.clear()
        try:
            async with asyncio.timeout(_QUIET_S):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """End it, if it is there; what came over it stays."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self.client is not None:
            await self.client.close()
        self._reading = self.client = None

    def has_client(self, other: _Login) -> bool:
        """Are we, as we have logged in at the other node, seen at this one?"""
        return other.client is not None and other.client.public_key in self._present

    def has_peer(self, other: _Login) -> bool:
        """Is the other node a mesh peer of this one?"""
        flags = self._present.get(other.server_key)
        # A relay from before there were flags says nothing of what its clients are.
        return flags is not None and (flags == 0 or bool(flags & PresenceFlag.MESH_PEER))

    def seen(self, logins: Sequence[_Login]) -> NodeSeen:
        """What is known of the node now, by itself and by the others."""
        relays = {login.server_key for login in logins if self.has_peer(login)}
        probers = {key for key, flags in self._present.items() if flags & PresenceFlag.PROBER}
        flagged = {key for key, flags in self._present.items() if flags & PresenceFlag.MESH_PEER}
        peers = frozenset(relays | flagged) - probers
        info = self.client.server_info if self.client is not None else None
        return NodeSeen(
            self._node,
            self._failure,
            self.server_key,
            version=info.tailhub if info is not None else "",
            is_mesh=self.is_mesh,
            peers=peers,
            clients=len(self._present.keys() - peers - probers),
            is_admitted=info is not None,
            told=self._told,
            meets=frozenset(self.meets),
        )


# --- with the mesh key ------------------------------------------------------------------------------------------------


async def _watch(logins: Sequence[_Login], settle_s: float) -> Mapping[tuple[int, int], bool]:
    """Who has dialled whom. What is missing may be on its way: it is waited for."""
    deadline = asyncio.get_running_loop().time() + settle_s
    while True:
        await asyncio.gather(*(login.hear_out() for login in logins))
        there = [number for number, login in enumerate(logins) if login.is_mesh]
        ways = {(i, j): logins[j].has_peer(logins[i]) for i, j in _apart(logins, there)}
        if all(ways.values()) or asyncio.get_running_loop().time() >= deadline:
            break
    for i, j in _alike(logins, there):
        if logins[j].has_client(logins[i]):
            logins[j].meets.add(i)
    return ways


# --- without it -------------------------------------------------------------------------------------------------------


async def _send_each(logins: Sequence[_Login], settle_s: float) -> Mapping[tuple[int, int], bool]:
    """Send packets on each way; on those that they do not come through, again: relays may just hear of us."""
    deadline = asyncio.get_running_loop().time() + settle_s
    there = [number for number, login in enumerate(logins) if login.client is not None]
    ways = dict.fromkeys([*_apart(logins, there), *_alike(logins, there)], False)
    while True:
        for turn in range(1, len(logins)):
            # In each turn every client sends to another one, and is sent to by another one.
            now = [(i, j) for (i, j), comes in ways.items() if not comes and (j - i) % len(logins) == turn]
            came = await asyncio.gather(*(_comes_through(logins[i], logins[j]) for i, j in now))
            ways.update(zip(now, came, strict=True))
        if all(ways.values()) or asyncio.get_running_loop().time() >= deadline:
            break
        await asyncio.sleep(_AGAIN_S)
    for i, j in _alike(logins, there):
        if ways.pop((i, j)):
            logins[j].meets.add(i)
    return ways


async def _comes_through(sender: _Login, receiver: _Login) -> bool:
    if sender.client is None or receiver.client is None:
        return False
    flight = await fly(sender.client, receiver.client, _FLIGHT, _PATIENCE_S)
    return flight.came > 0


def _apart(logins: Sequence[_Login], there: Sequence[int]) -> list[tuple[int, int]]:
    """All ways between these nodes that can be told apart."""
    return [(i, j) for i, j in permutations(there, 2) if logins[i].server_key != logins[j].server_key]


def _alike(logins: Sequence[_Login], there: Sequence[int]) -> list[tuple[int, int]]:
    """Those between nodes with one server key."""
    return [(i, j) for i, j in permutations(there, 2) if logins[i].server_key == logins[j].server_key]
