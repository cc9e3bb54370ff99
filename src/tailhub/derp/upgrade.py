"""From ``GET /derp`` to DERP frames: the upgrade, both sides, sans-I/O.

Source: the reference's ``derp/derphttp`` and ``derp/derpserver/handler.go``. The server's part is a decision on the
headers of a request that an HTTP parser has read; the client's part is a small state machine around h11.
"""

from __future__ import annotations

import base64
import hashlib
import re
from enum import Enum
from typing import NamedTuple

import h11

from tailhub.derp.frames import printable
from tailhub.exceptions import LocalError, UpgradeError

# As h11 gives them: lower-case names.
Headers = list[tuple[bytes, bytes]]

FAST_START_HEADER = b"derp-fast-start"
IDEAL_NODE_HEADER = b"ideal-node"
SHOWN_BODY = 160  # bytes of a refusal's body that go into the error's text
MAX_RESPONSE_HEAD = 16384  # bytes of the server's answer that a client reads before it gives up
MAX_USUAL_HEAD = 1024  # bytes of a request's head that `usual_request` looks at
_WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3

# The head as Go's net/http writes it for the reference's client, and as `ClientUpgrade` does: every byte of it. Each
# header at most once, values without white space or anything else that a parser would have to judge.
_USUAL_HEAD = re.compile(
    rb"GET /derp HTTP/1\.1\r\n"
    rb"Host: [A-Za-z0-9.:\[\]-]+\r\n"
    rb"(?:User-Agent: [!-~]+\r\n)?"
    rb"(Upgrade: DERP\r\n)?"
    rb"Connection: Upgrade\r\n"
    rb"(Derp-Fast-Start: 1\r\n)?"
    rb"(Ideal-Node: [A-Za-z0-9._-]+\r\n)?"
    rb"(?(1)|Upgrade: DERP\r\n)"
    rb"\r\n"
)


class UpgradeKind(Enum):
    """What a request on ``/derp`` asks for."""

    DERP = "derp"
    WEBSOCKET = "websocket"


class UsualRequest(NamedTuple):
    """An upgrade to DERP that asks for nothing unusual. `length` is that of its head; what follows are frames."""

    length: int
    fast_start: bool
    not_ideal: bool


def usual_request(data: bytes) -> UsualRequest | None:
    """Recognise the whole head that real clients send at the start of `data`; None for all else, which h11 reads.

    h11 takes ten times as long. What is recognised here it reads as the same upgrade (``tests/fuzz/upgrade_request``).
    """
    match = _USUAL_HEAD.match(data, 0, MAX_USUAL_HEAD)
    if match is None:
        return None
    _, fast_start, ideal_node = match.groups()
    return UsualRequest(match.end(), fast_start is not None, ideal_node is not None)


def requested_upgrade(headers: Headers) -> UpgradeKind | None:
    """The upgrade that the headers ask for, None for none or an unknown one (answer 426).

    ``Upgrade: websocket`` without the subprotocol ``derp`` is a plain DERP upgrade, for very old clients. The
    reference asks neither for a ``Connection`` header nor for GET; nor do we.
    """
    upgrade = _header(headers, b"upgrade").lower()
    if upgrade == b"derp":
        return UpgradeKind.DERP
    if upgrade == b"websocket":
        protocols = (
            p.strip() for name, value in headers if name == b"sec-websocket-protocol" for p in value.split(b",")
        )
        return UpgradeKind.WEBSOCKET if b"derp" in protocols else UpgradeKind.DERP
    return None


def wants_fast_start(headers: Headers) -> bool:
    """Whether the client will not wait for, and must not get, an HTTP response. Only the value ``1`` counts."""
    return _header(headers, FAST_START_HEADER) == b"1"


def is_not_ideal(headers: Headers) -> bool:
    """Whether the client says that another node of the region was its first choice."""
    return _header(headers, IDEAL_NODE_HEADER) != b""


def derp_response(public_key: bytes) -> bytes:
    """The 101 response for a DERP upgrade."""
    return (
        b"HTTP/1.1 101 Switching Protocols\r\n"
        b"Upgrade: DERP\r\n"
        b"Connection: Upgrade\r\n"
        b"Derp-Version: 2\r\n"
        b"Derp-Public-Key: " + public_key.hex().encode() + b"\r\n\r\n"
    )


def websocket_response(headers: Headers) -> bytes:
    """The 101 response for a WebSocket upgrade. Raises `UpgradeError` when the request's key or version is wrong."""
    key = _header(headers, b"sec-websocket-key")
    try:
        if len(base64.b64decode(key, validate=True)) != 16:
            raise ValueError
    except ValueError:
        raise UpgradeError("WebSocket: Sec-WebSocket-Key is missing or not 16 bytes of base64", status=400) from None
    if _header(headers, b"sec-websocket-version") != b"13":
        raise UpgradeError("WebSocket: expected Sec-WebSocket-Version: 13", status=426)
    accept = base64.b64encode(hashlib.sha1(key + _WEBSOCKET_GUID, usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\n"
        b"Upgrade: websocket\r\n"
        b"Connection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n"
        b"Sec-WebSocket-Protocol: derp\r\n\r\n"
    )


class ClientUpgrade:
    """The client's upgrade: send `request`, feed `receive_data` until it returns what follows the response.

    With `fast_start` there is no response, frames follow at once; feed only what is an HTTP answer all the same, a
    refusal. Raises `LocalError` for a `host` or an `ideal_node` that no header can carry.
    """

    def __init__(self, host: str, *, fast_start: bool = False, ideal_node: str = "") -> None:
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_RESPONSE_HEAD)
        self._body = b""
        self._refused: h11.Response | None = None
        headers = [(b"Upgrade", b"DERP"), (b"Connection", b"Upgrade")]
        if fast_start:
            headers.append((b"Derp-Fast-Start", b"1"))
        try:
            headers.insert(0, (b"Host", host.encode("ascii")))
            if ideal_node:
                headers.append((b"Ideal-Node", ideal_node.encode()))  # as Go does: a map may name nodes in any script
            request = self._http.send(h11.Request(method="GET", target="/derp", headers=headers))
        except (h11.LocalProtocolError, UnicodeError) as exc:
            raise LocalError(f"host or name of the ideal node: not fit for an HTTP header: {exc}") from exc
        self.request: bytes = (request or b"") + (self._http.send(h11.EndOfMessage()) or b"")

    def receive_data(self, data: bytes) -> bytes | None:
        """Take bytes (empty: the server closed); return the bytes behind a good response, None while more is needed.

        Raises `UpgradeError` with the status and the start of the body when the answer is another one.
        """
        try:
            self._http.receive_data(data)
            while True:
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    return None
                if isinstance(event, h11.InformationalResponse):
                    if event.status_code == 101:
                        self._check(list(event.headers))
                        return self._http.trailing_data[0]
                elif isinstance(event, h11.Response):
                    self._refused = event
                elif isinstance(event, h11.Data) and len(self._body) < 1024:
                    self._body += bytes(event.data)
                if self._refused is not None and (len(self._body) >= 1024 or isinstance(event, h11.EndOfMessage)):
                    raise self._refusal(self._refused)
        except h11.RemoteProtocolError as exc:
            if self._refused is not None:
                raise self._refusal(self._refused) from exc
            if not data:
                raise UpgradeError("the server closed the connection instead of answering the upgrade") from exc
            raise UpgradeError(f"the answer to the upgrade is not HTTP: {exc}") from exc

    def _check(self, headers: Headers) -> None:
        upgrade = _header(headers, b"upgrade").lower()
        if upgrade != b"derp":
            raise UpgradeError(f"expected an upgrade to DERP, found {upgrade.decode('latin-1')!r}", status=101)

    def _refusal(self, response: h11.Response) -> UpgradeError:
        server = _header(list(response.headers), b"server").decode("latin-1")
        by = f" by {printable(server)}" if server else ""
        # Whoever refuses often says why in the body, and a person should see it.
        text = printable(self._body[:SHOWN_BODY].decode("utf-8", "replace")).strip()
        says = f": {text}" if text else ""
        return UpgradeError(
            f"expected 101 Switching Protocols, found {response.status_code}{by}{says}",
            status=response.status_code,
            body=self._body[:1024],
        )


def _header(headers: Headers, name: bytes) -> bytes:
    for key, value in headers:
        if key == name:
            return bytes(value).strip()
    return b""
