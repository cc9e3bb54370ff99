"""The check from outside: in which order things are looked at, and in which order what was found is said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import nullcontext

from tailhub.findings import Finding, Severity
from tailhub.tools.doctor import judge, look
from tailhub.tools.doctor.seen import Options, Seen
from tailhub.tools.report import Judgement, Report
from tailhub.tools.target import Target

__all__ = ["Progress", "examine", "examine_all"]

Progress = Callable[[str], None]
"""Called with the name of the part that is looked at now."""

_GRAVITY = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


_AT_ONCE = 16  # relays: those that do not answer cost time and nothing else


async def examine_all(
    targets: Sequence[Target], options: Options | None = None, progress: Callable[[Target, str], None] | None = None
) -> list[Report]:
    """Look at several relays, many at once, but with packets through one at a time: they are measured."""
    room, measuring = asyncio.Semaphore(_AT_ONCE), asyncio.Lock()

    async def one(target: Target) -> Report:
        def tell(part: str) -> None:
            if progress is not None:
                progress(target, part)

        async with room:
            return await examine(target, options, tell, measuring)

    return list(await asyncio.gather(*map(one, targets)))


async def examine(
    target: Target,
    options: Options | None = None,
    progress: Progress | None = None,
    measuring: asyncio.Lock | None = None,
) -> Report:
    """Look at one relay from here, and say what was found.

    Takes some seconds; each step is bounded by `options`. Raises nothing that a relay or a network could cause.
    `measuring` is held while packets are sent.
    """
    options, tell = options or Options(), progress or (lambda _part: None)
    seen = Seen(target)
    tell("here")
    seen.here = await look.here(seen, options)
    tell("name")
    seen.name = await look.name(seen, options)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_look_over_udp(seen, options, tell))
        tasks.create_task(_look_over_tcp(seen, options, tell, measuring))
    return conclude(seen)


async def _look_over_udp(seen: Seen, options: Options, tell: Progress) -> None:
    tell("stun")
    seen.stun = await look.stun(seen, options)


async def _look_over_tcp(seen: Seen, options: Options, tell: Progress, measuring: asyncio.Lock | None) -> None:
    tell("tcp")
    seen.tcp = await look.tcp(seen, options)
    tell("tls")
    seen.tls = await look.tls(seen, options)
    tell("http")
    seen.http = await look.http(seen, options)
    tell("login")
    seen.login = await look.login(seen, options)
    async with measuring or nullcontext():
        tell("packets")
        seen.packets = await look.packets(seen, options)


def conclude(seen: Seen) -> Report:
    """What all that was seen means, the root cause first."""
    whole = Judgement()
    for part in (judge.here, judge.name, judge.tcp, judge.tls, judge.http, judge.login, judge.packets, judge.stun):
        whole.add(part(seen))
    return Report(str(seen.target), in_order(whole.findings), tuple(whole.steps))


def in_order(findings: list[Finding]) -> tuple[Finding, ...]:
    """The worst first, and of those that are as bad, what lies nearer to this machine: the rest may follow from it."""
    return tuple(sorted(findings, key=lambda finding: _GRAVITY[finding.severity]))
