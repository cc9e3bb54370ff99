"""tailhub: a relay for Tailscale networks (DERP and STUN), and a client for such relays.

The map of the packages is in ``docs/architecture.md``.
"""

__version__ = "0.1.0"
