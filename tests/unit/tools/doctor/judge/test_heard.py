from __future__ import annotations

import pytest

from tailhub.tools.doctor.judge.heard import MAX_TEXT, Heard, classify


@pytest.mark.parametrize(
    ("data", "heard"),
    [
        (b"", Heard("closed")),
        (b"\x16\x03\x03\x00\x7a\x02", Heard("tls")),
        (b"\x15\x03\x01\x00\x02\x02\x50", Heard("tls")),  # an alert is TLS too
        (
            b"HTTP/1.1 400 Bad Request\r\nServer: nginx/1.22\r\n\r\n",
            Heard("http", "HTTP/1.1 400 Bad Request", "nginx/1.22"),
        ),
        (b"HTTP/1.0 200 OK\r\n\r\nserver: no", Heard("http", "HTTP/1.0 200 OK")),
        (b"<html>\r\n<head>", Heard("http", "<html>")),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Heard("other", "SSH-2.0-OpenSSH_9.2", protocol="SSH")),
        (b"220 mx.example.com ESMTP Postfix\r\n", Heard("other", "220 mx.example.com ESMTP Postfix", protocol="SMTP")),
        (b"220 ProFTPD\r\n", Heard("other", "220 ProFTPD", protocol="FTP")),
        (b"\x05\x00", Heard("other", "??")),
        (b"a\x1b[31m\xff", Heard("other", "a?[31m?")),
        (b"x" * 2000, Heard("other", "x" * MAX_TEXT)),
    ],
)
def test_first_bytes(data: bytes, heard: Heard) -> None:
    """The first bytes tell TLS, HTTP and known greetings apart; what is told of them is short and printable."""
    assert classify(data) == heard
