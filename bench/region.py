"""Two relays of one region with links to each other, for packets that cross from one to the other.

They have a mesh key and a certificate together, which all that is started here believes: Go and Python alike take the
file that ``SSL_CERT_FILE`` names for those of the certificate authorities.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.servers import HOST, Mesh, Running, Server, free_port
from tailhub.certs.self_signed import make_self_signed


@contextlib.contextmanager
def running_region(server: Server, core: int | None = None) -> Iterator[tuple[Running, Running]]:
    """Start them and end them. Raises `ServerError`. Their links may not be up yet."""
    ports = (free_port(socket.SOCK_STREAM), free_port(socket.SOCK_STREAM))
    with tempfile.TemporaryDirectory(prefix="bench-") as name, contextlib.ExitStack() as stack:
        directory = Path(name)
        key_file = directory / "mesh.key"
        key_file.write_text(secrets.token_hex(32) + "\n")
        key_file.chmod(0o600)
        certificate, private = make_self_signed(["localhost"], [HOST], datetime.now(UTC))
        # As derper wants them to be called.
        (directory / f"{HOST}.crt").write_bytes(certificate)
        (directory / f"{HOST}.key").write_bytes(private)
        one, other = (
            stack.enter_context(Running(server, core, port=port, mesh=Mesh(directory, key_file, peer)))
            for port, peer in (ports, ports[::-1])
        )
        yield one, other
