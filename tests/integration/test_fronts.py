"""Each file in ``deploy/`` for a proxy or web server does what it says, with a real client through it.

The relay takes the settings that stand in the file's own comment, and the clients take the map that this relay prints.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import require
from support.fronts import DEPLOY, FrontWorld, wait_for_line
from support.relay_process import RelayProcess, until
from support.tailcat import Tailcat
from tailhub.admin.token_file import TOKEN_FILE

PIPE_BYTES = 1_000_000
VIA_RELAY = "DERP(my-relay)"
VISIT = """
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
with socket.create_connection((sys.argv[1], 443)) as plain:
    with context.wrap_socket(plain, server_hostname="www.example.com") as visit:
        visit.sendall(b"GET / HTTP/1.0\\r\\nHost: www.example.com\\r\\n\\r\\n")
        page = b"".join(iter(lambda: visit.recv(65536), b""))
print(page.partition(b"\\r\\n\\r\\n")[2].decode(), end="")
"""

ASK = """
import http.client, json, ssl, sys
address, ca, token = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
known = {"Authorization": "Bearer " + token}
statuses = []
for method, path, headers in (
    ("GET", "overview", {}),
    ("GET", "overview", known),
    ("DELETE", "drain", known | {"Origin": "https://derp.example.com:9443"}),
    ("DELETE", "drain", known | {"Origin": "https://www.example.com"}),
):
    connection = http.client.HTTPSConnection("derp.example.com", 9443, context=context)
    connection._create_connection = lambda _, *rest: __import__("socket").create_connection((address, 9443), *rest)
    connection.request(method, "/api/v1/" + path, headers=headers)
    statuses.append(connection.getresponse().status)
    connection.close()
print(json.dumps(statuses))
"""


@pytest.fixture(params=[(4, 4), (6, 4), (6, 6)], ids=["ipv4", "ipv6-clients", "ipv6"])
def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FrontWorld]:
    require.tailcat()
    with require.network_namespace() as namespace:
        front = FrontWorld(namespace, tmp_path, *request.param)
        monkeypatch.setenv("SSL_CERT_FILE", str(front.ca))
        yield front


def relay_for(world: FrontWorld, name: str, *more: str) -> RelayProcess:
    """The relay that a file of ``deploy/`` wants beside it, reached by others at the front's address."""
    options = ("--config", str(world.relay_file(name)), "--no-discover", "--address", world.address, *more)
    return RelayProcess(*options, defaults=(), prefix=world.prefix)


def carries_clients(world: FrontWorld, relay: RelayProcess) -> None:
    """Two tailcats ping and pipe through the front, by the relay's map for others; the relay knows where they are."""
    derp_map = json.loads(relay.get("/derpmap.json?view=public"))
    ((node,),) = [region["Nodes"] for region in derp_map["Regions"].values()]
    assert (node["HostName"], node.get("DERPPort", 443)) == ("derp.example.com", 443)
    assert world.address in (node.get("IPv4"), node.get("IPv6"))
    directory = world.directory / "tailcat"
    directory.mkdir()
    sent = directory / "sent"
    sent.write_bytes(random.Random(1).randbytes(PIPE_BYTES))
    tailcat = Tailcat(require.tailcat(), f"{relay.map_url}?view=public", directory, world.prefix)
    with tailcat.listen() as listener:
        assert tailcat.first_pong(listener.address) == VIA_RELAY
        tailcat.send(listener.address, sent)
        until(lambda: listener.received.stat().st_size >= PIPE_BYTES, "all has arrived", relay.log)
        assert listener.received.read_bytes() == sent.read_bytes()
    logins = [line for line in relay.log().splitlines() if "login   client" in line]
    assert len(logins) >= 3, relay.log()
    host = f"[{world.address}]" if ":" in world.address else world.address
    assert all(f" from {host}:" in line for line in logins), logins
    assert "not logged in" not in relay.log()


@pytest.mark.parametrize("name", ["upgrade", "passthrough"])
def test_nginx(world: FrontWorld, name: str) -> None:
    """Nginx in front, ending TLS or passing it on by name."""
    program = require.nginx()
    file = f"nginx/{name}.conf"
    command = world.nginx(program, world.shipped(file), stream=name == "passthrough")
    with relay_for(world, file) as relay, world.running(command):
        carries_clients(world, relay)


def test_nginx_by_a_unix_socket(world: FrontWorld) -> None:
    """Nginx in front reaches the relay by its unix socket, as the file's comment says, and needs no trust for that."""
    program = require.nginx()
    file = "nginx/upgrade.conf"
    written, meant = "unix:/run/tailhub/relay.sock", f"unix:{world.directory}/relay.sock"
    assert written in (DEPLOY / file).read_text(encoding="utf-8")
    command = world.nginx(program, world.shipped(file, {"http://127.0.0.1:8080": f"http://{meant}", written: meant}))
    settings = world.relay_file(file)
    lines = settings.read_text().splitlines()
    kept = [line for line in lines if not line.startswith(("listen", "trusted_proxies"))]
    settings.write_text("\n".join([f'listen = "{meant}"', *kept]) + "\n")
    options = ("--config", str(settings), "--no-discover", "--address", world.address)
    with RelayProcess(*options, defaults=(), prefix=world.prefix) as relay, world.running(command):
        carries_clients(world, relay)


@pytest.mark.parametrize("name", ["upgrade", "passthrough"])
def test_haproxy(world: FrontWorld, name: str) -> None:
    """HAProxy in front, ending TLS or passing it on by name."""
    program = require.haproxy()
    file = f"haproxy/{name}.cfg"
    with relay_for(world, file) as relay, world.running([program, "-db", "-f", str(world.shipped(file))]):
        carries_clients(world, relay)


def test_haproxy_before_several_workers(world: FrontWorld) -> None:
    """Each worker of a relay believes the proxy."""
    program = require.haproxy()
    file = "haproxy/passthrough.cfg"
    command = [program, "-db", "-f", str(world.shipped(file))]
    with relay_for(world, file, "--workers", "2") as relay, world.running(command):
        carries_clients(world, relay)


def test_caddy(world: FrontWorld) -> None:
    """Caddy in front, ending TLS."""
    program = require.caddy()
    file = "caddy/Caddyfile"
    command = [program, "run", "--adapter", "caddyfile", "--config", str(world.shipped(file))]
    with relay_for(world, file) as relay, world.running(command):
        carries_clients(world, relay)


@pytest.mark.parametrize("name", ["upgrade", "passthrough"])
def test_traefik(world: FrontWorld, name: str) -> None:
    """Traefik in front, ending TLS or passing it on by name."""
    program = require.traefik()
    file = f"traefik/{name}.yml"
    dynamic = world.shipped(file)
    static = world.shipped("traefik/traefik.yml", {"/etc/traefik/tailhub.yml": str(dynamic)})
    with relay_for(world, file) as relay, world.running([program, f"--configfile={static}"]):
        carries_clients(world, relay)


def test_nginx_behind_the_relay(world: FrontWorld) -> None:
    """The relay has port 443, and a visitor of another name reaches nginx, which sees the visitor's address."""
    program = require.nginx()
    pages, log = world.directory / "html", world.directory / "access.log"
    pages.mkdir()
    (pages / "index.html").write_text("the web server's page")
    file = "nginx/behind.conf"
    site = world.shipped(file, {"/var/www/html": str(pages), "/var/log/nginx/www.example.com.log": str(log)})
    with relay_for(world, file) as relay, world.running(world.nginx(program, site), 4443):
        carries_clients(world, relay)
        assert world.run(sys.executable, "-c", VISIT, world.address, str(world.ca)) == "the web server's page"
        assert wait_for_line(log, "GET / ").startswith(f"{world.address} ")
        assert relay.metrics()['tailhub_passthrough_total{result="passed on"}'] == 1


def test_the_dashboard_behind_nginx(tmp_path: Path) -> None:
    """Nginx has the operator's pages under the relay's name, for whoever has the token, and for its own pages only."""
    program, file = require.nginx(), "nginx/dashboard.conf"
    with require.network_namespace() as namespace:
        world = FrontWorld(namespace, tmp_path)
        settings = ("--config", str(world.relay_file(file)), "--no-discover", "--address", world.address)
        with (
            RelayProcess(*settings, defaults=(), prefix=world.prefix) as relay,
            world.running(world.nginx(program, world.shipped(file)), 9443),
        ):
            token = (relay.state_dir / TOKEN_FILE).read_text().strip()
            said = world.run(sys.executable, "-c", ASK, world.address, str(world.ca), token)
    assert json.loads(said) == [401, 200, 200, 403]
