"""What a relay is asked to do for one tenant: who belongs to it, and how much those may use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ALLOW_ON: Final = "on"  # the allow list is the file in the state directory


@dataclass(frozen=True)  # no slots: `RelayConfig` has a listener's fields too
class TenantConfig:
    """A tailnet, or a circle of friends, that uses the relay. Its verifiers say who belongs to it.

    Without a verifier everyone does. Rates of 0 are no limits.
    """

    tenant: str = ""  # its name; that of the relay's own settings is empty
    verify_tailscaled: bool = False  # admit whom a tailscaled on this machine knows
    verify_socket: Path | None = None  # where it is asked; None: where this platform has it
    verify_url: str = ""  # admit whom the program there admits
    verify_url_fail_open: bool = False  # admit everyone while it cannot be reached
    allow_list: Path | str | None = None  # admit whom this file lists; `ALLOW_ON`: the one in the state directory
    verify_all: bool = False  # every verifier must say yes; else one is enough
    rate_limit_bytes_per_s: float = 0.0  # what each client may send; 0: any number
    rate_burst_bytes: float = 0.0  # so many at once beyond that; 0: those of a second

    @property
    def has_verifiers(self) -> bool:
        """Is anybody asked who belongs to it?"""
        return self.verify_tailscaled or bool(self.verify_url) or self.allow_list is not None
