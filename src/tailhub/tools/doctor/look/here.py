"""Looks at what on *this* machine is in the way of looking.

A proxy in the environment, a TUN that accepts every connection, fake-ip DNS, a wrong clock: all other steps would lie.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.request import proxy_bypass

from tailhub.net.abort import abort
from tailhub.net.interfaces import Kind, Role, kind_of, list_addresses, role_of
from tailhub.net.threads import in_thread
from tailhub.tools.doctor.judge.here import HereSeen
from tailhub.tools.doctor.look.name import literal
from tailhub.tools.doctor.look.resolving import Resolved, resolve
from tailhub.tools.doctor.look.routing import route_source

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Options, Seen
    from tailhub.tools.target import Target

__all__ = ["look"]

NOBODY_S = 0.4  # who catches connections on this machine or its network accepts in a few milliseconds
_VARIABLES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


async def look(seen: Seen, options: Options) -> HereSeen:
    """Look. Nothing is in the way of what stays on this machine."""
    target = seen.target
    address = literal(target.host)
    if address and ip_address(address).is_loopback:
        return HereSeen()
    # The dot at its end keeps search domains out of it. An address needs no DNS.
    impossible = f"{secrets.token_hex(8)}.invalid."
    async with asyncio.TaskGroup() as tasks:
        dialled = tasks.create_task(_dial_nobody(min(NOBODY_S, options.timeout_s)))
        answer = Resolved("not_asked") if address else await resolve(impossible, options.timeout_s)
    accepted = dialled.result()
    is_odd = bool(accepted or answer.addresses)
    return HereSeen(
        proxies=_proxies(target),
        accepted=accepted,
        accepted_from=route_source(accepted.partition(":")[0], 1) or "" if accepted else "",
        invented=answer.addresses,
        is_dns_answering=answer.look_up != "no_answer",
        tunnels=await in_thread(_tunnels) if is_odd else (),
    )


async def _dial_nobody(limit_s: float) -> str:
    """The address and port if a connection to TEST-NET-1 (RFC 5737), where nobody can be, is accepted."""
    host, port = f"192.0.2.{random.randrange(1, 255)}", random.randrange(20001, 60000)
    try:
        async with asyncio.timeout(limit_s):
            _, writer = await asyncio.open_connection(host, port)
    except ConnectionResetError:  # accepted, and closed before we could look
        return f"{host}:{port}"
    except OSError:
        return ""
    abort(writer)
    return f"{host}:{port}"


def _proxies(target: Target) -> tuple[str, ...]:
    """The variables that real clients heed for this host; ``NO_PROXY`` is heeded too."""
    if proxy_bypass(target.host):
        return ()
    return tuple(name for name in _VARIABLES if os.environ.get(name))


def _tunnels() -> tuple[str, ...]:
    odd = (
        one for one in list_addresses() if role_of(one.interface) is Role.TUNNEL or kind_of(one.address) is Kind.FAKE
    )
    return tuple(dict.fromkeys(one.interface for one in odd))
