from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tailhub.server.acme_config import acme_notes, challenge_of, identifiers_of
from tailhub.server.config import ListenerConfig, RelayConfig, config_findings

NAMED = RelayConfig(acme=True, hostname="relay.example", listen=":443")


def codes(config: RelayConfig) -> list[str]:
    return [finding.code for finding in config_findings(config)]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (NAMED, []),
        (replace(NAMED, listen=":8443"), ["TH111"]),
        (replace(NAMED, listen=":8443", public_port=443), []),
        (replace(NAMED, listen=":8443", http_listen=":80"), []),
        (replace(NAMED, listen=":8443", acme_dns_hook="add"), []),
        (replace(NAMED, hostname="", addresses=("192.0.2.7",)), []),
        (replace(NAMED, hostname="", addresses=("192.0.2.7",), listen=":8443", acme_dns_hook="add"), ["TH111"]),
        (replace(NAMED, hostname="", addresses=("192.0.2.7",), acme_challenge="dns-01"), ["TH121"]),
        (replace(NAMED, hostname=""), ["TH110"]),
        (replace(NAMED, acme_challenge="dns"), ["TH113"]),
        (replace(NAMED, acme_challenge="dns-01"), ["TH119"]),
        (replace(NAMED, acme_challenge="http-01"), ["TH120"]),
        (replace(NAMED, acme_directory="http://127.0.0.1/dir"), ["TH117"]),
        (replace(NAMED, acme_eab_kid="kid"), ["TH118"]),
        (replace(NAMED, acme=False, acme_eab_key="key"), ["TH118"]),
        (replace(NAMED, cert_dir=Path("certs")), ["TH068"]),
    ],
)
def test_what_cannot_work_is_told_before_the_start(config: RelayConfig, expected: list[str]) -> None:
    """Each configuration with which no certificate could ever come is an error that names the way out."""
    assert codes(config) == expected


def test_check_says_which_challenge_is_used() -> None:
    """``config check`` names the challenge and what can work; another port than servers look at is a warning."""
    (note,) = acme_notes(NAMED, NAMED)
    assert (note.code, note.values["challenge"], note.values["possible"]) == ("TH114", "tls-alpn-01", "tls-alpn-01")
    elsewhere = replace(NAMED, listen=":8443", acme_challenge="tls-alpn-01")
    assert [note.code for note in acme_notes(elsewhere, elsewhere)] == ["TH114", "TH112"]


def test_each_listener_for_itself() -> None:
    """Each listener has its own challenge and name; one without a name goes by the relay's addresses."""
    other = ListenerConfig(listen=":8443", acme=True, acme_dns_hook="add", hostname="Other.example")
    config = replace(NAMED, more_listeners=(other,), addresses=("192.0.2.7",))
    assert [challenge_of(config, one) for one in config.listeners] == ["tls-alpn-01", "dns-01"]
    assert identifiers_of(config, other) == ("other.example",)
    assert identifiers_of(config, replace(other, hostname="")) == ("192.0.2.7",)


def test_no_key_is_shown() -> None:
    """The key of an account is in no text of the configuration."""
    assert "geheim" not in repr(replace(NAMED, acme_eab_kid="kid", acme_eab_key="geheim"))
