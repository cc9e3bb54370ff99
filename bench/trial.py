"""One trial: a fresh relay, one load, in one placement."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bench import machine
from bench.connection import client_environment
from bench.load import Order, Result
from bench.region import running_region
from bench.scenarios import Scenario
from bench.servers import GET_DERPER, HOST, Derper, Running, Server, Tailhub, find_derper

_ROOT = Path(__file__).resolve().parent.parent
_GENERATOR_LIMIT_S = 120.0


class Placement(StrEnum):
    """Where the relay and the generator run."""

    FREE = "free"  # both where the system puts them
    PINNED = "pinned"  # the relay on the first core, the generator on the second


@dataclass(frozen=True, slots=True)
class Trial:
    """One scenario on one relay in one round."""

    scenario: Scenario
    server: str
    round: int
    result: Result
    placement: Placement = Placement.FREE


class TrialError(Exception):
    """A trial that gave no result."""


def cores_of(scenario: Scenario, placement: Placement) -> tuple[int | None, int | None]:
    """The relay's core and the generator's; None for any."""
    cores = machine.cores()
    is_pinned = placement is Placement.PINNED
    if len(cores) < 2:
        return None, None
    return (cores[0] if is_pinned or scenario.load.stun else None), (cores[1] if is_pinned else None)


def run_trial(scenario: Scenario, server: Server, seconds: float, placement: Placement = Placement.FREE) -> Result:
    """Start a fresh relay and load it once. Raises `TrialError`, `ServerError`."""
    server_core, generator_core = cores_of(scenario, placement)
    with contextlib.ExitStack() as stack:
        if scenario.load.crossing:
            relay, far = stack.enter_context(running_region(server, server_core))
        else:
            relay, far = stack.enter_context(Running(server, server_core)), None
        order = Order(
            load=scenario.load,
            host=HOST,
            port=relay.port,
            pid=relay.pid,
            seconds=seconds,
            core=generator_core,
            stun_port=relay.stun_port,
            far_port=far.port if far is not None else 0,
            far_pid=far.pid if far is not None else 0,
        )
        try:
            done = subprocess.run(
                [sys.executable, "-m", "bench.generator"],
                input=order.to_json(),
                capture_output=True,
                text=True,
                timeout=_GENERATOR_LIMIT_S,
                cwd=_ROOT,
                env=client_environment(),
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TrialError(f"the generator was not done after {_GENERATOR_LIMIT_S:.0f} s") from None
        if done.returncode:
            raise TrialError(f"{done.stderr.strip()}\n{server.name} had printed:\n{relay.last_lines()}")
        try:
            return Result(**json.loads(done.stdout))
        except (ValueError, TypeError) as exc:
            raise TrialError(f"the generator printed no result ({exc}): {done.stdout[:200]!r}") from exc


def chosen_servers(only: str | None, workers: int = 1) -> tuple[list[Server], str]:
    """The relays to measure, and a line to print when the original is not among them."""
    servers: list[Server] = [Tailhub(workers=workers)] if only != "derper" else []
    derper = find_derper()
    if isinstance(derper, Derper):
        return ([*servers, derper] if only != "tailhub" else servers), ""
    return servers, f"No comparison: {derper}. To get the original: {GET_DERPER}"
