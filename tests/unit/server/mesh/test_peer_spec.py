"""How other relays of the region are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tailhub.findings import Language
from tailhub.findings.place import Place
from tailhub.server.config import RelayConfig, config_findings
from tailhub.server.mesh.peer_spec import MOST_PEERS, PeerError, PeerSource, PeerSpec, parse_peer
from tailhub.settings.original import read_original

PIN = "sha256-raw:" + "9d" * 32
KEY_FILE = Path("/etc/tailhub/mesh.key")


@pytest.mark.parametrize(
    ("text", "host", "port", "dial_host"),
    [
        ("b.example.com", "b.example.com", 443, ""),
        ("b.example.com:8443", "b.example.com", 8443, ""),
        ("localhost", "localhost", 443, ""),
        ("203.0.113.7", "203.0.113.7", 443, ""),
        ("203.0.113.7:8443", "203.0.113.7", 8443, ""),
        ("[2001:db8::7]", "2001:db8::7", 443, ""),
        ("[2001:db8::7]:8443", "2001:db8::7", 8443, ""),
        ("b.example.com/10.0.0.2", "b.example.com", 443, "10.0.0.2"),
        ("b.example.com:8443/10.0.0.2", "b.example.com", 8443, "10.0.0.2"),
        ("b.example.com/10.0.0.2:9443", "b.example.com", 9443, "10.0.0.2"),
        ("b.example.com:8443/10.0.0.2:9443", "b.example.com", 9443, "10.0.0.2"),
        ("b.example.com:8443/b.internal", "b.example.com", 8443, "b.internal"),
        ("b.example.com/fd00::2", "b.example.com", 443, "fd00::2"),
        ("b.example.com:8443/[fd00::2]", "b.example.com", 8443, "fd00::2"),
        ("b.example.com/[fd00::2]:9443", "b.example.com", 9443, "fd00::2"),
        ("[2001:db8::7]:8443/[fe80::2%eth1]:9443", "2001:db8::7", 9443, "fe80::2%eth1"),
        ("  b.example.com ", "b.example.com", 443, ""),
    ],
)
def test_where_a_relay_is(text: str, host: str, port: int, dial_host: str) -> None:
    """A host with its port, else 443 as the reference has it; perhaps another host to dial, at that or its own port."""
    assert parse_peer(text) == PeerSpec(text.strip(), host, port, dial_host)


@pytest.mark.parametrize(
    ("options", "cert_name", "tls"),
    [
        (f"?cert={PIN}", PIN, True),
        ("?cert=c.example.com", "c.example.com", True),
        ("?tls=off", "", False),
        ("?tls=on", "", True),
        (f"?cert={PIN}&tls=on", PIN, True),
        (f"?tls=on&cert={PIN}", PIN, True),
    ],
)
@pytest.mark.parametrize("place", ["b.example.com:8443", "[::1]:8443/10.0.0.2", "dns:b.example.com", "srv:_d._tcp.a.b"])
def test_options(place: str, options: str, cert_name: str, tls: bool) -> None:
    """What the certificate must be, or that there is none, stands behind any place."""
    spec = parse_peer(place + options)
    assert (spec.cert_name, spec.tls) == (cert_name, tls)
    assert spec.text == place + options


@pytest.mark.parametrize(
    ("text", "source", "host", "port"),
    [
        ("dns:mesh.example.com", PeerSource.DNS, "mesh.example.com", 443),
        ("dns:mesh.example.com:8443", PeerSource.DNS, "mesh.example.com", 8443),
        ("dns:mesh", PeerSource.DNS, "mesh", 443),
        ("dns:8443", PeerSource.HOST, "", 0),
        ("srv:_derp._tcp.example.com", PeerSource.SRV, "_derp._tcp.example.com", 443),
    ],
)
def test_names_to_look_up(text: str, source: PeerSource, host: str, port: int) -> None:
    """A beginning says that relays are what a name stands for."""
    if source is PeerSource.HOST:
        with pytest.raises(PeerError):
            parse_peer(text)
        return
    assert parse_peer(text) == PeerSpec(text, host, port, source=source)


FAULTS = [
    ("", "mesh-peer-empty"),
    (":8443", "mesh-peer-empty"),
    ("/10.0.0.2", "mesh-peer-empty"),
    ("b.example.com/", "mesh-peer-empty"),
    ("?tls=off", "mesh-peer-empty"),
    ("dns:", "mesh-peer-empty"),
    ("b example", "mesh-peer-several"),
    ("b.example.com;c.example.com", "mesh-peer-several"),
    ("b_-", "mesh-peer-host"),
    ("203.0.113", "mesh-peer-host"),
    ("203.0.113.256", "mesh-peer-host"),
    ("[b.example.com]:1", "mesh-peer-host"),
    ("[203.0.113.7]", "mesh-peer-host"),
    ("[::1", "mesh-peer-host"),
    ("user@b.example.com", "mesh-peer-host"),
    ("2001:db8::7", "mesh-peer-bare-ipv6"),
    ("2001:db8::7/10.0.0.2", "mesh-peer-bare-ipv6"),
    ("b.example.com:", "mesh-peer-port"),
    ("b.example.com:0", "mesh-peer-port"),
    ("b.example.com:65536", "mesh-peer-port"),
    ("b.example.com:https", "mesh-peer-port"),
    ("b.example.com:+1", "mesh-peer-port"),
    ("b.example.com:１", "mesh-peer-port"),
    ("b.example.com:1:2", "mesh-peer-port"),
    ("[::1]8443", "mesh-peer-port"),
    ("b.example.com/10.0.0.2:x", "mesh-peer-port"),
    ("b.example.com/10.0.0.2/10.0.0.3", "mesh-peer-parts"),
    ("https://", "mesh-peer-host"),
    ("b.example.com/derp", "mesh-peer-path"),
    ("0.0.0.0", "mesh-peer-nowhere"),
    ("[ff02::1]:443", "mesh-peer-nowhere"),
    (f"nodekey:{PIN}", "mesh-peer-key"),
    ("b.example.com?", "mesh-peer-option"),
    ("b.example.com?cert", "mesh-peer-option"),
    ("b.example.com?insecure=1", "mesh-peer-option"),
    ("b.example.com?tls=off&", "mesh-peer-option"),
    ("b.example.com?tls=on&tls=on", "mesh-peer-option-twice"),
    ("b.example.com?tls=no", "mesh-peer-tls"),
    ("b.example.com?cert=", "mesh-peer-cert"),
    (f"b.example.com?cert={PIN}0", "mesh-peer-cert"),
    ("b.example.com?cert=c:8443", "mesh-peer-cert"),
    (f"b.example.com?cert={PIN}&tls=off", "mesh-peer-cert-without-tls"),
    ("dns:203.0.113.7", "mesh-peer-address-as-name"),
    ("dns:[::1]:443", "mesh-peer-address-as-name"),
    ("dns:b.example.com/10.0.0.2", "mesh-peer-dial-host-of-name"),
    ("srv:_derp._tcp.example.com:443", "mesh-peer-port-of-srv"),
]


@pytest.mark.parametrize(("text", "reason"), FAULTS)
def test_what_names_no_relay(text: str, reason: str) -> None:
    """Each fault has its reason."""
    with pytest.raises(PeerError) as caught:
        parse_peer(text)
    assert caught.value.remark.key == reason


DIGITS = PIN.removeprefix("sha256-raw:")
COLONS = ":".join(DIGITS[i : i + 2] for i in range(0, 64, 2)).upper()


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("https://b.example.com/derp", "b.example.com"),
        ("HTTPS://b.example.com:8443/", "b.example.com:8443"),
        ("http://10.0.0.2:8080/derp", "10.0.0.2:8080?tls=off"),
        ("http://b.example.com", "b.example.com:80?tls=off"),
        ("dns://mesh.example.com", "dns:mesh.example.com"),
        ("b.example.com.", "b.example.com"),
        ("bücher.example:8443", "xn--bcher-kva.example"),
        (f"b.example.com?cert={DIGITS}", f"cert={PIN}"),
        (f"b.example.com?cert={PIN.upper()}", f"cert={PIN}"),
        (f"b.example.com?cert=sha256:{DIGITS}", f"cert={PIN}"),
        (f"b.example.com?cert={COLONS}", f"cert={PIN}"),
    ],
)
def test_how_it_is_written(text: str, instead: str) -> None:
    """What people copy from elsewhere is refused with the form that it has here, which is sound."""
    with pytest.raises(PeerError) as caught:
        parse_peer(text)
    assert caught.value.remark.values["instead"] == instead
    parse_peer(f"b.example.com?{instead}" if instead.startswith("cert=") else instead)


def test_a_host_called_like_the_path() -> None:
    """With a port it is one."""
    assert parse_peer("b.example.com/derp:443").dial_host == "derp"


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_fault_is_told_at_its_place(lang: Language) -> None:
    """The finding has the line, the entry and the reason, in both languages; sound entries beside it are none."""
    place = Place.key("mesh_with", 7, "tailhub.toml")
    config = RelayConfig(
        mesh_with=("a.example.com", "b.example.com:x"), mesh_key_file=KEY_FILE, places={"mesh_with": place}
    )
    (finding,) = config_findings(config)
    assert finding.name == "bad-mesh-peer"
    told = finding.render(lang)
    assert place.text(lang) in told
    assert "`b.example.com:x`" in told
    assert "`x`" in told
    assert 'mesh_with = "b.example.com:8443"' in told


@pytest.mark.parametrize(
    ("peers", "found"),
    [
        (("a.example.com", "b.example.com"), []),
        (("a.example.com", "A.example.com:443"), ["mesh-peer-twice"]),
        (("a.example.com", f"a.example.com?cert={PIN}"), ["mesh-peer-twice"]),
        (("a.example.com/10.0.0.2", "b.example.com/10.0.0.2"), ["mesh-peer-twice"]),
        (("a.example.com", "a.example.com:8443"), []),
        (("dns:a.example.com", "a.example.com"), []),
        (("dns:a.example.com", "dns:a.example.com"), ["mesh-peer-twice"]),
        (tuple(f"a{number}.example.com" for number in range(MOST_PEERS)), []),
        (tuple(f"a{number}.example.com" for number in range(MOST_PEERS + 1)), ["too-many-mesh-peers"]),
    ],
)
def test_entries_together(peers: tuple[str, ...], found: list[str]) -> None:
    """Two that lead to one place are noticed, and so are too many."""
    config = RelayConfig(mesh_with=peers, mesh_key_file=KEY_FILE)
    assert [finding.name for finding in config_findings(config)] == found


def test_a_map_of_one_node() -> None:
    """A node of several keeps no map up to date: its region would have it alone."""
    config = RelayConfig(mesh_with=("a.example.com",), mesh_key_file=KEY_FILE, push_map_to="/etc/headscale/derp.yaml")
    (finding,) = config_findings(config)
    assert finding.name == "map-pushed-by-one-node"


def test_relays_without_a_key() -> None:
    """Who names relays needs a mesh key, and is told so in the form in which they were named; a key alone is fine."""
    (finding,) = config_findings(RelayConfig(mesh_with=("a.example.com",)))
    assert finding.name == "mesh-without-key"
    assert "`--mesh-key-file /etc/tailhub/mesh.key`" in finding.remedy()
    place = Place.variable("mesh_with")
    (finding,) = config_findings(RelayConfig(mesh_with=("a.example.com",), places={"mesh_with": place}))
    assert "`TAILHUB_MESH_KEY_FILE=/etc/tailhub/mesh.key`" in finding.remedy()
    settings = read_original(["-dev", "-mesh-with", "a.example.com"], {}, 1000, Path("/home/someone"))
    assert settings is not None
    (finding,) = config_findings(settings.config())
    assert "`-mesh-psk-file /etc/tailhub/mesh.key`" in finding.remedy()
    assert config_findings(RelayConfig(mesh_key_file=KEY_FILE)) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a.example.com", "a.example.com"),
        (f"a.example.com:8443/10.0.0.1?cert={PIN}&tls=on", "a.example.com:8443/10.0.0.1"),
    ],
)
def test_names(text: str, name: str) -> None:
    """What a certificate must look like is no part of a relay's name."""
    assert parse_peer(text).name == name
