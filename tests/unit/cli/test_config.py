"""``tailhub config init``; what `check` and `show` find is tested with the settings."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tailhub.cli.app import run

resource = pytest.importorskip("resource")


def init(file: Path) -> int:
    return run(["config", "init", str(file), "--lang", "en"])


def test_a_new_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The example is TOML in which nothing is set, and a file that is there stays as it is."""
    file = tmp_path / "deeper" / "tailhub.toml"
    assert init(file) == 0
    assert tomllib.loads(file.read_text("utf-8")) == {}
    file.write_text("quiet = true\n")
    assert init(file) == 1
    assert "TH184" in capsys.readouterr().err
    assert file.read_text() == "quiet = true\n"


def test_a_disk_that_is_full(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No part of a file is left that would be in the way of the next try."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        assert init(tmp_path / "tailhub.toml") == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "File too large" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert init(tmp_path / "tailhub.toml") == 0


def test_a_file_where_the_directory_should_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is in the way is named, not what was to be made."""
    (tmp_path / "file").touch()
    assert init(tmp_path / "file" / "tailhub.toml") == 1
    assert f"{tmp_path / 'file'} is there already" in " ".join(capsys.readouterr().err.split())
