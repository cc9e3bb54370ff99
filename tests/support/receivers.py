"""Real receivers of messages on loopback ports, in threads: HTTP, for webhooks and ntfy, and SMTP; and what is told."""

from __future__ import annotations

import contextlib
import json
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from support.certificates import make_certificate


@dataclass
class Webhook:
    """What has come, each with the path that it was sent to; answers `status`."""

    port: int = 0
    status: int = 200
    received: list[dict[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """For the setting ``notify``: a webhook that gets JSON."""
        return f"json://127.0.0.1:{self.port}/hook"

    @property
    def ntfy_url(self) -> str:
        """The same as a server of ntfy."""
        return f"ntfy://127.0.0.1:{self.port}/topic"

    @property
    def titles(self) -> list[str]:
        """Of all messages so far, without the relay's name."""
        return [str(one["title"]).partition(": ")[2] for one in self.received]

    def told(self, title: str) -> dict[str, Any] | None:
        """The first message whose title begins so."""
        return next((one for one in self.received if str(one["title"]).partition(": ")[2].startswith(title)), None)


@contextlib.contextmanager
def webhook(port: int = 0) -> Iterator[Webhook]:
    """One that listens."""
    hook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if hook.status == 200:
                hook.received.append(body | {"path": self.path})
            self.send_response(hook.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its parent's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server, _served(server):
        hook.port = server.server_port
        yield hook


@dataclass
class MailServer:
    """The mails that were taken."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)

    @property
    def url(self) -> str:
        """For the setting ``notify``."""
        return f"mailto://127.0.0.1:{self.port}?from=relay@example.com&to=ada@example.com"


@contextlib.contextmanager
def mail_server() -> Iterator[MailServer]:
    """An SMTP server that takes everything from everybody (RFC 5321, as far as a client needs)."""
    mail = MailServer()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self: Self) -> None:
            self._say("220 mail.test ESMTP")
            while line := self.rfile.readline():
                match line.upper().split()[:1]:
                    case [b"DATA"]:
                        self._say("354 go on")
                        mail.mails.append(message_from_bytes(self._data(), EmailMessage, policy=policy.default))
                        self._say("250 taken")
                    case [b"QUIT"]:
                        self._say("221 bye")
                        return
                    case _:
                        self._say("250 ok")

        def _data(self) -> bytes:
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line.removeprefix(b"."))
            return b"".join(lines)

        def _say(self, line: str) -> None:
            self.wfile.write(line.encode() + b"\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server, _served(server):
        mail.port = server.server_address[1]
        yield mail


@dataclass
class Page:
    """A page at `url`, and how often it was asked for."""

    url: str = ""
    asked: int = 0


@contextlib.contextmanager
def served_json(value: object) -> Iterator[Page]:
    """A page with this value as JSON, whatever is asked for."""
    page, body = Page(), json.dumps(value).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page.asked += 1
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its parent's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, _served(server):
        page.url = f"http://127.0.0.1:{server.server_port}/pypi/tailhub/json"
        yield page


@contextlib.contextmanager
def _served(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


def certificate_files(directory: Path, days_left: float) -> tuple[str, ...]:
    """Options for a certificate of 90 days that ends so soon."""
    made = make_certificate(
        dns_names=["relay.test"], valid_from_days=days_left - 90, valid_to_days=days_left, issuer_name="a CA"
    )
    (directory / "cert.pem").write_bytes(made.pem)
    (directory / "key.pem").write_bytes(made.key_pem)
    return ("--cert", str(directory / "cert.pem"), "--key", str(directory / "key.pem"), "--hostname", "relay.test")
