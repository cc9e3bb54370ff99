"""The maps that a relay hands out: each is one that clients can use with the certificate that is served."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest

from tailhub.certs.files import Certificate
from tailhub.server.address import Discovery, Found, Source
from tailhub.server.published_map import LocalEndpoint, local_map, own_name, pin_of, public_map
from tailhub.tailcfg.derpmap import DERPMap, DERPNode

HERE = LocalEndpoint("127.0.0.1", "::1", 8443, 3478)
PIN = "sha256-raw:" + "5c" * 32
OF_A_CA = Certificate(
    chain_pem=b"",
    key_pem=b"",
    leaf_der=b"",
    not_before=datetime(2026, 1, 1, tzinfo=UTC),
    not_after=datetime(2036, 1, 1, tzinfo=UTC),
    names=("derp.example.com",),
    ips=(),
    pin=PIN,
    self_signed=False,
    chain_length=2,
)
SELF_SIGNED = replace(OF_A_CA, self_signed=True)
WILDCARD = replace(OF_A_CA, names=("*.example.com",))
NAMELESS = replace(OF_A_CA, names=(), ips=("203.0.113.7",))
FOUND = Discovery(
    ipv4=Found(IPv4Address("203.0.113.7"), Source.FLAG, "--address"),
    ipv6=None,
    hostname="",
    derp_port=8443,
    stun_port=3478,
)
NOTHING_FOUND = replace(FOUND, ipv4=None)


def node_of(derp_map: DERPMap | None) -> DERPNode:
    assert derp_map is not None
    (region,) = derp_map.regions.values()
    assert region is not None
    (node,) = region.nodes
    return node


@pytest.mark.parametrize(
    ("certificate", "hostname", "host_name", "cert_name"),
    [
        (SELF_SIGNED, "", "203.0.113.7", PIN),
        (SELF_SIGNED, "derp.example.com", "derp.example.com", PIN),
        (SELF_SIGNED, "other.example.com", "203.0.113.7", PIN),
        (OF_A_CA, "", "derp.example.com", ""),
        (OF_A_CA, "derp.example.com", "derp.example.com", ""),
        (OF_A_CA, "other.example.com", "other.example.com", ""),
        (WILDCARD, "", "derp.example.com", ""),
        (WILDCARD, "relay.example.com", "relay.example.com", ""),
        (NAMELESS, "", "203.0.113.7", PIN),
        (NAMELESS, "derp.example.com", "203.0.113.7", PIN),
    ],
)
def test_public_map(certificate: Certificate, hostname: str, host_name: str, cert_name: str) -> None:
    """Clients elsewhere check a name that the certificate has, or else its pin."""
    node = node_of(public_map(replace(FOUND, hostname=hostname), certificate, 947))
    assert (node.host_name, node.cert_name, node.ipv4) == (host_name, cert_name, "203.0.113.7")


@pytest.mark.parametrize(
    ("certificate", "host_name"),
    [(OF_A_CA, "derp.example.com"), (WILDCARD, None), (SELF_SIGNED, None), (NAMELESS, None)],
)
def test_public_map_without_an_address(certificate: Certificate, host_name: str | None) -> None:
    """With no address known a name in the certificate is left to DNS; a name made up for a wildcard is not."""
    derp_map = public_map(NOTHING_FOUND, certificate, 947)
    assert (node_of(derp_map).host_name if derp_map else None) == host_name


@pytest.mark.parametrize(
    ("certificate", "hostname", "host_name", "cert_name"),
    [
        (SELF_SIGNED, "derp.example.com", "127.0.0.1", PIN),
        (OF_A_CA, "", "derp.example.com", ""),
        (OF_A_CA, "other.example.com", "derp.example.com", ""),
        (WILDCARD, "", "derp.example.com", ""),
        (WILDCARD, "relay.example.com", "relay.example.com", ""),
        (NAMELESS, "", "127.0.0.1", PIN),
    ],
)
def test_local_map(certificate: Certificate, hostname: str, host_name: str, cert_name: str) -> None:
    """The map for this machine works whatever ``--hostname`` says."""
    node = node_of(local_map(HERE, certificate, hostname, 947))
    assert (node.host_name, node.cert_name) == (host_name, cert_name)
    assert (node.ipv4, node.ipv6) == ("127.0.0.1", "::1")


def test_own_name() -> None:
    """A name itself comes before one made up for a wildcard."""
    assert own_name(replace(OF_A_CA, names=("*.example.com", "example.com"))) == "example.com"
    assert own_name(WILDCARD) == "derp.example.com"
    assert own_name(NAMELESS) == ""
    assert pin_of(WILDCARD) is None


def test_no_local_map_behind_a_proxy() -> None:
    """Where a proxy in front ends TLS there is no certificate here, and nothing that programs here could dial."""
    assert local_map(HERE, None, "derp.example.com", 947) is None


@pytest.mark.parametrize("certificate", [None, OF_A_CA])
def test_local_map_of_a_unix_socket(certificate: Certificate | None) -> None:
    """A relay whose only listener is a unix socket has no map for programs beside it: they could not dial it."""
    assert local_map(LocalEndpoint(None, None, 0, 3478), certificate, "derp.example.com", 947) is None
