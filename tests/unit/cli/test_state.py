"""``tailhub state``, as its users call it."""

from __future__ import annotations

import io
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tailhub.cli.app import run
from tailhub.server.pinned_pair import load_pinned
from tailhub.server.state import StateDir

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a relay's state is kept on POSIX systems")


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    """A locale that says English."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A relay's state."""
    state = StateDir.open(tmp_path / "old")
    state.relay_key()
    state.certificate("relay-x.tailhub.invalid", "", [], datetime.now(UTC))
    state.close()
    return state.path


def files(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir() if file.is_file() and file.name != "lock"}


def test_there_and_back(old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is exported is imported elsewhere, byte for byte; both screens name the pin and what to do next."""
    file, new = tmp_path / "state.tar", tmp_path / "new"
    assert run(["state", "export", str(file), "--state-dir", str(old)]) == 0
    out = capsys.readouterr().out
    assert load_pinned(old).pin in out
    assert f"scp -p {file} NEW:" in out
    assert run(["state", "import", str(file), "--state-dir", str(new)]) == 0
    out = capsys.readouterr().out
    assert load_pinned(old).pin in out
    assert f"relay --state-dir {new}" in out
    assert files(new) == files(old)


def test_through_a_pipe(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """With - the archive goes through standard output and input, with nothing else in it."""
    assert run(["state", "export", "-", "--state-dir", str(old)]) == 0
    data = capfdbinary.readouterr().out
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert run(["state", "import", "-", "--state-dir", str(tmp_path / "new")]) == 0
    assert files(tmp_path / "new") == files(old)


def test_not_over_state(old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """State is replaced by force only, and then said to be where it is."""
    file = tmp_path / "state.tar"
    run(["state", "export", str(file), "--state-dir", str(old)])
    capsys.readouterr()
    before = files(old)
    assert run(["state", "import", str(file), "--state-dir", str(old)]) == 1
    assert capsys.readouterr().err.endswith("[TH177]\n")
    assert files(old) == before
    assert run(["state", "import", str(file), "--force", "--state-dir", str(old)]) == 0
    assert "replaced-" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "exit_code"),
    [
        (["export", "{old}/../state.tar"], "TH184", 1),
        (["export", "{tmp}/none/state.tar"], "TH084", 1),
        (["export", "{tmp}/x.tar", "--state-dir", "{tmp}"], "TH183", 1),
        (["import", "{tmp}/none.tar"], "TH047", 1),
        (["import", "{tmp}/state.tar"], "TH178", 1),
        (["import", "{tmp}"], "TH179", 1),
        (["import", "{tmp}/state.tar", "--key-file", "x"], "TH068", 2),
        (["import"], "TH069", 2),
        (["import", "{tmp}", "--state-dir="], "TH069", 2),
    ],
)
def test_refusals(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: str, exit_code: int
) -> None:
    """Whatever cannot be is refused with its code, and nothing is left behind."""
    (tmp_path / "state.tar").write_text("junk")
    arguments = [word.format(old=old, tmp=tmp_path) for word in words]
    if not any(word.startswith("--state-dir") for word in arguments):
        arguments += ["--state-dir", str(old if words[0] == "export" else tmp_path / "new")]
    assert run(["state", *arguments]) == exit_code
    out, error = capsys.readouterr()
    assert out == ""
    assert error.endswith(f"[{code}]\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old", "state.tar"]


def test_in_chinese(old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both screens speak Chinese too."""
    where = ["--lang", "zh", "--state-dir"]
    assert run(["state", "export", str(tmp_path / "s.tar"), *where, str(old)]) == 0
    assert "私钥" in capsys.readouterr().out
    assert run(["state", "import", str(tmp_path / "s.tar"), *where, str(tmp_path / "new")]) == 0
    assert "启动中继" in capsys.readouterr().out


def test_bare_command(capsys: pytest.CaptureFixture[str]) -> None:
    """``tailhub state`` alone lists what there is."""
    assert run(["state"]) == 2
    assert "import" in capsys.readouterr().out
