"""Findings about tenants: their tables in the configuration, their names, and whom they may reach."""

from __future__ import annotations

from tailhub.findings.finding import Finding

TENANT_TABLE = "[[tenant]]"


def misplaced_for_tenant(place: str, *, relay: bool) -> Finding:
    """A setting of the whole relay stands in a tenant's table, or (not `relay`) one of tenants alone elsewhere."""
    return Finding("TH293", {"place": place, "relay": relay, "table": TENANT_TABLE})


def not_a_tenant_table(place: str, found: str) -> Finding:
    """What should be a tenant's table is something else."""
    return Finding("TH294", {"place": place, "found": found, "table": TENANT_TABLE})


def bad_tenant_name(place: str, name: str, other: str = "") -> Finding:
    """A tenant's name is none; `other` is where another tenant has the same."""
    return Finding("TH295", {"place": place, "name": name, "other": other})


def tenant_without_verifier(place: str, name: str) -> Finding:
    """Nobody says who belongs to the tenant."""
    return Finding("TH296", {"place": place, "name": name})


def unknown_tenant(place: str, name: str, near: str, names: str) -> Finding:
    """There is no tenant of this name to reach; `near` is the one that looks most like it, `names` are all others."""
    return Finding("TH297", {"place": place, "name": name, "near": near, "names": names})


def verifier_twice(place: str, other: str, verifier: str) -> Finding:
    """Two tenants ask the same verifier: whom it knows belongs to the first, and the second gets nobody by it."""
    return Finding("TH298", {"place": place, "other": other, "verifier": verifier})


def default_tenant_empty(place: str) -> Finding:
    """There are tenants, and the relay's own settings name no verifier: nobody belongs to their tenant."""
    return Finding("TH299", {"place": place})
