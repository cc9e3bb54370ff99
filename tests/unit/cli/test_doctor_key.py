"""As whom `tailhub doctor` logs in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tailhub import box
from tailhub.cli.doctor import options_of
from tailhub.tools.own_key import own_key


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this user's state is."""
    for name in ("XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    return tmp_path


def test_the_tools_own_key() -> None:
    """Without a key it is the tools' own, of which nobody says that it is allowed."""
    options = options_of(None, 90.0)
    assert (options.private_key, options.must_be_admitted, options.watch_s) == (own_key(), False, 90.0)


def test_a_key_that_is_given(tmp_path: Path) -> None:
    """A key that is named is one that should be let in."""
    private, file = box.generate(), tmp_path / "key"
    file.write_text(private.to_text())
    options = options_of(file, 0.0)
    assert (options.private_key, options.must_be_admitted) == (private, True)


def test_no_place_for_a_key(state: Path) -> None:
    """Where the own key cannot be kept, the check is made with one that is thrown away."""
    (state / "tailhub-tools").write_text("in the way")
    assert options_of(None, 0.0).private_key is None
