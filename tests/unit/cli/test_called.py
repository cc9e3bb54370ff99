"""Commands on the screen are those that work in the reader's shell."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tailhub.cli.called import command_for, program, relay_command


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in a virtual environment at home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "src" / ".venv" / "bin" / "tailhub"
    path.parent.mkdir(parents=True)
    path.touch()
    return path


def test_program_in_path(script: Path) -> None:
    """A program that the shell finds by its name is called by its name."""
    assert program(str(script), "python3", lambda _name: str(script)) == "tailhub"


@pytest.mark.parametrize("found", [None, sys.executable])
def test_program_elsewhere(script: Path, monkeypatch: pytest.MonkeyPatch, found: str | None) -> None:
    """A program that the shell does not find, or finds another of that name, is called by its whole path."""
    monkeypatch.chdir(script.parents[2])
    assert program(".venv/bin/tailhub", "python3", lambda _name: found) == "~/src/.venv/bin/tailhub"


def test_program_as_a_module(script: Path) -> None:
    """``python -m tailhub`` is called that way again, with the same interpreter."""
    assert program("/x/tailhub/__main__.py", "/opt/my python", lambda _name: None) == "'/opt/my python' -m tailhub"


def test_relay_command() -> None:
    """The command that changes a relay has all that it was started with, quoted for a shell."""
    words = ("relay", "--state-dir", "/srv/my state", "--no-discover")
    assert relay_command(words).endswith(" relay --state-dir '/srv/my state' --no-discover")
    assert relay_command(("-q",)).endswith(" relay")


@pytest.mark.parametrize("given", [("--acme-eab-key", "s3cret"), ("--acme-eab-key=s3cret",)])
def test_a_secret_is_left_out_of_the_relays_command(given: tuple[str, ...]) -> None:
    """What the screen shows ends up in a log: a secret flag has its value's name there."""
    shown = relay_command(("relay", *given, "--acme"))
    assert "s3cret" not in shown
    assert shown.endswith(" relay --acme-eab-key KEY --acme")


@pytest.mark.parametrize("given", [("--verify-url", "{}"), ("--verify-url={}",)])
@pytest.mark.parametrize("url", ["https://me:s3cret@example.com/verify", "https://example.com/verify?token=s3cret"])
def test_a_secret_in_a_url_is_left_out_of_the_relays_command(given: tuple[str, ...], url: str) -> None:
    """A URL with a password or a query has its placeholder there, one without stays."""
    assert relay_command(("relay", *(one.format(url) for one in given))).endswith(" relay --verify-url URL")
    plain = relay_command(("relay", *(one.format("http://127.0.0.1/v") for one in given)))
    assert plain.endswith("relay --verify-url http://127.0.0.1/v")


def test_command_for(tmp_path: Path) -> None:
    """The state directory is named unless it is where a shell's `derpmap` looks by itself."""
    usual = {"HOME": "/home/me"}
    assert command_for("derpmap", Path("/home/me/.local/state/tailhub"), usual, 1000).endswith(" derpmap")
    assert command_for("derpmap", Path("/srv/a b"), usual, 1000).endswith(" derpmap --state-dir '/srv/a b'")
    service = {**usual, "STATE_DIRECTORY": "/var/lib/private/tailhub"}
    state = Path("/var/lib/private/tailhub")
    assert command_for("derpmap", state, service, 1000).endswith(" derpmap --state-dir /var/lib/private/tailhub")
