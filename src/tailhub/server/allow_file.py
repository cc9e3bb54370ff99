"""An allow list that is a file: reading it, noticing that it has changed, and editing it in one go.

What people write into it stays: a command changes the lines of the keys that it is about. The file is replaced as a
whole, with its mode and owner, where a link leads to.

Not here: its form (`tailhub.relay.allowed_keys`) and what follows from it (`tailhub.verifiers.allow_list`).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from threading import Lock

from tailhub import findings
from tailhub.certs.files import read_file
from tailhub.exceptions import FindingError, LocalError, MachineError
from tailhub.findings import Finding
from tailhub.relay.allowed_keys import MOST_FAULTS, AllowedKey, Listing, parse_listing, with_key, without_keys
from tailhub.relay.tenant import DEFAULT_TENANT
from tailhub.server.config import RelayConfig
from tailhub.server.file_edit import Trace, replace_file, target_of, trace
from tailhub.server.state_files import alone_in
from tailhub.server.state_place import ALLOWED_KEYS, locate
from tailhub.server.tenant_config import ALLOW_ON, TenantConfig

__all__ = ["AllowFile", "allow_file", "allow_list_findings"]

MAX_BYTES = 8 << 20
_HEADER = "# Who may relay, a key a line: nodekey:<64 hex digits> NAME [tenant=TENANT] # comment\n"
_TRIES = 3  # of an edit, while somebody else writes the file


class AllowFile:
    """The file at `path`, which `option` names. Keys without a tenant belong to `tenant`.

    One that `may_lack` is an empty list until it is made; any other must be there, and each must stay. `tenants` are
    those there are; None: not known.
    """

    def __init__(
        self,
        path: Path,
        option: str = "--allow-list",
        tenant: str = "",
        *,
        may_lack: bool = False,
        tenants: Collection[str] | None = None,
    ) -> None:
        self.path = path
        self.place = str(path)
        self._option = option
        self._tenant = tenant
        self._may_lack = may_lack
        self._tenants = tenants
        self._lock = Lock()  # looks and edits come from different threads
        self._text = ""  # what was last read
        self._seen: Trace | None = None  # at the last look
        self._taken: Trace | None = None  # as of what was last read; None: it cannot be read

    # --- as a verifier's backing --------------------------------------------------------------------------------------

    async def read(self) -> Listing:
        """The list as it is now. Raises `MachineError`."""
        return await asyncio.to_thread(self.load)  # it may lie on a disk that does not answer

    async def changed(self) -> Listing | None:
        """The list if it has changed and two looks in a row have found the same. Raises `MachineError`."""
        return await asyncio.to_thread(self.look)

    async def allow(self, entry: AllowedKey, replaces: Collection[bytes] = ()) -> None:
        """Write this key. Raises `MachineError`."""
        await asyncio.to_thread(self.add, entry, replaces)

    async def disallow(self, keys: Collection[bytes]) -> None:
        """Take the lines of these keys out. Raises `MachineError`."""
        await asyncio.to_thread(self.remove, keys)

    # --- the same without an event loop -------------------------------------------------------------------------------

    def load(self) -> Listing:
        """See `read`."""
        with self._lock:
            self._taken = None
            taken = trace(self.path)
            is_there = os.path.lexists(self.path)
            self._text = self._read()
            listing = _parse(self._text, self.path)
            self._taken = taken
        keys = {key: self._with_tenant(entry) for key, entry in listing.keys.items()}
        return replace(listing, keys=keys, found=(*listing.found, *self._strays(keys.values())), is_there=is_there)

    def look(self) -> Listing | None:
        """See `changed`."""
        seen = trace(self.path)
        is_settled, self._seen = seen == self._seen, seen
        return self.load() if is_settled and seen != self._taken else None

    def add(self, entry: AllowedKey, replaces: Collection[bytes] = ()) -> None:
        """See `allow`."""
        tenant = "" if entry.tenant == self._tenant else entry.tenant
        self._edit(lambda text: with_key(without_keys(text, replaces), replace(entry, tenant=tenant)))

    def remove(self, keys: Collection[bytes]) -> None:
        """See `disallow`."""
        self._edit(lambda text: without_keys(text, keys))

    def _with_tenant(self, entry: AllowedKey) -> AllowedKey:
        """The entry with the name of its tenant; the relay's own has none."""
        if entry.tenant == DEFAULT_TENANT:
            return replace(entry, tenant="")
        return entry if entry.tenant else replace(entry, tenant=self._tenant)

    def _strays(self, entries: Iterable[AllowedKey]) -> list[Finding]:
        """Says which keys are of no tenant, of the first few."""
        if self._tenants is None:
            return []
        names = ", ".join(name for name in self._tenants if name)
        strays = (entry for entry in entries if entry.tenant not in self._tenants)
        few = islice(strays, MOST_FAULTS)
        return [findings.allow_list_tenant(self.place, entry.line, entry.tenant, names) for entry in few]

    def _read(self) -> str:
        if not self._text and self._may_lack and not os.path.lexists(self.path):
            return ""
        data = read_file(self.path, self._option, most_bytes=MAX_BYTES)
        if b"\0" in data:  # a crash can leave a file so, and an editor that writes UTF-16; it says nothing of anybody
            raise MachineError(findings.file_trouble(self.place, "it is no text in UTF-8: it has zero bytes"))
        return data.decode("utf-8", "surrogateescape")

    def _edit(self, change: Callable[[str], str]) -> None:
        with self._lock:
            try:
                if self._may_lack:  # a relay's state, which may be begun with its list
                    self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with alone_in(target_of(self.path).parent):
                    self._edit_alone(change)
            except OSError as exc:
                raise MachineError(findings.file_trouble(self.place, exc.strerror or str(exc))) from exc

    def _edit_alone(self, change: Callable[[str], str]) -> None:
        """No other command is at it; a person with an editor may be."""
        for tries_left in reversed(range(_TRIES)):
            before = trace(self.path)
            # A file that has gone is made anew with what was in it.
            text = self._read() if before else self._text or _HEADER
            edited = change(text)
            if edited == text and before:
                return
            _parse(edited, self.path)
            if trace(self.path) == before or not tries_left:
                break
        replace_file(self.path, edited.encode("utf-8", "surrogateescape"))


def allow_file(config: TenantConfig, relay: RelayConfig, environ: Mapping[str, str]) -> AllowFile | None:
    """The file that is the allow list of a tenant (`config`) of `relay`; None if it has none, or it is no file."""
    tenants = [one.tenant for one in relay.tenants]
    if config.allow_list == ALLOW_ON:
        # One file for all tenants: a line without a tenant is the relay's own.
        path = locate(relay.state_dir, environ, os.geteuid() if hasattr(os, "geteuid") else None) / ALLOWED_KEYS
        return AllowFile(path, config.place("allow_list"), may_lack=True, tenants=tenants)
    if isinstance(config.allow_list, Path):
        return AllowFile(config.allow_list, config.place("allow_list"), config.tenant, tenants=tenants)
    return None


def allow_list_findings(file: AllowFile) -> list[Finding]:
    """What is wrong or doubtful about a list."""
    try:
        listing = file.load()
    except FindingError as exc:
        return [exc.finding] if isinstance(exc.finding, Finding) else []
    return [*listing.found, *([] if listing.keys else [findings.allow_list_empty(file.place)])]


def _parse(text: str, path: Path) -> Listing:
    try:
        return parse_listing(text, str(path))
    except LocalError as exc:
        raise MachineError(findings.file_trouble(str(path), str(exc))) from exc
