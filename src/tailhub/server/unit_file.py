"""The unit by which systemd runs the relay as a service. Text only; who installs it is `tailhub.cli.service`.

Source: systemd.exec(5), systemd.service(5). Whatever the relay does not need is taken from it.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Service", "config_in", "is_below_home", "python_in", "unit_text"]

_HOMES = ("/home", "/root", "/run/user")

_UNIT = """\
# Made by `tailhub service install`, and again by `tailhub service upgrade`: put changes of your own into
# `sudo systemctl edit {name}`.
[Unit]
Description=tailhub, a relay for Tailscale networks (DERP and STUN)
Wants=network-online.target
After=network-online.target nss-lookup.target

[Service]
Type=notify
NotifyAccess=all
User={user}
ExecStart={command}
ExecReload={reload}
Restart=always
RestartSec=2
TimeoutStopSec=30
# Its listening sockets stay open over a restart: who connects meanwhile waits, and is not refused.
FileDescriptorStoreMax=64
LimitNOFILE=1048576
UMask=0077

# The state (the relay's key, the pinned certificate): {state_dir}
StateDirectory={state_name}
StateDirectoryMode=0700
# For a listener that is a unix socket: /run/{state_name}
RuntimeDirectory={state_name}

# Ports below 1024, and nothing else that root can do.
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes

ProtectSystem=strict
ProtectHome={protect_home}
PrivateTmp=yes
PrivateDevices=yes
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True, slots=True)
class Service:
    """One service: its name, its user, the Python that runs it and its configuration."""

    name: str
    user: str
    python: Path
    config: Path

    @property
    def state_dir(self) -> Path:
        """Where systemd keeps its state."""
        return Path("/var/lib") / self.name

    @property
    def unit_path(self) -> Path:
        """Where its unit is."""
        return Path("/etc/systemd/system") / f"{self.name}.service"


def unit_text(service: Service, homes: tuple[Path, ...] = ()) -> str:
    """The unit; `homes` are directories of programs that lie below a home directory, which then stays readable."""
    command = f"{_quoted(service.python)} -m tailhub relay --config {_quoted(service.config.absolute())}"
    # Not a signal, so that `systemctl reload` fails when the configuration is refused.
    reload = f"{_quoted(service.python)} -m tailhub reload --state-dir {service.state_dir}"
    return _UNIT.format(
        name=service.name,
        user=service.user,
        command=command,
        reload=reload,
        state_dir=service.state_dir,
        state_name=service.name,
        protect_home="read-only" if homes else "yes",
    )


def config_in(text: str) -> Path | None:
    """The configuration file that a unit names."""
    words = _command_in(text)
    return _path(words[words.index("--config") + 1]) if "--config" in words[:-1] else None


def python_in(text: str) -> Path | None:
    """The program that a unit starts."""
    words = _command_in(text)
    return _path(words[0]) if words else None


def _command_in(text: str) -> list[str]:
    values = dict(line.partition("=")[::2] for line in text.splitlines())
    return shlex.split(values.get("ExecStart", ""))


def _path(word: str) -> Path:
    return Path(word.replace("%%", "%").replace("$$", "$"))


def is_below_home(path: Path) -> bool:
    """Is it below a home directory, which ``ProtectHome=yes`` hides?"""
    return any(path.is_relative_to(home) for home in _HOMES)


def _quoted(path: Path) -> str:
    """A path as a word of a unit's command line (systemd.service(5), "Command lines")."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"' if any(character in text for character in " \t'\"\\;") else text
