from __future__ import annotations

import pytest

from tailhub.certs.acme_challenge import Ways, alpn_server_name, choose, possible


@pytest.mark.parametrize(
    ("ways", "expected"),
    [
        (Ways(443, None, has_hook=False, is_ip=False), ("tls-alpn-01",)),
        (Ways(8443, 80, has_hook=False, is_ip=False), ("http-01",)),
        (Ways(443, 80, has_hook=True, is_ip=False), ("dns-01", "tls-alpn-01", "http-01")),
        (Ways(443, 80, has_hook=True, is_ip=True), ("tls-alpn-01", "http-01")),
        (Ways(8443, 8080, has_hook=True, is_ip=True), ()),
        (Ways(None, None, has_hook=False, is_ip=False), ()),
    ],
)
def test_what_can_work(ways: Ways, expected: tuple[str, ...]) -> None:
    """Port 443 is for tls-alpn-01, port 80 for http-01, a hook for dns-01, and that for names only."""
    assert possible(ways) == expected
    assert choose("", ways) == (expected[0] if expected else None)


def test_what_was_asked_for_is_used() -> None:
    """A challenge that somebody asks for is used, also where another could work better."""
    assert choose("http-01", Ways(443, None, has_hook=False, is_ip=False)) == "http-01"


def test_the_name_that_servers_ask_for() -> None:
    """For an address the ClientHello has its reverse name (RFC 8738 section 6), for a name that name."""
    assert alpn_server_name("192.0.2.7") == "7.2.0.192.in-addr.arpa"
    assert alpn_server_name("2001:db8::1").endswith(".8.b.d.0.1.0.0.2.ip6.arpa")
    assert alpn_server_name("Relay.Example") == "relay.example"
