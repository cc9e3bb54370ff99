"""Looks at whether `GET /derp` is upgraded, and if not, who ate the request; and whether it is one relay that answers.

Certificates are not checked here, so that what is behind a bad one is seen too.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

import h11

from tailhub.certs.pin import pin_of_der
from tailhub.client.derp_client import DERPClient
from tailhub.client.dial import Endpoint, OpenStream, open_stream
from tailhub.derp.messages import ReceivedPacket
from tailhub.exceptions import CertificateError, TailhubError
from tailhub.net.abort import abort
from tailhub.tools.doctor.judge.fronts import Answer
from tailhub.tools.doctor.judge.http import CHALLENGE, Connected, HTTPSeen
from tailhub.tools.doctor.look.tls import unchecked_endpoint

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Options, Seen

__all__ = ["look"]

PAGES: Final = ("/generate_204", "/derp/probe", "/derp/latency-check", "/")
CONNECTIONS: Final = 4
"""How many are made to see whether it is always the same relay."""
_UPGRADE: Final = (("Upgrade", "DERP"), ("Connection", "Upgrade"))
_MAX_HEAD_BYTES, _MAX_BODY_BYTES, _READ_BYTES = 16384, 4096, 16384
_MESH_TRIES, _MESH_PAUSE_S = 8, 0.1


async def look(seen: Seen, options: Options) -> HTTPSeen:
    """Ask for the upgrade, for the plain pages, and a few times more for the upgrade."""
    address = seen.tcp.open_address
    if not (address and seen.tls.is_tls):
        return HTTPSeen()
    endpoint = unchecked_endpoint(seen.target, address)
    first, answer, failure = await _connect(endpoint, options.timeout_s)
    is_upgraded = answer is not None and answer.status == 101 and answer.header("upgrade").lower() == "derp"
    connections = [first]
    if is_upgraded:
        more = await asyncio.gather(*(_connect(endpoint, options.timeout_s) for _ in range(CONNECTIONS - 1)))
        connections += [connected for connected, answered, _ in more if answered is not None]
    asked = await asyncio.gather(*(_page(endpoint, path, options.timeout_s) for path in PAGES))
    pages = tuple((path, page) for path, page in zip(PAGES, asked, strict=True) if page is not None)
    is_one_mesh = None
    if len({one.key for one in connections if one.key}) > 1:
        is_one_mesh = await _is_one_mesh(seen, address, options)
    answers = [page for _, page in pages] + ([answer] if answer is not None else [])
    ahead = _clock_ahead(answers, datetime.now(UTC))
    return HTTPSeen(is_upgraded, answer, failure, pages, tuple(connections), is_one_mesh, ahead)


async def _connect(endpoint: Endpoint, timeout_s: float) -> tuple[Connected, Answer | None, str]:
    """One connection that asks for the upgrade: who answered, what, and why there is no answer."""
    try:
        stream = await open_stream(endpoint, timeout_s)
    except (OSError, CertificateError):
        return Connected(), None, "tls"
    answer, failure = await _ask(stream, endpoint, "/derp", _UPGRADE, timeout_s)
    pin = pin_of_der(stream.certificate_der) if stream.certificate_der is not None else ""
    key = b""
    if answer is not None and answer.status == 101:
        with suppress(ValueError):
            key = bytes.fromhex(answer.header("derp-public-key"))
    return Connected(pin, stream.meta_key or b"", key), answer, failure


async def _page(endpoint: Endpoint, path: str, timeout_s: float) -> Answer | None:
    try:
        stream = await open_stream(endpoint, timeout_s)
    except (OSError, CertificateError):
        return None
    headers = (("X-Tailscale-Challenge", CHALLENGE), ("Connection", "close"))
    return (await _ask(stream, endpoint, path, headers, timeout_s))[0]


async def _ask(
    stream: OpenStream, endpoint: Endpoint, path: str, headers: tuple[tuple[str, str], ...], timeout_s: float
) -> tuple[Answer | None, str]:
    """Ask once, and drop the connection. An answer whose body does not end in time is one all the same."""
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD_BYTES)
    reading = _Reading(http)
    try:
        request = h11.Request(method="GET", target=path, headers=[("Host", endpoint.host_header), *headers])
        stream.writer.write((http.send(request) or b"") + (http.send(h11.EndOfMessage()) or b""))
        async with asyncio.timeout(timeout_s):
            while not reading.is_over:
                reading.take(await stream.reader.read(_READ_BYTES))
        failure = "not_http" if reading.received else "closed"
    except TimeoutError:
        failure = "timeout"
    except OSError:
        failure = "reset"
    except TailhubError:  # a name that no header can carry
        failure = "name"
    finally:
        abort(stream.writer)
    answer = reading.answer()
    return answer, "" if answer is not None else failure


class _Reading:
    """What comes of one answer. `is_over` when there is no more, or no more is wanted."""

    def __init__(self, http: h11.Connection) -> None:
        self.is_over = False
        self.received = b""
        self._http = http
        self._head: h11.Response | h11.InformationalResponse | None = None
        self._body = b""

    def take(self, data: bytes) -> None:
        """Bytes from the connection; none: it was closed."""
        self.received = (self.received + data)[:_MAX_HEAD_BYTES]
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
                    self.is_over = len(self._body) >= _MAX_BODY_BYTES
                else:  # its end, or the connection's
                    self.is_over = True
        except h11.RemoteProtocolError:
            self.is_over = True

    def answer(self) -> Answer | None:
        """What it is, None if it is not HTTP."""
        if self._head is None:
            # Nobody asked for another protocol, so h11 reads this no further; we want to see it.
            return Answer(101) if self.received.startswith(b"HTTP/1.1 101 ") else None
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in self._head.headers)
        return Answer(self._head.status_code, headers, self._body[:_MAX_BODY_BYTES])


def _clock_ahead(answers: list[Answer], now: datetime) -> timedelta | None:
    for answer in answers:
        if date := answer.header("date"):
            with suppress(ValueError, OverflowError):
                told = parsedate_to_datetime(date)
                return (told if told.tzinfo is not None else told.replace(tzinfo=UTC)) - now
    return None


async def _is_one_mesh(seen: Seen, address: str, options: Options) -> bool | None:
    """Log in at two of the relays behind the address and send a packet from one to the other. None: not let in."""
    first = await _log_in(seen, address, options)
    if first is None:
        return None
    async with first:
        for _ in range(CONNECTIONS):
            second = await _log_in(seen, address, options)
            if second is None:
                return None
            async with second:
                if second.server_key != first.server_key:
                    return await _passes(first, second)
    return None


async def _log_in(seen: Seen, address: str, options: Options) -> DERPClient | None:
    endpoint = unchecked_endpoint(seen.target, address)
    with suppress(OSError, TailhubError):
        return await DERPClient.connect(
            endpoint.host,
            endpoint.port,
            server_name=endpoint.server_name,
            ssl_context=endpoint.ssl_context,
            timeout_s=options.timeout_s,
        )
    return None


async def _passes(first: DERPClient, second: DERPClient) -> bool:
    """Does a packet go from one to the other? Relays of a mesh need a moment to hear of a newcomer."""
    for _ in range(_MESH_TRIES):
        with suppress(TimeoutError, OSError, TailhubError):
            await first.send(second.public_key, b"tailhub doctor")
            async with asyncio.timeout(_MESH_PAUSE_S):
                while True:
                    message = await second.recv()
                    if isinstance(message, ReceivedPacket) and message.src == first.public_key:
                        return True
    return False
