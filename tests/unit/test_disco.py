from __future__ import annotations

import pytest

from tailhub.disco import MAGIC, MIN_LEN, looks_like_disco


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_magic_key_and_nonce_make_disco(kind: type) -> None:
    """The six magic bytes with a key and a nonce behind them are disco, in any bytes-like type."""
    assert bytes.fromhex("5453f09f92ac") == MAGIC
    assert MIN_LEN == 6 + 32 + 24
    assert looks_like_disco(kind(MAGIC + bytes(56)))
    assert looks_like_disco(kind(MAGIC + bytes(500)))


@pytest.mark.parametrize(
    "packet", [b"", MAGIC, MAGIC + bytes(55), b"\x04" + bytes(147), b"TS\xf0\x9f\x92\xad" + bytes(56)]
)
def test_anything_else_is_data(packet: bytes) -> None:
    """A packet that is too short or begins with other bytes is no disco."""
    assert not looks_like_disco(packet)
