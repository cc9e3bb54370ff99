"""Wrong command lines: each is answered with a finding in the reader's language, before anything is opened."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from tailhub.cli.app import run

# Words, the code of the finding, and what its text has.
WRONG = [
    ("relay --listen=", "TH033", "expected HOST:PORT, found ``"),
    ("relay --listen :65536", "TH033", "PORT a number up to 65535"),
    ("relay --listen ：8443", "TH033", "Write `--listen :8443`"),
    ("relay --stun-listen OFF", "TH033", "Write `--stun-listen off`"),
    ("relay --public-port 0", "TH064", "found `0`. As in `--public-port 443`"),
    ("relay --public-port ８４４３", "TH064", "found `８４４３`"),
    ("relay --public-port abc", "TH064", "found `abc`"),
    ("relay --stun-public-port=", "TH064", "As in `--stun-public-port 3478`"),
    ("relay --region-id x", "TH060", "found `x`"),
    ("relay --address fe80::1%eth0", "TH061", "found `fe80::1%eth0`"),
    ("relay --address 203.0.113.7 --address 203.0.113.8", "TH067", "found 203.0.113.7, 203.0.113.8"),
    ("relay --hostname https://derp.example.com/", "TH062", "Write `--hostname derp.example.com`"),
    ("relay --cert a.pem", "TH065", "`--cert a.pem` and `--key FILE`"),
    ("relay --cert=", "TH069", "`--cert` needs a value"),
    ("relay --key=", "TH069", "`--key` needs a value"),
    ("relay --state-dir=", "TH069", "`tailhub relay --help`"),
    ("relay --mesh-key-file=", "TH069", "`--mesh-key-file` needs a value"),
    ("relay --lang de", "TH066", "found `de`"),
    ("relay --workers many", "TH086", "found `many`"),
    ("relay --workers 0", "TH086", "found `0`"),
    ("relay --workers 1000", "TH086", "found `1000`"),
    ("relay --listn :8443", "TH069", "There is no `--listn`; like it there is"),
    ("relay --listen", "TH069", "`--listen` needs a value"),
    ("relay --no-discover=1", "TH069", "does not take a value"),
    ("relay :8443", "TH069", "`:8443` is more than is understood"),
    ("service install --name=", "TH232", "found ``"),
    ("service uninstall --name ../x", "TH232", "found `../x`"),
    ("service status --name a.b", "TH232", "As in `--name tailhub2`"),
    ("relays", "TH069", "There is no `relays`"),
    ("derpmap --state-dir=", "TH069", "`tailhub derpmap --help`"),
    ("derpmap --json --yaml", "TH068", "--json and --yaml exclude each other"),
]


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    """A locale that says English."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


@pytest.mark.parametrize(("words", "code", "text"), WRONG)
def test_wrong_usage(words: str, code: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong command line ends with code 2 and one line on standard error: what is wrong, what to do, and a code."""
    assert run(words.split()) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("tailhub: ")
    assert error.endswith(f"  [{code}]\n")
    assert error.count("\n") == 1
    assert text in error


@pytest.mark.parametrize("words", ["relay --lang zh --nosuch", "relay --nosuch --lang=zh", "relay --lang zh --listen"])
def test_language_of_complaints(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong with a command line is said in the language that it asks for, wherever it does."""
    assert run(words.split()) == 2
    assert "会列出所有命令和选项" in capsys.readouterr().err


def test_bare_command(capsys: pytest.CaptureFixture[str]) -> None:
    """``tailhub`` alone lists the commands."""
    assert run([]) == 2
    out, error = capsys.readouterr()
    assert "Commands:" in out
    assert "relay" in out
    assert error == ""


def test_chinese_where_it_cannot_be_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the output takes ASCII only, the language is English."""
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert run(["relay", "--lang", "zh", "--listen", "x"]) == 2
    assert "expected HOST:PORT, found `x`" in capsys.readouterr().err


def test_home_in_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A ~ that the shell left as it was, as in ``--state-dir=~/x``, is the home directory."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert run(["derpmap", "--state-dir=~/x"]) == 1
    assert str(tmp_path / "x" / "admin.sock") in capsys.readouterr().err


def test_no_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program without standard output runs all the same."""
    monkeypatch.setattr(sys, "stdout", None)
    assert run(["--version"]) == 0


class _Full(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_full_output(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Output that cannot be written is one sentence and exit code 1."""
    monkeypatch.setattr(sys, "stdout", _Full())
    assert run(["--version"]) == 1
    assert "could not be written: No space left on device" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit there")
def test_no_half_of_a_configuration_file_is_left(tmp_path: Path) -> None:
    """When the disk is full `config init` leaves no empty file, which a relay would take for its configuration."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        assert run(["config", "init", str(tmp_path / "tailhub.toml")]) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []
