"""Headscale reads our map, as YAML from a file (``derp.paths``) and as JSON from a URL (``derp.urls``)."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from support import require
from support.relay_process import RelayProcess, until

pytestmark = pytest.mark.go

HOST = "127.0.0.1"
LIMIT_S = 20.0
CONFIG = """
server_url: http://{listen}
listen_addr: {listen}
metrics_listen_addr: {metrics}
grpc_listen_addr: {grpc}
noise: {{private_key_path: {directory}/noise.key}}
prefixes: {{v4: 100.64.0.0/10, v6: "fd7a:115c:a1e0::/48"}}
database: {{type: sqlite, sqlite: {{path: {directory}/db.sqlite}}}}
derp: {{server: {{enabled: false}}, urls: {urls}, paths: {paths}, auto_update_enabled: false}}
dns: {{magic_dns: false, base_domain: tailnet.example, override_local_dns: false}}
disable_check_updates: true
unix_socket: {directory}/headscale.sock
"""


def free_addresses(count: int) -> list[str]:
    with contextlib.ExitStack() as probes:
        sockets = [probes.enter_context(socket.create_server((HOST, 0))) for _ in range(count)]
        return [f"{HOST}:{probe.getsockname()[1]}" for probe in sockets]


def regions_in_headscale(directory: Path, urls: list[str], paths: list[str]) -> dict[str, Any]:
    """What headscale has made of the maps, as its debug page shows it."""
    program = require.go_program("headscale")
    listen, metrics, grpc = free_addresses(3)
    config, log = directory / "headscale.yaml", directory / "headscale.log"
    config.write_text(
        CONFIG.format(
            listen=listen,
            metrics=metrics,
            grpc=grpc,
            directory=directory,
            urls=json.dumps(urls),
            paths=json.dumps(paths),
        )
    )
    page = urllib.request.Request(f"http://{metrics}/debug/derp", headers={"Accept": "application/json"})

    def ask() -> dict[str, Any] | None:
        try:
            with urllib.request.urlopen(page, timeout=LIMIT_S) as answer:
                regions = json.load(answer)["regions"]
        except OSError:
            return None
        assert isinstance(regions, dict)
        return regions

    with log.open("wb") as output:
        process = subprocess.Popen(
            (program, "--config", config, "serve"),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=os.environ | {"HOME": str(directory)},
        )
    try:
        return until(ask, "headscale shows its DERP map", log.read_text)
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize("form", ["yaml", "url"])
def test_headscale(form: str, tmp_path: Path) -> None:
    """Headscale has the region with our address and ports, from ``tailhub derpmap --yaml`` and from our JSON."""
    require.go_program("headscale")
    with RelayProcess("--address", "127.0.0.1") as relay:
        if form == "yaml":
            yaml = tmp_path / "derp.yaml"
            command = (sys.executable, "-m", "tailhub", "derpmap", "--yaml", "--state-dir", str(relay.state_dir))
            with yaml.open("wb") as output:
                subprocess.run(command, stdout=output, timeout=LIMIT_S, check=True)
            regions = regions_in_headscale(tmp_path, [], [str(yaml)])
        else:
            regions = regions_in_headscale(tmp_path, [f"{relay.map_url}?view=public"], [])
        node = relay.node()
        ((name, region),) = regions.items()
        assert name == str(region["region_id"]) == str(node["RegionID"])
        assert region["nodes"] == [
            {"name": node["Name"], "hostname": HOST, "derp_port": relay.port, "stun_port": relay.stun_port}
        ]
