"""Each fault of the relay's own machine is produced here, and named with its own code. Root is needed for most.

"A unit" is one as `tailhub service install` writes it, in a directory that stands in for /.

| fault | how it is produced | code |
| --- | --- | --- |
| 10, 11, 12 dates; names; an intermediate that is missing | real files | TH054 TH055 TH107; TH058; TH059 |
| 17 key of another certificate; encrypted; a link to nowhere | real files | TH051 TH052 TH047 |
| 17 certificates for other names; none with its key | real files | TH058 TH105 |
| 17 unreadable for the service's user; hidden from it | real files and rights, a unit | TH046 TH428 |
| 25 port taken; address not here | a real socket; a real bind | TH030 TH032 |
| 25 privileged port | a unit without the capability | TH031 |
| 26 quoted address; unknown flag | a real file; a unit | TH033 TH415 |
| 26 both TLS modes half set; ACME that cannot work | real files | TH065 TH110; TH111 TH112 |
| 27 open files | a real relay with a real limit | TH036 TH429 |
| 27 receive buffer | a real relay that is stopped while a real flood comes | TH416 |
| 27 table of connections | /proc stands in | TH417 |
| 27 disk full, nearly full, read-only | real file systems in memory | TH418 TH419 TH420 |
| 28 firewall drops the port | real rules in a network namespace | TH421 |
| 29 bridge; user-land proxy; no IPv6 | a real relay in a namespace, told of a container | TH073 TH075 TH422 |
| 37 a cloud in Tailscale's range | a real rule and resolv.conf in a network namespace | TH424 |
| 38 state lost; other state; the next start elsewhere | real relays, a unit | TH175 TH426; TH044; TH425 |
| 38 a container without a volume | as 29, a real file system in memory | TH043 |
| 39 another port is mapped | as 29, nobody listens where the map says | TH423 |
| a relay that was stopped; that waits for ACME; is older | real relays; a version stands in | TH430; TH115; TH370 |
| a clock that is behind | the day of the release stands in | TH083 |

For 29 what an engine's proxy would hand on is sent from the gateway.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from support import require
from support.certificates import make_certificate
from support.netns import NetworkNamespace
from support.ports import free_ports
from support.relay_process import RelayProcess, until
from tailhub.findings import Severity
from tailhub.server.pinned_pair import pair_paths
from tailhub.server.unit_file import Service, unit_text
from tailhub.stun.message import binding_request
from tailhub.tools.doctor.local.context import local_context
from tailhub.tools.doctor.local.inside import examine_local
from tailhub.tools.report import Outcome, Report

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a relay's machine runs Linux")

QUIET = 'listen = "127.0.0.1:0"\nstun_listen = "127.0.0.1:0"\nadmin_listen = "off"\ndiscover = false\n'


def look(config: Path | None = None, state_dir: Path | None = None, root: Path = Path("/")) -> Report:
    """The check on this machine, in this process."""
    context = local_context(str(config) if config is not None else None, state_dir, root)
    return asyncio.run(examine_local(context))


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.findings}


def text_of(report: Report, code: str) -> str:
    return next(str(finding) for finding in report.findings if finding.code == code)


@pytest.fixture
def short() -> Iterator[Path]:
    """A directory with a short path, which a socket in it must have."""
    with tempfile.TemporaryDirectory(prefix="doctor-") as directory:
        yield Path(directory)


@pytest.fixture
def home(short: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory in which nothing is yet."""
    home = short / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in [name for name in os.environ if name.startswith(("TAILHUB_", "XDG_", "STATE_DIRECTORY", "DERP_"))]:
        monkeypatch.delenv(name)
    return home


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory that stands in for /, with the real /proc in it."""
    root = tmp_path / "root"
    (root / "etc/systemd/system").mkdir(parents=True)
    (root / "proc").symlink_to("/proc")
    return root


def install(root: Path, config: Path, *, user: str = "nobody", without: str = "", more_words: str = "") -> None:
    """A unit as `tailhub service install` writes it, but for lines with `without`."""
    unit = unit_text(Service("tailhub", user, Path(sys.executable), config))
    lines = [line for line in unit.splitlines() if not without or without not in line]
    text = "\n".join(f"{line} {more_words}" if line.startswith("ExecStart=") else line for line in lines)
    (root / "etc/systemd/system/tailhub.service").write_text(text)


# --- a relay that is well ---------------------------------------------------------------------------------------------


def test_a_fresh_relay_is_well(home: Path) -> None:
    """Of a relay that was just started nothing is found, and it is seen to answer."""
    with RelayProcess() as relay:
        report = look(state_dir=relay.state_dir)
    assert report.findings == ()
    outcomes = {step.name: step.outcome for step in report.steps}
    assert outcomes["relay"] is outcomes["listen"] is outcomes["stun"] is outcomes["certificate"] is Outcome.OK


def test_before_the_first_start_all_is_well(home: Path, tmp_path: Path) -> None:
    """Where no relay ever ran the check says what a start would find, makes nothing, and finds nothing."""
    (tmp_path / "tailhub.toml").write_text(QUIET)
    report = look(tmp_path / "tailhub.toml", tmp_path / "state")
    assert report.findings == ()
    assert not (tmp_path / "state").exists()
    assert {step.name: step.outcome for step in report.steps}["relay"] is Outcome.UNTESTED


def test_the_flags_of_the_original_are_read(home: Path, short: Path) -> None:
    """A relay that runs with the original's flags is looked at by those."""
    port = free_ports()
    options = ("-a", f"127.0.0.1:{port}", "-certmode", "manual", "-hostname", "127.0.0.1", "-http-port", "-1")
    state = short / "derper"
    environ = {"TAILHUB_ADMIN_LISTEN": "off", "TAILHUB_DISCOVER": "false"}
    stun = str(free_ports(kind=socket.SOCK_DGRAM))
    with RelayProcess(
        *options, "-stun-port", stun, "-c", str(state / "derper.key"), command="derper", defaults=(),
        environ=environ, state_dir=state,
    ):  # fmt: skip
        context = local_context(state_dir=state)
        report = asyncio.run(examine_local(context))
    assert context.config.listen == f"127.0.0.1:{port}"
    assert report.findings == ()


def test_a_relay_that_was_stopped(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relay that takes connections, for the kernel does, and never answers is not well."""
    monkeypatch.setattr("tailhub.tools.doctor.local.context.ASK_S", 0.2)
    with RelayProcess() as relay:
        os.kill(relay.pid, signal.SIGSTOP)
        try:
            report = look(state_dir=relay.state_dir)
        finally:
            os.kill(relay.pid, signal.SIGCONT)
    assert codes(report) == {"TH430"}
    assert f"kill -CONT {relay.pid}" in text_of(report, "TH430")


def test_a_relay_that_waits_for_its_certificate(home: Path, short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That ACME has given none yet is a note; so is that the relay which runs is older than what is installed."""
    hook = short / "hook"
    hook.write_text("#!/bin/sh\n")
    hook.chmod(0o755)
    acme = ("--acme", "--hostname", "derp.example.com", "--acme-directory", "https://127.0.0.1:1/directory")
    with RelayProcess(*acme, "--acme-challenge", "dns-01", "--acme-dns-hook", str(hook), state_dir=short / "s"):
        report = look(state_dir=short / "s")
        assert codes(report) == {"TH115"}
        assert report.is_healthy
        monkeypatch.setattr("tailhub.__version__", "9999.0")
        assert codes(look(state_dir=short / "s")) == {"TH115", "TH370"}


def test_a_clock_that_is_behind(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock before the day of this release is one finding, though the certificate's dates go by it, too.

    The day of the release stands in: tests cannot set a machine's clock.
    """
    for module in ("certs.dates", "certs.files", "tools.doctor.local.clock"):
        monkeypatch.setattr(f"tailhub.{module}.BUILD_DATE", datetime.now(UTC) + timedelta(days=30))
    cert, key = pair(tmp_path / "tls")
    config = tmp_path / "tailhub.toml"
    config.write_text(QUIET + f'cert = "{cert}"\nkey = "{key}"\n')
    report = look(config, tmp_path / "state")
    assert [finding.code for finding in report.findings] == ["TH083"]
    assert {step.name for step in report.steps if step.code == "TH083"} == {"certificate", "clock"}


# --- 17: certificate files --------------------------------------------------------------------------------------------


def pair(directory: Path, **options: Any) -> tuple[Path, Path]:
    made = make_certificate(dns_names=["derp.example.com"], **options)
    directory.mkdir(exist_ok=True)
    (directory / "c.pem").write_bytes(made.pem)
    (directory / "c.key").write_bytes(made.key_pem)
    (directory / "c.key").chmod(0o600)
    return directory / "c.pem", directory / "c.key"


@pytest.mark.parametrize(
    ("fault", "code"),
    [("mismatch", "TH051"), ("encrypted", "TH052"), ("dangling", "TH047"), ("names", "TH058"), ("empty", "TH105")],
)
def test_certificate_files(home: Path, tmp_path: Path, fault: str, code: str) -> None:
    """A key of another certificate, an encrypted one, a link to nowhere, other names, a directory without a pair."""
    cert, key = pair(tmp_path / "tls")
    config = tmp_path / "tailhub.toml"
    text = QUIET + f'cert = "{cert}"\nkey = "{key}"\n'
    if fault == "mismatch":
        key.write_bytes(make_certificate().key_pem)
    elif fault == "encrypted":
        password = BestAvailableEncryption(b"secret")
        key.write_bytes(make_certificate().key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, password))
    elif fault == "dangling":
        cert.unlink()
        cert.symlink_to("gone.pem")
    elif fault == "names":
        text = QUIET + f'cert_dir = "{tmp_path / "tls"}"\nhostname = "relay.example.org"\n'
    else:
        (tmp_path / "other").mkdir()
        text = QUIET + f'cert_dir = "{tmp_path / "other"}"\n'
    config.write_text(text)
    report = look(config, tmp_path / "state")
    assert codes(report) == {code}


@pytest.mark.parametrize(
    ("valid_from", "valid_to", "issued", "found"),
    [
        (-400, -1, False, {"TH054"}),
        (2, 365, False, {"TH055"}),
        (-80, 10, False, {"TH107"}),
        (-80, 60, True, {"TH059"}),
        (-80, 60, False, set()),
    ],
)
def test_dates_and_chains(
    home: Path, tmp_path: Path, valid_from: int, valid_to: int, issued: bool, found: set[str]
) -> None:
    """Certificates that have expired, are not valid yet or soon no more, and one without what leads to its CA."""
    issuer = make_certificate(common_name="A CA", is_ca=True) if issued else None
    cert, key = pair(tmp_path / "tls", valid_from_days=valid_from, valid_to_days=valid_to, issuer=issuer)
    (tmp_path / "tailhub.toml").write_text(QUIET + f'cert = "{cert}"\nkey = "{key}"\n')
    assert codes(look(tmp_path / "tailhub.toml", tmp_path / "state")) == found


@pytest.mark.parametrize(("place", "code"), [("tls", "TH046"), ("home", "TH428")])
def test_files_that_the_service_cannot_read(home: Path, root: Path, place: str, code: str) -> None:
    """What root reads and the service's user may not, by its rights or because its unit hides homes, is named."""
    require.root("another user's rights")
    base = Path("/root/.tailhub-test") if place == "home" else Path("/tmp/tailhub-test")
    directory = base.with_name(f"{base.name}-{os.getpid()}")
    try:
        cert, key = pair(directory)
        key.chmod(0o644 if place == "home" else 0o600)
        directory.chmod(0o755)
        config = directory.with_suffix(".toml")
        config = Path(f"/tmp/{config.name}")
        config.write_text(QUIET + f'cert = "{cert}"\nkey = "{key}"\n')
        config.chmod(0o644)
        install(root, config)
        report = look(root=root)
        assert codes(report) - {"TH030"} == {code}
        assert str(key) in text_of(report, code) or place == "home"
    finally:
        for path in (directory / "c.pem", directory / "c.key", Path(f"/tmp/{directory.name}.toml")):
            path.unlink(missing_ok=True)
        directory.rmdir()


# --- 25, 26: ports and configuration ----------------------------------------------------------------------------------


def test_a_port_that_another_program_has(home: Path, tmp_path: Path) -> None:
    """The program that holds the port is named."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        (tmp_path / "tailhub.toml").write_text(QUIET.replace("127.0.0.1:0", f"127.0.0.1:{other.getsockname()[1]}", 1))
        report = look(tmp_path / "tailhub.toml", tmp_path / "state")
    assert codes(report) == {"TH030"}
    assert f"pid {os.getpid()}" in text_of(report, "TH030")


def test_a_port_for_which_the_service_lacks_the_privilege(home: Path, root: Path, tmp_path: Path) -> None:
    """A unit for a user without the capability cannot have port 443; with it, it can."""
    config = tmp_path / "tailhub.toml"
    config.write_text('listen = "127.0.0.1:443"\nstun_listen = "127.0.0.1:0"\nadmin_listen = "off"\n')
    install(root, config)
    assert "TH031" not in codes(look(root=root))
    install(root, config, without="AmbientCapabilities")
    assert "TH031" in codes(look(root=root))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('listen = "203.0.113.77:0"\n', {"TH032"}),
        ("listen = \"':8443'\"\n", {"TH033"}),
        ('listen = "8443"\n', {"TH033"}),
        ('cert = "/etc/ssl/relay.pem"\n', {"TH065"}),
        ('cert = "/etc/ssl/relay.pem"\nacme = true\n', {"TH065", "TH068", "TH110"}),
        ('acme = true\nhostname = "derp.example.com"\n', {"TH111"}),
        ('acme = true\nhostname = "derp.example.com"\nacme_challenge = "tls-alpn-01"\n', {"TH112"}),
        ('listn = ":8443"\n', {"TH091"}),
    ],
)
def test_configuration(home: Path, tmp_path: Path, text: str, found: set[str]) -> None:
    """What is wrong with the configuration is told as `tailhub config check` tells it."""
    quiet = [line for line in QUIET.splitlines(keepends=True) if line.partition(" ")[0] not in text]
    (tmp_path / "tailhub.toml").write_text("".join(quiet) + text)
    assert codes(look(tmp_path / "tailhub.toml", tmp_path / "state")) == found


def test_a_flag_that_there_is_not(home: Path, root: Path, tmp_path: Path) -> None:
    """A mistyped flag in the unit is named, with the one that was meant."""
    config = tmp_path / "tailhub.toml"
    config.write_text(QUIET)
    config.chmod(0o644)
    install(root, config, user="root", more_words="--stun-listn :3478")
    report = look(root=root)
    assert "TH415" in codes(report)
    assert "--stun-listen" in text_of(report, "TH415")


# --- 27: what the system gives ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("clients", "code"), [(0, "TH036"), (5000, "TH429")])
def test_few_open_files(home: Path, clients: int, code: str) -> None:
    """A limit on open files is noted, and one that is too low for the clients that are to come is a warning."""
    prefix = ("prlimit", "--nofile=400:400")
    with RelayProcess("--relay-connections", str(clients), prefix=prefix) as relay:
        assert codes(look(state_dir=relay.state_dir)) == {code}


def test_requests_that_the_buffer_had_no_room_for(home: Path) -> None:
    """Datagrams that the kernel threw away before the relay could read them are counted."""
    with RelayProcess() as relay, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flood:
        port = relay.stun_port
        os.kill(relay.pid, signal.SIGSTOP)
        try:
            request = binding_request(bytes(12))
            for _ in range(20_000):
                flood.sendto(request, ("127.0.0.1", port))
        finally:
            os.kill(relay.pid, signal.SIGCONT)
        report = look(state_dir=relay.state_dir)
    assert codes(report) == {"TH416"}


def test_a_table_of_connections_that_is_nearly_full(home: Path, tmp_path: Path) -> None:
    """The kernel's table is told of before it is full. /proc stands in: a real one is the whole machine's."""
    directory = tmp_path / "root/proc/sys/net/netfilter"
    directory.mkdir(parents=True)
    (directory / "nf_conntrack_max").write_text("65536\n")
    (tmp_path / "tailhub.toml").write_text(QUIET)
    for count, found in (("1000\n", set()), ("60000\n", {"TH417"})):
        (directory / "nf_conntrack_count").write_text(count)
        report = look(tmp_path / "tailhub.toml", tmp_path / "state", tmp_path / "root")
        assert codes(report) == found


@pytest.fixture
def volume(short: Path) -> Iterator[Path]:
    """A place to mount a file system in memory."""
    require.root("a file system of a test's own")
    place = short / "volume"
    place.mkdir()
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize(
    ("options", "used_bytes", "code"),
    [
        ("size=2m", 0, ""),
        ("size=2m", (2 << 20) - 8192, "TH418"),
        ("nr_inodes=4", 0, "TH418"),
        ("nr_inodes=200", 0, "TH419"),
        ("size=40m", 39 << 20, "TH419"),
        ("size=2m,ro", 0, "TH420"),
    ],
)
def test_disk(home: Path, tmp_path: Path, volume: Path, options: str, used_bytes: int, code: str) -> None:
    """A disk without room or inodes, with little of them, or that is read-only, each has its code."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(volume)], check=True)
    if used_bytes:
        with (volume / "logs").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, used_bytes)
    (tmp_path / "tailhub.toml").write_text(QUIET)
    report = look(tmp_path / "tailhub.toml", volume)
    assert codes(report) == ({code} if code else set())


# --- 28, 37: firewalls ------------------------------------------------------------------------------------------------

RULES = """
table ip filter2 {
  chain ts-input { iifname != "tailscale0" ip saddr 100.64.0.0/10 counter drop; }
  chain input { type filter hook input priority -10; jump ts-input; }
}
table inet filter {
  set open { type inet_service; elements = { 22, 80 }; }
  chain input {
    type filter hook input priority 0; policy drop;
    ct state established,related accept
    iifname "lo" accept
    tcp dport @open accept
    udp dport 3400-3500 accept
  }
}
"""


def doctor(prefix: tuple[str, ...], *words: str, **environ: str) -> dict[str, str]:
    """The command itself, in a namespace: the texts of what it finds, by code."""
    command = [*prefix, sys.executable, "-m", "tailhub", "doctor", "--local", "--json", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | environ, timeout=30, check=False)
    assert done.stdout, done.stderr
    (report,) = json.loads(done.stdout)["reports"]
    return {one["code"]: json.dumps(one) for one in report["findings"]}


def test_rules_that_drop(home: Path, tmp_path: Path) -> None:
    """The port that the rules let in by no way is named, not the one that they do; so is tailscaled's rule."""
    with require.network_namespace() as here:
        subprocess.run([*here.prefix, "nft", "-f", "-"], input=RULES, text=True, check=True)
        resolver = Path("/etc/netns") / here.name / "resolv.conf"
        resolver.parent.mkdir(parents=True)
        try:
            resolver.write_text("nameserver 100.100.2.136\n")
            (tmp_path / "tailhub.toml").write_text('admin_listen = "off"\ndiscover = false\n')
            found = doctor(here.prefix, "--config", str(tmp_path / "tailhub.toml"), "--state-dir", str(tmp_path / "s"))
        finally:
            resolver.unlink()
            resolver.parent.rmdir()
            with contextlib.suppress(OSError):
                resolver.parent.parent.rmdir()
    assert found.keys() == {"TH421", "TH424"}
    assert "TCP 8443" in found["TH421"]
    assert "3478" not in found["TH421"]
    assert "nft insert rule inet filter input tcp dport 8443 accept" in found["TH421"]
    assert "100.100.2.136" in found["TH424"]


# --- 29, 39: containers -----------------------------------------------------------------------------------------------


def ask_from(namespace: NetworkNamespace, address: str) -> None:
    """A STUN request, as an engine's proxy would hand it on: from the gateway."""
    program = (
        "import socket,sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5); "
        "s.sendto(bytes.fromhex(sys.argv[1]), (sys.argv[2], 3478)); s.recv(2048)"
    )
    request = binding_request(bytes(range(12))).hex()
    subprocess.run([*namespace.prefix, sys.executable, "-c", program, request, address], check=True)


def test_a_container_behind_a_bridge(home: Path, volume: Path) -> None:
    """A bridge, rewritten senders, no IPv6, another port that is mapped and state in no volume: each is named."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(volume)], check=True)
    with require.network_namespace() as host, require.network_namespace() as container:
        host.cable("outside", container, "eth0")
        host.ip("addr", "add", "10.88.0.1/24", "dev", "outside")
        subprocess.run([*container.prefix, "sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=1"], check=True)
        container.ip("addr", "add", "10.88.0.2/24", "dev", "eth0")
        container.ip("route", "add", "default", "via", "10.88.0.1")
        options = ("--listen", ":8443", "--stun-listen", ":3478", "--admin-listen", "off", "--no-discover")
        # With -p 443:8443 clients come to 443 of the host, and nobody has told the relay.
        with RelayProcess(
            *options,
            "--address",
            "10.88.0.1",
            defaults=(),
            prefix=container.prefix,
            state_dir=volume / "state",
            environ={"container": "docker"},
        ) as relay:
            ask_from(host, "10.88.0.2")
            found = doctor(container.prefix, "--state-dir", str(relay.state_dir))
    assert found.keys() == {"TH043", "TH073", "TH075", "TH422", "TH423"}
    assert "10.88.0.1" in found["TH075"]
    assert "8443" in found["TH423"]


# --- 38: state --------------------------------------------------------------------------------------------------------


def test_state_that_is_not_the_one_that_clients_know(home: Path, short: Path, root: Path) -> None:
    """Another state with a pin for the same port is told of before a start, and after one that made a new pin."""
    port = free_ports()
    listening = ("--listen", f"127.0.0.1:{port}", "--stun-listen", "off", "--admin-listen", "off", "--no-discover")
    known = home / ".local/state/tailhub"
    config = short / "tailhub.toml"
    config.write_text(f'listen = "127.0.0.1:{port}"\nstun_listen = "off"\nadmin_listen = "off"\ndiscover = false\n')
    config.chmod(0o644)
    with RelayProcess(*listening, defaults=(), state_dir=known):
        install(root, config, user="root")
        report = look(root=root)  # the service does not run, and would begin anew elsewhere
        assert {"TH425"} <= codes(report)
        assert str(known) in text_of(report, "TH425")
    report = look(config, short / "new")
    assert codes(report) == {"TH175"}
    environ = {"HOME": str(home)}
    with RelayProcess(*listening, defaults=(), state_dir=short / "new", environ=environ) as relay:
        assert pair_paths(known, "")[0].stat().st_mtime < pair_paths(relay.state_dir, "")[0].stat().st_mtime
        report = look(config, relay.state_dir)
        assert codes(report) == {"TH044"}


def test_clients_that_pin_another_certificate(home: Path, tmp_path: Path) -> None:
    """Connections that clients end because of the certificate are told of, while nobody has logged in."""
    other = tmp_path / "other.pem"
    other.write_bytes(make_certificate(dns_names=["relay.test"]).pem)
    context = ssl.create_default_context(cafile=str(other))
    context.check_hostname = False
    with RelayProcess() as relay:
        with (
            pytest.raises(ssl.SSLCertVerificationError),
            socket.create_connection(("127.0.0.1", relay.port), 5) as raw,
            context.wrap_socket(raw),
        ):
            pass
        report = until(lambda: (found := look(state_dir=relay.state_dir)).findings and found, "it is counted")
    assert codes(report) == {"TH426"}
    assert all(finding.severity is Severity.WARNING for finding in report.findings)
