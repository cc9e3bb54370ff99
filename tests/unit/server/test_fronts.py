"""The settings of proxies in front and servers behind, and who gets which name."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from tailhub.exceptions import UsageError
from tailhub.server.config import ListenerConfig, RelayConfig, check_config
from tailhub.server.fronts import Backend, front_findings, front_of


@pytest.mark.parametrize(
    ("name", "has_certificate", "port"),
    [
        ("derp.example.com", False, None),
        ("www.example.com", False, 1),
        ("www.example.com", True, 1),
        ("a.example.com", False, 2),
        ("b.a.example.com", False, 2),
        ("x.b.example.com", False, 3),
        ("example.com", False, 4),
        ("other.example.org", False, 4),
        ("other.example.org", True, None),
        ("192.0.2.7", False, None),
    ],
)
def test_who_gets_a_name(name: str, has_certificate: bool, port: int | None) -> None:
    """The relay keeps its own name, addresses and names of its certificates that are not written out elsewhere."""
    front = front_of(
        ListenerConfig(
            hostname="DERP.example.com",
            passthrough=(
                "www.Example.com=127.0.0.1:1",
                "*.example.com=127.0.0.1:2",
                "*.b.example.com = 127.0.0.1:3",
                "*=127.0.0.1:4",
            ),
        )
    )
    backend = front.backend(name, has_certificate)
    assert (backend.port if backend else None) == port


@pytest.mark.parametrize(
    ("text", "backend"),
    [
        ("127.0.0.1:4443", Backend("127.0.0.1:4443", "127.0.0.1", 4443, "", header=False)),
        ("[::1]:4443", Backend("[::1]:4443", "::1", 4443, "", header=False)),
        ("web:443", Backend("web:443", "web", 443, "", header=False)),
        ("proxy:127.0.0.1:4443", Backend("proxy:127.0.0.1:4443", "127.0.0.1", 4443, "", header=True)),
        ("unix:/run/web.sock", Backend("unix:/run/web.sock", "", 0, "/run/web.sock", header=False)),
        ("proxy:unix:/run/w", Backend("proxy:unix:/run/w", "", 0, "/run/w", header=True)),
    ],
)
def test_backends(text: str, backend: Backend) -> None:
    """A backend is an address or a name with a port, or a unix socket; "proxy:" has it told the client's address."""
    assert front_of(ListenerConfig(passthrough=("*=" + text,))).backend("www.example.com", False) == backend


@pytest.mark.parametrize(
    "text",
    [
        *("", "www.example.com", "=127.0.0.1:1", "*=", "*=127.0.0.1", "*=127.0.0.1:0", "*=127.0.0.1:65536"),
        *("*=300.0.0.1:1", "*=unix:web.sock", "a.*=127.0.0.1:1", "192.0.2.7=127.0.0.1:1", "a b=127.0.0.1:1"),
        "*=https://127.0.0.1:1",
    ],
)
def test_passthrough_that_cannot_be_read(text: str) -> None:
    """Anything but NAME=HOST:PORT is refused with the form that was expected."""
    with pytest.raises(UsageError, match="expected NAME=HOST:PORT"):
        check_config(RelayConfig(passthrough=(text,)))


def test_passthrough_of_a_name_twice() -> None:
    """One name goes to one server."""
    with pytest.raises(UsageError, match="each name once"):
        check_config(RelayConfig(passthrough=("*=127.0.0.1:1", "*=127.0.0.1:2")))


def test_passthrough_of_the_relays_own_name() -> None:
    """The relay's own name cannot be given away."""
    with pytest.raises(UsageError, match="relay's own name"):
        check_config(RelayConfig(hostname="derp.example.com", passthrough=("derp.example.com=127.0.0.1:1",)))


def test_passthrough_to_itself() -> None:
    """A route to the socket that the listener has would go round and round."""
    listener = ListenerConfig("unix:/run/relay.sock", passthrough=("*=unix:/run/relay.sock",))
    assert [finding.code for finding in front_findings(listener)] == ["TH234"]


def test_passthrough_without_tls() -> None:
    """Where TLS has ended elsewhere there is no name to go by."""
    with pytest.raises(UsageError, match="--passthrough needs TLS"):
        check_config(RelayConfig(tls=False, passthrough=("*=127.0.0.1:1",)))


@pytest.mark.parametrize(("text", "meant"), [("10.0.0.1/8", "10.0.0.0/8"), ("nginx", "127.0.0.1"), ("", "127.0.0.1")])
def test_trusted_proxies_that_cannot_be_read(text: str, meant: str) -> None:
    """Proxies are addresses and networks; a network with bits of a host gets the network that was meant."""
    with pytest.raises(UsageError, match=f"`--trusted-proxies {meant}`"):
        check_config(RelayConfig(trusted_proxies=(text,)))


def test_whom_a_listener_trusts() -> None:
    """A listener trusts the proxies that it names, and whoever can open its unix socket."""
    front = front_of(ListenerConfig(trusted_proxies=("127.0.0.1", "2001:db8::/32")))
    assert front.trusts(ip_address("2001:db8::5"))
    assert not front.trusts(ip_address("127.0.0.2"))
    assert not front.trusts(None)
    assert front_of(ListenerConfig("unix:/run/relay.sock")).trusts(None)


def test_an_address_in_either_form_is_one() -> None:
    """IPv4 inside IPv6 names the proxy that connects by IPv4; a network of all IPv6 names no IPv4 address."""
    front = front_of(ListenerConfig(trusted_proxies=("::ffff:10.0.0.1", "::ffff:192.0.2.0/120")))
    assert front.trusts(ip_address("10.0.0.1"))
    assert front.trusts(ip_address("192.0.2.255"))
    assert not front.trusts(ip_address("192.0.3.0"))
    assert not front_of(ListenerConfig(trusted_proxies=("::/0",))).trusts(ip_address("192.0.2.1"))
