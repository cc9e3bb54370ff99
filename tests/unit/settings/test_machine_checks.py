"""What ``config check`` finds in the files that a configuration names."""

from __future__ import annotations

from pathlib import Path

from support.certificates import make_certificate
from tailhub.server.config import RelayConfig
from tailhub.server.tenant_config import TenantConfig
from tailhub.server.tenant_verifiers import make_verifiers
from tailhub.settings.machine_checks import machine_findings

NAME = "derp.example.com"
CA = make_certificate(common_name="A CA", is_ca=True)


def found(config: RelayConfig) -> list[str]:
    return [finding.name for finding in machine_findings(config)]


def test_a_directory_of_certificates(tmp_path: Path) -> None:
    """It must be there, have a pair, and one for the name of the relay that has not expired."""
    directory = tmp_path / "certs"
    config = RelayConfig(cert_dir=directory, hostname=NAME)
    assert found(config) == ["directory-missing"]
    directory.mkdir()
    assert found(config) == ["no-pair-in-directory"]
    for names, days, expected in (
        ([NAME], 30, []),
        ([NAME], -1, ["certificate-expired"]),
        (["other.example.com"], 30, ["certificate-lacks-name"]),
    ):
        made = make_certificate(dns_names=names, issuer=CA, valid_from_days=-60, valid_to_days=days)
        (directory / "all.pem").write_bytes(made.key_pem + made.pem + CA.pem)
        assert found(config) == expected


def test_the_cache_of_autocert(tmp_path: Path) -> None:
    """It must be there, and what is in it for the relay's name must be whole."""
    cache = tmp_path / "cache"
    config = RelayConfig(acme=True, hostname=NAME, listen=":443", acme_cache=cache)
    assert found(config) == ["acme-challenges", "directory-missing"]
    cache.mkdir()
    assert found(config) == ["acme-challenges"]
    (cache / NAME).write_bytes(CA.pem)
    assert found(config) == ["acme-challenges", "not-pem"]


def test_each_thing_is_found_once(tmp_path: Path) -> None:
    """Tenants that share a list do not have it told of once for each of them."""
    friends, family = (TenantConfig(tenant=name, allow_list="on") for name in ("friends", "family"))
    names = found(RelayConfig(state_dir=tmp_path, more_tenants=(friends, family)))
    assert names.count("allow-list-empty") == 1


def test_a_socket_that_is_named_twice(tmp_path: Path) -> None:
    """It is asked once."""
    socket = tmp_path / "tailscaled.sock"
    config = RelayConfig(verify_tailscaled=True, verify_socket=(socket, socket))
    assert [verifier.name for verifier in make_verifiers(config)] == ["tailscaled"]


def test_names_that_stand_for_relays() -> None:
    """Each that cannot be looked up is told of; plain places are not looked up, and what is none is told elsewhere."""
    peers = ("dns:localhost:8443", "dns:nobody.invalid", "nobody.invalid", "srv:nobody.invalid:1")
    (finding,) = machine_findings(RelayConfig(mesh_with=peers))
    assert (finding.name, finding.values["text"]) == ("mesh-name-unresolved", "dns:nobody.invalid")
