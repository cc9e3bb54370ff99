"""Looks at whether packets of all sizes come through between two clients, with which loss and delay.

Also whether a connection that nobody uses stays. Few connections: relays may limit those from one address.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tailhub import box
from tailhub.client.derp_client import DERPClient
from tailhub.exceptions import ConnectionClosedError
from tailhub.tools.doctor.judge.flight import FlightSeen
from tailhub.tools.doctor.judge.packets import MOST_SMALL, IdleSeen, PacketsSeen, Way
from tailhub.tools.doctor.look.entry import can_enter, enter
from tailhub.tools.doctor.look.flight import fly, plan_flights
from tailhub.tools.doctor.look.tcp_info import TCPInfo, read_tcp_info, segments_between

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Options, Seen

__all__ = ["look"]

_PINGS = 5
_PATIENCES = 3  # the time-out is so many times as long as a single packet is waited for
_PACKETS_AGAIN = 10  # of each size, when it went wrong and is tried once more


async def look(seen: Seen, options: Options) -> PacketsSeen:
    """Send packets; once more with new connections if something other than a loss went wrong."""
    if not (can_enter(seen) and seen.login.is_admitted):
        return PacketsSeen()
    packets = await _measure(seen, options)
    if packets.error or (packets.flights and packets.flights[-1].is_broken_off):
        again = replace(options, packets=min(_PACKETS_AGAIN, options.packets))
        packets = await _measure(seen, again)
    return packets


async def _measure(seen: Seen, options: Options) -> PacketsSeen:
    clients: list[DERPClient] = []
    try:
        first = await enter(seen, options, options.private_key or box.generate())
        if first.client is None:
            return PacketsSeen(error=first.seen.detail or first.seen.told or first.seen.end.name.lower())
        clients.append(first.client)
        second = await enter(seen, options, box.generate())
        if second.client is not None:
            clients.append(second.client)
        packets = await _exchange(clients, seen, options)
        if options.watch_s and not first.client.is_closed:
            packets = replace(packets, idle=await _watch(first.client, options))
        return packets
    finally:
        await asyncio.gather(*(client.close() for client in clients))


async def _exchange(clients: Sequence[DERPClient], seen: Seen, options: Options) -> PacketsSeen:
    sender, receiver = clients[0], clients[-1]  # the same, where no second key is let in
    pings: list[float] = []
    for client in clients:
        pings += await _ping(client, options.timeout_s)
    before = after = [read_tcp_info(client) for client in clients]
    plans = plan_flights(options.packets, sender.server_info)
    flights: list[FlightSeen] = []
    stalled = Way.UNKNOWN
    for plan in plans:
        if not plan.count:
            continue
        flights.append(await fly(sender, receiver, plan, options.timeout_s / _PATIENCES))
        if plan.size < MOST_SMALL:
            after = [read_tcp_info(client) for client in clients]
        if flights[-1].is_broken_off:
            stalled = await _stalled_way(sender, receiver, options.timeout_s / _PATIENCES)
            break
    return PacketsSeen(
        flights=tuple(flights),
        skipped=tuple(plan.size for plan in plans if not plan.count),
        is_pair=sender is not receiver,
        server_keys=tuple(client.server_key for client in clients),
        pings_s=tuple(sorted(pings)),
        tcp_rtt_s=_tcp_rtt_s(after, seen),
        segments=segments_between(before, after),
        stalled=stalled,
    )


async def _ping(client: DERPClient, timeout_s: float) -> list[float]:
    pings: list[float] = []
    with contextlib.suppress(TimeoutError, ConnectionClosedError):
        for _ in range(_PINGS):
            pings.append(await client.ping(timeout_s))
    return pings


async def _stalled_way(sender: DERPClient, receiver: DERPClient, timeout_s: float) -> Way:
    """Where it stopped. The answer to a ping behind the packets comes only if the relay has got all of them."""
    if sender is receiver:
        return Way.UNKNOWN
    try:
        await sender.ping(timeout_s)
    except TimeoutError:
        return Way.TOWARDS
    except ConnectionClosedError:
        return Way.UNKNOWN
    return Way.FROM


def _tcp_rtt_s(infos: list[TCPInfo | None], seen: Seen) -> float:
    known = [info.rtt_s for info in infos if info is not None]
    return sum(known) / len(known) if known else seen.tcp.rtt_s


async def _watch(client: DERPClient, options: Options) -> IdleSeen:
    """Hold a connection without saying anything."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        async with asyncio.timeout(options.watch_s):
            while True:
                await client.recv()
    except TimeoutError:
        pass
    except ConnectionClosedError:
        return IdleSeen(options.watch_s, loop.time() - started)
    try:
        await client.ping(options.timeout_s)
    except (TimeoutError, ConnectionClosedError):
        return IdleSeen(options.watch_s, is_dead=True)
    return IdleSeen(options.watch_s)
