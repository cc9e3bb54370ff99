"""One push for a relay that runs: ``python -m tailhub.tools.map_push`` (`tailhub.server.map_pusher`)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path

from tailhub.exceptions import FindingError, LocalError
from tailhub.findings import Finding
from tailhub.findings import map_push as findings
from tailhub.server.map_pusher import NICE, Order, Outcome, Result
from tailhub.tailcfg.derpmap import parse_json
from tailhub.tools.map_push.places import place_of
from tailhub.tools.map_push.push import commit, own_region, prepare


async def carry_out(order: Order) -> Outcome:
    """Push, here and now."""
    state_dir = Path(order.state_dir)
    try:
        place = place_of(order.destination)
        prepared = await prepare(place, own_region(parse_json(order.derp_map)), state_dir)
        prepared.refuse_conflicts()
        await commit(prepared, state_dir)
        fields = tuple(change.field or "Regions" for change in prepared.update.changes)
        return Outcome(Result.PUSHED if prepared.is_changed else Result.UNCHANGED, place.name, fields)
    except FindingError as exc:
        if isinstance(exc.finding, Finding):
            values = {
                name: value if isinstance(value, bool) else str(value) for name, value in exc.finding.values.items()
            }
            return Outcome(Result.FAILED, code=exc.finding.code, values=values)
        raise
    except LocalError as exc:
        finding = findings.map_push_failed(order.destination.to, str(exc))
        return Outcome(Result.FAILED, code=finding.code, values=dict(finding.values))


def main() -> None:
    """One order from standard input, its outcome to standard output."""
    with contextlib.suppress(AttributeError, OSError):  # no such thing on Windows
        os.nice(NICE)  # packets first
    outcome = asyncio.run(carry_out(Order.from_json(sys.stdin.read())))
    sys.stdout.write(outcome.to_json() + "\n")


if __name__ == "__main__":
    main()
