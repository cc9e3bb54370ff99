"""A tailnet with two regions, both relays of ours: one near, and one whose STUN says that it is 40 ms away.

There is no way from node to node but by a relay. Needs root, and programs built with Go.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import yaml

from support import require
from support.relay_process import RelayProcess
from support.tailnet import RELAY_IP, Tailnet

FAR_IP = "198.51.100.2"
NEAR, FAR = 900, 901  # regions
DERP_PORT, STUN_PORT = 8443, 3478
FAR_DELAY_S = 0.04
COMMAND_LIMIT_S = 60.0
# Network devices that delay are not in every kernel. What a client compares is what STUN says.
FAR_STUN = f"""
import asyncio, socket
from tailhub.server.stun import StunServer

async def serve():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("{FAR_IP}", {STUN_PORT}))
    server = StunServer([sock])
    server.late.delay_s = {FAR_DELAY_S}
    server.start()
    await asyncio.Event().wait()

asyncio.run(serve())
"""


class TwoRegions:
    """Use it in a ``with``; then two nodes have joined. `options` are those of the near relay."""

    def __init__(self, directory: Path, *options: str) -> None:
        self._directory = directory
        self._options = options
        self._stack = contextlib.ExitStack()
        self.state_dir = directory / "near-state"

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            home = self._directory / "tailnet"
            home.mkdir()
            self.net = net = stack.enter_context(Tailnet(home))
            far = stack.enter_context(require.network_namespace())
            far.ip("address", "add", f"{FAR_IP}/32", "dev", "lo")
            for number, node in enumerate(net.nodes, 1):
                node.cable("eth1", far, f"node{number}")
                far.ip("address", "add", f"10.78.{number}.1/24", "dev", f"node{number}")
                node.ip("address", "add", f"10.78.{number}.2/24", "dev", "eth1")
                node.ip("route", "add", f"{FAR_IP}/32", "via", f"10.78.{number}.1")
            self.near = stack.enter_context(
                self._relay(RELAY_IP, "--stun-listen", f"{RELAY_IP}:{STUN_PORT}", *self._options, in_=net.relay)
            )
            self.far = stack.enter_context(self._relay(FAR_IP, "--stun-listen", "off", in_=far))
            stun = subprocess.Popen((*far.prefix, sys.executable, "-c", FAR_STUN), stdin=subprocess.DEVNULL)
            stack.callback(stun.wait)
            stack.callback(stun.terminate)
            net.write_map(self._map())
            net.start_headscale(looks_again=False)
            net.join()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def _relay(self, ip: str, *options: str, in_: Any) -> RelayProcess:
        words = ("--no-discover", "--listen", f"{ip}:{DERP_PORT}", "--address", ip, "--admin-listen", "off")
        state = {"state_dir": self.state_dir} if ip == RELAY_IP else {}
        return RelayProcess(*options, defaults=words, prefix=in_.prefix, **state)

    def _map(self) -> str:
        regions = {
            number: {
                "regionid": number,
                "regioncode": code,
                "regionname": code,
                "nodes": [
                    {
                        "name": f"{number}a",
                        "regionid": number,
                        "hostname": ip,
                        "ipv4": ip,
                        "ipv6": "none",
                        "certname": relay.pin,
                        "derpport": DERP_PORT,
                        "stunport": STUN_PORT,
                    }
                ],
            }
            for number, code, ip, relay in ((NEAR, "near", RELAY_IP, self.near), (FAR, "far", FAR_IP, self.far))
        }
        return yaml.safe_dump({"regions": regions})

    # --- what can be seen ---------------------------------------------------------------------------------------------

    @property
    def homes(self) -> list[int]:
        """The nodes' home regions, as they themselves have it; 0 while there is none."""
        found = []
        for number in range(len(self.net.nodes)):
            status = json.loads(self.net.tailscale(number, "status", "--json"))
            found.append({"near": NEAR, "far": FAR}.get(status["Self"]["Relay"], 0))
        return found

    def key(self, number: int) -> str:
        """A node's public key, ``nodekey:…``."""
        return str(json.loads(self.net.tailscale(number, "status", "--json"))["Self"]["PublicKey"])

    def health(self, number: int) -> list[str]:
        """What a node complains about."""
        return list(json.loads(self.net.tailscale(number, "status", "--json"))["Health"] or [])

    def tailhub(self, *words: str, limit_s: float = COMMAND_LIMIT_S) -> str:
        """Run a command for the near relay; what it prints."""
        command = (sys.executable, "-m", "tailhub", *words, "--state-dir", str(self.state_dir), "--lang", "en")
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit_s)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{self.log()}"
        return done.stdout

    def log(self) -> str:
        """The last that all programs have said."""
        return f"near relay:\n{self.near.log()[-3000:]}\n{self.net.log()}"
