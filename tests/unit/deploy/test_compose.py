"""The compose files say what they are for, in words that the relay knows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tailhub.server.config import config_findings
from tailhub.settings.merge import load
from tailhub.settings.original import FLAGS, read_original
from tailhub.settings.table import SETTINGS

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
FILES = sorted((DEPLOY / "compose").glob("*.yaml"))
STATE = "/var/lib/tailhub"
USER = "3478"


def service(path: Path) -> dict[str, Any]:
    """The one service of a compose file."""
    [made] = yaml.safe_load(path.read_text(encoding="utf-8"))["services"].values()
    assert isinstance(made, dict)
    return made


def environment(path: Path) -> dict[str, str]:
    """The variables of its service, from a mapping or a list."""
    given = service(path)["environment"]
    pairs = given.items() if isinstance(given, dict) else (line.split("=", 1) for line in given)
    return {str(name): str(value) for name, value in pairs}


@pytest.fixture(params=FILES, ids=lambda path: path.name)
def path(request: pytest.FixtureRequest) -> Path:
    """Each compose file."""
    assert isinstance(request.param, Path)
    return request.param


def test_there_are_four() -> None:
    """ACME, a bridge, the machine's network, and a wrapper image's place are covered."""
    assert [path.name for path in FILES] == ["acme.yaml", "bridge.yaml", "from-derper-image.yaml", "host.yaml"]


def test_every_variable_is_known(path: Path) -> None:
    """What is set is a setting of ours or a documented variable of the original's images."""
    known = {f"TAILHUB_{setting.name.upper()}" for setting in SETTINGS} | {flag.variable for flag in FLAGS}
    assert set(environment(path)) <= known


def test_the_settings_are_sound(path: Path) -> None:
    """Nothing is wrong with the values of our settings."""
    ours = {name: value for name, value in environment(path).items() if name.startswith("TAILHUB_")}
    settings = load({}, ours, 3478, "linux", default=False)
    assert settings.faults == []
    assert config_findings(settings.config()) == []


def test_the_originals_variables_are_understood() -> None:
    """Of the wrapper image's variables each is taken, and none is complained about."""
    path = DEPLOY / "compose" / "from-derper-image.yaml"
    settings = read_original(["-c", f"{STATE}/derper.key"], environment(path), 0, Path("/root"))
    assert settings is not None
    assert settings.faults == []
    config = settings.config()
    assert config_findings(config) == []
    assert (config.listen, config.hostname, config.cert_dir) == (":8443", "derp.example.com", Path("/app/certs"))


def test_the_ports_are_open(path: Path) -> None:
    """The relay's TCP port and 3478 over UDP reach it, one to one, or it has the machine's own network."""
    made, given = service(path), environment(path)
    port = given.get("TAILHUB_LISTEN", given.get("DERP_ADDR", ":8443")).removeprefix(":")
    if made.get("network_mode") == "host":
        assert "ports" not in made
    else:
        assert made["ports"] == [f"{port}:{port}/tcp", "3478:3478/udp"]


def test_state_outlives_the_container(path: Path) -> None:
    """State is in a named volume, which is declared, or in a directory of the machine; certificates are only read."""
    mounts = {target: source for source, target in (mount.split(":")[:2] for mount in service(path)["volumes"])}
    source = mounts.pop(STATE)
    declared = yaml.safe_load(path.read_text(encoding="utf-8")).get("volumes") or {}
    assert source in declared or source.startswith("./")
    for mount in service(path)["volumes"]:
        if not mount.partition(":")[2].startswith(STATE):
            assert mount.endswith(":ro")
    for name, value in environment(path).items():
        if name in ("TAILHUB_CERT", "TAILHUB_KEY", "DERP_CERT_DIR"):
            assert any(value.startswith(target) for target in mounts), name


def test_no_more_rights_than_it_needs(path: Path) -> None:
    """All capabilities are dropped; only the one that reads root's files comes back, for a relay that runs as root."""
    made = service(path)
    assert made["cap_drop"] == ["ALL"]
    assert made["security_opt"] == ["no-new-privileges:true"]
    if "user" in made:
        assert (made["user"], made["cap_add"]) == ("0:0", ["DAC_OVERRIDE"])
    else:
        assert "cap_add" not in made
    assert "privileged" not in made


def test_the_image_is_the_one_here(path: Path) -> None:
    """It is built from the repository's Containerfile."""
    build = service(path)["build"]
    assert (path.parent / build["context"] / build["dockerfile"]).resolve() == DEPLOY / "container" / "Containerfile"


def test_the_image_speaks_of_one_user_and_one_state() -> None:
    """User, state directory and ports are the same in Containerfile, compose files and how-to page."""
    text = (DEPLOY / "container" / "Containerfile").read_text(encoding="utf-8")
    assert re.search(rf"^USER {USER}:{USER}$", text, re.MULTILINE)
    assert re.search(rf"^VOLUME {STATE}$", text, re.MULTILINE)
    assert f"STATE_DIRECTORY={STATE}" in text
    assert re.search(r"^EXPOSE 8443/tcp 3478/udp$", text, re.MULTILINE)
    for path in [*FILES, DEPLOY.parent / "docs/how-to/containers.md", DEPLOY.parent / "docs/how-to/containers.zh.md"]:
        for number in re.findall(r"chown (\d+)|user (\d+)|用户 (\d+)", path.read_text(encoding="utf-8")):
            assert "".join(number) == USER
