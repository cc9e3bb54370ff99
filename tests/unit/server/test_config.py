"""The flags of ``tailhub relay`` before anything is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tailhub.exceptions import UsageError
from tailhub.server.config import (
    ListenerConfig,
    RelayConfig,
    check_config,
    config_findings,
    parse_addresses,
    split_hostname,
)


@pytest.mark.parametrize(
    ("hostname", "addresses", "expected"),
    [
        ("derp.example.com", (), ("derp.example.com", ())),
        ("derp.example.com", ("203.0.113.7",), ("derp.example.com", ("203.0.113.7",))),
        ("", ("203.0.113.7",), ("", ("203.0.113.7",))),
        ("203.0.113.7", (), ("", ("203.0.113.7",))),
        ("203.0.113.7", ("203.0.113.7",), ("", ("203.0.113.7",))),
        ("2001:db8::7", ("203.0.113.7",), ("", ("203.0.113.7", "2001:db8::7"))),
        ("[2001:db8::7]", (), ("", ("2001:db8::7",))),
        ("203.0.113", (), ("203.0.113", ())),
    ],
)
def test_split_hostname(hostname: str, addresses: tuple[str, ...], expected: tuple[str, tuple[str, ...]]) -> None:
    """An IP address in place of the host name becomes one more address."""
    assert split_hostname(hostname, addresses) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("fe80::1%eth0", "fe80::1", "2001:db8::7%eth0", "::", "ff02::1", "::ffff:203.0.113.7"),
        *(
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "169.254.1.1",
            "203.0.113.7:443",
            "[2001:db8::7]",
            "２０３.0.113.7",
            "",
        ),
    ],
)
def test_address_that_nobody_can_dial(text: str) -> None:
    """An address that clients elsewhere cannot use is refused."""
    with pytest.raises(UsageError, match="expected an IP address that others can dial"):
        check_config(RelayConfig(addresses=(text,)))


@pytest.mark.parametrize(
    "texts",
    [
        *(("203.0.113.7",), ("203.0.113.7", "2001:db8::7"), ("203.0.113.7", "203.0.113.7"), ()),
        *(("192.168.1.2",), ("100.64.0.1",), ("127.0.0.1",), ("fd00::1",), ("::1",)),
    ],
)
def test_addresses(texts: tuple[str, ...]) -> None:
    """One address of each family is taken, those of a LAN, a VPN or this machine too."""
    assert {str(address) for address in parse_addresses(RelayConfig(addresses=texts))} == set(texts)


def test_two_addresses_of_a_family() -> None:
    """A relay has one address of each family in its map, so two are refused."""
    with pytest.raises(UsageError, match=r"found 203\.0\.113\.7, 203\.0\.113\.8"):
        check_config(RelayConfig(addresses=("203.0.113.7", "2001:db8::7", "203.0.113.8")))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('"derp.example.com"', "derp.example.com"),
        ("中继.example", "xn--fiqv10j.example"),
        ("derp。example。com", "derp.example.com"),
        ("ｄｅｒｐ.example.com", "derp.example.com"),
    ],
)
def test_host_name_as_typed(text: str, meant: str) -> None:
    """Quotes, wide characters and other scripts are answered with the name in ASCII."""
    with pytest.raises(UsageError, match=f"Write `--hostname {meant}`"):
        check_config(RelayConfig(hostname=text))


@pytest.mark.parametrize("workers", [0, -1, 65])
def test_workers_are_a_sensible_number(workers: int) -> None:
    """None, and more than any machine of ours has cores, are refused."""
    with pytest.raises(UsageError, match="--workers: expected a number from 1 to 64"):
        check_config(RelayConfig(workers=workers))


def test_several_workers_need_a_system_that_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere it is said, instead of starting processes that get no connection."""
    monkeypatch.setattr("tailhub.server.config.can_share_port", lambda: False)
    with pytest.raises(UsageError, match="cannot share a port"):
        check_config(RelayConfig(workers=2))
    check_config(RelayConfig(workers=1))


def test_a_socket_twice() -> None:
    """Two listeners on one unix socket are a fault of the configuration, not of another program."""
    config = RelayConfig("unix:/run/a.sock", more_listeners=(ListenerConfig("unix:/run//a.sock"),))
    with pytest.raises(UsageError, match=r"same socket, /run/a\.sock"):
        check_config(config)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"verify_url": "headscale.example.com/verify"}, "TH214"),
        ({"verify_socket": (Path("/run/ts.sock"),)}, "TH215"),
        ({"verify_url_fail_open": True}, "TH215"),
        ({"steer": True, "stun_listen": "off"}, "TH300"),
        ({"verify_url": "https://a.example/", "verify_timeout_s": 61}, "TH190"),
    ],
)
def test_verifiers_that_cannot_be(values: dict[str, Any], code: str) -> None:
    """A URL that is none, and settings for verifiers that are not asked, are refused."""
    assert [finding.code for finding in config_findings(RelayConfig(**values))] == [code]


def test_relays_of_the_dashboard() -> None:
    """Each relay that the dashboard is to show is checked, and a finding about one does not show its token."""
    wrong = (
        "tokyo=https://s3cret@tokyo.example.com",
        "https://s3cret@h/path",
        "http://192.0.2.1:9912",
        "unix:admin.sock",
    )
    found = config_findings(RelayConfig(dashboard_relays=wrong))
    assert [finding.code for finding in found] == ["TH339"] * 3
    assert "s3cret" not in "".join(finding.render() for finding in found)
    assert "s3cret" not in repr(RelayConfig(dashboard_relays=wrong))
