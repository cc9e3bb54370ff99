"""Headscale reads our map, as YAML from a file (``derp.paths``) and as JSON from a URL (``derp.urls``)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support import require
from support.headscale import running_headscale
from support.ports import free_ports
from support.relay_process import RelayProcess, until

pytestmark = pytest.mark.go

HOST = "127.0.0.1"
LIMIT_S = 20.0


def regions_in_headscale(directory: Path, urls: list[str], paths: list[str]) -> dict[str, Any]:
    """What headscale has made of the maps, as its debug page shows it."""
    with running_headscale(directory, free_ports(), urls, paths) as headscale:
        return until(headscale.regions, "headscale shows its DERP map", headscale.log)


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
