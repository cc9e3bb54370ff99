"""Every setting of a relay, once: the source of flags, variables, keys of the file, the example and the reference.

A setting ``public_port`` is the flag ``--public-port``, the variable ``TAILHUB_PUBLIC_PORT`` and the key
``public_port``. A new one is a field of `RelayConfig` (or `ListenerConfig`, or `TenantConfig`) and a line in
`tailhub.settings.sections`.
"""

from __future__ import annotations

from tailhub.settings.sections import access, certificate, limits, listening, notify, relay
from tailhub.settings.setting import Setting

SETTINGS: tuple[Setting, ...] = (
    *listening.LISTENER,
    *certificate.CERTIFICATE,
    *listening.PORTS,
    *listening.ADDRESS,
    *relay.STATE,
    *access.ACCESS,
    *limits.LIMITS,
    *relay.RELAY,
    *relay.PAGES,
    *notify.NOTIFY,
)
"""In the order of their sections."""

BY_NAME: dict[str, Setting] = {setting.name: setting for setting in SETTINGS}

TENANT_SETTINGS: tuple[Setting, ...] = (*access.TENANTS, *(setting for setting in SETTINGS if setting.in_tenant))
"""What may stand in a ``[[tenant]]`` table."""

TENANT_BY_NAME: dict[str, Setting] = {setting.name: setting for setting in TENANT_SETTINGS}
