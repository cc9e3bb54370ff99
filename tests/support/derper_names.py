"""The variables that the original's usual container images document."""

from __future__ import annotations

VARIABLES = frozenset(
    {
        "DERP_ADDR",
        "DERP_CERT_DIR",
        "DERP_CERT_MODE",
        "DERP_DOMAIN",
        "DERP_HTTP_PORT",
        "DERP_STUN",
        "DERP_STUN_PORT",
        "DERP_VERIFY_CLIENTS",
        "DERP_VERIFY_CLIENT_URL",
    }
)
