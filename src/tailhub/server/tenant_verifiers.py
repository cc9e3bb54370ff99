"""The verifiers that a configuration names, tenant by tenant: made at the start, remade by a reload, looked at.

Not here: how they are asked (`tailhub.server.verification`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tailhub import findings
from tailhub.findings import Finding
from tailhub.relay.admission import AdmissionPolicy, TenantPolicy
from tailhub.relay.memory import AdmissionMemory
from tailhub.server.config import RelayConfig
from tailhub.server.events import Events
from tailhub.server.gatekeeper import verify_limit_s
from tailhub.server.reload import asked_of
from tailhub.server.tenant_config import TenantConfig
from tailhub.server.verification import PROBE_S, Verification, label_of
from tailhub.verifiers.verifier import Verifier

if TYPE_CHECKING:
    from tailhub.server.allow_lists import AllowLists
    from tailhub.store.opened import OpenedStore

__all__ = ["look_at_verifiers", "make_verification", "make_verifiers", "remake_verification"]


def make_verification(
    config: RelayConfig, policy: AdmissionPolicy, events: Events, store: OpenedStore | None = None
) -> Verification:
    """The verification that the configuration asks for. Who opens the `store` will call `load_memory`."""
    verifiers = make_verifiers(config, store)
    memory = AdmissionMemory(config.remember_days, is_kept=store is not None)
    tenants = _policies(config, policy, verifiers)
    return Verification(verifiers, tenants, events, verify_limit_s(config), memory=memory)


def remake_verification(
    verification: Verification,
    before: RelayConfig,
    after: RelayConfig,
    policy: AdmissionPolicy,
    store: OpenedStore | None,
) -> None:
    """Have it go by another configuration. Verifiers of tenants for which nothing changes stay, with what they know."""
    names = [tenant.tenant for tenant in before.tenants]
    is_same = before.verify_refresh_s == after.verify_refresh_s
    if any(tenant.allow_list is not None for tenant in after.tenants):  # whose lines may name any tenant
        is_same = is_same and names == [tenant.tenant for tenant in after.tenants]
    asked_before = {tenant.tenant: asked_of(tenant) for tenant in before.tenants}
    kept = {
        tenant.tenant: [one for one in verification.verifiers if one.tenant == tenant.tenant]
        for tenant in after.tenants
        if is_same and asked_before.get(tenant.tenant) == asked_of(tenant)
    }
    verifiers = make_verifiers(after, store, kept)
    verification.take(verifiers, _policies(after, policy, verifiers), verify_limit_s(after), after.remember_days)


def _policies(config: RelayConfig, policy: AdmissionPolicy, verifiers: Sequence[Verifier]) -> AdmissionPolicy:
    return replace(policy, tenants=tuple(_policy(tenant, verifiers) for tenant in config.tenants))


def _policy(tenant: TenantConfig, verifiers: Sequence[Verifier]) -> TenantPolicy:
    opening = (one for one in verifiers if one.tenant == tenant.tenant and one.fails_open)
    return TenantPolicy(tenant.tenant, tenant.verify_all, frozenset(map(label_of, opening)))


async def look_at_verifiers(
    config: RelayConfig, verifiers: Sequence[Verifier] | None = None
) -> tuple[tuple[str, ...], list[Finding]]:
    """The verifiers that the configuration names, and what is wrong or doubtful about them, within `PROBE_S`.

    `verifiers` are those of a relay that runs with it; without, they are made for the look.
    """
    if verifiers is None:
        verifiers = make_verifiers(config)
    found = [
        findings.verify_fails_open(verifier.name, tenant.place("verify_url_fail_open"))
        for tenant in config.tenants
        for verifier in verifiers
        if verifier.tenant == tenant.tenant and verifier.fails_open
    ]
    for tenant in config.tenants:
        if tenant.has_device_lists:
            from tailhub.server.device_apis import secret_file_findings

            found += secret_file_findings(tenant)
    notes = await asyncio.gather(*(verifier.probe(PROBE_S) for verifier in verifiers))
    return tuple(map(label_of, verifiers)), found + [note for note in notes if note is not None]


def make_verifiers(
    config: RelayConfig, store: OpenedStore | None = None, kept: Mapping[str, Sequence[Verifier]] | None = None
) -> list[Verifier]:
    """The verifiers that the configuration names, those of each tenant in the reference's order.

    A list in the store is read from the `store` that the relay has opened; without, it is opened for each look. Tenants
    of these names have those that are `kept`.
    """
    verifiers: list[Verifier] = []
    lists: AllowLists | None = None
    for tenant in config.tenants:
        if kept is not None and tenant.tenant in kept:
            verifiers += kept[tenant.tenant]
            continue
        made = list(_verifiers(config, tenant))
        if tenant.allow_list is not None:
            from tailhub.server.allow_lists import AllowLists

            lists = lists or AllowLists(config, store)  # one for all, which share what is in the store
            if (allow_list := lists.of(tenant)) is not None:
                made.append(allow_list)
        for verifier in made:
            verifier.tenant = tenant.tenant
        verifiers += made
    return verifiers


def _verifiers(config: RelayConfig, tenant: TenantConfig) -> Iterator[Verifier]:
    """Those of one tenant, its allow list apart; `config` has what is the same for all."""
    if tenant.verify_tailscaled:
        from tailhub.verifiers.tailscaled import NAME, TailscaledVerifier, default_socket

        paths = tuple(dict.fromkeys(tenant.verify_socket)) or (default_socket(),)  # each has one name
        for path in paths:
            name = NAME if len(paths) == 1 else f"{NAME} at {path}"
            yield TailscaledVerifier(path, tenant.place("verify_socket"), name)
    if tenant.verify_url:
        from tailhub.verifiers.url import UrlVerifier, parse_url

        url, fails_open = parse_url(tenant.verify_url), tenant.verify_url_fail_open
        yield UrlVerifier(url, tenant.place("verify_url"), fails_open=fails_open)
    if tenant.has_device_lists:
        from tailhub.server.device_apis import device_verifiers

        yield from device_verifiers(tenant, tenant.place, config.verify_refresh_s)
