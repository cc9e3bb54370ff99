"""A relay's state over its life: moved to another machine, guarded against a second pin, renewed in good time."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from support.certificates import make_certificate
from support.how_to import served_pin
from support.ports import free_ports
from support.relay_process import LIMIT_S, RelayProcess, until
from support.wire import Wire, relay, run
from tailhub.certs.pin import pin_of_der
from tailhub.derp import frames
from tailhub.derp.frames import FrameType
from tailhub.server.config import ListenerConfig

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a relay runs on POSIX systems")

TAILHUB = (sys.executable, "-m", "tailhub")


def tailhub(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    environment = os.environ | {"LC_ALL": "C.UTF-8", **environ}
    return subprocess.run(
        (*TAILHUB, *words), capture_output=True, text=True, env=environment, timeout=LIMIT_S, check=False
    )


def test_a_relay_is_moved_while_it_runs(tmp_path: Path) -> None:
    """A state exported from a running relay makes, imported elsewhere, a relay with the same key and the same pin."""
    archive, new = tmp_path / "state.tar", tmp_path / "new"
    with RelayProcess() as old:
        assert tailhub("state", "export", str(archive), "--state-dir", str(old.state_dir)).returncode == 0
        refused = tailhub("state", "import", str(archive), "--force", "--state-dir", str(old.state_dir))
        assert "[TH040]" in refused.stderr  # never under a relay that runs
        assert tailhub("state", "import", str(archive), "--state-dir", str(new)).returncode == 0
        with RelayProcess(state_dir=new) as moved:
            assert moved.port != old.port
            assert moved.pin == old.pin == served_pin(moved.port) == served_pin(old.port)
            assert (new / "derper.key").read_bytes() == (old.state_dir / "derper.key").read_bytes()


def test_a_relay_whose_key_is_elsewhere_is_moved(tmp_path: Path) -> None:
    """The key goes along from where the settings have it, and works with those settings and without.

    Nobody else can read it. What does not go along is named, also beside an archive that goes through a pipe.
    """
    made = make_certificate(dns_names=["derp.example.com"])
    (tmp_path / "c.pem").write_bytes(made.pem)
    (tmp_path / "c.key").write_bytes(made.key_pem)
    archive, key = tmp_path / "state.tar", tmp_path / "relay.key"
    pair = ("--cert", str(tmp_path / "c.pem"), "--key", str(tmp_path / "c.key"))
    with RelayProcess("--key-file", str(key), *pair, state_dir=tmp_path / "old"):
        pass
    done = tailhub("state", "export", str(archive), "--state-dir", str(tmp_path / "old"))
    assert done.returncode == 0
    assert "TH243" in done.stdout
    assert str(tmp_path / "c.pem") in done.stdout.replace("\n", "")
    assert archive.stat().st_mode & 0o077 == 0
    piped = subprocess.run(
        (*TAILHUB, "state", "export", "-", "--state-dir", str(tmp_path / "old")),
        capture_output=True,
        timeout=LIMIT_S,
        check=True,
    )
    assert b"[TH243]" in piped.stderr
    content = key.read_bytes()
    key.unlink()  # the new machine has not got it
    for name, options in (("same", ("--key-file", str(key))), ("none", ())):
        new = tmp_path / name
        assert tailhub("state", "import", str(archive), "--state-dir", str(new)).returncode == 0
        with RelayProcess(*options, *pair, state_dir=new):
            pass
        for path in (new / "derper.key", *([key] if options else [])):
            assert path.read_bytes() == content
            assert path.stat().st_mode & 0o077 == 0


def test_a_second_pin_for_the_same_port(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A start that ends up in another directory, as by sudo, is stopped; told so it begins anew, or goes on there."""
    home = tmp_path_factory.mktemp("h")  # the path of a unix socket has little room
    used = home / ".local/state/tailhub"
    listen = f"127.0.0.1:{free_ports()}"
    where = ("--no-discover", "--listen", listen, "--stun-listen", "127.0.0.1:0", "--admin-listen", "off")
    with RelayProcess(defaults=where, state_dir=used) as first:
        pin = first.pin
    environ = {"HOME": str(home), "STATE_DIRECTORY": str(tmp_path / "service"), "XDG_STATE_HOME": ""}
    stopped = tailhub("relay", *where, **environ)
    assert stopped.returncode == 1
    assert stopped.stderr.endswith("[TH175]\n")
    assert str(used) in stopped.stderr
    assert not (tmp_path / "service").exists()
    with RelayProcess("--new-state", defaults=where, state_dir=tmp_path / "other") as anew:
        assert anew.pin != pin
    with RelayProcess(defaults=where, state_dir=used) as again:
        assert again.pin == pin


def test_a_pin_is_changed_by_the_steps_of_renew(tmp_path: Path) -> None:
    """What ``cert renew`` says to paste serves the old pin beside the new one, and with the old taken out the new."""
    port = free_ports(2)
    where = ("--no-discover", "--stun-listen", "127.0.0.1:0", "--admin-listen", "off")
    state = tmp_path / "state"
    with RelayProcess("--listen", f"127.0.0.1:{port}", defaults=where, state_dir=state) as relay_before:
        old = relay_before.pin
    out = tailhub("cert", "renew", "--state-dir", str(state)).stdout
    start = out.index("  [[listen]]")
    text = (
        out[start : out.index("\n\n", start)]
        .replace("\n  ", "\n")
        .strip()
        .replace('listen = ":', 'listen = "127.0.0.1:')
    )
    file = tmp_path / "tailhub.toml"
    file.write_text(text + "\n")
    with RelayProcess("--config", str(file), defaults=where, state_dir=state) as both:
        assert (both.port, both.pin, served_pin(port)) == (port, old, old)
        new = served_pin(port + 1)
        assert f'"DERPPort": {port + 1}, "CertName": "{new}"' in out
    file.write_text(text[text.rindex("[[listen]]") :] + "\n")
    with RelayProcess("--config", str(file), defaults=where, state_dir=state) as after:
        assert (after.port, after.pin) == (port + 1, new)


def test_a_named_pin_beside_the_first(tmp_path: Path) -> None:
    """Two listeners of one relay serve two pins, the first of which is in the map."""

    async def scenario() -> None:
        more = (ListenerConfig("127.0.0.1:0", pin="next"),)
        async with relay(more_listeners=more, state_dir=tmp_path) as server:
            first, second = server.listeners.shares[0]
            pins = []
            for bound in (first, second):
                client = await Wire.open(server, port=bound.port)
                tls = client.writer.get_extra_info("ssl_object")
                pins.append(pin_of_der(tls.getpeercert(True)))
            assert pins[0] != pins[1]
            for pin, name in zip(pins, ("pinned.crt", "pinned-next.crt"), strict=True):
                assert pin == pin_of_der(ssl.PEM_cert_to_DER_cert((tmp_path / name).read_text()))

    run(scenario)


def test_clients_are_told_that_the_pin_expires(tmp_path: Path) -> None:
    """A client gets the warning behind ServerInfo, which would take it back; a relay of the same mesh does not."""
    made = make_certificate(ips=["127.0.0.1"], valid_to_days=100)
    (tmp_path / "127.0.0.1.crt").write_bytes(made.pem)
    key = made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "127.0.0.1.key").write_bytes(key)

    async def scenario() -> None:
        async with relay(state_dir=tmp_path) as server:
            assert [note.name for note in server.notes] == ["pair-taken-over", "pin-expires-soon"]
            client = await Wire.open(server)
            await client.log_in()
            ((kind, body),) = await client.settle()
            assert kind == FrameType.HEALTH
            assert "expires on" in frames.parse_health(body)
        async with relay() as server:
            client = await Wire.open(server)
            await client.log_in()
            assert await client.settle() == []

    run(scenario)


def test_the_pair_of_derper_is_served(tmp_path: Path) -> None:
    """After an import of derper's key and self-signed pair the relay shows that certificate, and has it in its map."""
    made = make_certificate(ips=["127.0.0.1"], common_name="127.0.0.1")
    old, new = tmp_path / "certs", tmp_path / "new"
    old.mkdir()
    (old / "127.0.0.1.crt").write_bytes(made.pem)
    key = made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (old / "127.0.0.1.key").write_bytes(key)
    (tmp_path / "derper.key").write_text('{"PrivateKey": "privkey:' + "4a" * 32 + '"}')
    done = tailhub("state", "import", str(old), "--key-file", str(tmp_path / "derper.key"), "--state-dir", str(new))
    assert done.returncode == 0
    assert made.pin in done.stdout
    with RelayProcess(state_dir=new) as running:
        assert running.pin == served_pin(running.port) == made.pin
        until(lambda: "TH056" in running.log(), "the first screen warns of the expiry", running.log)
