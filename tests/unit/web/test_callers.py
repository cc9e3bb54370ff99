from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailhub.web.callers import Host, is_loopback, is_on_this_machine, parse_host, request_host
from tailhub.web.message import Request


@pytest.mark.parametrize(
    ("ip", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:198.51.100.7", False),
        ("198.51.100.7", False),
        ("100.64.0.1", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("::", False),
        ("2001:db8::1", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_is_loopback(ip: str, expected: bool) -> None:
    """Loopback is 127.0.0.0/8 and ::1, also IPv4 written as IPv6, and nothing else."""
    assert is_loopback(ip) is expected


@pytest.mark.parametrize("header", [b"x-forwarded-for", b"x-forwarded-proto", b"x-real-ip", b"forwarded", b"via"])
@pytest.mark.parametrize("value", [b"127.0.0.1", b""])
def test_a_proxy_is_not_this_machine(header: bytes, value: bytes) -> None:
    """A loopback caller that says it is a proxy counts as somebody else, whatever it says."""
    assert is_on_this_machine(Request(b"GET", b"/", b"1.1", [], "127.0.0.1"))
    assert not is_on_this_machine(Request(b"GET", b"/", b"1.1", [(header, value)], "127.0.0.1"))


@pytest.mark.parametrize(
    ("value", "host"),
    [
        (b"Example.com", Host("example.com", None, False)),
        (b"example.com:8443", Host("example.com", 8443, False)),
        (b"example.com:", Host("example.com", None, False)),
        (b"a_b-c.example", Host("a_b-c.example", None, False)),
        (b"192.0.2.7:80", Host("192.0.2.7", 80, True)),
        (b"[2001:DB8::7]:80", Host("2001:db8::7", 80, True)),
        (b"[::1]", Host("::1", None, True)),
    ],
)
def test_parse_host(value: bytes, host: Host) -> None:
    """A Host header is a name, an IPv4 address or an IPv6 address in brackets, each with or without a port."""
    assert parse_host(value) == host


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b":80",
        b"a b",
        b"a/b",
        b"a\r\nx: y",
        b"a@b",
        b"-a",
        b".a",
        b"a:b",
        b"a:65536",
        b"a:123456",
        b"::1",
        b"[]",
        b"[::1",
        b"[1.2.3.4]",
        b"[::1]x",
        b"[fe80::1%eth0]",
        "é".encode(),
        b"a" * 255 + b":80",
    ],
)
def test_parse_host_refuses(value: bytes) -> None:
    """What is no host is not repaired."""
    assert parse_host(value) is None


@given(st.binary(max_size=40))
def test_a_parsed_host_is_safe_to_repeat(value: bytes) -> None:
    """Whatever is accepted as a host contains nothing that could end a header or a URL's host."""
    host = parse_host(value)
    if host is not None:
        assert set(host.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-:")


def test_host_of_a_request() -> None:
    """The host comes from an absolute target first, then from the one Host header; two are none."""
    one = [(b"host", b"a.example")]
    assert request_host(Request(b"GET", b"/", b"1.1", one, "")) == Host("a.example", None, False)
    assert request_host(Request(b"GET", b"http://b.example:1/", b"1.1", one, "")) == Host("b.example", 1, False)
    assert request_host(Request(b"GET", b"http://b@c/", b"1.1", one, "")) is None
    assert request_host(Request(b"GET", b"/", b"1.1", [*one, *one], "")) is None
    assert request_host(Request(b"GET", b"/", b"1.0", [], "")) is None


def test_host_in_a_url() -> None:
    """IPv6 addresses go into URLs in brackets; only localhost and names under it are loopback names."""
    names = {b"[::1]:80": ("[::1]", False), b"localhost": ("localhost", True), b"x.localhost": ("x.localhost", True)}
    names[b"localhost.example"] = ("localhost.example", False)
    for value, expected in names.items():
        host = parse_host(value)
        assert host is not None
        assert (host.url_name, host.is_loopback_name) == expected
