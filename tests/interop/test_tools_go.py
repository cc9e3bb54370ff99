"""Small programs of the original: ``derpprobe``, which watches Tailscale's own relays, and ``stunc``."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
from pathlib import Path

import pytest

from support import require
from support.relay_process import RelayProcess

pytestmark = pytest.mark.go

PROBE_LIMIT_S = 120.0
STUN_LIMIT_S = 20.0


def test_derpprobe(tmp_path: Path) -> None:
    """Every probe of derpprobe succeeds: the map, TLS, STUN, a packet from client to client, and bandwidth."""
    derpprobe = require.go_program("derpprobe")
    mesh_key_file = tmp_path / "mesh.key"
    mesh_key_file.write_text(secrets.token_hex(32) + "\n")
    mesh_key_file.chmod(0o600)
    # A name and a CA file: derpprobe fails where it dials an address (it wants the name back from TLS), and its TLS
    # probe knows no pin.
    options = ("--hostname", "localhost", "--address", "127.0.0.1", "--mesh-key-file", str(mesh_key_file))
    with RelayProcess(*options) as relay:
        done = subprocess.run(
            (
                *(derpprobe, "-once", "-spread=false", "-derp-map", f"{relay.map_url}?view=public"),
                *("-bw-interval", "1s", "-mesh-psk-file", str(mesh_key_file)),
            ),
            capture_output=True,
            text=True,
            env=os.environ | {"SSL_CERT_FILE": str(relay.state_dir / "pinned.crt"), "HOME": str(tmp_path)},
            timeout=PROBE_LIMIT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr + relay.log()
    good = {name.rpartition("/")[2] for name in re.findall(r" good: (\S+): ", done.stderr)}
    assert good == {"derpmap-probe", "tls", "udp", "mesh", "bw"}, done.stderr


def test_stunc() -> None:
    """The relay tells stunc its address."""
    stunc = require.go_program("stunc")
    with RelayProcess() as relay:
        done = subprocess.run(
            (stunc, "127.0.0.1", str(relay.stun_port)),
            capture_output=True,
            text=True,
            timeout=STUN_LIMIT_S,
            check=False,
        )
        assert relay.metric("tailhub_stun_families_total") == 1
    assert done.returncode == 0, done.stderr
    assert re.search(r"^stun addr: 127\.0\.0\.1:\d+$", done.stderr, re.MULTILINE), done.stderr
