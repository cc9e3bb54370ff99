"""The container's start: which program it becomes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "deploy" / "container" / "entrypoint.sh"

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a container has a POSIX shell")


def started(tmp_path: Path, *flags: str, **environ: str) -> list[str]:
    """The program that it becomes and its words."""
    for name in ("derper", "tailhub"):
        (tmp_path / name).write_text('#!/bin/sh\nprintf "%s\\n" "${0##*/}" "$@"\n')
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["sh", str(SCRIPT), *flags],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_it_is_the_relay(tmp_path: Path) -> None:
    """Without variables of the original it is `tailhub relay` with the flags as they are."""
    assert started(tmp_path, "--home", "a b", TAILHUB_LISTEN=":1") == ["tailhub", "relay", "--home", "a b"]


@pytest.mark.parametrize("name", ["DERP_DOMAIN", "DERP_ADDR", "DERP_STUN"])
def test_it_is_derper(tmp_path: Path, name: str) -> None:
    """With any of them it is `derper`, whose key is kept in the volume."""
    expected = ["derper", "-c", "/var/lib/tailhub/derper.key", "-home", ""]
    assert started(tmp_path, "-home", "", **{name: ""}) == expected
    assert started(tmp_path, **{name: "x", "STATE_DIRECTORY": "/s"}) == ["derper", "-c", "/s/derper.key"]


def test_other_variables_do_not_make_it_derper(tmp_path: Path) -> None:
    """Only names that begin with DERP_ count, not values and not other names."""
    assert started(tmp_path, MY_DERP_ADDR="x", OTHER="a\nDERP_ADDR=1") == ["tailhub", "relay"]


def test_a_service_of_kubernetes_does_not_make_it_derper(tmp_path: Path) -> None:
    """Kubernetes tells every container of a service called `derp`, in variables that begin with DERP_ too."""
    told = {
        "DERP_SERVICE_HOST": "10.96.0.7",
        "DERP_SERVICE_PORT": "443",
        "DERP_SERVICE_PORT_HTTPS": "443",
        "DERP_PORT": "tcp://10.96.0.7:443",
        "DERP_PORT_443_TCP": "tcp://10.96.0.7:443",
        "DERP_PORT_443_TCP_ADDR": "10.96.0.7",
    }
    assert started(tmp_path, **told) == ["tailhub", "relay"]
    assert started(tmp_path, **told, DERP_ADDR=":443")[0] == "derper"


def test_shellcheck_finds_nothing() -> None:
    """The script is sound, as far as shellcheck can tell."""
    if (program := shutil.which("shellcheck")) is None:
        pytest.skip("shellcheck is not in PATH")
    done = subprocess.run([program, str(SCRIPT)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
