"""Tests of the original's flags and variables as settings of ours."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from tailhub.exceptions import UsageError
from tailhub.server.config import RelayConfig, config_findings
from tailhub.server.mesh.peer_spec import parse_peer
from tailhub.settings.merge import Settings
from tailhub.settings.original import FLAGS, read_original

HOME = Path("/home/someone")
COMPOSE = {
    "DERP_ADDR": '":8443"',
    "DERP_DOMAIN": "derp.example.com",
    "DERP_CERT_MODE": "manual",
    "DERP_CERT_DIR": "/app/certs",
    "DERP_HTTP_PORT": "-1",
}


def read(words: str, environ: dict[str, str] | None = None, uid: int = 1000) -> Settings:
    settings = read_original(words.split(), environ or {}, uid, HOME)
    assert settings is not None
    return settings


def config(words: str, environ: dict[str, str] | None = None, uid: int = 1000) -> RelayConfig:
    settings = read(words, environ, uid)
    assert [fault for fault in settings.faults if fault.severity == "error"] == []
    return settings.config()


def names(words: str, environ: dict[str, str] | None = None) -> list[str]:
    return [fault.name for fault in read(words, environ).faults]


def test_a_usual_compose_file() -> None:
    """Quotes around the address are repaired with a warning; the certificate directory may have any layout."""
    found = config("", COMPOSE)
    assert (found.listen, found.http_listen, found.stun_listen) == (":8443", "off", ":3478")
    assert (found.hostname, found.cert_dir, found.tls) == ("derp.example.com", Path("/app/certs"), True)
    (warning,) = read("", COMPOSE).faults
    assert warning.render() == (
        'DERP_ADDR: `":8443"` was taken as `:8443`. Write `DERP_ADDR=:8443`; in a compose file\'s list quotes are part '
        "of the value."
    )


def test_flags_win_over_variables() -> None:
    """As in the image, whose start command gives the variables as flags."""
    assert config("-a :444 -stun=false", COMPOSE).listen == ":444"
    assert config("-stun=false", COMPOSE | {"DERP_STUN": "true"}).stun_listen == "off"


def test_pair_of_the_host_name(tmp_path: Path) -> None:
    """The original's two files are served if they are there."""
    for suffix in (".crt", ".key"):
        (tmp_path / f"derp.example.com{suffix}").touch()
    found = config(f"-certmode manual -certdir {tmp_path} -hostname derp.example.com")
    assert (found.cert, found.key) == (tmp_path / "derp.example.com.crt", tmp_path / "derp.example.com.key")
    assert found.cert_dir is None


def test_an_address_without_files_is_pinned(tmp_path: Path) -> None:
    """As the original makes a certificate then, so do we."""
    found = config(f"-certmode manual -certdir {tmp_path} -hostname 192.0.2.7")
    assert (found.cert, found.cert_dir, found.addresses) == (None, None, ("192.0.2.7",))


@pytest.mark.parametrize(
    ("written", "listen"),
    [(":8443", ":8443"), ("8443", ":8443"), (" ':8443' ", ":8443"), ("“0.0.0.0:8443”", "0.0.0.0:8443")],
)
def test_repaired_addresses(written: str, listen: str) -> None:
    """Quotes of any kind, spaces, and a lone port."""
    assert config("", COMPOSE | {"DERP_ADDR": written}).listen == listen


@pytest.mark.parametrize(
    ("written", "listen"), [(":https", ":443"), ("[::1]:443", "[::1]:443"), ("127.0.0.1:https", "127.0.0.1:443")]
)
def test_services_to_listen_on(written: str, listen: str) -> None:
    """A port may be named, as Go takes it; the one of HTTPS has TLS."""
    found = config(f"-a {written} -hostname derp.example.com")
    assert (found.listen, found.tls, names(f"-a {written}")) == (listen, True, [])
    assert found.http_listen == listen.replace("443", "80")


def test_names_to_listen_on() -> None:
    """A name is looked up at the start, also out of a variable; one without an address is an error at its place."""
    found = config("-certmode manual", COMPOSE | {"DERP_ADDR": "localhost:8443"})
    assert found.listen in ("127.0.0.1:8443", "[::1]:8443")
    (fault,) = read("", COMPOSE | {"DERP_ADDR": "nobody.invalid:8443"}).faults
    assert (fault.name, "DERP_ADDR=:8443" in fault.render()) == ("listen-name-unknown", True)


def test_repaired_ports_and_names() -> None:
    """HOST:PORT where a port is wanted, and a URL where a name is."""
    environ = COMPOSE | {
        "DERP_STUN_PORT": "0.0.0.0:3479",
        "DERP_HTTP_PORT": '":80"',
        "DERP_DOMAIN": "https://derp.example.com:8443/",
    }
    found = config("", environ)
    assert (found.stun_listen, found.http_listen, found.hostname) == (":3479", ":80", "derp.example.com")
    assert names("", environ).count("value-repaired") == 4


def test_state_of_the_original() -> None:
    """Its key stays where it is, and the rest lies beside it if the directory is a relay's own."""
    found = config("", COMPOSE, uid=0)
    assert (found.key_file, found.state_dir) == (Path("/var/lib/derper/derper.key"), Path("/var/lib/derper"))
    assert config("-c /etc/relay.key", COMPOSE).state_dir is None
    assert config("-c /etc/relay.key", COMPOSE).key_file == Path("/etc/relay.key")
    assert config("", COMPOSE).key_file is None


def test_without_tls_as_the_original() -> None:
    """On another port than 443 without manual certificates the original speaks no TLS: so do we, and say it."""
    found = config("-a :8080 -hostname derp.example.com")
    assert (found.tls, found.listen, found.http_listen) == (False, ":8080", "off")
    assert "original-without-tls" in names("-a :8080")


def test_dev() -> None:
    """``-dev`` is plain DERP on port 3340, without a warning."""
    assert (config("-dev").listen, config("-dev").tls) == (":3340", False)
    assert names("-dev") == []


def test_http_port_beside_tls() -> None:
    """It listens on the same address as TLS does, on port 80 unless told otherwise."""
    words = "-certmode manual -certdir /c -hostname a.example.com"
    assert config(f"{words} -a 192.0.2.1:443").http_listen == "192.0.2.1:80"


def test_other_flags() -> None:
    """Home page, mesh key, bootstrap DNS, write timeout and STUN only."""
    words = (
        "-dev -home blank -mesh-psk-file /m -bootstrap-dns-names a.example.com,b.example.com -tcp-write-timeout 1m5s"
    )
    found = config(words)
    assert (found.home, found.mesh_key_file, found.write_timeout_s) == ("blank", Path("/m"), 65.0)
    assert found.bootstrap_dns_names == ("a.example.com", "b.example.com")
    assert config("-derp=false").listen == "off"


@pytest.mark.parametrize("flag", [flag for flag in FLAGS if flag.refused], ids=lambda flag: flag.name)
def test_what_is_refused_is_refused_by_name(flag: object) -> None:
    """No flag is passed over: what we cannot do is an error that names it."""
    name, kind = flag.name, flag.kind  # type: ignore[attr-defined]
    value = {"bool": "true", "duration": "11s"}.get(kind, "7")
    faults = [fault for fault in read(f"-dev -{name}={value}").faults if fault.severity == "error"]
    assert [fault.name for fault in faults] == ["original-refused"]
    assert f"-{name} " in faults[0].render()


@pytest.mark.parametrize(
    ("written", "peers", "dialled"),
    [
        ("derp1b", ["derp1b"], [("derp1b", 443, "")]),
        ("derp1.example.com,derp2.example.com", None, [("derp1.example.com", 443, ""), ("derp2.example.com", 443, "")]),
        ("derp1.example.com/10.0.0.1", None, [("derp1.example.com", 443, "10.0.0.1")]),
        ("derp1.example.com:8443/derp1-vpc", None, [("derp1.example.com", 8443, "derp1-vpc")]),
        ("derp1.example.com/fd00::1", None, [("derp1.example.com", 443, "fd00::1")]),
        ("[2001:db8::1]:8443", None, [("2001:db8::1", 8443, "")]),
        ("", [], []),
    ],
)
def test_mesh_with(written: str, peers: list[str] | None, dialled: list[tuple[str, int, str]]) -> None:
    """The other relays by host, or by host and another to dial at the host's port, 443 unless one is given."""
    found = config(f"-dev -mesh-psk-file /m -mesh-with={written}")
    assert list(found.mesh_with) == (written.split(",") if peers is None else peers)
    specs = [parse_peer(text) for text in found.mesh_with]
    assert [(spec.host, spec.port, spec.dial_host) for spec in specs] == dialled
    assert all(spec.tls and not spec.cert_name for spec in specs)
    assert config_findings(found) == []


def test_mesh_with_needs_a_key(tmp_path: Path) -> None:
    """As with the original, which looks for the key in its user's directory too, though not with ``-dev``."""
    words = "-mesh-with derp1b -hostname derp.example.com"
    assert [fault.name for fault in config_findings(config(words))] == ["mesh-without-key"]
    file = tmp_path / "keys" / "derp-mesh.key"
    file.parent.mkdir()
    file.touch()
    for given, expected in (((), file), (("-dev",), None), (("-mesh-psk-file", "/m"), Path("/m"))):
        settings = read_original([*words.split(), *given], {}, 1000, tmp_path)
        assert settings is not None
        assert settings.config().mesh_key_file == expected


def test_accept_limit() -> None:
    """Go writes a rate as it likes."""
    found = config("-dev -accept-connection-limit 1.5e2 -accept-connection-burst 300")
    assert (found.accept_limit, found.accept_burst) == (150.0, 300.0)


def test_rate_config() -> None:
    """The file is ours as it is; that the settings beside it are not of the original stays so."""
    assert config("-dev -rate-config /etc/rate.json").rate_config == Path("/etc/rate.json")
    assert config("-dev", {"TAILHUB_RATE_LIMIT_BYTES_PER_S": "5"}).rate_limit_bytes_per_s == 0


def test_refused_flags_at_their_defaults() -> None:
    """Who writes down what is so anyway is not refused."""
    assert names("-dev -verify-clients=false -verify-client-url= -acme-ip-certs=f") == []


def test_verifiers() -> None:
    """A tailscaled at its usual socket or another one, and a URL that lets everyone in while nobody is there."""
    found = config("-dev -verify-clients")
    assert (found.verify_tailscaled, found.verify_socket, found.verify_url, found.verify_all) == (True, (), "", False)
    assert found.place("verify_socket") == "-socket"  # for findings
    assert config("-dev -verify-clients -socket /run/ts.sock").verify_socket == (Path("/run/ts.sock"),)
    found = config("-dev -verify-client-url https://a.example/verify")
    assert (found.verify_tailscaled, found.verify_url) == (False, "https://a.example/verify")
    assert (found.verify_url_fail_open, found.verify_all) == (True, False)
    assert not config("-dev -verify-client-url http://a -verify-client-url-fail-open=false").verify_url_fail_open


def test_both_verifiers_must_admit() -> None:
    """As with the original; and the image's variables mean the same as the flags."""
    environ = {"DERP_VERIFY_CLIENTS": "true", "DERP_VERIFY_CLIENT_URL": "https://a.example/verify"}
    found = config("-dev", environ)
    assert (found.verify_tailscaled, found.verify_url, found.verify_all) == (True, "https://a.example/verify", True)


def test_verifier_settings_without_a_verifier() -> None:
    """The original passes over a socket and a rule for a URL that it never asks; so do we."""
    found = config("-dev -socket /run/ts.sock -verify-client-url-fail-open=false")
    assert (found.has_verifiers, found.verify_socket, found.verify_url_fail_open) == (False, (), False)


def test_letsencrypt() -> None:
    """The original's default: certificates from Let's Encrypt, beside the plain HTTP port."""
    found = config("-hostname derp.example.com -acme-email me@example.com")
    assert (found.acme, found.acme_email, found.hostname) == (True, "me@example.com", "derp.example.com")
    assert (found.listen, found.http_listen) == (":443", ":80")


def test_certificates_that_it_got_itself(tmp_path: Path) -> None:
    """What is in its directory of certificates is served at once, if there is such a directory."""
    words = "-hostname derp.example.com -certdir"
    assert config(f"{words} {tmp_path}").acme_cache == tmp_path
    assert config(f"{words} {tmp_path / 'none'}").acme_cache is None


@pytest.mark.parametrize("mode", ["gcp", "nonsense"])
def test_certificate_modes(mode: str) -> None:
    """Other modes are refused by name."""
    (fault,) = (fault for fault in read(f"-certmode {mode}").faults if fault.severity == "error")
    assert f"`{mode}`" in fault.render()


@pytest.mark.parametrize(
    ("words", "example"),
    [
        ("-stun=maybe", "-stun true"),
        ("-stun-port x", "-stun-port 3478"),
        ("-tcp-write-timeout 2", "-tcp-write-timeout 10s"),
        ("-http-port=", "-http-port 80"),
        ("-accept-connection-burst x", "-accept-connection-burst 100"),
    ],
)
def test_values_of_the_wrong_kind(words: str, example: str) -> None:
    """A value that Go would not read is an error that names the flag, with a value for that one."""
    faults = [fault for fault in read(f"-dev {words}").faults if fault.severity == "error"]
    assert [fault.name for fault in faults] == ["original-value-bad"]
    assert f"As in `{example}`" in faults[0].render()


@pytest.mark.parametrize(
    ("words", "said"), [("-hostnam x", "-hostname"), ("-a", "`-a` needs a value"), ("serve", "serve")]
)
def test_command_lines_that_cannot_be_read(words: str, said: str) -> None:
    """An unknown flag names the nearest one."""
    with pytest.raises(UsageError, match=said):
        read(words)


def test_a_directory_where_one_may_not_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate directory of root's is no traceback: what looks for certificates in it tells why it cannot."""

    def refuse(*unused: object) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "exists", refuse)
    monkeypatch.setattr(Path, "is_file", refuse)
    words = ["-certmode", "manual", "-certdir", "/root/certs", "-hostname", "derp.example.com"]
    settings = read_original(words, {}, 1000, Path("/home/somebody"))
    assert settings is not None
    assert settings.relay["cert_dir"].value == Path("/root/certs")
