"""Another limit of what each key of a relay's own settings may send, while the relay runs."""

from __future__ import annotations

from dataclasses import replace

from tailhub.relay.limits import Limits
from tailhub.relay.rate_limit import RateLimit
from tailhub.relay.relay import Relay
from tailhub.server.context import ServerContext
from tailhub.server.rate_config import apply_limits


def limit_keys(relay: Relay, limit: RateLimit | None) -> None:
    """Hold those who log in from now on to this limit."""
    relay.accounts.limits = _with_key(relay.accounts.limits, limit)


def limit_all_keys(context: ServerContext, limit: RateLimit | None) -> None:
    """Hold everybody to this limit."""
    apply_limits(context, _with_key(context.relay.accounts.limits, limit))


def _with_key(limits: Limits, limit: RateLimit | None) -> Limits:
    return replace(limits, tenants={**limits.tenants, "": replace(limits.of(""), key=limit)})
