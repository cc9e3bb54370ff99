"""What is wrong or doubtful about tenants: their names, whom they may reach, who says who belongs to them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tailhub import findings
from tailhub.findings import Finding
from tailhub.relay.tenant import DEFAULT_TENANT
from tailhub.server.tenant_config import TenantConfig

__all__ = ["tenant_doubts", "tenant_findings", "tenant_pairs"]

_NAME = re.compile(r"[A-Za-z0-9._-]{1,63}")


def tenant_findings(tenants: Sequence[TenantConfig]) -> Iterator[Finding]:
    """What cannot be; `tenants` are all, the nameless one first."""
    nameless, *tenants = tenants
    taken: dict[str, TenantConfig] = {}
    for tenant in tenants:
        name, place = tenant.tenant, tenant.place("name")
        if _NAME.fullmatch(name) is None or name == DEFAULT_TENANT:
            yield findings.bad_tenant_name(place, name)
        elif (other := taken.setdefault(name, tenant)) is not tenant:
            yield findings.bad_tenant_name(place, name, other.place("name"))
        if not tenant.has_verifiers and nameless.allow_list is None:  # whose lines may name any tenant
            yield findings.tenant_without_verifier(place, name)
    for tenant in tenants:
        others = [DEFAULT_TENANT, *(name for name in taken if name != tenant.tenant)]
        for name in tenant.may_reach:
            if name not in others:
                import difflib  # only for those who mistype

                near = next(iter(difflib.get_close_matches(name, others, 1, 0.7)), "")
                yield findings.unknown_tenant(tenant.place("may_reach"), name, near, ", ".join(others))


def tenant_doubts(tenants: Sequence[TenantConfig]) -> Iterator[Finding]:
    """What is perhaps not meant; `tenants` are all, the nameless one first."""
    asked: dict[str, findings.Place] = {}
    for tenant in tenants:
        verifiers = [("verify_socket", str(path)) for path in tenant.verify_socket or ("tailscaled",)]
        verifiers = [*(verifiers if tenant.verify_tailscaled else ()), ("verify_url", tenant.verify_url)]
        for setting, verifier in verifiers:
            if verifier:
                place = tenant.place(setting)
                if (other := asked.setdefault(verifier, place)) is not place:
                    yield findings.verifier_twice(place, other, verifier)
    nameless, *others = tenants
    if others and not nameless.has_verifiers:
        yield findings.default_tenant_empty(others[0].place("name"))


def tenant_pairs(tenants: Sequence[TenantConfig]) -> Iterator[tuple[str, str]]:
    """Names of tenants that may reach each other, one side having said so; the nameless one's is empty."""
    for tenant in tenants:
        for name in tenant.may_reach:
            yield tenant.tenant, "" if name == DEFAULT_TENANT else name
