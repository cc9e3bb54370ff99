"""Who may see the operator's pages, and who may act. No clock, no sockets: `now` is monotonic seconds.

- Over the unix socket, which the file system guards: everyone, everything, but no page of another origin.
- Over TCP the Host header must name this machine by an address, as localhost or by a name of the relay's own: a page
  whose DNS name its owner points here (DNS rebinding) has another one.
- A browser says in Origin and Sec-Fetch-Site (Fetch Metadata) which page asks: another origin's may neither see nor do
  anything. No answer has a CORS header.
- Actions need the token, always: a program on this machine may be anybody's, and a form in a page sends no header.
- Seeing needs it, unless the caller is on this machine and no proxy says that it speaks for somebody else.
- Wrong tokens are counted by address; who has given too many is not listened to for a while.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final

from tailhub import findings
from tailhub.findings import Finding
from tailhub.ratelimit import TokenBucket
from tailhub.web.callers import is_on_this_machine, is_own_page, request_host
from tailhub.web.message import Request
from tailhub.web.operator_api import OVER_SOCKET

__all__ = ["Caller", "Guard", "Refusal"]

WRONG_BURST: Final = 10.0  # wrong tokens at once from one address
WRONG_PER_S: Final = 0.2  # and then
MOST_ADDRESSES: Final = 1000  # of whom wrong tokens are remembered; the one longest ago goes first


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who may. `name` is for the audit log."""

    name: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Somebody who may not, with the answer's status, and seconds after which it may be tried again."""

    status: int
    finding: Finding
    retry_after_s: int = 0


class Guard:
    """`fits` tells whether a text is the operator's token."""

    def __init__(self, fits: Callable[[bytes], bool]) -> None:
        self._fits = fits
        self._wrong: dict[str, TokenBucket] = {}

    def judge(
        self, request: Request, own_names: Collection[str], now: float, *, is_open: bool = False
    ) -> Caller | Refusal:
        """May the caller do this? `is_open`: the page shows nothing of the relay, such as the dashboard's own files."""
        if not request.peer_ip:  # ssh may make the socket a port of the operator's machine, with a browser on it
            return Caller(OVER_SOCKET) if is_own_page(request) else Refusal(403, findings.pages_foreign())
        host = request_host(request)
        if host is None or not (host.is_ip or host.is_loopback_name or host.name in own_names):
            return Refusal(403, findings.pages_host_unknown(host.name if host is not None else ""))
        if not is_own_page(request):
            return Refusal(403, findings.pages_foreign())
        if is_open and request.is_read:
            return Caller(request.peer_ip)
        offered = _offered_token(request)
        is_needed = not (request.is_read and is_on_this_machine(request))
        if offered is None:
            return Refusal(401, findings.pages_token(wrong=False)) if is_needed else Caller(request.peer_ip)
        return self._by_token(offered, request.peer_ip, now)

    def _by_token(self, offered: bytes, peer_ip: str, now: float) -> Caller | Refusal:
        address = _subnet(peer_ip)
        bucket = self._wrong.get(address)
        if bucket is not None and not bucket.allow(0.0, now):
            return Refusal(429, findings.pages_token(wrong=True), retry_after_s=round(1 / WRONG_PER_S))
        if self._fits(offered):
            self._wrong.pop(address, None)
            return Caller(f"token from {peer_ip}")
        if bucket is None:
            bucket = TokenBucket(WRONG_PER_S, WRONG_BURST, now)
        self._wrong.pop(address, None)
        self._wrong[address] = bucket  # the last one now
        bucket.take(1.0, now)
        if len(self._wrong) > MOST_ADDRESSES:
            del self._wrong[next(iter(self._wrong))]
        return Refusal(401, findings.pages_token(wrong=True))


def _offered_token(request: Request) -> bytes | None:
    """What follows ``Bearer`` (RFC 6750 section 2.1); None without it. Other schemes are a proxy's matter."""
    for name, value in request.headers:
        if name == b"authorization":
            scheme, _, token = value.partition(b" ")
            if scheme.lower() == b"bearer":
                return token.strip()
    return None


def _subnet(ip: str) -> str:
    """Whose wrong tokens are counted together: of IPv6 those of a network, which is what one host has."""
    try:
        address = ip_address(ip)
    except ValueError:
        return ip
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(int(address) >> 64)
    return ip
