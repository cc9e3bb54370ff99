"""Looks at whether `GET /derp` is upgraded, and if not, who ate the request; and whether it is one relay that answers.

Certificates are not checked here, so that what is behind a bad one is seen too.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from tailhub.certs.pin import pin_of_der
from tailhub.client.derp_client import DERPClient
from tailhub.client.dial import Endpoint, OpenStream, open_stream
from tailhub.derp import frames
from tailhub.derp.messages import ReceivedPacket
from tailhub.exceptions import CertificateError, LocalError, TailhubError
from tailhub.keys import KEY_LEN, NodePublic
from tailhub.net.abort import abort
from tailhub.tools.doctor.judge.answer import Answer, Exchange
from tailhub.tools.doctor.judge.http import CHALLENGE, Connected, HTTPSeen
from tailhub.tools.doctor.look.tls import unchecked_endpoint

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Options, Seen

__all__ = ["look"]

PAGES: Final = ("/generate_204", "/derp/probe", "/derp/latency-check", "/")
CONNECTIONS: Final = 4
"""How many are made to one address, to see whether it is always the same relay."""
MORE_ADDRESSES: Final = 4
_UPGRADE: Final = (("Upgrade", "DERP"), ("Connection", "Upgrade"))
_READ_BYTES = 16384
_SERVER_KEY_START: Final = frames.server_key(bytes(KEY_LEN))[: frames.HEADER.size]
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
        others = [dial.address for dial in seen.tcp.dials if dial.end == "open" and dial.address != address]
        again = [endpoint] * (CONNECTIONS - 1)
        again += [unchecked_endpoint(seen.target, other) for other in others[:MORE_ADDRESSES]]
        more = await asyncio.gather(*(_connect(one, options.timeout_s) for one in again))
        connections += [connected for connected, answered, _ in more if answered is not None]
    paths = PAGES if answer is not None else ()  # who does not answer the one will not answer the others
    asked = await asyncio.gather(*(_page(endpoint, path, options.timeout_s) for path in paths))
    pages = tuple((path, page) for path, page in zip(paths, asked, strict=True) if page is not None)
    is_one_mesh = None
    if len({one.key for one in connections if one.key}) > 1:
        is_one_mesh = await _is_one_mesh(seen, connections, options)
    answers = [page for _, page in pages] + ([answer] if answer is not None else [])
    ahead = _clock_ahead(answers, datetime.now(UTC))
    starts_fast = await _starts_fast(endpoint, options.timeout_s) if is_upgraded and seen.tls.meta_key else None
    return HTTPSeen(is_upgraded, answer, failure, pages, tuple(connections), is_one_mesh, starts_fast, ahead)


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
        with suppress(LocalError):
            key = NodePublic.parse(NodePublic.PREFIX + answer.header("derp-public-key")).raw
    return Connected(endpoint.host, pin, stream.meta_key or b"", key), answer, failure


async def _starts_fast(endpoint: Endpoint, timeout_s: float) -> bool | None:
    """Ask for a fast start: does the relay's key come, without HTTP before it? None: nobody could be asked."""
    try:
        stream = await open_stream(endpoint, timeout_s)
    except (OSError, CertificateError):
        return None
    try:
        exchange = Exchange(endpoint.host_header, "/derp", (*_UPGRADE, ("Derp-Fast-Start", "1")))
        stream.writer.write(exchange.request)
        async with asyncio.timeout(timeout_s):
            first = await stream.reader.readexactly(len(_SERVER_KEY_START))
    except (OSError, asyncio.IncompleteReadError):  # TimeoutError too: some proxies wait for HTTP for ever
        return False
    finally:
        abort(stream.writer)
    return first == _SERVER_KEY_START


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
    failure = ""
    try:
        exchange = Exchange(endpoint.host_header, path, headers)
    except LocalError:
        abort(stream.writer)
        return None, "name"
    try:
        stream.writer.write(exchange.request)
        async with asyncio.timeout(timeout_s):
            while not exchange.is_over:
                exchange.receive_data(await stream.reader.read(_READ_BYTES))
        failure = "not_http" if exchange.has_begun else "closed"
    except TimeoutError:
        failure = "timeout"
    except OSError:
        failure = "reset"
    finally:
        abort(stream.writer)
    answer = exchange.answer()
    return answer, "" if answer is not None else failure


def _clock_ahead(answers: list[Answer], now: datetime) -> timedelta | None:
    for answer in answers:
        if date := answer.header("date"):
            with suppress(ValueError, OverflowError):
                told = parsedate_to_datetime(date)
                return (told if told.tzinfo is not None else told.replace(tzinfo=UTC)) - now
    return None


async def _is_one_mesh(seen: Seen, connections: list[Connected], options: Options) -> bool | None:
    """Log in at two of the relays that answered and send a packet each way. None: not let in."""
    first = await _log_in(seen, connections[0].address, options)
    if first is None:
        return None
    async with first:
        for other in reversed(connections):  # of another address first
            second = await _log_in(seen, other.address, options)
            if second is None:
                return None
            async with second:
                if second.server_key != first.server_key:
                    return await _passes(first, second) and await _passes(second, first)
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
