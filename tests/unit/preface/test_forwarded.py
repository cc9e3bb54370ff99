from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from tailhub.preface.forwarded import TrustedProxies, forwarded_for, header_values

PROXIES = TrustedProxies([ip_network("127.0.0.1"), ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48")])


@pytest.mark.parametrize(
    ("values", "client"),
    [
        ([], None),
        ([b""], None),
        ([b"203.0.113.7"], "203.0.113.7"),
        ([b"198.51.100.1, 203.0.113.7"], "203.0.113.7"),
        ([b"198.51.100.1, 203.0.113.7, 10.1.2.3"], "203.0.113.7"),
        ([b"198.51.100.1", b"203.0.113.7 ,10.1.2.3"], "203.0.113.7"),
        ([b"10.1.2.3, 127.0.0.1"], "10.1.2.3"),
        ([b"203.0.113.7:4711"], "203.0.113.7"),
        ([b"2001:db8::7"], "2001:db8::7"),
        ([b"[2001:db8::7]:4711, [2001:db8:1::1]:80"], "2001:db8::7"),
        ([b"::ffff:203.0.113.7"], "203.0.113.7"),
        ([b"203.0.113.7, unknown"], None),
        ([b"203.0.113.7, unknown, 10.1.2.3"], "10.1.2.3"),
        ([b"203.0.113.7, " + b"9" * 5000], None),
        ([b"\xff\xfe"], None),
    ],
)
def test_whose_request(values: list[bytes], client: str | None) -> None:
    """It is the rightmost address that is no trusted proxy's; what stands left of it anyone may have written."""
    assert forwarded_for(values, PROXIES) == (ip_address(client) if client else None)


def test_trusted_proxies() -> None:
    """An address is trusted when a network has it; none are without networks."""
    assert ip_address("10.255.0.1") in PROXIES
    assert ip_address("2001:db8:1::5") in PROXIES
    assert ip_address("11.0.0.1") not in PROXIES
    assert ip_address("10.0.0.1") not in TrustedProxies()
    assert not TrustedProxies()


def test_header_values() -> None:
    """All values of the header are taken, in order."""
    headers = [(b"host", b"r"), (b"x-forwarded-for", b"1.1.1.1"), (b"x-forwarded-for", b"2.2.2.2")]
    assert header_values(headers) == [b"1.1.1.1", b"2.2.2.2"]
