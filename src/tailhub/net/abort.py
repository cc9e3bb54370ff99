"""Dropping a connection of asyncio's streams."""

from __future__ import annotations

import asyncio
import contextlib


def abort(writer: asyncio.StreamWriter) -> None:
    """Drop the connection at once; one that is closed already is fine."""
    with contextlib.suppress(AttributeError):  # a closed TLS transport of Python 3.11.2 (Debian 12's) raises it
        writer.transport.abort()
