"""Who may relay, but not now: there are too many connections, or the quota is used up.

Who is refused so is held as others are (`tailhub.server.door`), and let in when the reason has gone.
"""

from __future__ import annotations

from dataclasses import dataclass

from tailhub.relay.accounts import OVER_QUOTA, TooMany
from tailhub.server.context import ServerContext


@dataclass(frozen=True, slots=True)
class NotNow:
    """`reason` for log and metrics, `text` for the client; without one it is not held."""

    reason: str
    text: str = ""


_TEXTS = {
    TooMany.KEY: (
        "This device has as many connections to this relay as it may have ({most}). "
        "此设备到此中继的连接数已达上限（{most}）。"
    ),
    TooMany.TENANT: (
        "There are as many connections to this relay as your network may have ({most}). "
        "你的网络到此中继的连接数已达上限（{most}）。"
    ),
}


def not_now(context: ServerContext, tenant: str, key: bytes) -> NotNow | None:
    """Why a key that is admitted to a tenant may not log in now; None: it may."""
    too_many = context.relay.too_many(tenant, key)
    if too_many is not None:
        limits = context.relay.accounts.limits.of(tenant)
        most = limits.key_connections if too_many is TooMany.KEY else limits.connections
        return NotNow(too_many, _TEXTS.get(too_many, "").format(most=most))
    if context.quota is not None:
        state = context.quota.look(tenant, key)
        if state.is_over and state.refuses:
            return NotNow(OVER_QUOTA, context.quota.notice(key))
    return None
