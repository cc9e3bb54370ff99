"""The text of the unit; whether systemd takes it is in ``tests/integration/test_service.py``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tailhub.server.unit_file import Service, config_in, python_in, unit_text


def start_line(config: Path) -> str:
    text = unit_text(Service("tailhub", "tailhub", Path("/usr/bin/python3"), config))
    (line,) = (line for line in text.splitlines() if line.startswith("ExecStart="))
    return line


def test_a_relative_configuration_file() -> None:
    """A service starts in the root directory, so its unit has the file's whole path."""
    expected = Path("relay.toml").absolute()
    assert start_line(Path("relay.toml")) == f"ExecStart=/usr/bin/python3 -m tailhub relay --config {expected}"


def test_what_systemd_would_read_as_its_own() -> None:
    """Spaces, percent and dollar signs in a path are no words, specifiers and variables."""
    assert start_line(Path("/a b/100%/$x.toml")).endswith(' --config "/a b/100%%/$$x.toml"')


@pytest.mark.parametrize("path", ["/etc/tailhub/tailhub.toml", "/a b/100%/$x.toml", '/"quoted"/back\\slash;.toml'])
def test_an_upgrade_finds_the_configuration_file_again(path: str) -> None:
    """What was written into a unit is read out of it as it was."""
    service = Service("tailhub", "tailhub", Path("/usr/bin/python3"), Path(path))
    assert config_in(unit_text(service)) == Path(path)


@pytest.mark.parametrize("path", ["/opt/tailhub/bin/python", "/a b/100%/$x/bin/python"])
def test_an_upgrade_finds_the_program_again(path: str) -> None:
    """So is the Python that it starts."""
    assert python_in(unit_text(Service("tailhub", "tailhub", Path(path), Path("/etc/x.toml")))) == Path(path)


def test_a_unit_that_names_no_file() -> None:
    """A unit that somebody else has written may have none."""
    assert config_in("[Service]\nExecStart=/bin/true\n") is None
    assert python_in("[Service]\n") is None


def test_a_reload() -> None:
    """``systemctl reload`` asks the relay by its socket, whose answer it shows."""
    text = unit_text(Service("derp", "derp", Path("/usr/bin/python3"), Path("/etc/derp/tailhub.toml")))
    assert "ExecReload=/usr/bin/python3 -m tailhub reload --state-dir /var/lib/derp\n" in text
