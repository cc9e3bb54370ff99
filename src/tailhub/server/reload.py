"""What a new configuration changes for a relay that runs: decided here, done in `tailhub.server.reloading`.

Settings are compared, one by one; listeners are the same if they are written the same, tenants if they have one name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from tailhub.server.config import NEEDS_RESTART, ListenerConfig, RelayConfig
from tailhub.server.tenant_config import TenantConfig, Written

__all__ = ["ADDED", "CONTENT", "REMOVED", "ReloadOutcome", "ReloadPlan", "plan_reload"]

ADDED: Final = "(added)"
REMOVED: Final = "(removed)"
CONTENT: Final = "(content)"
"""Behind the name of what a file says, where the file is the same and says something else."""

_WHERE: Final = {"listen", "tenant"}  # the fields by which listeners and tenants are told apart


@dataclass(frozen=True, slots=True)
class ReloadOutcome:
    """What a reload came to: names of settings, of another listener or tenant with that in front."""

    changed: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReloadPlan:
    """`config` is what the relay runs with from then on: what needs a restart is in it as it was."""

    config: RelayConfig
    outcome: ReloadOutcome


def plan_reload(before: RelayConfig, after: RelayConfig) -> ReloadPlan:
    """What follows from `after`, for a relay that runs with `before`."""
    own = [*_differences(before, after)]
    stays: dict[str, Any] = {name: getattr(before, name) for name in own if name in NEEDS_RESTART}
    changed = [_SETTING.get(name, name) for name in own if name not in NEEDS_RESTART]
    changed += _parts("listen", _by(before.more_listeners, "listen"), _by(after.more_listeners, "listen"))
    changed += _parts("tenant", _by(before.more_tenants, "tenant"), _by(after.more_tenants, "tenant"))
    if not changed and before.more_listeners != after.more_listeners:
        changed.append("listen")  # another order
    if not changed and before.more_tenants != after.more_tenants:
        changed.append("tenant")
    outcome = ReloadOutcome(tuple(changed), tuple(_SETTING.get(name, name) for name in stays))
    return ReloadPlan(replace(after, **stays), outcome)


_SETTING: Final = {"addresses": "address"}
"""The names of settings whose fields have another one."""


def _differences(before: Written, after: Written) -> Iterator[str]:
    for one in fields(before):
        is_value = one.compare and one.name not in ("more_listeners", "more_tenants")
        if is_value and getattr(before, one.name) != getattr(after, one.name):
            yield one.name


def _by(parts: Sequence[Written], field: str) -> Mapping[str, Written]:
    return {getattr(one, field): one for one in parts}


def _parts(what: str, before: Mapping[str, Written], after: Mapping[str, Written]) -> Iterator[str]:
    """What has changed in further listeners, or tenants."""
    yield from (f"{what} {name} {REMOVED}" for name in before if name not in after)
    for name, part in after.items():
        if name not in before:
            yield f"{what} {name} {ADDED}"
        else:
            yield from (f"{what} {name}: {field}" for field in _differences(before[name], part))


def changes_tenants(before: RelayConfig, after: RelayConfig) -> bool:
    """Are there other tenants, or do they reach others?"""
    return _tenants(before) != _tenants(after)


def changes_listeners(before: RelayConfig, after: RelayConfig) -> bool:
    """Are there other listeners, or does one have another certificate or name? Plain HTTP is one of them."""
    return (before.http_listen, _of_listeners(before)) != (after.http_listen, _of_listeners(after))


def changes_access(before: RelayConfig, after: RelayConfig) -> bool:
    """May somebody relay who may not before, or the other way round?"""
    names = ("verify_timeout_s", "verify_refresh_s", "remember_days")
    if any(getattr(before, name) != getattr(after, name) for name in names):
        return True
    return [asked_of(one) for one in before.tenants] != [asked_of(one) for one in after.tenants]


def asked_of(tenant: TenantConfig) -> list[object]:
    """What says who belongs to a tenant, and what it is called."""
    beginnings = ("tenant", "verify_", "allow_list", "tailscale_", "headscale_")
    names = [one.name for one in fields(TenantConfig) if one.name.startswith(beginnings)]
    return [getattr(tenant, name) for name in names if not name.startswith("tenant_")]


def _tenants(config: RelayConfig) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.tenant, one.may_reach) for one in config.tenants]


def _of_listeners(config: RelayConfig) -> list[list[object]]:
    names = [one.name for one in fields(ListenerConfig) if one.compare]
    return [[getattr(listener, name) for name in names] for listener in config.listeners]
