"""Pebble, a real ACME server for tests, with ports and a CA of its own, and the small DNS that it asks.

In a network namespace it looks for answers at the real ports, 80 and 443.

A name resolves to 127.0.0.1. A TXT record ``_acme-challenge.NAME`` is what stands in the file NAME of `Pebble.txt`,
which a hook writes.
"""

from __future__ import annotations

import json
import os
import shlex
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from support.certificates import make_certificate
from support.ports import free_ports
from support.server_process import ServerProcess

SHORT_LIVED_S = 600  # its certificates by the short-lived profile
_A, _TXT = 1, 16
_LABEL = "_acme-challenge."


class Pebble:
    """A running server; use it in a ``with``. `validity_s` is how long its certificates are valid.

    `prefix` runs it in a network namespace.
    """

    def __init__(
        self,
        program: str,
        *,
        validity_s: int = 3600,
        eab: dict[str, str] | None = None,
        prefix: Sequence[str] = (),
    ) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="pebble-")
        self._home = Path(self._directory.name)
        self.txt = self._home / "txt"
        self.txt.mkdir()
        first = free_ports(4)
        self._port, self._management_port, self.http_port, self.tls_port = range(first, first + 4)
        if prefix:
            self.http_port, self.tls_port = 80, 443
        self._program = program
        self._prefix = prefix
        ca = make_certificate(common_name="The server's CA", is_ca=True)
        made = make_certificate(ips=["127.0.0.1"], dns_names=["localhost"], issuer=ca)
        self.ca_file = self._home / "ca.pem"
        self.ca_file.write_bytes(ca.pem)
        (self._home / "cert.pem").write_bytes(made.pem)
        (self._home / "key.pem").write_bytes(made.key_pem)
        short = min(validity_s, SHORT_LIVED_S)
        config: dict[str, Any] = {
            "listenAddress": f"127.0.0.1:{self._port}",
            "managementListenAddress": f"127.0.0.1:{self._management_port}",
            "certificate": str(self._home / "cert.pem"),
            "privateKey": str(self._home / "key.pem"),
            "httpPort": self.http_port,
            "tlsPort": self.tls_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": eab is not None,
            "externalAccountMACKeys": eab or {},
            "certificateValidityPeriod": validity_s,
            "profiles": {
                "default": {"description": "for tests", "validityPeriod": validity_s},
                "shortlived": {"description": "for addresses", "validityPeriod": short},
            },
            "domainBlocklist": ["blocked.example"],
        }
        (self._home / "config.json").write_text(json.dumps({"pebble": config}))
        self._dns = _Dns(self.txt, prefix)

    def __enter__(self) -> Self:
        environment = os.environ | {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_AUTHZREUSE": "0"}
        config = str(self._home / "config.json")
        command = [*self._prefix, self._program, "-config", config, "-dnsserver", self._dns.address]
        self._process = ServerProcess(command, self._home / "log", environ=environment)
        try:
            self._process.wait_until(self._listens, "pebble listens")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it."""
        self._process.stop()
        self._dns.stop()
        self._directory.cleanup()

    def pause(self) -> None:
        """Let it be gone, while its port stays known."""
        self._process.stop()

    def log(self) -> str:
        """All that it has printed."""
        return self._process.log()

    def _listens(self) -> bool:
        if self._prefix:
            look = f"import socket; socket.create_connection(('127.0.0.1', {self._port}), 1)"
            return subprocess.run([*self._prefix, sys.executable, "-Sc", look], capture_output=True).returncode == 0
        try:
            socket.create_connection(("127.0.0.1", self._port), 1).close()
        except OSError:
            return False
        return True

    @property
    def directory(self) -> str:
        """The URL that clients are given."""
        return f"https://127.0.0.1:{self._port}/dir"

    @property
    def options(self) -> tuple[str, ...]:
        """Flags for a relay that is to use this server."""
        return ("--acme", "--acme-directory", self.directory, "--acme-ca-file", str(self.ca_file))

    @property
    def hooks(self) -> tuple[str, ...]:
        """Flags with two commands that write to the DNS and take that back."""
        python, place = shlex.quote(sys.executable), repr(str(self.txt))
        head = f"import os, pathlib; path = pathlib.Path({place}) / os.environ['CERTBOT_DOMAIN']"
        put = f"{head}; path.write_text(os.environ['CERTBOT_VALIDATION']); print('put')"
        take = f"{head}; path.rename(str(path) + '.' + os.environ['CERTBOT_AUTH_OUTPUT'] + '-and-taken')"
        return (
            *("--acme-dns-hook", f"{python} -c {shlex.quote(put)}"),
            *("--acme-dns-cleanup-hook", f"{python} -c {shlex.quote(take)}"),
        )

    def set_renewal_window(self, cert_pem: bytes, start: str, end: str) -> None:
        """Have it want this certificate renewed between two times (RFC 3339)."""
        answer = json.dumps({"suggestedWindow": {"start": start, "end": end}})
        body = json.dumps({"certificate": cert_pem.decode(), "ariResponse": answer}).encode()
        self._manage("set-renewal-info/", body)

    def root(self) -> str:
        """The CA that its certificates lead to, in PEM."""
        return self._manage("roots/0").decode()

    def _manage(self, path: str, body: bytes | None = None) -> bytes:
        url = f"https://127.0.0.1:{self._management_port}/{path}"
        context = ssl.create_default_context(cafile=str(self.ca_file))
        with urllib.request.urlopen(url, data=body, context=context, timeout=10) as response:
            answer: bytes = response.read()
        return answer


class _Dns:
    """Answers what an ACME server asks, on UDP and (as newer pebbles ask) on TCP, a question a connection."""

    def __init__(self, txt: Path, prefix: Sequence[str] = ()) -> None:
        self._txt = txt
        self._socket = _socket_inside(prefix, socket.SOCK_DGRAM)
        self._listener = _socket_inside(prefix, socket.SOCK_STREAM)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self._socket.bind(self._listener.getsockname())
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()
        threading.Thread(target=self._run_tcp, daemon=True).start()

    def stop(self) -> None:
        """Answer no more."""
        self._socket.sendto(b"", self._socket.getsockname())
        self._listener.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        while True:
            query, peer = self._socket.recvfrom(2048)
            if not query:
                self._socket.close()
                return
            self._socket.sendto(self._answer(query), peer)

    def _run_tcp(self) -> None:
        with self._listener:
            while True:
                try:
                    link, _ = self._listener.accept()
                except OSError:  # shut down
                    return
                with link, link.makefile("rwb") as stream:
                    (length,) = struct.unpack("!H", stream.read(2))
                    answer = self._answer(stream.read(length))
                    stream.write(struct.pack("!H", len(answer)) + answer)

    def _answer(self, query: bytes) -> bytes:
        labels = []
        at = 12
        while (length := query[at]) != 0:
            labels.append(query[at + 1 : at + 1 + length].decode())
            at += 1 + length
        (kind,) = struct.unpack_from("!H", query, at + 1)
        data = self._data(".".join(labels).lower(), kind)
        head = query[:2] + b"\x85\x80" + struct.pack("!HHHH", 1, data is not None, 0, 0)
        record = b"" if data is None else b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 0, len(data)) + data
        return head + query[12 : at + 5] + record

    def _data(self, name: str, kind: int) -> bytes | None:
        if kind == _A:
            return socket.inet_aton("127.0.0.1")
        path = self._txt / name.removeprefix(_LABEL)
        if kind == _TXT and name.startswith(_LABEL) and path.is_file():
            text = path.read_bytes()
            return bytes([len(text)]) + text
        return None


def _socket_inside(prefix: Sequence[str], kind: socket.SocketKind) -> socket.socket:
    """A socket of this machine, or in a network namespace, where it is opened by another process and sent here."""
    if not prefix:
        return socket.socket(socket.AF_INET, kind)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    send = (
        f"import socket; link = socket.socket(fileno={theirs.fileno()}); "
        f"made = socket.socket(socket.AF_INET, {int(kind)}); socket.send_fds(link, [b'x'], [made.fileno()])"
    )
    with ours, theirs:
        subprocess.run([*prefix, sys.executable, "-Sc", send], pass_fds=[theirs.fileno()], check=True)
        _, (descriptor,), _, _ = socket.recv_fds(ours, 1, 1)
    return socket.socket(fileno=descriptor)
