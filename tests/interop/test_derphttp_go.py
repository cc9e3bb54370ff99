"""Tailscale's own DERP client, tailscale.com/derp/derphttp, in a small Go program of ours: see ``goclient/main.go``."""

from __future__ import annotations

import os
import secrets
import subprocess
from pathlib import Path

import pytest

from support import require
from support.relay_process import RelayProcess

pytestmark = pytest.mark.go

SOURCE = Path(__file__).parent / "goclient"
WEBSOCKETS = ("-tags", "ts_debug_websockets")
BUILD_LIMIT_S = 600.0
RUN_LIMIT_S = 120.0
PACKETS = 1000  # each way

COMMON = (
    *("login", "home", "1000 packets each way, 0 to 65536 bytes", "packet to oneself", "ping"),
    *("peer gone: disconnected", "peer gone: not here", "duplicate key"),
    *("mesh commands refused without the mesh key", "mesh: forwarded packet", "mesh: close peer"),
)
TLS_ONLY = ("login over TLS 1.2, without fast start", "wrong pin refused", "mesh: presence")


@pytest.fixture(scope="module")
def goclient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, built outside the source tree."""
    go = require.go()
    environment = os.environ | {"GOFLAGS": "-mod=readonly", "GOWORK": "off"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (go, *arguments),
            cwd=SOURCE,
            env=environment,
            capture_output=True,
            text=True,
            timeout=BUILD_LIMIT_S,
            check=False,
        )

    listed = run("list", *WEBSOCKETS, "-deps", ".")
    if listed.returncode:
        require.missing("go", f"Go or the modules of goclient cannot be had: {listed.stderr.strip()[-300:]}")
    program = tmp_path_factory.mktemp("goclient") / "goclient"
    built = run("build", *WEBSOCKETS, "-o", str(program), ".")
    assert built.returncode == 0, built.stderr
    return program


@pytest.mark.parametrize("websocket", [False, True], ids=["DERP", "WebSocket"])
def test_derphttp(goclient: Path, websocket: bool, tmp_path: Path) -> None:
    """Tailscale's client logs in by pin, and all that it can do works through the relay."""
    mesh_key = secrets.token_hex(32)
    mesh_key_file = tmp_path / "mesh.key"
    mesh_key_file.write_text(mesh_key + "\n")
    mesh_key_file.chmod(0o600)
    # A name, because inside WebSocket the client knows no pin and goes by the name and the system's CAs.
    options = ("--hostname", "localhost", "--address", "127.0.0.1", "--mesh-key-file", str(mesh_key_file))
    with RelayProcess(*options) as relay:
        environment = dict(os.environ)
        if websocket:
            environment |= {"TS_DEBUG_DERP_WS_CLIENT": "1", "SSL_CERT_FILE": str(relay.state_dir / "pinned.crt")}
        done = subprocess.run(
            (goclient, "-map", f"{relay.map_url}?view=public", "-mesh-key", mesh_key),
            capture_output=True,
            text=True,
            env=environment,
            timeout=RUN_LIMIT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr + relay.log()
        passed = {line.removeprefix("PASS ") for line in done.stdout.splitlines()}
        assert passed == {*COMMON, *(() if websocket else TLS_ONLY)}
        assert relay.metric("tailhub_packets_sent_total") >= 2 * PACKETS
        logins = relay.metric("tailhub_logins_total")
        assert relay.metric("tailhub_websocket_logins_total") == (logins if websocket else 0)
        assert logins > 0
