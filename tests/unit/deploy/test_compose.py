"""The compose files say what they are for, in words that the relay knows."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.certificates import make_certificate
from tailhub.server.config import config_findings
from tailhub.settings.machine_checks import machine_findings
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


# --- the form, after the Compose specification ------------------------------------------------------------------------

SERVICE: dict[str, tuple[type, ...]] = {
    "build": (dict,),
    "image": (str,),
    "restart": (str,),
    "user": (str,),
    "network_mode": (str,),
    "environment": (dict, list),
    "ports": (list,),
    "volumes": (list,),
    "sysctls": (dict,),
    "cap_drop": (list,),
    "cap_add": (list,),
    "security_opt": (list,),
    "read_only": (bool,),
    "tmpfs": (list,),
}
"""What a service may have, of all that the specification has, and of which type it is there."""


def test_the_form(path: Path) -> None:
    """Only words of the Compose specification, with values of its types: text where YAML would make something else."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert set(content) <= {"services", "volumes"}
    made = service(path)
    for name, value in made.items():
        assert isinstance(value, SERVICE[name]), name
        if isinstance(value, list):
            assert all(isinstance(one, str) for one in value), name
    assert made["restart"] in ("no", "always", "on-failure", "unless-stopped")
    for values in (made["environment"], made.get("sysctls", {})):
        for value in values.values() if isinstance(values, dict) else ():
            assert isinstance(value, str), values  # a number with a colon is a time to YAML, on is a truth
    for mount in made["volumes"]:
        assert re.fullmatch(r"(?:\./[\w-]+|[\w-]+):/[\w/-]+(?::ro)?", mount), mount
    for name, unused in (content.get("volumes") or {}).items():
        assert unused is None
        assert any(mount.startswith(f"{name}:") for mount in made["volumes"]), name


def test_commands_in_comments(path: Path) -> None:
    """What a comment has somebody run is about files and settings of this compose file, and files named exist."""
    text, made = path.read_text(encoding="utf-8"), service(path)
    sources = {mount.split(":")[0].removeprefix("./"): mount.split(":")[1] for mount in made["volumes"]}
    for line in re.findall(r"^#   (.+)$", text, re.MULTILINE):
        words = shlex.split(line)
        assert words[:2] in (["sudo", "chown"], ["sudo", "sysctl"]), line
        if words[1] == "chown":
            named = [f"{sources[file.partition('/')[0]]}/{file.partition('/')[2]}" for file in words[3:]]
            assert named == [environment(path)["TAILHUB_CERT"], environment(path)["TAILHUB_KEY"]]
        else:
            key, _, value = words[2].partition("=")
            assert key in made["sysctls"]
            assert value == environment(path)["TAILHUB_LISTEN"].removeprefix(":")
    for name in re.findall(r"\b([\w-]+\.yaml)\b", text):
        assert (path.parent / name).is_file()


# --- and what starts with it ------------------------------------------------------------------------------------------


def inside(path: Path, directory: Path) -> dict[str, str]:
    """The variables of the service, with the paths of its mounts in a directory where there are certificates."""
    given = environment(path)
    authority = make_certificate(common_name="A CA", is_ca=True)
    made = make_certificate(dns_names=["derp.example.com"], issuer=authority)
    for mount in service(path)["volumes"]:
        target = mount.split(":")[1]
        (directory / target[1:]).mkdir(parents=True)
        given = {name: re.sub(rf"^{target}(?=/|$)", str(directory / target[1:]), one) for name, one in given.items()}
        if mount.endswith(":ro"):
            for name, data in (("fullchain.pem", made.pem + authority.pem), ("privkey.pem", made.key_pem)):
                (directory / target[1:] / name).write_bytes(data)
    return given


@pytest.mark.skipif(os.name != "posix", reason="a container has a POSIX shell")
def test_it_starts_what_is_sound(path: Path, tmp_path: Path) -> None:
    """The container's start makes of the variables a relay, or derper, for which ``config check`` has no complaint."""
    given = inside(path, tmp_path)
    (tmp_path / "bin").mkdir()
    for name, text in (
        ("tailhub", f'[ "$1" = relay ] && shift && exec {sys.executable} -m tailhub config check "$@"'),
        ("derper", 'printf "%s\\n" "$@"'),
    ):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    state = tmp_path / STATE[1:]
    base = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "STATE_DIRECTORY": str(state), "LANG": "C.UTF-8"}
    base |= {"PYTHONPATH": os.pathsep.join(one for one in sys.path if one), "HOME": str(tmp_path)}
    done = subprocess.run(
        ["sh", str(DEPLOY / "container" / "entrypoint.sh")],
        env=base | given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    if any(name.startswith("DERP_") for name in given):
        settings = read_original(done.stdout.splitlines(), given, 0, Path("/root"))
        assert settings is not None
        assert settings.findings() + machine_findings(settings.config()) == []
        assert settings.config().key_file == state / "derper.key"
    else:
        assert "ERROR" not in done.stdout
        assert "WARNING" not in done.stdout, done.stdout
