"""A relay in this process whose configuration a test changes while it runs."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tailhub.findings import Finding
from tailhub.server.app import RelayServer
from tailhub.server.config import RelayConfig, config_findings
from tailhub.server.reload import ReloadOutcome

_OFF = {"stun_listen": "off", "http_listen": "off", "admin_listen": "off", "store": "off", "discover": False}


class Reloadable:
    """What the relay would read: `config`. Ports of 0 stay those that the system chose."""

    def __init__(self, **options: Any) -> None:
        self.config = RelayConfig(**{"listen": "127.0.0.1:0", **_OFF, **options})
        self.server = RelayServer(self.config, load=self._load)

    def _load(self) -> tuple[RelayConfig, list[Finding]]:
        return self.config, config_findings(self.config)

    async def change(self, **settings: Any) -> ReloadOutcome:
        """Write these into the configuration, and have the relay reload it."""
        self.config = replace(self.config, **settings)
        return await self.server.reload()


@contextlib.asynccontextmanager
async def reloadable(**options: Any) -> AsyncIterator[Reloadable]:
    """A relay that runs, with a state of its own."""
    with tempfile.TemporaryDirectory() as directory:
        relay = Reloadable(**{"state_dir": Path(directory) / "state", **options})
        await relay.server.start()
        try:
            yield relay
        finally:
            await relay.server.stop()
