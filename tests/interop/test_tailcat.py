"""Two tailcats talk through the relay: Tailscale's own data plane, unmodified, from PyPI."""

from __future__ import annotations

import contextlib
import json
import random
import ssl
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509

from support import require
from support.pebble import SHORT_LIVED_S, Pebble
from support.relay_process import RelayProcess, until
from support.served_map import served_map
from support.tailcat import PIPE_LIMIT_S, Tailcat

PIPE_BYTES = 50_000_000
SMALL_PIPE_BYTES = 1_000_000
LIMITED_PIPE_BYTES = 2_500_000
RATE_BYTES_PER_S = 500_000
DEFAULT_MAP_URL = "http://127.0.0.1:9912/derpmap.json"
IP = "127.0.0.1"
VIA_RELAY = "DERP(my-relay)"


def digest(path: Path) -> str:
    with path.open("rb") as file:
        content = sha256()
        while chunk := file.read(1 << 20):
            content.update(chunk)
    return content.hexdigest()


def pipe(tailcat: Tailcat, directory: Path, size: int) -> None:
    """Ping, then send `size` bytes from one tailcat to another, and compare."""
    sent = directory / "sent"
    sent.write_bytes(random.Random(size).randbytes(size))
    with tailcat.listen() as listener:
        assert tailcat.first_pong(listener.address) == VIA_RELAY
        tailcat.send(listener.address, sent)
        until(lambda: listener.received.stat().st_size >= size, "all has arrived", limit_s=PIPE_LIMIT_S)
        assert digest(listener.received) == digest(sent)


def test_pipe(tmp_path: Path) -> None:
    """Two tailcats ping each other and send 50 MB intact, every byte of it through the relay."""
    program = require.tailcat()
    with RelayProcess() as relay:
        pipe(Tailcat(program, relay.map_url, tmp_path), tmp_path, PIPE_BYTES)
        metrics = relay.metrics()
    assert metrics["tailhub_bytes_sent_total"] >= PIPE_BYTES
    assert metrics["tailhub_bytes_received_total"] >= PIPE_BYTES
    assert metrics['tailhub_stun_requests_total{disposition="success"}'] > 0


def test_rate_limit(tmp_path: Path) -> None:
    """Through a relay with a limit all arrives intact, and the sender's connection brings no more than the limit."""
    program = require.tailcat()
    file = tmp_path / "rate.json"
    file.write_text(json.dumps({"PerClientRateLimitBytesPerSec": RATE_BYTES_PER_S, "PerClientRateBurstBytes": 1}))
    with RelayProcess("--rate-config", str(file)) as relay:
        started = time.monotonic()
        pipe(Tailcat(program, relay.map_url, tmp_path), tmp_path, LIMITED_PIPE_BYTES)
        took_s = time.monotonic() - started
        metrics = relay.metrics()
    # What goes beyond burst and last read has waited for its turn, so this cannot be done sooner.
    assert took_s >= (LIMITED_PIPE_BYTES - 2 * 65_568) / RATE_BYTES_PER_S
    assert metrics["tailhub_rate_limit_bytes_per_second"] == RATE_BYTES_PER_S
    assert metrics["tailhub_bytes_received_total"] >= LIMITED_PIPE_BYTES
    assert metrics["tailhub_rate_limit_paused_seconds_total"] > 0


def test_wrong_pin(tmp_path: Path) -> None:
    """With another pin in the map no tailcat logs in, and the relay says that its certificate was rejected."""
    program = require.tailcat()
    with RelayProcess() as relay:
        derp_map = relay.derp_map()
        for region in derp_map["Regions"].values():
            region["Nodes"][0]["CertName"] = "sha256-raw:" + sha256(b"another certificate").hexdigest()
        with served_map(derp_map) as url:
            tailcat = Tailcat(program, url, tmp_path)
            with tailcat.listen() as listener:
                until(lambda: "rejected our certificate" in relay.log(), "a rejection is reported", relay.log)
                assert tailcat.ping(listener.address) is None
        assert relay.metric("tailhub_logins_total") == 0
        rejected = [name for name in relay.metrics() if name.startswith("tailhub_refused_total{")]
        assert any("bad certificate" in name for name in rejected), rejected


def test_fresh_start(tmp_path: Path) -> None:
    """``tailhub relay`` without arguments, and the map's default URL, are all that two tailcats need."""
    program = require.tailcat()
    with require.network_namespace() as namespace, RelayProcess(defaults=(), prefix=namespace.prefix) as relay:
        assert (relay.port, relay.stun_port, relay.map_url) == (8443, 3478, DEFAULT_MAP_URL)
        pipe(Tailcat(program, DEFAULT_MAP_URL, tmp_path, namespace.prefix), tmp_path, SMALL_PIPE_BYTES)
        assert relay.metric("tailhub_bytes_sent_total") >= SMALL_PIPE_BYTES


@contextlib.contextmanager
def relay_with_address_certificate(program: str) -> Iterator[tuple[RelayProcess, Pebble, x509.Certificate]]:
    """A relay that has got a certificate for its IP address from a pebble, and that certificate."""
    with Pebble(program) as pebble:
        ways = ("--acme-challenge", "tls-alpn-01", "--listen", f"{IP}:{pebble.tls_port}", "--hostname", IP)
        with RelayProcess(*pebble.options, *ways) as relay:

            def issued() -> x509.Certificate | None:
                shown = x509.load_pem_x509_certificate(ssl.get_server_certificate((IP, relay.port)).encode())
                return shown if "Pebble" in shown.issuer.rfc4514_string() else None

            yield relay, pebble, until(issued, "the certificate is there", relay.log)


@pytest.mark.parametrize("profile", ["usual", "short-lived"])
def test_certificate_for_an_address(profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a certificate of an ACME server for its IP address the relay carries two tailcats without a pin."""
    program = require.tailcat()
    server = require.pebble() if profile == "usual" else require.pebble_with_windows()
    with relay_with_address_certificate(server) as (relay, pebble, certificate):
        node, roots = relay.node(), tmp_path / "roots.pem"
        assert (node["HostName"], node.get("CertName")) == (IP, None)
        roots.write_text(pebble.root())
        monkeypatch.setenv("SSL_CERT_FILE", str(roots))  # of the tailcats, which believe nobody else
        pipe(Tailcat(program, relay.map_url, tmp_path), tmp_path, SMALL_PIPE_BYTES)
        assert relay.metric("tailhub_bytes_sent_total") >= SMALL_PIPE_BYTES
    lifetime_s = (certificate.not_valid_after_utc - certificate.not_valid_before_utc).total_seconds()
    assert lifetime_s <= SHORT_LIVED_S or profile == "usual"


def test_certificate_of_an_unknown_ca(tmp_path: Path) -> None:
    """A tailcat that does not know the ACME server's CA does not log in, and the relay says so."""
    program = require.tailcat()
    with relay_with_address_certificate(require.pebble()) as (relay, _, _):
        tailcat = Tailcat(program, relay.map_url, tmp_path)
        with tailcat.listen():
            until(lambda: "rejected our certificate" in relay.log(), "a rejection is reported", relay.log)
        assert relay.metric("tailhub_logins_total") == 0
