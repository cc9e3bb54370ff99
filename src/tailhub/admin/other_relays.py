"""Other relays whose overview this relay's dashboard shows beside its own: the setting `dashboard_relays`.

Each is a URL of that relay's operator's pages with its token, ``http(s)://TOKEN@HOST[:PORT]``, or ``unix:/PATH`` of its
socket, with ``NAME=`` before it if it is to be called so.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from tailhub import findings
from tailhub.exceptions import LocalError, RemoteError
from tailhub.findings import Finding

__all__ = ["OtherRelay", "OtherRelays", "other_relay_findings", "parse_other_relay"]

ANSWER_S: Final = 3.0
KEPT_S: Final = 2.0  # how long an answer, or that there is none, is as good as new
MOST_BYTES: Final = 256 << 10  # of an answer
MOST_NAME: Final = 63
MOST_RELAYS: Final = 32
DEFAULT_PORT: Final = {"http": 9912, "https": 443}
_TOKEN_IN_URL: Final = re.compile(r"(?<=//).*@")


@dataclass(frozen=True, slots=True)
class OtherRelay:
    """How another relay is asked. `url` is without the token; of a unix socket `path`, else `host` and `port`."""

    name: str
    url: str
    host: str = ""
    port: int = 0
    path: str = ""
    is_tls: bool = False
    token: str = ""

    def __repr__(self) -> str:
        return f"OtherRelay({self.name!r}, {self.url!r})"


def parse_other_relay(text: str) -> OtherRelay:
    """Read one relay of the setting. Raises `LocalError`: "url", "token" or "name" is what is wrong."""
    name, equals, url = text.partition("=")
    if not equals or ":" in name or "/" in name:  # the equals sign belongs to the URL
        name, url = "", text
    elif not 1 <= len(name) <= MOST_NAME or not name.isprintable():
        raise LocalError("name")
    if url.startswith("unix:/"):
        path = url.removeprefix("unix:")
        return OtherRelay(name or path, url, path=path)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as exc:
        raise LocalError("url") from exc
    is_bare = parts.path in ("", "/") and not parts.query and not parts.fragment and not parts.password
    if parts.scheme not in DEFAULT_PORT or not host or not is_bare or not url.isascii() or not url.isprintable():
        raise LocalError("url")
    token = unquote(parts.username or "")
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise LocalError("token")
    shown = f"[{host}]" if ":" in host else host
    shown += f":{port}" if port else ""
    own_port = port or DEFAULT_PORT[parts.scheme]
    is_tls = parts.scheme == "https"
    return OtherRelay(name or shown, f"{parts.scheme}://{shown}", host, own_port, "", is_tls, token)


def other_relay_findings(texts: Sequence[str], place: str) -> list[Finding]:
    """What is wrong with the setting, which is written at `place`; no token is shown."""
    found = []
    for text in texts:
        try:
            parse_other_relay(text)
        except LocalError as exc:
            found.append(findings.bad_dashboard_relay(place, _TOKEN_IN_URL.sub("TOKEN@", text), str(exc)))
    return found


class OtherRelays:
    """Asks them when somebody wants to see them, all at once, each at most every two seconds."""

    def __init__(self) -> None:
        self._texts: Sequence[str] = ()
        self._relays: list[OtherRelay] = []
        self._answers: list[tuple[Mapping[str, Any] | None, str]] = []
        self._asked_at = -KEPT_S
        self._asking = asyncio.Lock()

    async def overviews(self, texts: Sequence[str]) -> list[tuple[OtherRelay, Mapping[str, Any] | None, str]]:
        """The relays of the setting with their overviews; None with what is in the way, in words."""
        async with self._asking:
            if texts != self._texts:
                self._texts, self._asked_at = texts, -KEPT_S
                self._relays = [parse_other_relay(text) for text in texts[:MOST_RELAYS]]
            if time.monotonic() - self._asked_at >= KEPT_S:
                self._answers = await asyncio.gather(*(_ask(relay) for relay in self._relays))
                self._asked_at = time.monotonic()
            return [(relay, *answered) for relay, answered in zip(self._relays, self._answers, strict=True)]


async def _ask(relay: OtherRelay) -> tuple[Mapping[str, Any] | None, str]:
    try:
        async with asyncio.timeout(ANSWER_S):
            return await _overview(relay), ""
    except TimeoutError:
        return None, f"no answer within {ANSWER_S:.0f} s"
    except (OSError, RemoteError) as exc:
        return None, str(exc) or type(exc).__name__


async def _overview(relay: OtherRelay) -> Mapping[str, Any]:
    import msgspec

    from tailhub.net.http_exchange import exchange

    if relay.path:
        reader, writer = await asyncio.open_unix_connection(relay.path)
    else:
        context = _tls_context() if relay.is_tls else None
        reader, writer = await asyncio.open_connection(relay.host, relay.port, ssl=context)
    headers = [("Host", relay.url.partition("//")[2] or "tailhub"), ("Accept", "application/json")]
    if relay.token:
        headers.append(("Authorization", f"Bearer {relay.token}"))
    answered = await exchange(reader, writer, "GET", "/api/v1/overview", headers, most_bytes=MOST_BYTES)
    try:
        value = msgspec.json.decode(answered.body)
        if answered.status != 200:
            raise RemoteError(f"HTTP {answered.status}: {value['error']['what']}"[:300], "http")
        if not isinstance(value, dict) or not isinstance(value.get("state"), str):
            raise RemoteError("this is not a relay's overview", "http")
    except (msgspec.DecodeError, LookupError, TypeError) as exc:
        raise RemoteError(f"HTTP {answered.status}, and not a relay's answer", "http") from exc
    return value


@cache
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()
