"""What ``tailhub config check`` finds out about a configuration on this machine, without starting anything.

Each check gives findings and never raises for what it finds; one that looks at something new is a line in `CHECKS`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from tailhub.exceptions import FindingError, LocalError
from tailhub.findings import Finding
from tailhub.server.config import RelayConfig

__all__ = ["CHECKS", "Check", "check_certificates", "check_verifiers", "machine_findings"]

Check = Callable[[RelayConfig], Iterator[Finding]]


def machine_findings(config: RelayConfig, checks: Iterable[Check] | None = None) -> list[Finding]:
    """What all checks find, or these, each thing once."""
    found: list[Finding] = []
    for check in CHECKS if checks is None else checks:
        try:
            for finding in check(config):
                if finding not in found:
                    found.append(finding)
        except FindingError as exc:
            if isinstance(exc.finding, Finding):
                found.append(exc.finding)
    return found


def check_certificates(config: RelayConfig) -> Iterator[Finding]:
    """Can the certificate files be read and served, and will clients take them?"""
    from tailhub.server.file_sources import file_source

    for listener in config.listeners:
        if (source := file_source(listener)) is None:
            continue
        try:
            yield from source.load(datetime.now(UTC)).notes
        except FindingError as exc:
            if isinstance(exc.finding, Finding):
                yield exc.finding


def check_mesh_keys(config: RelayConfig) -> Iterator[Finding]:
    """Are the mesh keys such?"""
    if config.mesh_key_file is not None:
        from tailhub.server.state import mesh_keys

        yield from mesh_keys(config.mesh_key_file, config.place("mesh_key_file"))[1]


def check_mesh_names(config: RelayConfig) -> Iterator[Finding]:
    """Can the names be looked up that stand for other relays?"""
    if any(text.startswith(("dns:", "srv:")) for text in config.mesh_with):
        import asyncio

        from tailhub.server.mesh.lookup import lookup_findings

        yield from asyncio.run(lookup_findings(config.mesh_with))


def check_rate_limit(config: RelayConfig) -> Iterator[Finding]:
    """Can the file of limits be read, and is the limit one that clients can live with?"""
    from tailhub.server.limits_config import doubtful_limits
    from tailhub.server.rate_config import load_rate_limit

    yield from load_rate_limit(config)[1]
    yield from doubtful_limits(config)


def check_acme(config: RelayConfig) -> Iterator[Finding]:
    """Which challenge of an ACME server is used, and where that server would look; can files be used?"""
    from tailhub.certs.files import certificates_in
    from tailhub.server.acme_cache import cached_certificate
    from tailhub.server.acme_config import acme_notes, identifiers_of

    for listener in config.listeners:
        if not listener.acme:
            continue
        yield from acme_notes(config, listener)
        if listener.acme_ca_file is not None:
            certificates_in(listener.acme_ca_file, listener.place("acme_ca_file"))
        if listener.acme_cache is not None:
            place, identifiers = listener.place("acme_cache"), identifiers_of(config, listener)
            yield from cached_certificate(listener.acme_cache, identifiers, place, datetime.now(UTC))[1]


def check_verifiers(config: RelayConfig) -> Iterator[Finding]:
    """Can those who know who may relay be reached?"""
    if config.asks_verifiers:
        import asyncio

        from tailhub.server.tenant_verifiers import look_at_verifiers

        with contextlib.suppress(LocalError):  # what is no URL has been told of
            yield from asyncio.run(look_at_verifiers(config))[1]


def check_allow_list(config: RelayConfig) -> Iterator[Finding]:
    """Can the allow lists that are files be read, all of them? Others are looked at as verifiers."""
    for tenant in config.tenants:
        if tenant.allow_list is not None:
            from tailhub.server.allow_file import allow_file, allow_list_findings

            file = allow_file(tenant, config, os.environ)
            yield from allow_list_findings(file) if file is not None else ()


def check_tenants(config: RelayConfig) -> Iterator[Finding]:
    """Is there a tenant to which nobody can belong?"""
    from tailhub.server.tenant_checks import tenant_doubts

    yield from tenant_doubts(config.tenants)


def check_store(config: RelayConfig) -> Iterator[Finding]:
    """Can the database be reached, and are its tables none of a newer version? That they are not there yet is well.

    Of a file only the version: who looks may be somebody else than who runs the relay.
    """
    from tailhub.server.state_place import locate
    from tailhub.store.location import parse_location

    directory = locate(config.state_dir, os.environ, os.geteuid() if hasattr(os, "geteuid") else None)
    place = None
    with contextlib.suppress(LocalError):  # what is no URL has been told of
        place = parse_location(config.store, directory)
    finding = _trouble_of_store(place) if place is not None else None
    if finding is None or finding.name in ("store-missing", "store-older"):
        return
    if isinstance(place, str) or finding.name == "store-newer":
        yield finding


def check_notify(config: RelayConfig) -> Iterator[Finding]:
    """Can messages be sent to those who are named, as far as it can be told without sending one?"""
    if config.notifies:
        from tailhub.server.notify_config import notify_doubts

        yield from notify_doubts(config)


def check_push(config: RelayConfig) -> Iterator[Finding]:
    """Can the map be pushed to where it is to be, as far as this machine can tell?"""
    if config.push_map_to:
        from tailhub.server.push_config import push_doubts

        yield from push_doubts(config)


def _trouble_of_store(place: Path | str) -> Finding | None:
    import asyncio

    if isinstance(place, Path) and not os.access(place, os.R_OK):
        return None  # the usual case, without an import of SQLAlchemy

    async def look() -> None:
        from tailhub.store.store import Store

        store = await Store.open_to_read(place)
        await store.close()

    try:
        asyncio.run(look())
    except FindingError as exc:
        return exc.finding if isinstance(exc.finding, Finding) else None
    return None


CHECKS: tuple[Check, ...] = (
    check_certificates,
    check_mesh_keys,
    check_rate_limit,
    check_acme,
    check_verifiers,
    check_allow_list,
    check_tenants,
    check_store,
    check_notify,
    check_push,
    check_mesh_names,
)
