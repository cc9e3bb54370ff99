"""Looks at whether the relay's TCP port answers, over IPv4 and IPv6, and what speaks there first."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING

from tailhub.net.abort import abort
from tailhub.tools.doctor.judge.name import addresses_elsewhere
from tailhub.tools.doctor.judge.tcp import Dial, TCPSeen
from tailhub.tools.doctor.look.listening import exchange, hear
from tailhub.tools.doctor.look.name import literal
from tailhub.tools.doctor.look.routing import route_source

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Options, Seen

__all__ = ["look"]

PORT80_S = 2.0  # enough for a note


async def look(seen: Seen, options: Options) -> TCPSeen:
    """Look."""
    target, timeout_s = seen.target, options.timeout_s
    if target.node.stun_only:
        return TCPSeen()
    port = target.derp_port
    dials = await _dial_all(seen.name.addresses, port, timeout_s)
    first_open = {dial.version: dial for dial in reversed(dials) if dial.end == "open"}
    if not first_open:
        tried = {dial.version for dial in dials if dial.end != "no_route"}
        elsewhere = [address for address in addresses_elsewhere(seen) if ip_address(address).version in tried]
        others = await _dial_all(elsewhere, port, timeout_s)
        moved_to = tuple(dial.address for dial in others if dial.end == "open")
        return TCPSeen(dials=tuple(dials), moved_to=moved_to, limit_s=timeout_s)
    names = "" if literal(target.host) else target.host
    chosen = first_open.get(4) or first_open[6]
    async with asyncio.TaskGroup() as tasks:
        heard = {
            dial.address: tasks.create_task(hear(dial.address, port, names, timeout_s)) for dial in first_open.values()
        }
        port80 = tasks.create_task(_ask_port80(chosen.address, target.node.host_name, min(PORT80_S, timeout_s)))
    dials = [replace(dial, heard=heard[dial.address].result()) if dial.address in heard else dial for dial in dials]
    speaks = [dial for dial in dials if dial.heard is not None and dial.heard.kind == "tls"]
    chosen = speaks[0] if speaks else chosen
    return TCPSeen(chosen.address, chosen.rtt_s, tuple(dials), limit_s=timeout_s, port80=port80.result())


async def _dial_all(addresses: Sequence[str], port: int, timeout_s: float) -> list[Dial]:
    return list(await asyncio.gather(*(_dial(address, port, timeout_s) for address in addresses)))


async def _dial(address: str, port: int, timeout_s: float) -> Dial:
    source = route_source(address, port)
    if source is None:
        return Dial(address, "no_route")
    loop = asyncio.get_running_loop()
    started_at = loop.time()
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(address, port)
    except ConnectionRefusedError:
        return Dial(address, "refused", source)
    except TimeoutError:
        return Dial(address, "silent", source)
    except ConnectionResetError:  # it was accepted, and then closed before we could look
        return Dial(address, "open", source, loop.time() - started_at)
    except OSError as exc:
        return Dial(address, "unreachable", source, error=_reason(exc))
    rtt_s = loop.time() - started_at
    abort(writer)
    return Dial(address, "open", source, rtt_s)


def _reason(exc: OSError) -> str:
    """The system's words. Those of asyncio are "Connect call failed", but not on Windows, whose numbers are others."""
    if sys.platform == "win32" or not exc.errno:
        return exc.strerror or str(exc)
    return os.strerror(exc.errno)


async def _ask_port80(address: str, host: str, timeout_s: float) -> str:
    """The status that ``/generate_204`` gets there, "" if nothing answers in HTTP."""
    request = f"GET /generate_204 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    data = await exchange(address, 80, request.encode("utf-8", "replace"), timeout_s)
    words = (data or b"").split(maxsplit=2)
    is_http = len(words) > 1 and words[0].startswith(b"HTTP/") and words[1].isdigit()
    return words[1].decode()[:3] if is_http else ""
