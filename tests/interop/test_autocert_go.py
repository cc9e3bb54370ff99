"""derper with ``-certmode letsencrypt``, which has its own certificate from an ACME server, and tailhub in its place.

derper knows one server, Let's Encrypt's. In a network namespace that name leads to pebble, by way of an nginx that has
its directory where Let's Encrypt has it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import require
from support.certificates import make_certificate
from support.fronts import FrontWorld
from support.relay_process import RelayProcess, until

pytestmark = pytest.mark.go

SERVER = "acme-v02.api.letsencrypt.org"
NAME = "derp.example.com"
# The port of HTTPS, once the certificate is there; in Go's derper the first handshake gets it.
LOOK = f"""
import socket, ssl, time
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
limit = time.monotonic() + 20
while (probe := socket.socket()).connect_ex(("127.0.0.1", 443)):
    assert time.monotonic() < limit
    time.sleep(0.02)
with probe as plain:
    with context.wrap_socket(plain, server_hostname="{NAME}") as tls:
        print(tls.getpeercert(binary_form=True).hex())
"""
FRONT = """
server {{
    listen 127.0.0.2:443 ssl;
    ssl_certificate {home}/server.pem;
    ssl_certificate_key {home}/server.key;
    proxy_set_header Host $host;
    location / {{ proxy_pass https://127.0.0.1:14000; }}
    # As Let's Encrypt's does, the answer says where the order is: Go relies on it.
    location ~ ^/finalize-order/(.*) {{
        proxy_pass https://127.0.0.1:14000;
        add_header Location https://$host/my-order/$1;
    }}
    location = /directory {{ proxy_pass https://127.0.0.1:14000/dir; }}
}}
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[FrontWorld]:
    """A namespace in which Let's Encrypt is pebble, which takes every answer to a challenge for right."""
    ca = make_certificate(common_name="A CA", is_ca=True)
    server = make_certificate(dns_names=[SERVER], issuer=ca)
    (tmp_path / "acme-ca.pem").write_bytes(ca.pem)
    (tmp_path / "server.pem").write_bytes(server.pem)
    (tmp_path / "server.key").write_bytes(server.key_pem)
    (tmp_path / "hosts").write_text(f"127.0.0.1 localhost\n127.0.0.2 {SERVER}\n")
    (tmp_path / "site.conf").write_text(FRONT.format(home=tmp_path))
    config = {
        "listenAddress": "127.0.0.1:14000",
        "managementListenAddress": "127.0.0.1:15000",
        "certificate": str(tmp_path / "server.pem"),
        "privateKey": str(tmp_path / "server.key"),
        "certificateValidityPeriod": 90 * 86400,
    }
    (tmp_path / "pebble.json").write_text(json.dumps({"pebble": config}))
    trusting = ("env", "PEBBLE_VA_ALWAYS_VALID=1", "PEBBLE_VA_NOSLEEP=1")
    pebble = (*trusting, require.pebble(), "-config", str(tmp_path / "pebble.json"))
    with require.network_namespace() as namespace:
        made = FrontWorld(namespace, tmp_path)
        inside = f"mount --bind {tmp_path}/hosts /etc/hosts; export SSL_CERT_FILE={tmp_path}/acme-ca.pem"
        made.prefix = (*made.prefix, "sh", "-c", f'{inside}; exec "$@"', "sh")
        with made.running(pebble, 14000), made.running(made.nginx(require.nginx(), tmp_path / "site.conf")):
            yield made


def served(world: FrontWorld) -> str:
    """The certificate that a client gets, in hexadecimal digits."""
    return world.run(sys.executable, "-c", LOOK).strip()


def test_its_certificate_goes_on(world: FrontWorld, tmp_path: Path) -> None:
    """What the original got is served by tailhub with the same flags, and by the original after that."""
    certs, key_file = tmp_path / "certs", tmp_path / "derper" / "derper.key"
    key_file.parent.mkdir()
    words = ("-a", "127.0.0.1:443", "-stun=false", "-http-port=-1", "-hostname", NAME)
    words += ("-certmode", "letsencrypt", "-certdir", str(certs), "-c", str(key_file))
    original = (require.go_program("derper"), *words)
    with world.running(original, 443):
        first = served(world)
    assert (certs / NAME).is_file()
    before = {path.name: path.read_bytes() for path in certs.iterdir()}
    assert "acme_account+key" in before
    quiet = {"TAILHUB_DISCOVER": "false", "TAILHUB_ADDRESS": "127.0.0.1"}
    with RelayProcess(
        *words, defaults=(), command="derper", prefix=world.prefix, state_dir=key_file.parent, environ=quiet
    ) as relay:
        until(lambda: "served here from now on" in " ".join(relay.log().split()), "it says so", relay.log)
        assert served(world) == first
    assert {path.name: path.read_bytes() for path in certs.iterdir()} == before
    with world.running(original, 443):
        assert served(world) == first
