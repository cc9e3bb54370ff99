"""Gathering the facts that `tailhub.server.address` decides from: interfaces, the cloud's metadata, STUN, names.

Everything that could send a packet is handed in (`Probes`), everything has a time limit, and nothing that fails is an
error: a relay without a name server or the Internet starts all the same. With ``--no-discover`` no packet is sent.

Public STUN servers are asked from our own STUN port, so that a NAT which rewrites ports shows itself. Four are asked at
once, two in mainland China among them, where the others may not answer; two answers of a family are enough, and one is
taken if no more come.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import TYPE_CHECKING

from tailhub.exceptions import RemoteError
from tailhub.net import container, interfaces
from tailhub.net.interfaces import DefaultRoute, InterfaceAddress, IPAddress
from tailhub.server.address import Discovery, decide
from tailhub.server.address_facts import Facts, StunAnswer, Wanted
from tailhub.server.metadata import CloudAnswer, ask_clouds

if TYPE_CHECKING:
    from pathlib import Path

STUN_SERVERS: tuple[tuple[str, int], ...] = (
    ("stun.l.google.com", 19302),
    ("stun.cloudflare.com", 3478),
    ("stun.miwifi.com", 3478),
    ("stun.qq.com", 3478),
)
RESOLVE_LIMIT_S = 2.0
STUN_LIMIT_S = 2.0  # for names and answers together
STUN_ENOUGH = 2  # answers of one family
OTHER_FAMILY_GRACE_S = 0.3  # how long the second family may take longer than the first
WATCH_INTERVAL_S = 300.0

StunQuery = Callable[[str, int, float], Awaitable[tuple[str, int]]]
"""``stun_query(ip, port, timeout_s)`` sends from our STUN socket: the mapped address and port, or `OSError`."""

Resolve = Callable[[str, float], Awaitable[tuple[IPAddress, ...]]]
"""``resolve(name, limit_s)``; raises `OSError`."""


async def resolve(name: str, limit_s: float = RESOLVE_LIMIT_S) -> tuple[IPAddress, ...]:
    """All addresses of `name` by the system's resolver. Raises `OSError`, `TimeoutError` among them.

    In a thread of its own: the loop's executor would be waited for at exit, and a dead name server takes half a minute.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[IPAddress, ...]] = loop.create_future()

    def deliver(found: tuple[IPAddress, ...] | OSError) -> None:
        if answer.done():
            return
        if isinstance(found, OSError):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    def work() -> None:
        found: tuple[IPAddress, ...] | OSError
        try:
            entries = socket.getaddrinfo(name, None, type=socket.SOCK_DGRAM)
            found = tuple(dict.fromkeys(ip_address(str(entry[4][0]).partition("%")[0]) for entry in entries))
        except OSError as error:
            found = error
        except UnicodeError:
            found = OSError(f"{name!r} is not a name")
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(deliver, found)

    threading.Thread(target=work, name="resolve", daemon=True).start()
    async with asyncio.timeout(limit_s):
        return await answer


@dataclass(frozen=True, slots=True)
class Probes:
    """The outside world, as functions. Without `stun_query` STUN is left out."""

    stun_query: StunQuery | None = None
    stun_servers: Sequence[tuple[str, int]] = STUN_SERVERS
    resolve: Resolve = resolve
    ask_clouds: Callable[[], Awaitable[list[CloudAnswer]]] = ask_clouds
    list_addresses: Callable[[], list[InterfaceAddress]] = interfaces.list_addresses
    default_route: Callable[[int], DefaultRoute | None] = interfaces.default_route
    detect_engine: Callable[[], str | None] = container.detect_engine
    is_paired: Callable[[str], bool | None] = container.is_paired
    outlives_container: Callable[[Path], bool | None] = container.outlives_container


async def discover(wanted: Wanted, probes: Probes, state_dir: Path | None = None) -> Discovery:
    """Find out which address and ports others use. Takes up to about two seconds; never fails for want of a network."""
    return decide(await gather(wanted, probes, state_dir))


async def gather(wanted: Wanted, probes: Probes, state_dir: Path | None = None) -> Facts:
    """All the facts. `state_dir` is looked at only inside a container."""
    route_v4, route_v6 = probes.default_route(socket.AF_INET), probes.default_route(socket.AF_INET6)
    engine = probes.detect_engine()
    interface = route_v4.interface if route_v4 else None
    facts = Facts(
        wanted=wanted,
        interfaces=tuple(probes.list_addresses()),
        route_v4=route_v4,
        route_v6=route_v6,
        engine=engine,
        is_paired=probes.is_paired(interface) if engine and interface else None,
        lost_state_dir=str(state_dir) if engine and state_dir and probes.outlives_container(state_dir) is False else "",
    )
    if not wanted.discover:
        return facts
    routes = ((socket.AF_INET, route_v4), (socket.AF_INET6, route_v6))
    families = [family for family, route in routes if route is not None and family in wanted.families]
    clouds, stun, names = await asyncio.gather(
        probes.ask_clouds(),
        _ask_stun(wanted, probes, families),
        _look_up(wanted.hostname, probes.resolve),
    )
    return replace(
        facts,
        clouds=tuple(clouds),
        stun=tuple(stun.answers) if stun else (),
        names_fail=stun is not None and not stun.names_work,
        hostname_addresses=names,
    )


async def _ask_stun(wanted: Wanted, probes: Probes, families: Sequence[int]) -> _StunRound | None:
    """The answers of the public servers; None when there is nothing to ask with or nobody to ask."""
    if probes.stun_query is None or wanted.stun_port is None or not families or not probes.stun_servers:
        return None
    asking = _StunRound(probes.stun_query, probes.resolve, wanted.stun_port, families)
    await asking.run(probes.stun_servers)
    return asking


async def watch(
    before: Discovery,
    wanted: Wanted,
    probes: Probes,
    on_change: Callable[[Discovery, Discovery], None],
    interval_s: float = WATCH_INTERVAL_S,
) -> None:
    """Look again every `interval_s` for ever; call `on_change(before, after)` when our address or the name's has moved.

    A round in which names or the network fail says nothing about either and is passed over.
    """
    while True:
        await asyncio.sleep(interval_s)
        facts = await gather(wanted, probes)
        if facts.names_fail:
            continue
        after = decide(facts)
        if after.has_moved_from(before):
            on_change(before, after)
            before = after


class _StunRound:
    """Asking all public servers at once, until `STUN_ENOUGH` have answered in each family or time is up."""

    def __init__(self, query: StunQuery, resolve: Resolve, local_port: int, families: Sequence[int]) -> None:
        self._query = query
        self._resolve = resolve
        self._local_port = local_port
        self._families = families
        self._came: asyncio.Queue[StunAnswer | None] = asyncio.Queue()  # None: no more will come
        self.answers: list[StunAnswer] = []
        self.names_work = False

    async def run(self, servers: Sequence[tuple[str, int]]) -> None:
        """Fill `answers` and `names_work`."""
        asking = asyncio.create_task(self._ask_all(servers))
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(STUN_LIMIT_S) as limit:
                while (answer := await self._came.get()) is not None:
                    self.answers.append(answer)
                    counts = Counter(found.address.version for found in self.answers)
                    complete = [version for version, count in counts.items() if count >= STUN_ENOUGH]
                    if len(complete) >= len(self._families):
                        break
                    if complete:
                        # IPv6 may be dead without an error: do not let it hold up what is known.
                        limit.reschedule(min(limit.when() or 0.0, loop.time() + OTHER_FAMILY_GRACE_S))
        except TimeoutError:
            pass
        finally:
            asking.cancel()
            await asyncio.wait([asking])
        if not asking.cancelled():
            asking.result()

    async def _ask_all(self, servers: Sequence[tuple[str, int]]) -> None:
        try:
            await asyncio.gather(*(self._ask_server(name, port) for name, port in servers))
        finally:
            self._came.put_nowait(None)

    async def _ask_server(self, name: str, port: int) -> None:
        try:
            addresses = await self._resolve(name, RESOLVE_LIMIT_S)
        except OSError:
            return
        self.names_work = True
        firsts = {a.version: a for a in reversed(addresses) if _FAMILY_OF[a.version] in self._families}
        await asyncio.gather(*(self._ask(name, address, port) for address in firsts.values()))

    async def _ask(self, name: str, address: IPAddress, port: int) -> None:
        try:
            mapped, mapped_port = await self._query(str(address), port, STUN_LIMIT_S)
        except (OSError, RemoteError):
            return
        self._came.put_nowait(StunAnswer(name, ip_address(mapped), mapped_port, self._local_port))


_FAMILY_OF = {4: socket.AF_INET, 6: socket.AF_INET6}
# "It has no addresses", as opposed to "ask again later". Not every system has both.
_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


async def _look_up(hostname: str, resolve: Resolve) -> tuple[IPAddress, ...] | None:
    """The addresses of ``--hostname``: empty when it has none, None when that cannot be said (or there is no name)."""
    if not hostname:
        return None
    try:
        return await resolve(hostname, RESOLVE_LIMIT_S)
    except OSError as error:
        return () if error.errno in _NO_SUCH_NAME else None
