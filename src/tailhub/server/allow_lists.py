"""Where the allow list of each tenant is kept: a file of its own, the one in the state directory, or the store."""

from __future__ import annotations

import os
from functools import cached_property

from tailhub.server.allow_file import allow_file
from tailhub.server.allow_store import AllowStore, SharedList, opened_to_read
from tailhub.server.config import RelayConfig
from tailhub.server.state_place import locate
from tailhub.server.tenant_config import ALLOW_STORE, TenantConfig
from tailhub.store.location import OFF, parse_location
from tailhub.store.opened import OpenedStore
from tailhub.verifiers.allow_list import AllowList, Backing

__all__ = ["AllowLists"]


class AllowLists:
    """The lists that `config` names. Without the `store` of a running relay it is opened to be read, for each look."""

    def __init__(self, config: RelayConfig, store: OpenedStore | None = None) -> None:
        self._config = config
        self._store = store

    def of(self, tenant: TenantConfig) -> AllowList | None:
        """The list of one tenant, as a verifier; None if it has none."""
        backing: Backing | None
        if tenant.allow_list == ALLOW_STORE:
            backing = AllowStore(self._shared)
        else:
            backing = allow_file(tenant, self._config, os.environ)
        return AllowList(backing, tenant.tenant) if backing is not None else None

    @cached_property
    def _shared(self) -> SharedList:
        state_dir = locate(self._config.state_dir, os.environ, os.geteuid() if hasattr(os, "geteuid") else None)
        place = parse_location(self._config.store, state_dir) or OFF  # which the configuration's checks refuse
        return SharedList(place, self._store.lend if self._store is not None else opened_to_read(place))
