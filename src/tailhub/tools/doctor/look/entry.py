"""One login of a client, as the looks at login and packets make it.

The certificate is not checked: another look does that, and what a relay does after it is worth knowing all the same.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tailhub import box
from tailhub.client.derp_client import DERPClient
from tailhub.derp.handshake import ServerInfo
from tailhub.derp.messages import Health
from tailhub.exceptions import ConnectionClosedError, RemoteError, TailhubError
from tailhub.keys import NodePrivate
from tailhub.tools.doctor.judge.login import LoginEnd, LoginSeen
from tailhub.tools.doctor.judge.tls import OLD_VERSIONS

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Options, Seen

__all__ = ["Entry", "can_enter", "enter", "sentence", "wait_admission"]

_ADMISSION_TIMEOUTS = 3  # times the time-out: a relay may ask others about us, one after the other
_SECOND_THOUGHT_S = 0.5  # after a Health: some say something first, and let us in then
_MAX_TOLD = 2000  # characters


@dataclass(frozen=True, slots=True)
class Entry:
    """How it ended, and the connection if it is one."""

    seen: LoginSeen
    client: DERPClient | None = None


def can_enter(seen: Seen) -> bool:
    """Did earlier looks get as far as a login? No client of ours speaks old TLS."""
    return bool(seen.tcp.open_address) and seen.http.is_upgraded and seen.tls.version not in OLD_VERSIONS


def sentence(told: str) -> str:
    """What a relay says, to be put into a sentence of ours: not for ever, and without a stop at its end."""
    return told[:_MAX_TOLD].strip().rstrip(".。")


async def enter(seen: Seen, options: Options, key: NodePrivate) -> Entry:
    """Log in at the address that was found. Raises nothing that a relay or a network does."""
    started = asyncio.get_running_loop().time()
    public = str(box.public_key(key))
    try:
        client = await _connect(seen, options, key)
    except (TailhubError, OSError, ValueError) as exc:  # the last of a name that TLS cannot carry
        return Entry(_failed(public, started, exc))
    try:
        end, told, detail = await wait_admission(client, _ADMISSION_TIMEOUTS * options.timeout_s)
    except BaseException:
        await client.close()
        raise
    info = client.server_info
    login = LoginSeen(
        is_admitted=end is LoginEnd.ADMITTED,
        server_key=client.server_key,
        end=end,
        key=public,
        told=told,
        detail=detail,
        took_s=asyncio.get_running_loop().time() - started,
        rate_bytes_per_s=info.rate_bytes_per_s if info else 0,
        burst_bytes=info.rate_burst_bytes if info else 0,
    )
    if login.is_admitted:
        return Entry(login, client)
    await client.close()
    return Entry(login)


async def _connect(seen: Seen, options: Options, key: NodePrivate) -> DERPClient:
    target = seen.target
    return await DERPClient.connect(
        seen.tcp.open_address,
        target.derp_port,
        private_key=key,
        server_name=target.host,
        insecure=True,
        tls=seen.tls.is_tls,
        wait_admission=False,
        timeout_s=options.timeout_s,
        # Nobody but us says when a connection is idle for too long.
        idle_timeout_s=max(120.0, options.watch_s + options.timeout_s),
    )


def _failed(public: str, started: float, exc: Exception) -> LoginSeen:
    is_broken = isinstance(exc, RemoteError)
    return LoginSeen(
        end=LoginEnd.BROKEN if is_broken else LoginEnd.FAILED,
        key=public,
        detail=str(exc) or type(exc).__name__,
        took_s=asyncio.get_running_loop().time() - started,
    )


async def wait_admission(client: DERPClient, timeout_s: float) -> tuple[LoginEnd, str, str]:
    """Wait for the relay's decision: how it ended, what we were told, and the words of our client."""
    told = ""
    try:
        async with asyncio.timeout(timeout_s) as limit:
            while True:
                message = await client.recv()
                if isinstance(message, ServerInfo):
                    return LoginEnd.ADMITTED, "", ""
                if isinstance(message, Health):
                    if not told:  # once: one that goes on telling us would hold us for ever
                        limit.reschedule(asyncio.get_running_loop().time() + _SECOND_THOUGHT_S)
                    told = sentence(message.text) or told
    except TimeoutError:
        return (LoginEnd.TOLD if told else LoginEnd.SILENT), told, ""
    except ConnectionClosedError as exc:
        if isinstance(exc.__cause__, RemoteError):
            return LoginEnd.BROKEN, told, str(exc.__cause__)
        return (LoginEnd.TOLD if told else LoginEnd.CLOSED), told, str(exc)
