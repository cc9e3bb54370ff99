"""TLS 1.3 key updates from a client, which Python's ``ssl`` cannot send: made by hand from the traffic secret.

Source: RFC 8446 sections 4.6.3 (KeyUpdate), 5.2 (records), 7.1 to 7.3 (secrets and keys).
"""

from __future__ import annotations

import struct
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

_HANDSHAKE = 22
_APPLICATION_DATA = 23
_REQUEST_ANSWER = struct.pack(">B3sB", 24, b"\0\0\1", 1)


class KeyUpdates:
    """What a client sends that asks for new keys again and again, after `sent` records under its first traffic key.

    `key_log` is the file that the client's ``SSLContext.keylog_filename`` named, `cipher` its ``cipher()[0]``.
    """

    def __init__(self, key_log: Path, cipher: str, sent: int) -> None:
        self._hash = SHA384() if "SHA384" in cipher else SHA256()
        self._key_bytes = 32 if "256_GCM" in cipher else 16
        lines = (line.split() for line in key_log.read_text(encoding="ascii").splitlines())
        (secret,) = (line[2] for line in lines if line[0] == "CLIENT_TRAFFIC_SECRET_0")
        self._secret = bytes.fromhex(secret)
        self._sent = sent

    def take(self, count: int) -> bytes:
        """So many of them, as they go on the wire. Each asks for one in return."""
        return b"".join(self._next() for _ in range(count))

    def _next(self) -> bytes:
        plain = _REQUEST_ANSWER + bytes((_HANDSHAKE,))
        head = struct.pack(">BHH", _APPLICATION_DATA, 0x0303, len(plain) + 16)
        iv = int.from_bytes(self._expand(b"iv", 12), "big")
        sealed = AESGCM(self._expand(b"key", self._key_bytes)).encrypt(
            (iv ^ self._sent).to_bytes(12, "big"), plain, head
        )
        self._secret = self._expand(b"traffic upd", len(self._secret))
        self._sent = 0
        return head + sealed

    def _expand(self, label: bytes, length: int) -> bytes:
        label = b"tls13 " + label
        info = struct.pack(">HB", length, len(label)) + label + b"\0"
        return HKDFExpand(self._hash, length, info).derive(self._secret)
