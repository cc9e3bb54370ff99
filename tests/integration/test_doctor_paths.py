"""Faults 9, 19 and 22 of the diagnosis with real proxies and real paths: what stands between clients and a relay.

| fault | how it is produced here | code |
| --- | --- | --- |
| 9 large packets vanish | routers with a small MTU between them, and no ICMP; one that drops by size | TH402 |
| 19 a proxy cuts idle connections | nginx (proxy_read_timeout) and HAProxy (timeout tunnel); Caddy does not | TH404 |
| 19 a proxy buffers | none of the three does after an upgrade: what does stands in, in `test_doctor_relaying` | |
| 22 the path loses | a router that drops every tenth packet, in one direction at a time | TH405 |
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import require
from support.netns import NetworkNamespace
from support.ports import free_ports
from support.relay_process import RelayProcess
from support.relaying import check
from support.server_process import ServerProcess
from support.wire import relay, run
from tailhub.tools.report import Outcome

TIMEOUT_S = 0.6  # for an answer that does not come

# --- idle connections: real proxies before a relay without TLS --------------------------------------------------------

_NGINX = """
daemon off; master_process off; pid {directory}/nginx.pid; error_log stderr; events {{}}
http {{
  access_log off;
  client_body_temp_path {directory}/a; proxy_temp_path {directory}/b; fastcgi_temp_path {directory}/c;
  uwsgi_temp_path {directory}/d; scgi_temp_path {directory}/e;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{behind}; proxy_http_version 1.1; proxy_read_timeout 1s;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";
    }}
  }}
}}
"""
_HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
    timeout tunnel 1s
frontend front
    bind 127.0.0.1:{port}
    default_backend relay
backend relay
    server relay 127.0.0.1:{behind}
"""
_CADDY = """
{{
	admin off
	auto_https off
}}
http://127.0.0.1:{port} {{
	reverse_proxy 127.0.0.1:{behind}
}}
"""


@contextlib.contextmanager
def front(name: str, behind: int, directory: Path) -> Iterator[int]:
    """A real proxy that cuts idle connections after a second, where it has such a limit; gives its port."""
    texts = {"nginx": _NGINX, "haproxy": _HAPROXY, "caddy": _CADDY}
    port, file = free_ports(), directory / "front"
    file.write_text(texts[name].format(directory=directory, port=port, behind=behind))
    commands = {
        "nginx": lambda: [require.nginx(), "-e", "stderr", "-c", str(file)],
        "haproxy": lambda: [require.haproxy(), "-db", "-f", str(file)],
        "caddy": lambda: [require.caddy(), "run", "--adapter", "caddyfile", "--config", str(file)],
    }
    process = ServerProcess(commands[name](), directory / "log", environ={"HOME": str(directory), "PATH": "/usr/bin"})
    try:
        process.wait_until(lambda: _listens(port), f"{name} listens")
        yield port
    finally:
        process.stop()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@pytest.mark.parametrize("name", ["nginx", "haproxy", "caddy"])
def test_a_connection_without_traffic(name: str, tmp_path: Path) -> None:
    """A proxy's limit for idle connections is found by waiting; what it passes on does not look collected."""

    async def scenario() -> None:
        async with relay(tls=False) as server:
            with front(name, server.listeners.public.port, tmp_path) as port:
                said = await check(port, tls=False, watch_s=0.3 if name == "caddy" else 10.0)
        if name == "caddy":  # it has no such limit
            assert said.codes == []
            assert said.steps["idle"].outcome is Outcome.OK
        else:
            assert said.codes == ["TH404"]
            assert said.steps["idle"].outcome is Outcome.WARNING

    run(scenario)


# --- a path with two routers: network namespaces ----------------------------------------------------------------------

_CHECK = """
import asyncio, json, sys
from support.relaying import check
said = asyncio.run(check(8443, "10.3.0.2", packets=30, timeout_s=float(sys.argv[1])))
values = said.findings["TH405"].values if "TH405" in said.findings else {}
told = [name for name in ("lost", "resent", "stalls") if values.get(name)]
print(json.dumps([*said.codes, said.seen.packets.stalled.name, *told]))
"""


class Path3:
    """Client, router, router, relay; in between a small MTU, if asked for, and rules of nftables."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        client, near, far, server = (stack.enter_context(require.network_namespace()) for _ in range(4))
        self._client, self._near, self._far, self.server = client, near, far, server
        client.cable("e0", near, "c0")
        near.cable("m0", far, "m0")
        far.cable("s0", server, "e0")
        for place, address, interface in (
            (client, "10.1.0.2/24", "e0"),
            (near, "10.1.0.1/24", "c0"),
            (near, "10.2.0.1/24", "m0"),
            (far, "10.2.0.2/24", "m0"),
            (far, "10.3.0.1/24", "s0"),
            (server, "10.3.0.2/24", "e0"),
        ):
            place.ip("address", "add", address, "dev", interface)
        for place, network, router in (
            (client, "default", "10.1.0.1"),
            (near, "10.3.0.0/24", "10.2.0.2"),
            (far, "10.1.0.0/24", "10.2.0.1"),
            (server, "default", "10.3.0.1"),
        ):
            place.ip("route", "add", network, "via", router)
        for router in (near, far):
            _in(router, "sysctl", "-qw", "net.ipv4.ip_forward=1")

    def check(self, hook: str, rule: str, mtu: int, timeout_s: float) -> list[str]:
        """What is found when the client's router drops by this rule and has this MTU behind it.

        Codes, the way on which packets stop, and what is told of a loss.
        """
        for router in (self._near, self._far):
            router.ip("link", "set", "m0", "mtu", str(mtu))
        chain = f"add table inet t; add chain inet t c {{ type filter hook {hook} priority 0; }}"
        _in(self._near, "nft", f"flush ruleset; {chain}; add rule inet t c {rule} drop")
        found = json.loads(_in(self._client, sys.executable, "-c", _CHECK, str(timeout_s)))
        assert isinstance(found, list)
        return found


def _in(namespace: NetworkNamespace, *command: str) -> str:
    paths = {"PYTHONPATH": ":".join(path for path in sys.path if path), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    done = subprocess.run(
        (*namespace.prefix, *command), capture_output=True, text=True, timeout=60, check=False, env=paths
    )
    assert done.returncode == 0, done
    return done.stdout


_EVERY_TENTH = "meta length > 100 numgen inc mod 10 0"


def test_what_a_path_does_to_packets() -> None:
    """Where TCP's segments are lost is told by direction, whether all large ones are or some of all.

    With a small MTU and no ICMP login works, and 1,400 bytes vanish: the client never learns to send less at once.
    """
    if shutil.which("nft", path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
        require.missing("netns", "nft (Debian: nftables) is not here")
    options = ("--no-discover", "--listen", "10.3.0.2:8443", "--stun-listen", "off", "--admin-listen", "off")
    with contextlib.ExitStack() as stack:
        path = Path3(stack)
        stack.enter_context(RelayProcess(*options, defaults=(), prefix=path.server.prefix))
        found = {
            "small MTU": path.check("output", "icmp type destination-unreachable", 1400, TIMEOUT_S),
            "large ones back": path.check("forward", "ip saddr 10.3.0.2 meta length > 1440", 1500, TIMEOUT_S),
            "some there": path.check("forward", f"ip saddr 10.1.0.2 {_EVERY_TENTH}", 1500, 5.0),
            "some back": path.check("forward", f"ip saddr 10.3.0.2 {_EVERY_TENTH}", 1500, 5.0),
        }
    assert found == {
        "small MTU": ["TH402", "TOWARDS"],
        "large ones back": ["TH402", "FROM"],
        "some there": ["TH405", "UNKNOWN", "resent"],
        "some back": ["TH405", "UNKNOWN", "stalls"],
    }
