"""Masking a report's text, so that it can be shown to strangers and still be understood.

The same name or address is always the same mask, so that what was compared can be compared. Addresses that say nothing
of anybody (private, loopback, those of proxies' fake-ip DNS) stay: they often are the point. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

__all__ = ["Mask"]

_TAILNET = ip_network("100.64.0.0/10")
# Boundaries are those of words in an alphabet: Chinese stands next to a name without a space.
_LETTER = r"[0-9A-Za-z_\u00c0-\u1fff-]"
_HAN = r"[\u2e80-\u2fff\u3040-\ud7ff]"
_START, _END = rf"(?<!{_LETTER})", rf"(?!{_LETTER})"
_KEY = re.compile(r"\b(nodekey|mkey|discokey|privkey):([0-9a-f]{8,64})\b", re.ASCII)
_SHORT_KEY = re.compile(r"\[[A-Za-z0-9+/]{5}\]")  # as Tailscale prints keys
_PIN = re.compile(r"\bsha256-raw:([0-9A-Fa-f:]{16,})", re.ASCII)
_SECRET = re.compile(r"\b(tskey-[a-z]+-)\S+|(://)[^/\s@]+@", re.ASCII)
_HASH = re.compile(rf"{_START}(?:[0-9A-Fa-f]{{40,}}|(?:[0-9A-Fa-f]{{2}}:){{15,}}[0-9A-Fa-f]{{2}}){_END}")
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\w)", re.ASCII)
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%\w+)?(?![\w:])", re.ASCII)
_FILE_ENDINGS = (
    "hujson|json|yaml|yml|toml|pem|crt|key|log|sock|socket|service|timer|csv|svg|md|conf|cfg|py|sh|txt|exe|db|lock"
)
_NAME = re.compile(
    rf"(?<![0-9A-Za-z_\u00c0-\u1fff-])(?:(?:{_LETTER}+|{_HAN}+)\.)+"
    rf"(?!(?:{_FILE_ENDINGS}){_END})(?:(?:xn--[0-9A-Za-z-]+|[A-Za-z\u00c0-\u1fff]{{2,}}){_END}|{_HAN}{{2,}})"
)
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*", re.ASCII)
_HOME = re.compile(r"(/(?:home|Users)/|\\{1,2}Users\\{1,2})[^/\\\s]+")
_URL = re.compile(r"(?<=://)(?P<user>…@)?(?P<host>[\w.-]+|\[[^\]\s]*\])(?P<port>:\d+)?(?P<path>/[^\s`'\"<>)]*)?")
_KEPT_NAMES = frozenset({"localhost", "login.tailscale.com", "tailscale.com", "letsencrypt.org"})
_KEPT_PATHS = re.compile(r"/|/derp(/[\w-]*)?|/derpmap[\w.?=/-]*|/generate_204|/api/v[12](/[\w-]*)?")


class Mask:
    """Masks texts that belong together.

    `names` are words that identify somebody and cannot be told by their look: a region's name, a host without a dot.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = sorted(
            (name for name in set(names) if len(name) > 2 or not name.isascii()),
            key=len,
            reverse=True,
        )
        self._numbers: dict[tuple[str, str], int] = {}

    def text(self, text: str) -> str:
        """The text with masks in it."""
        text = _SECRET.sub(lambda found: f"{found[1] or found[2]}…" + ("@" if found[2] else ""), text)
        text = _URL.sub(self._url, text)
        text = _KEY.sub(lambda found: f"{found[1]}:…{self._number('key', found[2])}", text)
        text = _SHORT_KEY.sub(lambda found: f"[key {self._number('key', found[0])}]", text)
        text = _PIN.sub(lambda found: f"sha256-raw:{found[1][:4]}…{self._number('pin', found[1])}", text)
        text = _HASH.sub(lambda found: f"{found[0][:4]}…{self._number('pin', found[0])}", text)
        text = _MAIL.sub(lambda found: f"user-{self._number('mail', found[0])}@example", text)
        text = _IPV6.sub(self._address, text)
        text = _IPV4.sub(self._address, text)
        text = _HOME.sub(lambda found: f"{found[1]}USER", text)
        for name in self._names:
            if not _is_address(name):
                text = re.sub(rf"{_START}{re.escape(name)}{_END}", lambda found: self._name(found[0]), text)
        return _NAME.sub(lambda found: self._name(found[0]), text)

    def _url(self, found: re.Match[str]) -> str:
        """Behind the scheme: what asks a program of somebody's own may have a secret in its path."""
        host, port, path = found["host"], found["port"] or "", found["path"] or ""
        if self._is_kept(host):
            return found[0]
        is_name = "." in host and not (host.startswith("[") or _is_address(host))
        ends = path[len(path.rstrip(".,;")) :]
        shown = path if _KEPT_PATHS.fullmatch(path.removesuffix(ends)) or not path else "/…" + ends
        return (found["user"] or "") + (self._name(host) if is_name else host) + port + shown

    def _address(self, found: re.Match[str]) -> str:
        written = found[0].rstrip(":.") if found[0].endswith(".") else found[0]
        try:
            address = ip_address(written.partition("%")[0])
        except ValueError:
            return found[0]
        rest = found[0][len(written) :]
        return f"{self._masked(address)}{rest}"

    def _masked(self, address: IPv4Address | IPv6Address) -> str:
        kind = f"IPv{address.version}"
        if isinstance(address, IPv4Address) and address in _TAILNET:
            return f"100.x.x.{self._number('tailnet', str(address))}"
        if not address.is_global and not address.is_multicast:
            return str(address)
        return f"{kind}-{self._number(kind, str(address))}"

    def _name(self, name: str) -> str:
        lower = name.lower()
        if self._is_kept(lower):
            return name
        if "/" in name or "\\" in name:
            return f"file-{self._number('file', name)}"
        return f"host-{self._number('host', lower)}.example" if "." in name else f"name-{self._number('name', lower)}"

    def _is_kept(self, name: str) -> bool:
        """Is it one of those whom everybody knows, or of nobody?"""
        lower = name.lower()
        return lower in _KEPT_NAMES or lower.endswith((".example", ".invalid", ".letsencrypt.org", ".tailscale.com"))

    def _number(self, kind: str, value: str) -> int:
        return self._numbers.setdefault((kind, value), 1 + sum(one == kind for one, _ in self._numbers))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
