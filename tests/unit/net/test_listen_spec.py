"""Reading HOST:PORT."""

from __future__ import annotations

import socket

import pytest

from tailhub.exceptions import UsageError
from tailhub.net.listen_spec import Endpoint, parse_listen

V4, V6 = socket.AF_INET, socket.AF_INET6


@pytest.mark.parametrize(
    ("text", "endpoints"),
    [
        (":8443", [(V4, "0.0.0.0", 8443), (V6, "::", 8443)]),
        (":0", [(V4, "0.0.0.0", 0), (V6, "::", 0)]),
        ("0.0.0.0:8443", [(V4, "0.0.0.0", 8443)]),
        ("[::]:8443", [(V6, "::", 8443)]),
        ("192.0.2.5:65535", [(V4, "192.0.2.5", 65535)]),
        ("[2001:DB8::5]:443", [(V6, "2001:db8::5", 443)]),
        ("[fe80::1%eth0]:443", [(V6, "fe80::1%eth0", 443)]),
        ("127.0.0.1:08443", [(V4, "127.0.0.1", 8443)]),
        (":https", [(V4, "0.0.0.0", 443), (V6, "::", 443)]),
        ("192.0.2.5:HTTP", [(V4, "192.0.2.5", 80)]),
        ("[::1]:stun", [(V6, "::1", 3478)]),
        ("localhost:8443", [(V4, "127.0.0.1", 8443), (V6, "::1", 8443)]),
        ("LOCALHOST:0", [(V4, "127.0.0.1", 0), (V6, "::1", 0)]),
    ],
)
def test_forms(text: str, endpoints: list[tuple[int, str, int]]) -> None:
    """HOST is empty or localhost (both families) or an address, IPv6 in brackets; a few ports may be named."""
    spec = parse_listen(text, "--listen")
    assert spec is not None
    assert [(e.family, e.host, e.port) for e in spec.endpoints] == endpoints
    assert spec.port == endpoints[0][2]
    assert spec.is_wildcard is (len(endpoints) == 2)
    assert (spec.flag, spec.text) == ("--listen", text)


def test_off() -> None:
    """The word off means no listener."""
    assert parse_listen("off", "--listen") is None


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ('":8443"', ":8443"),
        (":8443'", ":8443"),
        ("“:8443”", ":8443"),
        (" :8443 ", ":8443"),
        ("：8443", ":8443"),
        ("：８４４３", ":8443"),
        ("8443", ":8443"),
        ("*:8443", ":8443"),
        ("*:https", ":https"),
        ("tcp://localhost:8443", "localhost:8443"),
        ("tcp://0.0.0.0:8443", "0.0.0.0:8443"),
        ("https://192.0.2.5:8443/", "192.0.2.5:8443"),
        ("2001:db8::5:8443", "[2001:db8::5]:8443"),
        ("[::ffff:192.0.2.5]:8443", "192.0.2.5:8443"),
        ("OFF", "off"),
        ("-1", "off"),
        ("", "off"),
        (":", ""),
        ("192.0.2.5", ""),
        ("192.0.2.5:", ""),
        ("192.0.2.5:imap", ""),
        ("localhost.example:8443", ""),
        (":httpx", ""),
        ("192.0.2.256:8443", ""),
        ("192.0.2.05:8443", ""),
        ("1.2.3:8443", ""),
        ("derp.example.com:8443", ""),
        (":65536", ""),
        (":100000", ""),
        (":-1", ""),
        (":+80", ""),
        ("[::1:8443", ""),
        ("[192.0.2.5]:8443", "192.0.2.5:8443"),
        ("[zz::]:8443", ""),
        ("[]:8443", ""),
        ("192.0.2.5:8443\n", "192.0.2.5:8443"),
        ("\x1b[2J", ""),
    ],
)
def test_refused(text: str, suggestion: str) -> None:
    """Anything else is a usage error that names the flag and, where it can be guessed, the form that was meant."""
    with pytest.raises(UsageError) as caught:
        parse_listen(text, "--stun-listen")
    message = str(caught.value)
    assert "--stun-listen" in message
    assert (f"`--stun-listen {suggestion}`" in message) is bool(suggestion)


def test_endpoints_are_values() -> None:
    """Equal endpoints are equal, so that two flags with one port can be told."""
    first, second = parse_listen("127.0.0.1:80", "--listen"), parse_listen("127.0.0.1:80", "--http-listen")
    assert first is not None
    assert second is not None
    assert first.endpoints == second.endpoints == (Endpoint(V4, "127.0.0.1", 80),)
