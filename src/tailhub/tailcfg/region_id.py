"""Which ids a region of one's own may have, and the one of a relay whose owner chose none."""

from __future__ import annotations

from hashlib import sha256

from tailhub.exceptions import LocalError
from tailhub.keys import KEY_LEN

__all__ = ["FIRST_USER_REGION", "LAST_USER_REGION", "region_id_for_key"]

FIRST_USER_REGION = 900
LAST_USER_REGION = 999


def region_id_for_key(public_key: bytes) -> int:
    """A region id from 900 to 999 that stays with the relay's 32-byte public key.

    Two relays of one owner then rarely ask for the same id, which they would if all began at 900.
    """
    if len(public_key) != KEY_LEN:
        raise LocalError(f"a relay's public key has {KEY_LEN} bytes, found {len(public_key)}")
    count = LAST_USER_REGION - FIRST_USER_REGION + 1
    return FIRST_USER_REGION + int.from_bytes(sha256(public_key).digest()[:8], "big") % count
