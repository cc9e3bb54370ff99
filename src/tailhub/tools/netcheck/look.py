"""Measures the relays of a map from this machine. I/O: what it means is in the pure modules beside this one.

First STUN, to all at once; then whether each relays, some at a time, so that the work of TLS does not count as latency.
One that does not answer makes no other wait: only the start of each takes work.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_address
from itertools import groupby

from tailhub.keys import NodePrivate
from tailhub.net.interfaces import list_addresses
from tailhub.tailcfg.derpmap import DERPMap, DERPRegion
from tailhub.tools.netcheck.icmp_echo import echo
from tailhub.tools.netcheck.relaying import Contexts, try_relay
from tailhub.tools.netcheck.seen import NO_STUN, NodeSeen, Seen, StunSeen
from tailhub.tools.netcheck.stun_socket import StunSocket
from tailhub.tools.target import Target, map_targets

__all__ = ["Options", "look"]

SAMPLES = 3
ICMP_TIMEOUT_S = 1.0  # icmpProbeTimeout
STUN_AT_A_TIME = 400  # nodes; more packets at once than these are lost by home routers
RELAYS_AT_A_TIME = 6
TURN_S = 0.25  # after which the next one begins too; a login over a short way is done by then
_FAMILIES = ((4, socket.AF_INET), (6, socket.AF_INET6))


@dataclass(frozen=True, slots=True)
class Options:
    """How to look.

    `timeout_s`: for STUN with a node (as a client has it), and for each connection and answer of a relay. `wanted`:
    only the region of this id, code or name. `private_key`: who logs in; without it a key for this once.
    """

    timeout_s: float = 3.0
    wanted: str = ""
    private_key: NodePrivate | None = None


async def look(
    derp_map: DERPMap, options: Options | None = None, on_progress: Callable[[int, int], None] | None = None
) -> Seen:
    """Measure all nodes. Raises nothing for what relays, names or the network do.

    `on_progress` is told how many of how many steps are done.
    """
    options = options or Options()
    targets = map_targets(derp_map, "", options.wanted)
    done, steps = 0, 2 * len(targets)

    def step() -> None:
        nonlocal done
        done += 1
        if on_progress is not None:
            on_progress(done, steps)

    if on_progress is not None:
        on_progress(0, steps)
    sockets = {version: await StunSocket.open(family) for version, family in _FAMILIES}
    try:
        looks = [_Look(target, options, sockets) for target in targets]
        await _all([one.ask_stun for one in looks], STUN_AT_A_TIME, step)
        if not any(one.has_stun for one in looks):
            await _all([one.ping for one in _first_of_each_region(looks)], STUN_AT_A_TIME, lambda: None)
        contexts = Contexts()
        await _all([partial(one.try_relay, contexts) for one in looks], RELAYS_AT_A_TIME, step, TURN_S)
    finally:
        for sock in sockets.values():
            if sock is not None:
                sock.close()
    v4 = sockets[4]
    return Seen(
        derp_map,
        tuple(one.seen for one in looks),
        ended_s=time.time(),
        os_has_ipv6=_can_bind_v6(),
        local_v4_port=v4.local_port if v4 is not None else 0,
        local_v4_addresses=frozenset(str(found.address) for found in list_addresses() if found.address.version == 4),
    )


class _Look:
    """One node."""

    def __init__(self, target: Target, options: Options, sockets: dict[int, StunSocket | None]) -> None:
        self.seen = NodeSeen(target.region or DERPRegion(), target.node)  # those of a map have one
        self._target = target
        self._options = options
        self._sockets = sockets
        self._addresses: dict[int, str] = {}

    async def ask_stun(self) -> None:
        found = await asyncio.gather(*(_resolve(self._target, version, self._options) for version in (4, 6)))
        self._addresses = {version: address for version, address in zip((4, 6), found, strict=True) if address}
        v4, v6 = await asyncio.gather(*(self._stun(version) for version in (4, 6)))
        self.seen = replace(self.seen, v4=v4, v6=v6)

    async def _stun(self, version: int) -> StunSeen:
        address = _stun_address(self._target, version, self._addresses.get(version, ""))
        sock, port = self._sockets[version], self._target.stun_port
        if not address or port is None or not 0 < port < 1 << 16:
            return NO_STUN
        if sock is None:
            return StunSeen(address)
        seen = StunSeen(address)
        for _ in range(SAMPLES):
            try:
                answer = await sock.ask(address, port, self._options.timeout_s / SAMPLES)
            except OSError:  # no way there
                return seen
            seen = replace(seen, was_sent=True)
            if answer is not None:
                latency = answer.latency_ns if seen.latency_ns is None else min(answer.latency_ns, seen.latency_ns)
                seen = replace(seen, latency_ns=latency, mapped=(answer.address, answer.port))
        return seen

    @property
    def has_stun(self) -> bool:
        """Did STUN answer?"""
        return self.seen.v4.latency_ns is not None or self.seen.v6.latency_ns is not None

    async def ping(self) -> None:
        """ICMP, which clients try over IPv4 where STUN is not switched off."""
        if 4 in self._addresses and self._target.stun_port is not None:
            timeout_s = min(ICMP_TIMEOUT_S, self._options.timeout_s)
            self.seen = replace(self.seen, icmp_ns=await echo(self._addresses[4], timeout_s))

    async def try_relay(self, contexts: Contexts) -> None:
        if self._target.node.stun_only:
            return
        addresses, options = [self._addresses[version] for version in sorted(self._addresses)], self._options
        self.seen = await try_relay(
            self.seen, self._target, addresses, contexts, options.private_key, options.timeout_s
        )


def _first_of_each_region(looks: Sequence[_Look]) -> list[_Look]:
    return [next(group) for _, group in groupby(looks, key=lambda one: id(one.seen.region))]


async def _resolve(target: Target, version: int, options: Options) -> str:
    """The address over IPv4 (4) or IPv6 (6): the map's, else what the name has; "" for none."""
    fixed = target.fixed_address(version)
    if fixed is not None:
        return fixed if fixed and ip_address(fixed).version == version else ""
    family = dict(_FAMILIES)[version]
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(options.timeout_s):
            found = await loop.getaddrinfo(target.host, None, family=family, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError, ValueError):
        return ""
    return str(found[0][4][0]) if found else ""


def _stun_address(target: Target, version: int, address: str) -> str:
    """Where STUN is asked: ``STUNTestIP`` counts before all else."""
    test = target.node.stun_test_ip
    if not test:
        return address
    try:
        parsed = ip_address(test)
    except ValueError:
        return ""
    return test if parsed.version == version else ""


async def _all(
    steps: Sequence[Callable[[], Coroutine[None, None, None]]],
    at_a_time: int,
    on_done: Callable[[], None],
    turn_s: float | None = None,
) -> None:
    """Do all `steps`, so many at a time; one that takes longer than `turn_s` goes on, beside the next one."""
    turns = asyncio.Semaphore(at_a_time)

    async def run(step: Callable[[], Coroutine[None, None, None]]) -> None:
        async with asyncio.TaskGroup() as doing, turns:
            done = doing.create_task(step())
            await asyncio.wait([done], timeout=turn_s)
        on_done()

    async with asyncio.TaskGroup() as group:
        for step in steps:
            group.create_task(run(step))


def _can_bind_v6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True
