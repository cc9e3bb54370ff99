"""The original's command line and environment, with real files and a real client."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from support import require
from support.certificates import make_certificate
from support.ports import free_ports
from support.relay_process import RelayProcess, until
from support.served_map import served_map
from support.tailcat import Tailcat
from support.verifiers import served_verdicts
from tailhub.keys import NodePrivate

NAME = "derp.example.com"
QUIET = {"TAILHUB_DISCOVER": "false", "TAILHUB_ADDRESS": "127.0.0.1"}
CA = make_certificate(common_name="A CA", is_ca=True)


def private_key(directory: Path) -> None:
    """Write a key as the original does."""
    key = NodePrivate(bytes.fromhex("4a" * 32))
    directory.mkdir()
    (directory / "derper.key").write_text(json.dumps({"PrivateKey": key.to_text()}, indent="\t"))
    (directory / "derper.key").chmod(0o600)


def region(port: int, stun_port: int) -> dict[str, object]:
    """A map as somebody has had it in the policy file since before."""
    node = {
        "Name": "912a",
        "RegionID": 912,
        "HostName": NAME,
        "IPv4": "127.0.0.1",
        "DERPPort": port,
        "STUNPort": stun_port,
    }
    return {"Regions": {"912": {"RegionID": 912, "RegionCode": "home", "RegionName": "Home", "Nodes": [node]}}}


def talk(tailcat: Tailcat) -> None:
    with tailcat.listen() as listener:
        assert tailcat.first_pong(listener.address) == "DERP(home)"


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients trust the tests' CA."""
    (tmp_path / "ca.pem").write_bytes(CA.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


@pytest.mark.usefixtures("trusted")
def test_a_compose_file_of_a_wrapper_image(tmp_path: Path) -> None:
    """A wildcard's cert.pem and cert.key, an address in quotes, no HTTP port while 80 and 443 are others': it works."""
    tailcat = require.tailcat()
    wildcard = make_certificate(dns_names=["*.example.com"], issuer=CA)
    certs, state = tmp_path / "certs", tmp_path / "derper"
    certs.mkdir()
    (certs / "cert.pem").write_bytes(wildcard.pem + CA.pem)
    (certs / "cert.key").write_bytes(wildcard.key_pem)
    private_key(state)
    port = free_ports()
    stun_port = free_ports(kind=socket.SOCK_DGRAM)
    environ = {
        "DERP_ADDR": f'":{port}"',
        "DERP_DOMAIN": NAME,
        "DERP_CERT_MODE": "manual",
        "DERP_CERT_DIR": str(certs),
        "DERP_HTTP_PORT": "-1",
        "DERP_STUN_PORT": str(stun_port),
    }
    words = ("-c", str(state / "derper.key"))
    with RelayProcess(*words, defaults=(), command="derper", state_dir=state, environ=environ | QUIET) as relay:
        assert relay.node()["HostName"] == NAME
        with served_map(region(port, stun_port)) as url:
            talk(Tailcat(tailcat, url, tmp_path))
    assert "TH191" in relay.log()


@pytest.mark.usefixtures("trusted")
def test_manual_certificates_as_derper_takes_them(tmp_path: Path) -> None:
    """``-certmode manual -certdir D -hostname H`` serves H.crt and H.key to a real client."""
    tailcat = require.tailcat()
    leaf = make_certificate(dns_names=[NAME], issuer=CA)
    (tmp_path / f"{NAME}.crt").write_bytes(leaf.pem + CA.pem)
    (tmp_path / f"{NAME}.key").write_bytes(leaf.key_pem)
    state, port = tmp_path / "derper", free_ports()
    private_key(state)
    words = (
        *("-a", f"127.0.0.1:{port}", "-http-port=-1", "--stun=false", "-c", str(state / "derper.key")),
        *("-certmode", "manual", f"-certdir={tmp_path}", "--hostname", NAME),
    )
    with (
        RelayProcess(*words, defaults=(), command="derper", state_dir=state, environ=QUIET),
        served_map(region(port, -1)) as url,
    ):
        talk(Tailcat(tailcat, url, tmp_path))


@pytest.mark.usefixtures("trusted")
def test_a_wrapper_image_with_a_verify_url(tmp_path: Path) -> None:
    """``DERP_VERIFY_CLIENT_URL`` is obeyed: clients talk while it says yes, and are kept out when it says no."""
    tailcat = require.tailcat()
    leaf = make_certificate(dns_names=[NAME], issuer=CA)
    (tmp_path / "cert.pem").write_bytes(leaf.pem + CA.pem)
    (tmp_path / "cert.key").write_bytes(leaf.key_pem)
    state, port, answer = tmp_path / "derper", free_ports(), {"Allow": "true"}
    private_key(state)
    with served_verdicts(answer) as url:
        environ = {
            "DERP_ADDR": f"127.0.0.1:{port}",
            "DERP_DOMAIN": NAME,
            "DERP_CERT_MODE": "manual",
            "DERP_CERT_DIR": str(tmp_path),
            "DERP_HTTP_PORT": "-1",
            "DERP_STUN": "false",
            "DERP_VERIFY_CLIENTS": "false",
            "DERP_VERIFY_CLIENT_URL": f'"{url}"',
        }
        words = ("-c", str(state / "derper.key"))
        with (
            RelayProcess(*words, defaults=(), command="derper", state_dir=state, environ=environ | QUIET) as relay,
            served_map(region(port, -1)) as map_url,
        ):
            talk(Tailcat(tailcat, map_url, tmp_path))
            answer["Allow"] = "false"
            with Tailcat(tailcat, map_url, tmp_path).listen():
                until(lambda: f"{url}: refused" in relay.log(), "a client is kept out", relay.log)
        assert "TH213" in relay.log()  # it fails open, as the original
