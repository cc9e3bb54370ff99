"""An ACME server that does not keep to the rules: what it answers is up to the test, and nothing is verified."""

from __future__ import annotations

import json
import ssl
import tempfile
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from support.certificates import make_certificate

Answer = tuple[int, Mapping[str, str], bytes]


def as_json(value: Any, status: int = 200, **headers: str) -> Answer:
    """An answer in JSON; of the names of `headers` underscores are hyphens."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return status, {"Content-Type": "application/json", **named}, json.dumps(value).encode()


class OddAcme:
    """Use it in a ``with``. `answers` are by path, and replace those of a server that issues `certificate` at once."""

    def __init__(self, answers: Mapping[str, Answer] | None = None, certificate: bytes = b"") -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="odd-acme-")
        home = Path(self._directory.name)
        ca = make_certificate(common_name="The server's CA", is_ca=True)
        made = make_certificate(ips=["127.0.0.1"], issuer=ca)
        self.ca_file = home / "ca.pem"
        self.ca_file.write_bytes(ca.pem)
        (home / "pair.pem").write_bytes(made.pem + made.key_pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(home / "pair.pem")
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}"
        self.directory = f"{self.url}/dir"
        order = {
            "status": "ready",
            "identifiers": [{"type": "dns", "value": "relay.example"}],
            "authorizations": [],
            "finalize": f"{self.url}/finalize",
        }
        valid = order | {"status": "valid", "certificate": f"{self.url}/certificate"}
        paths = {"newNonce": "nonce", "newAccount": "account", "newOrder": "new-order", "revokeCert": "revoke"}
        self.answers: dict[str, Answer] = {
            "/dir": as_json({name: f"{self.url}/{path}" for name, path in paths.items()}),
            "/nonce": as_json({}),
            "/account": as_json({"status": "valid"}, 201, Location=f"{self.url}/account/1"),
            "/new-order": as_json(order, 201, Location=f"{self.url}/order"),
            "/finalize": as_json(valid),
            "/order": as_json(valid),
            "/certificate": (200, {"Content-Type": "application/pem-certificate-chain"}, certificate),
            **(answers or {}),
        }

    def pending(self, identifier: object, challenges: object = None) -> None:
        """Have an authorization in each order, for whatever name."""
        token = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM"
        challenge = {"type": "http-01", "url": f"{self.url}/challenge", "token": token, "status": "pending"}
        body = {"status": "pending", "identifier": identifier, "challenges": challenges or [challenge]}
        order = json.loads(self.answers["/new-order"][2])
        order |= {"status": "pending", "authorizations": [f"{self.url}/authorization"]}
        self.answers["/authorization"] = as_json(body)
        self.answers["/challenge"] = as_json(challenge, Link=f'<{self.url}/authorization>;rel="up"')
        self.answers["/new-order"] = as_json(order, 201, Location=f"{self.url}/order")

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._directory.cleanup()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answers = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, headers, body = answers.answers.get(self.path, (404, {}, b"no such page"))
                self.send_response(status)
                self.send_header("Replay-Nonce", "bm9uY2U")
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_HEAD = do_POST = do_GET

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        return Handler
