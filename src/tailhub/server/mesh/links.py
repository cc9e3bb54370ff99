"""All links of this process to the other relays of the region."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence

from tailhub.client.derp_client import DERPClient
from tailhub.derp.handshake import ServerInfo
from tailhub.exceptions import RemoteError
from tailhub.keys import MeshKey
from tailhub.relay.mesh_link import MeshLink
from tailhub.server.context import ServerContext
from tailhub.server.mesh.link_state import LinkPhase, LinkState
from tailhub.server.mesh.peer_spec import PeerSpec

__all__ = ["MeshLinks"]

BACKOFF_MIN_S = 0.25
BACKOFF_MAX_S = 5.0


class MeshLinks:
    """Keeps a link to each of some relays, from `take` until `stop`."""

    def __init__(self, context: ServerContext) -> None:
        self._context = context
        self._links: dict[PeerSpec, _Link] = {}

    @property
    def states(self) -> list[LinkState]:
        """How each link does."""
        return [link.state() for link in self._links.values()]

    def take(self, specs: Sequence[PeerSpec], keys: Sequence[MeshKey]) -> None:
        """Keep links to these from now on, with the first of these keys that they take."""
        for spec in [spec for spec in self._links if spec not in specs]:
            self._links.pop(spec).stop()
        for spec in specs:
            if spec not in self._links:
                self._links[spec] = _Link(self._context, spec, keys[0])

    def stop(self) -> None:
        """End all links."""
        for link in self._links.values():
            link.stop()
        self._links.clear()


class _Link:
    def __init__(self, context: ServerContext, spec: PeerSpec, key: MeshKey) -> None:
        self._context, self._spec, self._key = context, spec, key
        self._state = LinkState(spec.text, since=time.time())
        self._link: MeshLink | None = None
        self._client: DERPClient | None = None
        self._task = context.loop.create_task(self._run(), name=f"mesh {spec.text}")

    def state(self) -> LinkState:
        if self._link is not None:
            self._state.keys = self._link.keys
            self._state.peers = sorted(self._link.peers)
            self._state.forwarded_packets = self._link.forwarded_packets
            self._state.forwarded_bytes = self._link.forwarded_bytes
        return self._state

    def stop(self) -> None:
        self._task.cancel()

    def wake(self) -> None:
        self._context.turn.add(self)

    def close(self, reason: str) -> None:
        self._task.cancel()

    abort = close

    def flush(self, now: float) -> None:
        if self._link is not None and self._client is not None:
            self._link.dirty = False
            while data := self._link.queue.take(now, 1 << 16):
                self._client._writer.write(data)

    async def _run(self) -> None:
        while True:
            try:
                await self._once()
            except (OSError, RemoteError) as exc:
                self._enter(LinkPhase.WAITING, str(exc))
            if self._state.phase is LinkPhase.SELF:
                return
            await asyncio.sleep(random.uniform(BACKOFF_MIN_S, BACKOFF_MAX_S))
            self._enter(LinkPhase.CONNECTING)

    async def _once(self) -> None:
        spec, context = self._spec, self._context
        client = await DERPClient.connect(
            spec.dial_host or spec.host,
            spec.port,
            private_key=context.private_key,
            server_name=spec.host,
            cert_name=spec.cert_name or None,
            tls=spec.tls,
            mesh_key=self._key,
        )
        async with client:
            self._state.server_key = client.server_key
            if client.server_key == context.public_key:
                self._enter(LinkPhase.SELF)
                return
            await client.watch_conns()
            self._client, self._link = client, MeshLink(context.relay, self, client.server_key)
            self._state.connects += 1
            self._enter(LinkPhase.UP)
            try:
                while True:
                    message = await client.recv()
                    if not isinstance(message, ServerInfo):
                        self._link.receive(message, context.loop.time())
            finally:
                self._link.broken()
                self._client = self._link = None

    def _enter(self, phase: LinkPhase, reason: str = "") -> None:
        self._state.phase, self._state.reason, self._state.since = phase, reason, time.time()
