"""What the check on the relay's machine goes by: its configuration and state, and where the machine's files are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tailhub.findings import Finding
    from tailhub.server.config import RelayConfig
    from tailhub.settings.merge import Settings

__all__ = ["Account", "LocalContext", "RunningRelay"]


@dataclass(frozen=True, slots=True)
class Account:
    """The user whose rights count: whose process the relay is, or would be. `groups` has all of its group ids."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RunningRelay:
    """What the relay that runs says over the socket in its state directory.

    `overview`, `listeners` and `certificates` are answers of the operator's API (`tailhub.admin.api_types`), empty
    where it gave none. `derp_map` is the JSON of the map for clients elsewhere, empty while it is not known. `pid` is
    its first process, 0 where that cannot be told (it is in a container).
    """

    pid: int = 0
    overview: Mapping[str, object] = field(default_factory=dict)
    derp_map: bytes = b""


@dataclass(frozen=True, slots=True)
class LocalContext:
    """`settings` are as a start would read them, `config` is what they come to.

    `is_running`: does a relay answer on the socket in `state_dir`? `root` is where /proc, /sys and /etc are: another
    one in tests of what a machine cannot be made to have.

    `account` is whose rights count, `is_me` whether we are that user; who looks may be root or somebody else. `unit` is
    the name of the systemd unit that starts it, `unit_text` what that says, both "" without one. `environ` is what the
    relay is started with, as far as we know. `relay` is None where none runs, or it may not be asked. `faults` are what
    kept us from reading how it is started.
    """

    settings: Settings
    config: RelayConfig
    state_dir: Path
    is_running: bool = False
    root: Path = Path("/")
    account: Account | None = None
    is_me: bool = True
    unit: str = ""
    unit_text: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)
    relay: RunningRelay | None = None
    faults: tuple[Finding, ...] = ()
