"""What an operator tells users: calls of the operator's API. Kept and told by `tailhub.server.notices`."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from tailhub import findings
from tailhub.derp.frames import printable
from tailhub.exceptions import UsageError
from tailhub.keys import NodePublic
from tailhub.relay.health import MOST_NOTICE_TEXT, MOST_NOTICES, Audience, Notice
from tailhub.relay.key_lookup import find_key
from tailhub.relay.refusals import Here
from tailhub.relay.tenant import Tenant
from tailhub.server.notices import NoticeKeeper
from tailhub.web.operator_api import Call, Field, Route

MAX_FOR_S = 366 * 86400.0
_AUDIENCE = (
    Field("tenant", "only the devices of this tenant"),
    Field("key", "only the device with this key, or with a part of one that is connected"),
)


class NoticeActions:
    """Made with the relay's keeper of notices and its `tenants`; `who_is_here` knows short keys."""

    def __init__(
        self, keeper: NoticeKeeper, tenants: Iterable[Tenant], who_is_here: Callable[[], Awaitable[Here]]
    ) -> None:
        self._keeper = keeper
        self._tenants = tenants  # which a reload may change
        self._who_is_here = who_is_here
        self.routes = (
            Route("GET", "notice", self._list, "What users are told"),
            Route(
                "POST",
                "notice",
                self._put,
                "Tell users something, in the place of what the same ones were told before",
                body=(
                    Field("text", f"1 to {MOST_NOTICE_TEXT} characters"),
                    Field("for_s", "seconds until it is taken back; without it, until that is asked for", "number"),
                    *_AUDIENCE,
                ),
            ),
            Route("DELETE", "notice", self._clear, "Take back what these are told, or everything", body=_AUDIENCE),
        )

    async def _list(self, call: Call) -> Mapping[str, Any]:
        return {"notices": [self._json(notice) for notice in self._keeper.all]}

    async def _put(self, call: Call) -> Mapping[str, Any]:
        text = printable(call.text("text")).strip()
        if not text or len(text) > MOST_NOTICE_TEXT:
            raise UsageError(findings.bad_notice(len(text), MOST_NOTICE_TEXT))
        tenant, key = await self._audience(call)
        now, for_s = time.time(), call.seconds("for_s", 0.0, MAX_FOR_S)
        notice = Notice(text, now, now + for_s if for_s else None, tenant, key)
        if self._keeper.is_full and all(one.audience != notice.audience for one in self._keeper.all):
            raise UsageError(findings.too_many_notices(MOST_NOTICES))
        await self._keeper.put(notice)
        return await self._list(call)

    async def _clear(self, call: Call) -> Mapping[str, Any]:
        """Those of a tenant or a key; without either all."""
        audience: Audience | None = await self._audience(call)
        count = await self._keeper.clear(None if audience == (None, b"") else audience)
        return {"cleared": count, **await self._list(call)}

    async def _audience(self, call: Call) -> Audience:
        tenant, key = call.text("tenant"), call.text("key")
        if key:
            return None, find_key(key, (await self._who_is_here()).connected, ())
        names = {one.shown_name: one.name for one in self._tenants}
        if tenant and tenant not in names:
            raise UsageError(findings.allow_tenant(tenant, sorted(names)))
        return (names[tenant] if tenant else None), b""

    def _json(self, notice: Notice) -> Mapping[str, Any]:
        shown = {one.name: one.shown_name for one in self._tenants}
        return {
            "text": notice.text,
            "at": notice.at,
            "until": notice.until,
            "tenant": None if notice.tenant is None else shown.get(notice.tenant, notice.tenant),
            "key": NodePublic.PREFIX + notice.key.hex() if notice.key else None,
        }
