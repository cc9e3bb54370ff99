"""Asks a program by HTTP, as the original does: Headscale's ``/verify``, or anything that answers in the same form.

``POST`` of ``{"NodePublic": "nodekey:…", "Source": "192.0.2.7"}``; 200 with ``{"Allow": true}`` or ``false`` is the
answer, anything else is none. Redirects are not followed. Each question has a connection of its own.

Source: ``tailcfg.DERPAdmitClientRequest`` and ``DERPAdmitClientResponse`` of tailscale.com 1.102.5.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from base64 import b64encode
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import unquote, urlsplit

from tailhub import findings
from tailhub.exceptions import LocalError, RemoteError
from tailhub.findings import Finding
from tailhub.net.abort import abort
from tailhub.net.http_exchange import Answer as HttpAnswer
from tailhub.net.http_exchange import exchange
from tailhub.relay.admission import Answer, Verdict
from tailhub.verifiers.verifier import trouble, words

__all__ = ["UrlVerifier", "VerifyUrl", "connect", "parse_url", "trust_of", "verdict_of"]

MAX_BODY_BYTES = 4096  # as the reference reads
_HAPPY_EYEBALLS_DELAY_S = 0.25  # RFC 8305 section 5; must not be given for an address
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class VerifyUrl:
    """A URL, taken apart. ``str()`` leaves out what may be secret: user, password and query."""

    scheme: str
    host: str
    port: int
    target: str
    credentials: str = field(default="", repr=False)

    @property
    def host_header(self) -> str:
        """As HTTP wants it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host_header}{self.target.partition('?')[0]}"


def parse_url(text: str) -> VerifyUrl:
    """Take an ``http`` or ``https`` URL apart. Raises `LocalError`."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as exc:
        raise LocalError(f"not a URL: {exc}") from exc
    if parts.scheme not in _PORTS or not host or not text.isascii() or not text.isprintable() or " " in text:
        raise LocalError("not a URL of the form https://HOST[:PORT]/PATH")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    credentials = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}" if "@" in parts.netloc else ""
    return VerifyUrl(parts.scheme, host, port or _PORTS[parts.scheme], target, credentials)


def trust_of(url: VerifyUrl) -> ssl.SSLContext | None:
    """How to trust it by TLS, by the system's certificates; None where it does not speak TLS."""
    return ssl.create_default_context() if url.scheme == "https" else None


async def connect(url: VerifyUrl, context: ssl.SSLContext | None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to its host, by TLS if there is a `context`. Raises `OSError`."""
    return await asyncio.open_connection(
        url.host,
        url.port,
        ssl=context,
        server_hostname=url.host if context is not None else None,
        happy_eyeballs_delay=None if _is_address(url.host) else _HAPPY_EYEBALLS_DELAY_S,
    )


class UrlVerifier:
    """The program behind `url`. `context` is how to trust it by TLS; without, the system's certificates are used."""

    tenant = ""

    def __init__(
        self,
        url: VerifyUrl,
        setting: str = "--verify-url",
        *,
        fails_open: bool = False,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.name = str(url)
        self.fails_open = fails_open
        self._url = url
        self._setting = setting
        self._context = context or trust_of(url)
        self._headers = [
            ("Host", url.host_header),
            ("Content-Type", "application/json"),
            ("Accept", "application/json"),
        ]
        if url.credentials:
            self._headers.append(("Authorization", "Basic " + b64encode(url.credentials.encode()).decode()))

    async def verify(self, key: bytes, address: IPv4Address | IPv6Address) -> Verdict:
        """Ask."""
        question = json.dumps({"NodePublic": f"nodekey:{key.hex()}", "Source": str(address)}).encode()
        try:
            reader, writer = await connect(self._url, self._context)
            answer = await exchange(
                reader, writer, "POST", self._url.target, self._headers, question, most_bytes=MAX_BODY_BYTES
            )
        except OSError as exc:
            return Verdict(self.name, Answer.UNREACHABLE, detail=trouble(exc))
        except RemoteError as exc:
            return Verdict(self.name, Answer.UNUSABLE, detail=words(exc))
        return verdict_of(self.name, answer)

    async def probe(self, limit_s: float) -> Finding | None:
        """Connect, without asking anything: a question about nobody would be an odd line in its log."""
        try:
            async with asyncio.timeout(limit_s):
                _, writer = await connect(self._url, self._context)
        except OSError as exc:
            return findings.verify_url_unreachable(self.name, trouble(exc), self._setting)
        abort(writer)
        return None


def verdict_of(name: str, answer: HttpAnswer) -> Verdict:
    """The verdict of the verifier `name` that an answer stands for; any other answer is none."""
    if answer.status != 200:
        location = f", to {answer.header(b'location')}" if 300 <= answer.status < 400 else ""
        return Verdict(name, Answer.UNUSABLE, detail=words(f"HTTP {answer.status}{location}"))
    try:
        fields = json.loads(answer.body)
    except (ValueError, RecursionError):
        fields = None
    fields = fields if isinstance(fields, dict) else {}
    # In any case of letters, as Go reads JSON: there are programs that rely on it.
    allow = next((value for field, value in fields.items() if field.lower() == "allow"), None)
    if not isinstance(allow, bool):
        return Verdict(name, Answer.UNUSABLE, detail=words(f"no verdict but {_kind(answer)}"))
    return Verdict(name, Answer.ADMITTED if allow else Answer.REFUSED)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _kind(answer: HttpAnswer) -> str:
    kind = answer.header(b"content-type").partition(";")[0] or "something"
    return f"{kind} of {len(answer.body)} bytes"
