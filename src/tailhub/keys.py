"""Keys as values: 32 bytes and their text forms. No arithmetic (that is `tailhub.box`).

Text forms as in the reference's ``types/key``: ``nodekey:<64 hex>``, ``privkey:<64 hex>``; mesh keys are bare hex.
On the packet path a node key is the plain 32 ``bytes``; `NodePublic` is for people, files and APIs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from tailhub.exceptions import LocalError

KEY_LEN = 32  # bytes, all kinds of keys here
_HEX = frozenset("0123456789abcdef")


def _parse_hex(text: str, prefix: str, what: str) -> bytes:
    if not text.startswith(prefix):
        raise LocalError(f"{what}: expected {prefix!r} and 64 hexadecimal digits, found {_shown(text)}")
    digits = text[len(prefix) :]
    if len(digits) != 2 * KEY_LEN or not _HEX.issuperset(digits.lower()):
        raise LocalError(f"{what}: expected 64 hexadecimal digits after {prefix!r}, found {len(digits)} characters")
    return bytes.fromhex(digits)


def _shown(text: str) -> str:
    # Never echo a whole private key into a message.
    return repr(text[:8] + "…") if len(text) > 8 else repr(text)


@dataclass(frozen=True, slots=True)
class NodePublic:
    """A node's public key: raw 32-byte Curve25519."""

    raw: bytes
    PREFIX: ClassVar[str] = "nodekey:"

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_LEN:
            raise LocalError(f"a node key has {KEY_LEN} bytes, found {len(self.raw)}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``nodekey:<64 hex>``. Raises `LocalError`."""
        return cls(_parse_hex(text, cls.PREFIX, "node key"))

    def __str__(self) -> str:
        return self.PREFIX + self.raw.hex()

    @property
    def short(self) -> str:
        """The form for logs, as the reference's ``ShortString``: ``[AbCdE]``, the first five characters of base64."""
        return short_key(self.raw)


@dataclass(frozen=True, slots=True, repr=False)
class NodePrivate:
    """A node's or relay's private key: raw 32 bytes, never shown by ``repr``."""

    raw: bytes
    PREFIX: ClassVar[str] = "privkey:"

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_LEN:
            raise LocalError(f"a private key has {KEY_LEN} bytes, found {len(self.raw)}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``privkey:<64 hex>``. Raises `LocalError`, which never carries the key."""
        return cls(_parse_hex(text, cls.PREFIX, "private key"))

    def to_text(self) -> str:
        """The form of key files. There is no ``__str__``: a secret should be asked for by name."""
        return self.PREFIX + self.raw.hex()

    def __repr__(self) -> str:
        return "NodePrivate(…)"


@dataclass(frozen=True, slots=True, repr=False)
class MeshKey:
    """The secret that the relays of one region share: 32 bytes, 64 hex digits in files and in ClientInfo."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_LEN:
            raise LocalError(f"a mesh key has {KEY_LEN} bytes, found {len(self.raw)}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read 64 hex digits; surrounding white space is ignored. Raises `LocalError`, which never carries the key."""
        return cls(_parse_hex(text.strip(), "", "mesh key"))

    @classmethod
    def generate(cls) -> Self:
        """A new one."""
        from secrets import token_bytes

        return cls(token_bytes(KEY_LEN))

    def to_text(self) -> str:
        """64 lower-case hex digits."""
        return self.raw.hex()

    @property
    def mark(self) -> bytes:
        """8 bytes that tell this key from others and are no secret: the first of its SHA-256."""
        from hashlib import sha256

        return sha256(self.raw).digest()[:8]

    def __repr__(self) -> str:
        return "MeshKey(…)"


def short_key(raw: bytes) -> str:
    """``[AbCdE]``: the first five characters of a raw key's base64, as the reference's logs show it."""
    from base64 import b64encode

    return "[" + b64encode(raw[:6]).decode()[:5] + "]"
