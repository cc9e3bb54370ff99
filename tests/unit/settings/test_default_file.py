"""The configuration file that nobody names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tailhub.exceptions import MachineError
from tailhub.settings.merge import load


def test_a_place_where_one_may_not_look_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home directory of somebody else's, as with a volume of root's in a container, is no error; a named file is."""

    def refuse(*_: object, **__: object) -> bool:
        raise PermissionError(13, "Permission denied")

    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    with monkeypatch.context() as patched:
        patched.setattr(Path, "exists", refuse)
        settings = load({}, environ, 1000, "linux")
    assert (settings.is_read, settings.faults) == (False, [])
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(MachineError, match="not readable"):
        load({"config": str(tmp_path / "a.toml")}, environ, 1000, "linux")
