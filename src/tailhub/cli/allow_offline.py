"""The allow list of a relay that does not run, for ``tailhub allow``: where configuration and state say that it is."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from tailhub import findings
from tailhub.exceptions import LocalError, UsageError
from tailhub.server.allow_file import AllowFile
from tailhub.server.listener_record import read_elsewhere
from tailhub.server.state_place import ALLOWED_KEYS
from tailhub.server.tenant_config import ALLOW_STORE
from tailhub.settings.merge import CONFIG, load
from tailhub.store.location import parse_location

if TYPE_CHECKING:
    from tailhub.server.config import RelayConfig
    from tailhub.verifiers.allow_list import Backing

__all__ = ["offline_list"]


def offline_list(directory: Path, config_file: str | None, *, edits: bool) -> tuple[Backing, Collection[str]]:
    """The list of the relay with this state directory, and the names of its tenants. `edits`: it will be changed.

    It is in the store where the configuration says so. Else it is the file that the relay had when it last started;
    before the first start, the one in the state directory. Raises `FindingError`.
    """
    settings = load({CONFIG: config_file}, os.environ, os.geteuid() if hasattr(os, "geteuid") else None, sys.platform)
    for fault in settings.faults:
        if fault.severity == "error":
            raise UsageError(fault)
    config = settings.config()
    tenants = [tenant.tenant for tenant in config.tenants if tenant.tenant]
    if any(tenant.allow_list == ALLOW_STORE for tenant in config.tenants):
        return _in_store(config, directory, edits=edits), tenants
    own = directory / ALLOWED_KEYS
    return AllowFile(read_elsewhere(directory).get("allow_list", own), may_lack=True), tenants


def _in_store(config: RelayConfig, directory: Path, *, edits: bool) -> Backing:
    from tailhub.server.allow_store import AllowStore, SharedList, opened_to_edit, opened_to_read

    try:
        place = parse_location(config.store, directory)
    except LocalError as exc:
        raise UsageError(findings.bad_store(config.place("store"), str(exc))) from None
    if place is None:
        raise UsageError(findings.allow_list_needs_store(config.place("allow_list"), config.place("store")))
    return AllowStore(SharedList(place, opened_to_edit(place) if edits else opened_to_read(place)))
