"""Asks an API over HTTP, with a credential, and says what is wrong when that fails.

A connection of its own for each question, within a time and a size. Redirects are not followed: the credential goes to
nobody else. Not here: what the answers mean (`tailscale_api`, `headscale_api`), and when it is asked (`device_list`).
"""

from __future__ import annotations

import asyncio
import email.utils
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import urlencode

import msgspec

from tailhub import findings
from tailhub.exceptions import MachineError, RemoteError
from tailhub.findings import Finding
from tailhub.net.http_exchange import Answer as HttpAnswer
from tailhub.net.http_exchange import exchange
from tailhub.net.retry_after import retry_after
from tailhub.verifiers.url import VerifyUrl, connect
from tailhub.verifiers.verifier import trouble, words

__all__ = ["MAX_LIST_BYTES", "NOT_JSON", "Api", "ApiStatusError", "answered_at", "is_over", "unix_time"]

MAX_LIST_BYTES = 32 << 20  # 10,000 devices have some 10 MiB
MAX_ANSWER_BYTES = 1 << 20
ANSWER_S = 30.0  # for a whole answer
_MOST_READ = 8 << 10  # bytes of an error that is no JSON
_MOST_MESSAGE = 200  # characters of an error
_JSON = "application/json"
NOT_JSON = (msgspec.MsgspecError, ValueError, RecursionError)  # ValueError: bytes that are no UTF-8

Kind = Literal["tailscale", "headscale"]


class ApiStatusError(RemoteError):
    """The API answered with another status than 200. `wait_s` is for how long it wants to be left alone."""

    def __init__(self, status: int, message: str, wait_s: float | None) -> None:
        super().__init__(words(f"HTTP {status}: {message}" if message else f"HTTP {status}"), "http")
        self.status = status
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Api:
    """One API. `setting` is where its user wrote the credential, `url_setting` where the URL, for findings.

    `context` is how to trust it by TLS, None for an API without.
    """

    kind: Kind
    url: VerifyUrl
    setting: str
    url_setting: str
    context: ssl.SSLContext | None = None

    @property
    def name(self) -> str:
        """For people."""
        return str(self.url)

    async def get(self, path: str, token: str, most_bytes: int = MAX_ANSWER_BYTES, accept: str = _JSON) -> HttpAnswer:
        """What is at `path`. Raises `OSError`, and `RemoteError` for what is no answer, or longer than `most_bytes`."""
        return await self._ask("GET", path, [("Accept", accept), _bearer(token)], None, most_bytes, token)

    async def post(
        self, path: str, token: str, body: bytes, content_type: str, conditions: Sequence[tuple[str, str]] = ()
    ) -> HttpAnswer:
        """The answer to `body`; `conditions` are fields such as ``If-Match``. Raises as `get` does."""
        fields = [("Accept", _JSON), _bearer(token), ("Content-Type", content_type), *conditions]
        return await self._ask("POST", path, fields, body, MAX_LIST_BYTES, token)

    async def post_form(self, path: str, fields: dict[str, str]) -> HttpAnswer:
        """The answer to a form. Raises as `get` does."""
        form = [("Accept", _JSON), ("Content-Type", "application/x-www-form-urlencoded")]
        secret = fields.get("client_secret", "")
        return await self._ask("POST", path, form, urlencode(fields).encode(), MAX_ANSWER_BYTES, secret)

    async def _ask(
        self, method: str, path: str, fields: list[tuple[str, str]], body: bytes | None, most_bytes: int, secret: str
    ) -> HttpAnswer:
        headers = [("Host", self.url.host_header), ("User-Agent", "tailhub"), *fields]
        target = self.url.target.partition("?")[0].rstrip("/") + path
        async with asyncio.timeout(ANSWER_S):
            reader, writer = await connect(self.url, self.context)
            answer = await exchange(reader, writer, method, target, headers, body, most_bytes=most_bytes)
        if answer.status != 200:
            wait = retry_after(answer.header(b"retry-after"), datetime.now(UTC))
            message = _message(answer, secret)
            raise ApiStatusError(answer.status, message, None if wait is None else wait.total_seconds())
        return answer

    def finding(self, exc: OSError | RemoteError | MachineError) -> Finding:
        """Why it cannot be used."""
        is_headscale = self.kind == "headscale"
        match exc:
            case MachineError(finding=Finding() as finding):
                return finding
            case ApiStatusError(status=401):
                return findings.credential_refused(self.name, str(exc), self.setting, is_headscale=is_headscale)
            case ApiStatusError(status=403) if not is_headscale:
                return findings.credential_lacks_scope(self.name, str(exc), self.setting)
            case ApiStatusError(status=404) if not is_headscale:
                setting = findings.sibling(self.setting, "tailscale_tailnet")
                return findings.tailnet_unknown(self.name, str(exc), setting)
            case OSError():
                reason = trouble(exc)
                is_dated = "not yet valid" in reason or "has expired" in reason  # OpenSSL's words
                return findings.device_api_unreachable(self.name, reason, self.url_setting, clock=is_dated)
            case _:
                return findings.device_list_unusable(self.name, words(exc), self.url_setting)

    def expiring(self, at: float, now: float) -> Finding:
        """The credential expires `at`, unix seconds, and it is `now`."""
        moment = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
        days = max(0, int((at - now) // 86400))
        is_headscale = self.kind == "headscale"
        return findings.credential_expires(self.name, moment, days, self.setting, is_headscale=is_headscale)


def _bearer(token: str) -> tuple[str, str]:
    return "Authorization", f"Bearer {token}"


class _Message(msgspec.Struct):
    message: str = ""
    error: str = ""


def _message(answer: HttpAnswer, secret: str) -> str:
    """What an error says of itself, in JSON or as text; nothing for a page. Some show the `secret` that they got."""
    try:
        said = msgspec.json.decode(answer.body, type=_Message)
        message = said.message or said.error
    except NOT_JSON:
        if answer.header(b"content-type").startswith("text/html"):
            return "a web page"
        message = answer.body[:_MOST_READ].decode("utf-8", "replace").strip()
    return (message.replace(secret, "…") if secret else message)[:_MOST_MESSAGE]


def answered_at(answer: HttpAnswer) -> float:
    """When the answer was made, unix seconds by the server's clock, which is the one by which it lets things expire."""
    try:
        return email.utils.parsedate_to_datetime(answer.header(b"date")).timestamp()
    except (ValueError, OverflowError):
        return time.time()


def unix_time(text: str | None) -> float | None:
    """A time as Go writes it in JSON (RFC 3339), unix seconds; None for none, for which Go has the year 1.

    Raises `RemoteError`.
    """
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise RemoteError(f"expected a time, found {words(text)}", "time") from exc
    return None if moment.year == 1 else moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()


def is_over(text: str | None, now: float) -> bool:
    """Is that time past? What cannot be read as a time is."""
    try:
        moment = unix_time(text)
    except RemoteError:
        return True
    return moment is not None and moment <= now
