"""What a relay is asked to do for one tenant: who belongs to it, and how much those may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tailhub.findings import Place

ALLOW_ON: Final = "on"  # the allow list is the file in the state directory
ALLOW_STORE: Final = "store"  # it is in the store
TAILSCALE_API: Final = "https://api.tailscale.com"


@dataclass(frozen=True, kw_only=True)
class Written:
    """What somebody has written: `places` has where, by name of the setting."""

    places: Mapping[str, Place] = field(default_factory=dict, repr=False, compare=False)

    def place(self, setting: str) -> Place:
        """Where the user wrote `setting`; its flag if nobody did."""
        return self.places.get(setting) or Place.flag(setting)


@dataclass(frozen=True)  # no slots: `RelayConfig` has a listener's fields too
class TenantConfig(Written):
    """A tailnet, or a circle of friends, that uses the relay. Its verifiers say who belongs to it.

    The relay's own settings are a tenant without a name. Where there is no other, and it has no verifier, everyone
    belongs to it; otherwise nobody belongs to a tenant without a verifier. Rates of 0 are no limits.
    """

    tenant: str = ""  # its name; that of the relay's own settings is empty
    may_reach: tuple[str, ...] = ()  # tenants with whose devices its own may exchange packets, both ways
    verify_tailscaled: bool = False  # admit whom a tailscaled on this machine knows
    verify_socket: tuple[Path, ...] = ()  # where it, or each of several, is asked; empty: where this platform has it
    verify_url: str = ""  # admit whom the program there admits
    verify_url_fail_open: bool = False  # admit everyone while it cannot be reached
    allow_list: Path | str | None = None  # admit whom this file lists, or that of `ALLOW_ON` or `ALLOW_STORE`
    verify_all: bool = False  # every verifier must say yes; else one is enough
    tailscale_client_id: str = ""  # of an OAuth client; empty: the one that its secret names
    tailscale_client_secret: str = field(default="", repr=False)
    tailscale_client_secret_file: Path | None = None
    tailscale_token: str = field(default="", repr=False)  # instead: an API access token, which expires
    tailscale_token_file: Path | None = None
    tailscale_tailnet: str = "-"  # the one that the credential belongs to
    tailscale_api_url: str = TAILSCALE_API
    headscale_url: str = ""  # admit whom the Headscale there has as its nodes
    headscale_api_key: str = field(default="", repr=False)
    headscale_api_key_file: Path | None = None
    rate_limit_bytes_per_s: float = 0.0  # what each key may send; 0: any number
    rate_burst_bytes: float = 0.0  # so many at once beyond that; 0: those of a second
    receive_limit_bytes_per_s: float = 0.0  # what each key may receive
    receive_burst_bytes: float = 0.0
    tenant_rate_limit_bytes_per_s: float = 0.0  # what all of them together may send
    tenant_rate_burst_bytes: float = 0.0
    key_connections: int = 0  # at a time; 0: any number
    tenant_connections: int = 0
    quota_key_gb: float = 0.0  # in a billing month; 0: no quota
    quota_tenant_gb: float = 0.0
    over_quota: str = "slow"  # or "refuse"
    over_quota_bytes_per_s: float = 125_000.0

    @property
    def has_verifiers(self) -> bool:
        """Is anybody asked who belongs to it?"""
        return bool(self.verify_tailscaled or self.verify_url or self.allow_list is not None or self.has_device_lists)

    @property
    def has_device_lists(self) -> bool:
        """Are lists of devices read from an API?"""
        secrets = (self.tailscale_client_secret, self.tailscale_client_secret_file)
        return any((*secrets, self.tailscale_token, self.tailscale_token_file, self.headscale_url))
