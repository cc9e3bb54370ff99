"""A relay that brings its region into Headscale's file by itself, and what a real Headscale makes of it."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from support import require
from support.headscale import Headscale, running_headscale
from support.ports import free_ports
from support.quick_relay import PROGRAM
from support.relay_process import RelayProcess, until

pytestmark = pytest.mark.go


OLD, NEW = "192.0.2.1", "192.0.2.2"


def configure(config: Path, map_file: Path, address: str) -> None:
    config.write_text(f'address = "{address}"\npush_map_to = "{map_file}"\n')


def host_in(headscale: Headscale) -> str:
    regions: dict[str, Any] = headscale.regions() or {}
    return "".join(node["hostname"] for region in regions.values() for node in region["nodes"])


@pytest.mark.parametrize("looks_every_s", [1, 0], ids=["auto-update", "no-auto-update"])
def test_headscale_follows(looks_every_s: int, tmp_path: Path) -> None:
    """With auto_update_enabled Headscale takes what a relay has pushed; without, SIGHUP does not have it do so."""
    require.go_program("headscale")
    config, map_file = tmp_path / "tailhub.toml", tmp_path / "derp.yaml"
    configure(config, map_file, OLD)
    with RelayProcess("--config", str(config), program=PROGRAM) as relay:
        until(map_file.exists, "the relay has pushed its map", relay.log)
        with running_headscale(tmp_path, free_ports(), [], [str(map_file)], looks_every_s) as headscale:
            until(headscale.regions, "headscale shows its DERP map", headscale.log)
            assert host_in(headscale) == OLD
            map_file.write_text("# by hand\n" + map_file.read_text())
            configure(config, map_file, NEW)
            relay.send_signal(signal.SIGHUP)
            until(lambda: NEW in map_file.read_text(), "the relay has pushed its new address", relay.log)
            assert map_file.read_text().startswith("# by hand\n")
            if looks_every_s:
                until(lambda: host_in(headscale) == NEW, "headscale has looked again", headscale.log)
                return
            os.kill(headscale.pid, signal.SIGHUP)
            until(lambda: "Received SIGHUP" in headscale.log(), "headscale has got the signal", headscale.log)
            assert host_in(headscale) == OLD
