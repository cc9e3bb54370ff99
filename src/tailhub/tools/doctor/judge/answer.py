"""One HTTP question and what came back, sans-I/O: with the headers, which say who answers, and bounded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import h11

from tailhub.exceptions import LocalError

__all__ = ["Answer", "Exchange"]

MAX_HEAD_BYTES = 16384
MAX_BODY_BYTES = 4096
"""Of a body only so much is read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. `headers` have names in lower case; of `body` only the start is kept."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str:
        """The first header of that name (lower case), "" without one."""
        return next((value for key, value in self.headers if key == name), "")

    @property
    def title(self) -> str:
        """What a person would see first of the page: its title or its first words, "" of an empty one."""
        text = self.body.decode("utf-8", "replace")
        if titled := re.search(r"<title[^>]*>([^<]*)</title>", text, re.IGNORECASE):
            text = titled[1]
        words = re.sub(r"<(style|script)\b.*?(</\1>|$)|<[^>]*>", " ", text, flags=re.IGNORECASE | re.DOTALL)
        return " ".join(words.split())[:80].strip()


class Exchange:
    """Send `request`, feed `receive_data` until `is_over`; then `answer` is what came, None if that was not HTTP.

    An answer whose body is not at its end yet is one all the same. Raises `LocalError` for a `host` that no header can
    carry.
    """

    def __init__(self, host: str, path: str, headers: Sequence[tuple[str, str]]) -> None:
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._head: h11.Response | h11.InformationalResponse | None = None
        self._body = b""
        self._start = b""  # of all that came
        self.is_over = False
        try:
            request = self._http.send(h11.Request(method="GET", target=path, headers=[("Host", host), *headers]))
        except (h11.LocalProtocolError, UnicodeError) as exc:
            raise LocalError(f"host: not fit for an HTTP header: {exc}") from exc
        self.request: bytes = (request or b"") + (self._http.send(h11.EndOfMessage()) or b"")

    @property
    def has_begun(self) -> bool:
        """Did anything come at all?"""
        return self._start != b""

    def receive_data(self, data: bytes) -> None:
        """Take bytes; none: the connection was closed."""
        self._start = (self._start + data)[:16]
        try:
            self._http.receive_data(data)
            while not self.is_over:
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    return
                if isinstance(event, h11.InformationalResponse):
                    self.is_over = event.status_code == 101
                    self._head = event if self.is_over else None
                elif isinstance(event, h11.Response):
                    self._head = event
                elif isinstance(event, h11.Data):
                    self._body += bytes(event.data)
                    self.is_over = len(self._body) >= MAX_BODY_BYTES
                else:  # its end, or the connection's
                    self.is_over = True
        except h11.RemoteProtocolError:
            self.is_over = True

    def answer(self) -> Answer | None:
        """What came so far."""
        if self._head is None:
            # To whom asked for no upgrade h11 takes a 101 for a fault; here it is what is looked for.
            return Answer(101) if self._start.startswith(b"HTTP/1.1 101 ") else None
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in self._head.headers)
        return Answer(self._head.status_code, headers, self._body[:MAX_BODY_BYTES])
