from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support.ports import free_ports
from tailhub.admin.api_types import Mesh
from tailhub.cli.operator_client import by_socket, by_url
from tailhub.exceptions import FindingError, MachineError, UsageError
from tailhub.findings import Finding


class Pages:
    """A server whose answers a test chooses."""

    def __init__(self) -> None:
        self.status, self.body = 200, b"{}"
        self.closes = False
        self.asked: list[tuple[str, str | None]] = []
        self.connections = 0
        pages = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                pages.connections += 1
                super().setup()

            def do_GET(self) -> None:
                pages.asked.append((self.path, self.headers["Authorization"]))
                self.send_response(pages.status)
                self.send_header("Content-Length", str(len(pages.body)))
                self.end_headers()
                self.wfile.write(pages.body)
                self.wfile.flush()
                if pages.closes:  # without a word, as a server that has waited long enough
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def pages() -> Iterator[Pages]:
    made = Pages()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def finding(error: pytest.ExceptionInfo[FindingError]) -> Finding:
    assert isinstance(error.value.finding, Finding)
    return error.value.finding


def test_what_it_reads(pages: Pages, tmp_path: Path) -> None:
    """An answer becomes the API's type, fields that this version does not know are left out; the token goes along."""
    (tmp_path / "token").write_text("secret\n")
    pages.body = b'{"peers":[{"name":"b","state":"up","color":"red"}],"new":1}'
    mesh = by_url(pages.url + "/", tmp_path / "token").read("mesh", Mesh)
    assert [(peer.name, peer.state) for peer in mesh.peers] == [("b", "up")]
    assert pages.asked == [("/api/v1/mesh", "Bearer secret")]


def test_one_connection_is_kept(pages: Pages) -> None:
    """Question after question goes over one connection."""
    operator = by_url(pages.url, None)
    for _ in range(3):
        operator.get("mesh")
    assert pages.connections == 1
    assert pages.asked[0][1] is None
    operator.close()


def test_a_kept_connection_that_was_closed(pages: Pages) -> None:
    """When the server has closed the kept connection the question is asked once more, on a new one."""
    pages.closes = True
    operator = by_url(pages.url, None)
    for _ in range(3):
        operator.get("mesh")
    assert len(pages.asked) == pages.connections == 3


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, b"{}", "TH341"),
        (401, b'{"error":{"code":"TH337","values":{"wrong":true}}}', "TH341"),
        (503, b'{"error":{"code":"TH338","values":{}}}', "TH338"),
        (404, b"<html>", "TH343"),
        (404, b'{"error":{"code":"TH999","values":{}}}', "TH343"),
        (500, b"[]", "TH343"),
        (200, b"<html>", "TH343"),
        (200, b'{"peers": 7}', "TH343"),
        (200, b"\xff", "TH343"),
    ],
)
def test_what_it_does_not_understand(pages: Pages, status: int, body: bytes, code: str) -> None:
    """Refusals, faults of the relay and answers of other programs are findings."""
    pages.status, pages.body = status, body
    with pytest.raises(MachineError) as error:
        by_url(pages.url, None).read("mesh", Mesh)
    assert finding(error).code == code


def test_nobody_answers(tmp_path: Path) -> None:
    """A port where nobody listens, a server that is none, and a socket that is not there are findings."""
    with pytest.raises(MachineError) as error:
        by_url(f"http://127.0.0.1:{free_ports(1)}", None).get("mesh")
    assert finding(error).code == "TH340"
    assert "Connection refused" in finding(error).render("en")
    with pytest.raises(MachineError) as error:
        by_socket(tmp_path).get("mesh")
    assert finding(error).code == "TH080"
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            connection.recv(1000)
            connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(MachineError) as error:
            by_url(f"http://127.0.0.1:{server.getsockname()[1]}", None).get("mesh")
        thread.join()
    assert finding(error).code == "TH340"


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:9912",
        "ftp://x",
        "http://",
        "http://x:port",
        "http://x/api",
        "http://x?y",
        "http://token@x:9912",
        "",
        "x",
    ],
)
def test_urls_that_are_none(url: str) -> None:
    """Only a scheme, a host and a port are a place; a token in the URL would stand in everybody's list of processes."""
    with pytest.raises(UsageError) as error:
        by_url(url, None)
    assert finding(error).code == "TH342"


def test_a_token_file_that_cannot_be(tmp_path: Path) -> None:
    """A file that is not there, or is no text, is a finding that names it."""
    (tmp_path / "odd").write_bytes(b"\xff\xfe")
    for name in ("none", "odd"):
        with pytest.raises(MachineError) as error:
            by_url("http://x", tmp_path / name)
        assert finding(error).code == "TH084"
        assert name in finding(error).render("en")
    assert json.dumps(finding(error).values)
