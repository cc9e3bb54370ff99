"""Recognising disco packets, Tailscale's path discovery, which relays prefer to data. Source: ``disco/disco.go``."""

from __future__ import annotations

MAGIC = b"TS\xf0\x9f\x92\xac"  # "TS💬"
MIN_LEN = len(MAGIC) + 32 + 24  # magic + 32B disco key + 24B nonce


def looks_like_disco(packet: bytes | bytearray | memoryview) -> bool:
    """Whether `packet` is a disco message: the magic, a key and a nonce at least."""
    return len(packet) >= MIN_LEN and packet[:6] == MAGIC
