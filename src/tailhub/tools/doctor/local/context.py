"""What the check on the relay's machine goes by: its configuration and state, and where the machine's files are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tailhub.server.config import RelayConfig
    from tailhub.settings.merge import Settings

__all__ = ["LocalContext"]


@dataclass(frozen=True, slots=True)
class LocalContext:
    """`settings` are as a start would read them, `config` is what they come to.

    `is_running`: does a relay answer on the socket in `state_dir`? `root` is where /proc, /sys and /etc are: another
    one in tests of what a machine cannot be made to have.
    """

    settings: Settings
    config: RelayConfig
    state_dir: Path
    is_running: bool = False
    root: Path = Path("/")
