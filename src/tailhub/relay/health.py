"""What each client is told about its relay: one text out of several sources, in the order of what matters soonest.

A real client shows the text of the last Health frame in its user's `tailscale status`, and forgets it at each
ServerInfo (`docs/protocol.md`). So whatever there is to say is said together, and said again behind a ServerInfo. One
who is held without being let in is told why and nothing else (`tailhub.server.held_login`): what users are to know is
not for strangers. No clock here: a notice that is over is taken away by its keeper (`tailhub.server.notices`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from tailhub.derp import frames

__all__ = [
    "MOST_NOTICES",
    "MOST_NOTICE_TEXT",
    "MOST_TEXT",
    "Audience",
    "Health",
    "Notice",
    "health_frame",
    "mesh_key_text",
]

# For who shows a mesh key that is none of ours. Another relay of the kind says it to its owner.
OTHER_MESH_KEY = (
    "This relay's mesh key is another one than yours, so to it you are a client and no relay of its region. "
    "此中继的 mesh 密钥与你的不同，因此它把你当作客户端，而不是本区域的中继。"
)
NO_MESH_KEY = (
    "This relay has no mesh key, so to it you are a client and no relay of its region. "
    "此中继没有 mesh 密钥，因此它把你当作客户端，而不是本区域的中继。"
)
MOST_NOTICE_TEXT = 500  # characters of one notice
MOST_NOTICES = 100  # at a time
MOST_TEXT = 2000  # characters that a client is told in all
BETWEEN = "; "

Audience: TypeAlias = "tuple[str | None, bytes]"
"""Whom a notice is for: a tenant (None: all of them), or the one key that is not empty."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What the operator tells users. `tenant` None and no `key`: everybody. Times are Unix seconds."""

    text: str
    at: float
    until: float | None = None
    tenant: str | None = None
    key: bytes = b""

    @property
    def audience(self) -> Audience:
        """Whom it is for; a newer one for the same takes its place."""
        return (None, self.key) if self.key else (self.tenant, b"")


class Health:
    """All there is to tell, by where it comes from. Whoever changes it has the clients look (`ClientTeller`)."""

    __slots__ = ("certificates", "drain", "notices")

    def __init__(self, certificates: Mapping[int, str] | None = None) -> None:
        self.drain = ""  # for everybody, while connections are being closed
        self.notices: dict[Audience, Notice] = {}
        self.certificates = certificates if certificates is not None else {}  # by number of the listener

    def set_notices(self, notices: Iterable[Notice]) -> None:
        """These, and no others."""
        self.notices = {notice.audience: notice for notice in notices}

    def text(self, listener: int, tenant: str, key: bytes, quota: str = "", mesh: str = "") -> str:
        """What a client with this key is told, that has come in by this listener.

        `quota` is what there is of that, `mesh` what there is of its mesh key.
        """
        notices = self.notices
        own = [notices.get(one) for one in ((None, key), (tenant, b""), (None, b""))] if notices else []
        told = (notice.text for notice in own if notice is not None)
        return _join((mesh, self.drain, *told, quota, self.certificates.get(listener, "")))


def _join(texts: Iterable[str]) -> str:
    joined = BETWEEN.join(text for text in texts if text)
    return joined if len(joined) <= MOST_TEXT else joined[: MOST_TEXT - 1] + "…"


def mesh_key_text(*, has_key: bool) -> str:
    """What one is told that shows a mesh key which is none of ours; `has_key`: there is one."""
    return OTHER_MESH_KEY if has_key else NO_MESH_KEY


@lru_cache(maxsize=256)  # most clients are told the same
def health_frame(text: str) -> bytes:
    """The Health frame with a text; an empty one takes back what was told before."""
    return frames.health(text)
