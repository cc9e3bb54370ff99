"""Which program counts as the original in `bench.servers`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench.servers import Derper, Tailhub, find_derper, recognise_derper


def executable(path: Path, content: bytes) -> Path:
    """A file that may be run."""
    path.write_bytes(content)
    path.chmod(0o755)
    return path


def test_a_script_named_derper_is_refused(tmp_path: Path) -> None:
    """A script is not the original, whatever version it prints."""
    script = executable(tmp_path / "derper", b"#!/bin/sh\n# path\ttailscale.com/cmd/derper\necho 1.102.5\n")
    found = recognise_derper(script)
    assert isinstance(found, str)
    assert "no native executable" in found


def test_another_native_program_is_refused(tmp_path: Path) -> None:
    """A native executable that was not built from the original's source is not the original."""
    other = executable(tmp_path / "derper", b"\x7fELF" + bytes(100))
    found = recognise_derper(other)
    assert isinstance(found, str)
    assert "not built from" in found


def test_a_program_that_does_not_run_is_refused(tmp_path: Path) -> None:
    """An executable that looks right but cannot say its version is not measured."""
    broken = executable(tmp_path / "derper", b"\x7fELF" + bytes(100) + b"path\ttailscale.com/cmd/derper\n")
    found = recognise_derper(broken)
    assert isinstance(found, str)
    assert "-version failed" in found


@pytest.mark.parametrize(
    ("printed", "is_original"),
    [
        ("1.102.5-ERR-BuildInfo\n", True),
        ("1.90.1\n", True),
        ("tailhub 0.1.0\n", False),
        ("0.1.0\n", False),
        ("", False),
    ],
)
def test_the_version_must_be_one_of_tailscale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: str, is_original: bool
) -> None:
    """A program that looks right but prints no version of Tailscale's is refused, and what it printed is named."""
    path = executable(tmp_path / "derper", b"\x7fELF" + bytes(100) + b"path\ttailscale.com/cmd/derper\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, printed, ""))
    found = recognise_derper(path)
    assert isinstance(found, Derper) is is_original
    if isinstance(found, Derper):
        assert (found.version, found.origin) == (printed.strip(), str(path))
    else:
        assert repr(printed.strip()) in found


def test_workers_are_passed_on_only_when_there_are_several(tmp_path: Path) -> None:
    """One worker is the default and needs no flag."""
    assert "--workers" not in Tailhub().command(1, 2, tmp_path)
    assert Tailhub(workers=3).command(1, 2, tmp_path)[-2:] == ["--workers", "3"]


def test_derper_from_the_environment_comes_first(tmp_path: Path) -> None:
    """DERPER wins over PATH, and a refusal names its file."""
    (tmp_path / "bin").mkdir()
    on_path = executable(tmp_path / "bin" / "derper", b"#!/bin/sh\n")
    named = executable(tmp_path / "named", b"#!/bin/sh\n")
    both = {"DERPER": str(named), "PATH": str(on_path.parent)}
    assert str(named) in str(find_derper(both))
    assert str(on_path) in str(find_derper({"PATH": str(on_path.parent)}))


def test_without_derper_a_sentence_says_so(tmp_path: Path) -> None:
    """No file of that name, or one that is not there, is an answer and not an error."""
    assert find_derper({"PATH": str(tmp_path)}) == "derper is not installed"
    assert "cannot be read" in str(find_derper({"DERPER": str(tmp_path / "none")}))


def test_the_commands_keep_to_loopback(tmp_path: Path) -> None:
    """The original is started on loopback, with its key in the trial's own directory."""
    command = Derper(origin="/opt/derper", version="1").command(1234, 5678, tmp_path)
    assert command[:3] == ["/opt/derper", "-a", "127.0.0.1:1234"]
    assert str(tmp_path / "derper.key") in command
