"""A request for a small page and its answer, as values. Parsing and writing HTTP is the server's (h11)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import gmtime

TEXT = b"text/plain; charset=utf-8"
HTML = b"text/html; charset=utf-8"
JSON = b"application/json"

Header = tuple[bytes, bytes]
"""A name in lower case, and its value."""

_MAX_QUERY_FIELDS = 16
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request, as h11 gives it.

    `target` is the request target as it was sent, `headers` have names in lower case. `peer_ip` is the caller's
    address without brackets or zone, or ``""`` for a caller over a unix socket. `body` is empty on the public port.
    """

    method: bytes
    target: bytes
    http_version: bytes
    headers: Sequence[Header]
    peer_ip: str
    body: bytes = b""

    def header(self, name: bytes) -> bytes | None:
        """Give the first value of a header, None if it is absent. `name` is in lower case."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    @property
    def is_read(self) -> bool:
        """Whether the method only reads: GET or HEAD."""
        return self.method in (b"GET", b"HEAD")

    @property
    def origin(self) -> bytes | None:
        """The target's authority, if it was sent in absolute form (``http://authority/path``)."""
        scheme, mark, rest = self.target.partition(b"://")
        if not mark or scheme.lower() not in (b"http", b"https"):
            return None
        return rest.replace(b"?", b"/", 1).partition(b"/")[0]

    @property
    def path_and_query(self) -> bytes:
        """The target without scheme and authority, still encoded; empty if it is no path (``*``, CONNECT)."""
        origin = self.origin
        if origin is None:
            return self.target if self.target.startswith(b"/") else b""
        rest = self.target.partition(b"://")[2][len(origin) :]
        return rest if rest.startswith(b"/") else b"/" + rest

    @property
    def path(self) -> bytes:
        """The path, percent-decoded; empty if the target is no path."""
        path = self.path_and_query.partition(b"?")[0]
        if b"%" not in path:
            return path
        from urllib.parse import unquote_to_bytes  # rarely needed, and slow to import

        return unquote_to_bytes(path)

    def query_value(self, name: str) -> str | None:
        """Give the first value of a field in the query, None if it is absent or the query is absurdly long."""
        return self._query.get(name, [None])[0]

    @property
    def query_names(self) -> Collection[str]:
        """The names of the query's fields; none if it is absurdly long."""
        return self._query.keys()

    @property
    def _query(self) -> Mapping[str, Sequence[str | None]]:
        query = self.path_and_query.partition(b"?")[2].decode("ascii", "replace")
        if not query:
            return {}
        from urllib.parse import parse_qs  # rarely needed, and slow to import

        try:
            return parse_qs(query, keep_blank_values=True, max_num_fields=_MAX_QUERY_FIELDS)
        except ValueError:
            return {}


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, whole. `headers` lack only what is the connection's: Date, and Connection unless a page says so."""

    status: int
    headers: list[Header]
    body: bytes


def answer(status: int, body: bytes | str = b"", kind: bytes | None = None, headers: Iterable[Header] = ()) -> Response:
    """Make a response with its length; `kind` is the Content-Type, a `str` is sent as UTF-8."""
    if isinstance(body, str):
        body = body.encode()
    lines = list(headers)
    if kind is not None:
        lines.append((b"content-type", kind))
    if status != 204:  # RFC 9110 §8.6: a 204 has no length
        lines.append((b"content-length", b"%d" % len(body)))
    return Response(status, lines, body)


def text(status: int, message: str, headers: Iterable[Header] = ()) -> Response:
    """Make a plain text response; a newline is added."""
    return answer(status, message + "\n", TEXT, (*headers, (b"x-content-type-options", b"nosniff")))


def method_not_allowed(allowed: bytes, message: str) -> Response:
    """Make a 405."""
    return text(405, message, [(b"allow", allowed)])


def without_words(response: Response) -> Response:
    """The same status with nothing to read."""
    headers = [header for header in response.headers if not header[0].startswith((b"content-", b"x-content-"))]
    return answer(response.status, headers=headers)


def fit(request: Request, response: Response) -> Response:
    """Fit the response to the request's method: to HEAD the same head goes out without the body."""
    return replace(response, body=b"") if request.method == b"HEAD" else response


def reason(status: int) -> bytes:
    """Give the words that go with a status, for people who read heads; empty for a status nobody defined."""
    from http import HTTPStatus  # not needed to relay, and slow to import

    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""


def date(unix_s: float) -> bytes:
    """Write a time as a Date header has it (RFC 9110 §5.6.7), in English whatever the locale."""
    year, month, day, hour, minute, second, weekday, *_ = gmtime(unix_s)
    line = f"{_DAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year} {hour:02}:{minute:02}:{second:02} GMT"
    return line.encode()
