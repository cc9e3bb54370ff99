"""Asks the system by which of its addresses it would reach another. No packet is sent."""

from __future__ import annotations

import socket

__all__ = ["route_source"]


def route_source(address: str, port: int) -> str | None:
    """The address that this machine would send from, None if it has no way there."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, port))
            return str(probe.getsockname()[0]).partition("%")[0]
    except OSError:
        return None
