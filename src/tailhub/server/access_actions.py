"""What an operator may see and do about who may relay: the refused, the allow lists, and why a key is in or out.

Hears of each decision (`AccessActions.decided`) and remembers the last of each key. The calls are routes of the
operator's API. One in each relay, where its verifiers are.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final, TypeAlias

from tailhub import findings
from tailhub.exceptions import UsageError
from tailhub.keys import NodePublic, short_key
from tailhub.relay.allowed_keys import AllowedKey, completed
from tailhub.relay.key_lookup import find_entries, find_key
from tailhub.relay.refusals import Here, Refusal, Refusals, Sighting, Sightings, replaced_by
from tailhub.server.access_json import entry_json, refusal_json, verdict_json
from tailhub.server.gatekeeper import Decision
from tailhub.server.verification import Verification
from tailhub.verifiers.allow_list import AllowList
from tailhub.verifiers.verifier import Verifier
from tailhub.web.operator_api import Call, Field, Route

__all__ = ["AccessActions"]

Address: TypeAlias = IPv4Address | IPv6Address
Json: TypeAlias = Mapping[str, Any]

_ENTRY: Final = (
    Field("name", "what the device is called"),
    Field("tenant", "whose it is"),
    Field("comment", "written beside it"),
)
_NOBODY: Final = IPv4Address(0)  # the address of a key that was never here


class AccessActions:
    """Made with the relay's `verification`, None where everyone may relay."""

    def __init__(self, verification: Verification | None, who_is_here: Callable[[], Awaitable[Here]]) -> None:
        self.refusals = verification.refusals if verification is not None else Refusals()
        self.sightings = Sightings()
        self._who_is_here = who_is_here
        self._verification = verification
        for allow_list in self._lists:
            allow_list.start()
        if verification is not None:
            verification.on_decided = self.decided
        self.routes = (
            Route("GET", "pending", self._pending, "Keys that were refused and are on no list, with who refused them"),
            Route(
                "POST",
                "pending/*/approve",
                self._approve,
                "Put a refused key on the allow list",
                body=(
                    *_ENTRY,
                    Field("replace", "in the place of the entry with that name, or the probable one", "flag"),
                ),
            ),
            Route("GET", "allow", self._allow_list, "The allow lists"),
            Route(
                "POST",
                "allow",
                self._allow,
                "Put a key on the allow list",
                body=(
                    Field("key", "a key, or a part of one that is known"),
                    *_ENTRY,
                    Field("replace", "in the place of the entry with that name", "flag"),
                ),
            ),
            Route(
                "DELETE",
                "allow",
                self._disallow,
                "Take a key off the allow list",
                query=(Field("which", "a key, a part of one, or a name"),),
            ),
            Route(
                "GET",
                "explain/*",
                self._explain,
                "Why a key may relay or may not",
                query=(Field("ask", "`1`: ask all verifiers now"),),
            ),
        )

    @property
    def _verifiers(self) -> Sequence[Verifier]:
        return self._verification.verifiers if self._verification is not None else ()

    @property
    def _lists(self) -> list[AllowList]:
        return [verifier for verifier in self._verifiers if isinstance(verifier, AllowList)]

    @property
    def _tenants(self) -> Collection[str]:
        return self._verification.tenants if self._verification is not None else ()

    def decided(self, key: bytes, address: Address, decision: Decision) -> None:
        """There is a decision about a client."""
        if decision.admits:
            self.refusals.forget(key)
            self.sightings.note(key, Sighting(address, time.time(), decision.verdicts))
        else:
            self.refusals.note(key, address, decision.verdicts, time.time(), again=decision.again)

    # --- the refused --------------------------------------------------------------------------------------------------

    async def _pending(self, call: Call) -> Json:
        here = await self._who_is_here()
        allowed = self._allowed()
        refusals = [refusal for refusal in self.refusals.listed() if refusal.key not in allowed]
        rows = [self._refusal_json(refusal, here) for refusal in refusals]
        return {"pending": rows, "has_verifiers": bool(self._verifiers), "has_list": bool(self._lists)}

    async def _approve(self, call: Call) -> Json:
        number = call.parts[0]
        refusal = self.refusals.by_number(int(number)) if number.isascii() and number.isdigit() else None
        if refusal is None:
            raise UsageError(findings.not_on_record(number, number=True))
        comment = call.text("comment") or f"approved {datetime.now(UTC):%Y-%m-%d}"
        name, tenant, replaced = call.text("name"), call.text("tenant"), list[AllowedKey]()
        if call.flag("replace"):
            replaced = await self._replaced(refusal, name)
            name, tenant = name or replaced[0].name, tenant or replaced[0].tenant
        return await self._put(refusal.key, name or refusal.node, tenant, comment, replaced)

    async def _replaced(self, refusal: Refusal, name: str) -> list[AllowedKey]:
        """The entry that a refused key is to replace: that with the name, else the probable one."""
        if name:
            return find_entries(name, self._allowed().values())
        replacement = replaced_by(refusal, self._allowed(), self.sightings, (await self._who_is_here()).connected)
        if replacement is None:
            raise UsageError(findings.not_on_record(short_key(refusal.key), entry=True))
        return [replacement.entry]

    # --- the lists ----------------------------------------------------------------------------------------------------

    async def _allow_list(self, call: Call) -> Json:
        self._need_list()
        lists = []
        for one in self._lists:
            keys = await one.current()
            trouble = one.trouble.render() if one.trouble is not None else ""
            rows = [entry_json(entry) for entry in keys.values()]
            lists.append({"place": one.backing.place, "tenant": one.tenant, "trouble": trouble, "keys": rows})
        return {"lists": lists}

    async def _allow(self, call: Call) -> Json:
        key = find_key(call.text("key"), self._known(await self._who_is_here()), self._allowed().values())
        name, tenant, replaced = call.text("name"), call.text("tenant"), list[AllowedKey]()
        if call.flag("replace"):
            replaced = find_entries(name, self._all_entries())
            tenant = tenant or replaced[0].tenant
        return await self._put(key, name, tenant, call.text("comment"), replaced)

    async def _put(self, key: bytes, name: str, tenant: str, comment: str, replaced: Collection[AllowedKey]) -> Json:
        """Put a key on the list of its tenant, in the place of those that are `replaced`."""
        self._need_list()
        own = next((one for one in self._lists if one.tenant == tenant), None)
        allow_list = own or next((one for one in self._lists if not one.tenant), None)
        if allow_list is None:
            raise UsageError(findings.no_allow_list())
        gone = {one.key for one in replaced} - {key}
        entry = completed(AllowedKey(key, name, tenant, comment), await allow_list.current(), self._tenants, gone)
        await allow_list.allow(entry, gone)
        self.refusals.forget(key)
        return {"allowed": entry_json(entry), "replaced": [entry_json(one) for one in replaced if one.key != key]}

    async def _disallow(self, call: Call) -> Json:
        self._need_list()
        found = find_entries(call.query("which"), self._all_entries())
        for allow_list in self._lists:
            if any(entry.key in allow_list.keys for entry in found):
                await allow_list.disallow({entry.key for entry in found})
        return {"removed": [entry_json(found[0])]}

    def _need_list(self) -> None:
        if not self._lists:
            raise UsageError(findings.no_allow_list())

    def _all_entries(self) -> list[AllowedKey]:
        return [entry for one in self._lists for entry in one.keys.values()]

    def _allowed(self) -> Mapping[bytes, AllowedKey]:
        return {entry.key: entry for entry in self._all_entries()}

    # --- one key ------------------------------------------------------------------------------------------------------

    async def _explain(self, call: Call) -> Json:
        here = await self._who_is_here()
        allowed = self._allowed()
        key = find_key(call.parts[0], self._known(here), allowed.values())
        refusal, sighting, entry = self.refusals.get(key), self.sightings.get(key), allowed.get(key)
        verdicts = refusal.verdicts if refusal is not None else sighting.verdicts if sighting is not None else ()
        at = refusal.last_at if refusal is not None else sighting.at if sighting is not None else None
        address = refusal.address if refusal is not None else sighting.address if sighting is not None else None
        if call.query("ask") not in ("", "0") and self._verification is not None:
            verdicts, at = await self._verification.ask_everyone(key, address or _NOBODY), time.time()
        state = "gone" if sighting is not None else "absent"
        if key in here.connected:
            state = "connected"
        elif refusal is not None:
            state = "held" if key in here.held else "refused"
        row: dict[str, Any] = self._refusal_json(refusal, here) if refusal is not None else {}
        row |= {
            "key": NodePublic.PREFIX + key.hex(),
            "short": short_key(key),
            "state": state,
            "address": here.connected.get(key) or (str(address) if address is not None else ""),
            "answers": [verdict_json(verdict) for verdict in verdicts],
            "answered_unix_s": at,
            "allowed": entry_json(entry) if entry is not None else None,
            "has_verifiers": bool(self._verifiers),
        }
        return row

    def _known(self, here: Here) -> Iterable[bytes]:
        return {*self._allowed(), *self.refusals, *self.sightings, *here.connected}

    def _refusal_json(self, refusal: Refusal, here: Here) -> dict[str, Any]:
        replacement = replaced_by(refusal, self._allowed(), self.sightings, here.connected)
        return refusal_json(refusal, replacement, is_held=refusal.key in here.held)
