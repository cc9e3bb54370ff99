"""``tailhub cert``, as its users call it."""

from __future__ import annotations

import json
import os
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tailhub.cli.app import run
from tailhub.server.config import ListenerConfig
from tailhub.server.listener_record import LISTENERS, describe_listeners
from tailhub.server.pinned_pair import load_pinned, make_pair

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a relay's state is kept on POSIX systems")

NAME = "relay-00010203.tailhub.invalid"


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    """A locale that says English."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state with a pinned pair that a listener on port 8443 serves."""
    make_pair(tmp_path, "", [NAME], ["203.0.113.7"], datetime.now(UTC))
    (tmp_path / LISTENERS).write_bytes(describe_listeners([ListenerConfig()], [8443]))
    return tmp_path


def test_show(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every certificate is shown with its pin, whole and on one line, names, addresses, days, listener and file."""
    make_pair(state, "next", [NAME], [], datetime.now(UTC))
    assert run(["cert", "show", "--state-dir", str(state)]) == 0
    out = capsys.readouterr().out
    first, second = out.split("\n\n")[1:]
    assert first.startswith("pinned   clients pin it, valid to 20")
    assert "days left" in first
    assert second.startswith("pinned-next   clients pin it")
    for words in (load_pinned(state).pin, NAME, "203.0.113.7", "TCP 8443 (the one in the map)", f"{state}/pinned.crt"):
        assert f"  {words}\n" in first + "\n"
    assert "no listener" in second


def test_the_state_that_the_configuration_names(
    state: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the flag the certificates are those of the state directory in the configuration file."""
    file = tmp_path_factory.mktemp("etc") / "tailhub.toml"
    file.write_text(f'state_dir = "{state}"\n')
    monkeypatch.setenv("TAILHUB_CONFIG", str(file))
    assert run(["cert", "show"]) == 0


def test_show_as_json(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Programs get the same as JSON."""
    assert run(["cert", "show", "--json", "--state-dir", str(state)]) == 0
    value = json.loads(capsys.readouterr().out)
    (one,) = value["certificates"]
    assert value["state_dir"] == str(state)
    assert (one["pin"], one["pinned_as"], one["clients_pin_it"]) == (load_pinned(state).pin, "", True)
    assert (one["names"], one["addresses"], one["advertised"]) == ([NAME], ["203.0.113.7"], True)
    assert one["listeners"] == [{"listen": ":8443", "port": 8443, "public_port": 8443, "name": ""}]
    assert 3600 < one["days_left"] < 3660


def test_show_what_is_broken(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A certificate that cannot be used is shown with what is wrong, the others as ever, and the exit code is 1."""
    make_pair(state, "next", [NAME], [], datetime.now(UTC))
    (state / "pinned-next.key").write_text("junk")
    assert run(["cert", "show", "--state-dir", str(state)]) == 1
    out = capsys.readouterr().out
    assert "TH053" in out
    assert load_pinned(state).pin in out
    assert run(["cert", "show", "--json", "--state-dir", str(state)]) == 1
    assert json.loads(capsys.readouterr().out)["certificates"][1]["problem"]["code"] == "TH053"


def test_show_in_chinese(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The screen speaks Chinese too."""
    assert run(["cert", "show", "--lang", "zh", "--state-dir", str(state)]) == 0
    assert "指纹" in capsys.readouterr().out


def test_renew(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A new pair with the names and addresses of the old one is made beside it, and the steps have its pin and port."""
    before = {path.name: path.read_bytes() for path in state.iterdir()}
    words = ["--name", "next", "--hostname", "Derp.Example.com", "--address", "2001:db8::7", "--address", "203.0.113.8"]
    assert run(["cert", "renew", *words, "--state-dir", str(state)]) == 0
    out = capsys.readouterr().out
    made = load_pinned(state, "next")
    assert made.names == ("derp.example.com", "relay-00010203.invalid")
    assert made.ips == ("203.0.113.7", "2001:db8::7", "203.0.113.8")
    assert made.chain_length == 1
    assert made.not_after - datetime.now(UTC) > timedelta(days=3650)
    old = '  [[listen]]\n  listen = ":8443"\n'
    assert old + '  [[listen]]\n  listen = ":8444"\n  pin = "next"\n  hostname = "Derp.Example.com"\n' in out
    assert f'  "HostName": "Derp.Example.com", "DERPPort": 8444, "CertName": "{made.pin}"\n' in out
    assert {path.name: path.read_bytes() for path in state.iterdir() if path.name in before} == before


def test_the_listeners_that_are_there_go_on(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The steps have all listeners as they are, with the new one second, and a port that none of them uses."""
    listeners = [
        ListenerConfig(listen="[::1]:443", public_port=8443, hostname="a.example", cert=Path('/a "b'), key=Path("/k")),
        ListenerConfig(listen=":444", pin="older"),
        ListenerConfig(listen="unix:/run/x.sock", tls=False),
        ListenerConfig(listen=":446", acme=True),
        ListenerConfig(listen=":447", cert_dir=Path("/certs")),
    ]
    (state / LISTENERS).write_bytes(describe_listeners(listeners, [443, 444, 0, 446, 447]))
    assert run(["cert", "renew", "--name", "next", "--state-dir", str(state)]) == 0
    out = capsys.readouterr().out
    start = out.index("  [[listen]]")
    tables = tomllib.loads(out[start : out.index("\n\n", start)].replace("\n  ", "\n"))["listen"]
    assert tables == [
        {"listen": "[::1]:443", "public_port": 8443, "hostname": "a.example", "cert": '/a "b', "key": "/k"},
        {"listen": ":445", "pin": "next"},
        {"listen": ":444", "pin": "older"},
        {"listen": "unix:/run/x.sock", "tls": False},
        {"listen": ":446", "acme": True},
        {"listen": ":447", "cert_dir": "/certs"},
    ]


def test_renew_again(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a name each new pair is called by the year; a name that is taken is refused."""
    year = f"{datetime.now(UTC):%Y}"
    for _ in range(2):
        assert run(["cert", "renew", "--state-dir", str(state)]) == 0
    assert load_pinned(state, year).pin != load_pinned(state, f"{year}-2").pin
    capsys.readouterr()
    assert run(["cert", "renew", "--name", year, "--state-dir", str(state)]) == 1
    assert capsys.readouterr().err.endswith("[TH181]\n")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--name", "../x"], "TH176"),
        (["--hostname", "a b"], "TH062"),
        (["--address", "x"], "TH061"),
    ],
)
def test_renew_with_wrong_words(state: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: str) -> None:
    """What cannot be a name or an address is refused before anything is made."""
    before = sorted(state.iterdir())
    assert run(["cert", "renew", *words, "--state-dir", str(state)]) == 2
    assert capsys.readouterr().err.endswith(f"[{code}]\n")
    assert sorted(state.iterdir()) == before


@pytest.mark.parametrize("command", ["show", "renew"])
def test_no_state(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    """Without a state the answer is where it might be."""
    assert run(["cert", command, "--state-dir", str(tmp_path)]) == 1
    assert capsys.readouterr().err.endswith("[TH183]\n")
    assert list(tmp_path.iterdir()) == []


def test_bare_command(capsys: pytest.CaptureFixture[str]) -> None:
    """``tailhub cert`` alone lists what there is."""
    assert run(["cert"]) == 2
    assert "renew" in capsys.readouterr().out
