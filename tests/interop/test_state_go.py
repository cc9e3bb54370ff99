"""The state directory beside the original: keys and certificates move both ways between tailhub and derper."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.ports import free_ports
from tailhub import box
from tailhub.derp.meta_cert import server_key_from_meta
from tailhub.server.state import StateDir, relay_name
from tailhub.server.state_import import put_state, read_directory

pytestmark = pytest.mark.go

ENCODING_DER = 2  # _ssl.ENCODING_DER
LIMIT_S = 20.0


@pytest.fixture(scope="module")
def derper() -> str:
    """The path of derper: from the environment's DERPER, else from PATH."""
    found = os.environ.get("DERPER") or shutil.which("derper")
    if not found:
        pytest.skip("derper is not installed: go install tailscale.com/cmd/derper@v1.102.5, or set DERPER to its path")
    return found


@contextmanager
def running(derper: str, key_file: Path, cert_dir: Path) -> Iterator[tuple[int, Path]]:
    """The original on a loopback port, with this key file; gives the port and its log once it listens."""
    port = free_ports()
    log = cert_dir / "derper.log"
    command = [derper, "-a", f"127.0.0.1:{port}", "-http-port", "-1", "-stun=false", "-hostname", "127.0.0.1"]
    command += ["-certmode", "manual", "-certdir", str(cert_dir), "-c", str(key_file)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + LIMIT_S
        while True:
            assert process.poll() is None, log.read_text()
            try:
                socket.create_connection(("127.0.0.1", port), LIMIT_S).close()
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.02)
        yield port, log
    finally:
        process.terminate()
        process.wait(LIMIT_S)


def ask(port: int) -> tuple[list[bytes], str]:
    """The chain that the server on this port shows, in DER, and its ``Derp-Public-Key``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), LIMIT_S) as plain,
        context.wrap_socket(plain) as connection,
    ):
        chain = connection._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
        connection.sendall(b"GET /derp HTTP/1.1\r\nHost: x\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n\r\n")
        head = b""
        while b"\r\n\r\n" not in head and (more := connection.recv(4096)):
            head += more
    headers = dict(line.split(": ", 1) for line in head.split(b"\r\n\r\n")[0].decode().split("\r\n")[1:])
    return [certificate.public_bytes(ENCODING_DER) for certificate in chain], headers["Derp-Public-Key"]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDir]:
    """A new state directory of ours."""
    opened = StateDir.open(tmp_path / "tailhub")
    yield opened
    opened.close()


@pytest.fixture
def certs(tmp_path: Path) -> Path:
    """An empty directory for derper's certificates."""
    (tmp_path / "certs").mkdir()
    return tmp_path / "certs"


def test_derper_takes_our_key(derper: str, state: StateDir, certs: Path) -> None:
    """The original started with our key file shows our public key, in its header and in its meta certificate."""
    private, _ = state.relay_key()
    public = box.public_key(private).raw
    key_file = state.path / "derper.key"
    before = key_file.read_bytes()
    with running(derper, key_file, certs) as (port, _):
        chain, header = ask(port)
    assert header == public.hex()
    assert server_key_from_meta(chain[1]) == public
    assert key_file.read_bytes() == before


def test_we_take_derpers_key(derper: str, state: StateDir, certs: Path) -> None:
    """A key file that derper has made gives us the public key that derper shows."""
    with running(derper, state.path / "derper.key", certs) as (port, _):
        chain, header = ask(port)
    private, found = state.relay_key()
    assert found == []
    assert box.public_key(private).raw.hex() == header
    assert server_key_from_meta(chain[1]) == box.public_key(private).raw


def test_derper_takes_our_certificate(derper: str, state: StateDir, certs: Path) -> None:
    """The original serves our pinned pair, and prints the same pin as we do."""
    private, _ = state.relay_key()
    own_name = relay_name(box.public_key(private))
    certificate, _ = state.certificate(own_name, "", ["127.0.0.1"], datetime.now(UTC))
    shutil.copy(state.path / "pinned.crt", certs / "127.0.0.1.crt")
    shutil.copy(state.path / "pinned.key", certs / "127.0.0.1.key")
    with running(derper, state.path / "derper.key", certs) as (port, log):
        chain, _ = ask(port)
        assert certificate.pin in log.read_text()
    assert chain[0] == certificate.leaf_der


def test_we_take_derpers_certificate(derper: str, state: StateDir, certs: Path) -> None:
    """The self-signed pair that derper makes for an IP address is taken over from the state directory."""
    with running(derper, state.path / "derper.key", certs) as (_, log):
        printed = log.read_text()
    for name in ("127.0.0.1.crt", "127.0.0.1.key"):
        shutil.copy(certs / name, state.path / name)
    certificate, found = state.certificate("unused.invalid", "", [], datetime.now(UTC))
    # That of derper is good for a year, and we warn a year ahead.
    assert [finding.name for finding in found] == ["pair-taken-over", "pin-expires-soon"]
    assert certificate.pin in printed
    assert certificate.ips == ("127.0.0.1",)


def test_importing_what_derper_has(derper: str, certs: Path, tmp_path: Path) -> None:
    """Key and certificate of the original, imported, are those of our relay."""
    with running(derper, tmp_path / "derper.key", certs) as (port, log):
        chain, header = ask(port)
        printed = log.read_text()
    put_state(tmp_path / "new", read_directory(certs, tmp_path / "derper.key"), datetime.now(UTC))
    state = StateDir.open(tmp_path / "new")
    private, _ = state.relay_key()
    certificate, _ = state.certificate("unused.invalid", "", [], datetime.now(UTC))
    state.close()
    assert box.public_key(private).raw.hex() == header
    assert certificate.leaf_der == chain[0]
    assert certificate.pin in printed
