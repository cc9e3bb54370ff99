"""The two ends of each way: connections that stay, come back when they end, and are shared by ways that have them in
common. I/O.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tailhub import box
from tailhub.client import Connected, Disconnected, RegionClient
from tailhub.derp.messages import Health, ReceivedPacket
from tailhub.keys import NodePrivate
from tailhub.tailcfg.derpmap import DERPNode

__all__ = ["CONNECTING", "End"]

BACKOFF_MAX_S = 5.0  # an outage is measured as no longer than that too long
CONNECTING = "not connected yet"


class End:
    """One connection to one node. `on_change` is called when it comes or goes, `on_packet` for each packet."""

    def __init__(
        self,
        node: DERPNode,
        key: NodePrivate,
        on_change: Callable[[], None],
        on_packet: Callable[[ReceivedPacket], None],
        *,
        tls: bool = True,
    ) -> None:
        self.public_key = box.public_key(key).raw
        self.is_up = False
        self.reason = CONNECTING
        self.notice = ""
        self._on_change, self._on_packet = on_change, on_packet
        self._client = RegionClient(
            [node], private_key=key, tls=tls, is_prober=True, app_name="tailhub probe", backoff_max_s=BACKOFF_MAX_S
        )

    @property
    def rate_bytes_per_s(self) -> int:
        """What the relay lets this key send, as it says; 0: it does not say."""
        connection = self._client.connection
        info = connection.server_info if connection is not None else None
        return info.rate_bytes_per_s if info is not None else 0

    async def run(self) -> None:
        """Stay connected until `close`."""
        async for message in self._client:
            if isinstance(message, ReceivedPacket):
                self._on_packet(message)
            elif isinstance(message, Connected):
                self.is_up, self.reason = True, ""
                self._on_change()
            elif isinstance(message, Disconnected):
                self.is_up, self.reason, self.notice = False, message.reason, ""
                self._on_change()
            elif isinstance(message, Health):
                self.notice = message.text
                if not self.is_up:  # it holds us, and says why
                    self.reason = message.text or CONNECTING
                self._on_change()

    async def send(self, dst: bytes, packet: bytes) -> bool:
        """Send if there is a connection. Waits while the relay takes nothing."""
        return await self._client.send(dst, packet)

    async def close(self) -> None:
        """End it."""
        await self._client.close()
        await asyncio.sleep(0)
