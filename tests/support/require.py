"""What some tests need from the machine: found here, or the test is skipped with a plain reason.

Whoever wants no silent skips names what must be there in ``TAILHUB_REQUIRE``, words separated by commas:
``tailcat`` (PyPI pytailcat), ``openssl``, ``netns`` (root and Linux network namespaces), ``systemd`` (root, and systemd
in namespaces), ``image`` (root, Debian's buildah and debootstrap, a network), ``go`` (Go, its modules, and the programs
of the original that are built with it). A test that misses one of those then fails.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from typing import NoReturn

import pytest

from support.netns import NamespaceError, NetworkNamespace
from support.systemd_machine import SystemdError, SystemdMachine

HEADSCALE = "headscale"
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
def systemd_machine() -> Iterator[SystemdMachine]:
    """A machine with systemd as process 1."""
    if not hasattr(os, "geteuid") or os.geteuid():
        missing("systemd", "systemd in namespaces needs root")
    with contextlib.ExitStack() as stack:
        try:
            machine = stack.enter_context(SystemdMachine())
        except SystemdError as error:
            missing("systemd", f"no systemd in namespaces here: {error}")
        yield machine
