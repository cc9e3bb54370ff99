"""A small tailnet around the relay: headscale and real ``tailscaled`` in network namespaces, if that rig is at hand.

The rig is a program of its own, beside this project and not in it; ``TAILHUB_RIG`` names it when it is elsewhere. It
makes the network, runs the relay in it, loses no packet to the outside, and takes everything away again.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support import require

pytestmark = pytest.mark.go

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "rig" / "tailnet.py"
RELAY = (
    f"{sys.executable} -m tailhub relay --listen {{IP}}:{{PORT}} --stun-listen {{IP}}:{{STUN}} --admin-listen off "
    "--cert {CERT} --key {KEY} --hostname {HOST} --state-dir {DIR}/state"
)
LIMIT_S = 300.0


def find_rig() -> Path:
    named = os.environ.get("TAILHUB_RIG")
    rig = Path(named) if named else BESIDE
    if not rig.is_file():
        pytest.skip(f"TAILHUB_RIG={named} is no file" if named else "the rig is not beside this project")
    return rig


def gather_programs(directory: Path) -> Path:
    """One directory with all programs that the rig starts."""
    for name in ("headscale", "tailscaled", "tailscale"):
        (directory / name).symlink_to(require.go_program(name))
    return directory


@pytest.mark.parametrize(
    ("variant", "workers", "options"),
    [
        pytest.param("B", 1, ("--quick",), id="only-the-relay-quick"),
        pytest.param("B", 1, (), id="only-the-relay"),
        pytest.param("B", 3, ("--nodes", "3"), id="only-the-relay-three-workers-three-nodes"),
        pytest.param("A", 1, ("--quick",), id="one-segment-quick"),
        pytest.param("D", 1, ("--quick",), id="hard-nats-quick"),
    ],
)
def test_tailnet(variant: str, workers: int, options: tuple[str, ...], tmp_path: Path) -> None:
    """Real nodes come up, ping, move data, and survive restarts of the relay and of a node."""
    rig = find_rig()
    require.root("the rig")
    require.openssl()
    if variant in "CD" and shutil.which("nft") is None:
        require.missing("netns", "nft (Debian: nftables) is not in PATH, which the rig's NATs are made with")
    programs = tmp_path / "bin"
    programs.mkdir()
    report = tmp_path / "report.json"
    command = (sys.executable, rig, "--bin", gather_programs(programs), "--relay")
    command = (*command, f"{RELAY} --workers {workers}", "--variant", variant)
    done = subprocess.run(
        (*command, *options, "--json", report), capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads(report.read_text())
    assert summary["failed"] == []
    passed = {check["check"] for check in summary["checks"]}
    assert passed >= {"nodes_up", "ping_derp", "bulk_1to2", "relay_restart", "relay_kill9", "node_restart"}
