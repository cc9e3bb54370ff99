"""NaCl ``crypto_box`` and X25519: generate, public key, seal and open. The only importer of nacl.

Uses ``nacl.bindings`` directly: it is the stable C-level API and spares the wrappers' import time.
A box here is ``24B nonce + ciphertext`` where the ciphertext is 16 bytes longer than the text, as DERP carries it.
"""

from __future__ import annotations

import hmac
import os

from nacl import bindings
from nacl.exceptions import CryptoError

from tailhub.exceptions import HandshakeError
from tailhub.keys import NodePrivate, NodePublic

NONCE_LEN = bindings.crypto_box_NONCEBYTES  # 24
MAC_LEN = bindings.crypto_box_BOXZEROBYTES  # 16
OVERHEAD = NONCE_LEN + MAC_LEN  # bytes that a box is longer than its text


def generate() -> NodePrivate:
    """Make a new private key, clamped as the reference clamps (``key.NewNode``)."""
    return _clamped(os.urandom(32))


def _clamped(secret: bytes) -> NodePrivate:
    raw = bytearray(secret)
    raw[0] &= 248
    raw[31] = (raw[31] & 127) | 64
    return NodePrivate(bytes(raw))


def derive(private: NodePrivate, label: str) -> NodePrivate:
    """A further private key that belongs to `private`: HMAC-SHA256 of `label` under it, clamped.

    Who knows it learns nothing of `private`, nor of those with other labels.
    """
    return _clamped(hmac.digest(private.raw, label.encode(), "sha256"))


def public_key(private: NodePrivate) -> NodePublic:
    """The public key that belongs to `private`."""
    return NodePublic(bindings.crypto_scalarmult_base(private.raw))


def shared_key(private: NodePrivate, public: bytes) -> bytes:
    """Precompute the 32-byte key for `seal` and `open_box` with one peer (raw public key).

    Raises `HandshakeError` for a public key of low order, whose shared secret anyone could compute.
    """
    try:
        return bindings.crypto_box_beforenm(public, private.raw)
    except CryptoError as exc:
        raise HandshakeError("public key of low order", "bad_key") from exc


def seal(text: bytes, shared: bytes) -> bytes:
    """``24B nonce + box`` of `text` under a precomputed key, with a random nonce."""
    nonce = os.urandom(NONCE_LEN)
    return nonce + bindings.crypto_box_afternm(text, nonce, shared)


def open_box(sealed: bytes, shared: bytes) -> bytes:
    """The text in ``24B nonce + box``. Raises `HandshakeError` when it does not open."""
    if len(sealed) < OVERHEAD:
        raise HandshakeError(f"a box has at least {OVERHEAD} bytes, found {len(sealed)}", "bad_box")
    try:
        return bindings.crypto_box_open_afternm(sealed[NONCE_LEN:], sealed[:NONCE_LEN], shared)
    except CryptoError as exc:
        raise HandshakeError("the box does not open with this key", "bad_box") from exc
