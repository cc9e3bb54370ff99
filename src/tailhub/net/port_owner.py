"""Which program holds a port: for the sentence that refuses to start. Slow, used on that path only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tailhub.net.listen_spec import Endpoint


@dataclass(frozen=True, slots=True)
class PortOwner:
    """A program and its process id."""

    program: str
    pid: int


def find_owner(endpoint: Endpoint, protocol: str) -> PortOwner | None:
    """Who holds `endpoint` ("TCP": listens on it); None when nobody does or it may not be known (another user's)."""
    import psutil

    try:
        held = [
            entry
            for entry in psutil.net_connections(protocol.lower())
            if entry.laddr
            and entry.laddr.port == endpoint.port
            and entry.pid
            and (protocol == "UDP" or entry.status == psutil.CONN_LISTEN)
            and _collides(entry.laddr.ip, entry.family, endpoint)
        ]
        if not held:
            return None
        process = psutil.Process(min(held, key=lambda entry: entry.family != endpoint.family).pid)
        return PortOwner(program_name(process.name(), process.cmdline()), process.pid)
    except (psutil.Error, OSError):
        return None


def _collides(ip: str, family: int, endpoint: Endpoint) -> bool:
    wildcards = ("0.0.0.0", "::")
    if ip in wildcards or endpoint.host in wildcards:
        # A v6 wildcard of another program usually serves v4 too.
        return family == endpoint.family or ip == "::"
    return ip.removeprefix("::ffff:") == endpoint.host.partition("%")[0]


def program_name(name: str, command: Sequence[str]) -> str:
    """The name people know a program by: for Python also the script or module that it runs."""
    if not name.startswith("python"):
        return name
    words = iter(command[1:])
    for word in words:
        if word == "-m":
            module = next(words, "")
            return f"{name} -m {module}" if module else name
        if word == "-c":
            return name
        if word in ("-X", "-W"):
            next(words, None)
        elif not word.startswith("-"):
            return f"{name} {PurePath(word).name}"
    return name
