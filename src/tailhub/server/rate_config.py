"""The rate limit of each client: where it is written down, and how limits reach the clients that are here.

It is written in the settings, or in a file as the original's ``-rate-config`` takes it, which a reload reads again.
Not here: what the limit means (`tailhub.relay.rate_limit`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from tailhub import findings
from tailhub.certs.files import read_file
from tailhub.exceptions import MachineError
from tailhub.findings import Finding
from tailhub.relay.limits import Limits
from tailhub.relay.rate_limit import RateLimit
from tailhub.server.config import RelayConfig
from tailhub.server.context import DerpStream, ServerContext

RATE = "PerClientRateLimitBytesPerSec"
BURST = "PerClientRateBurstBytes"
TOLD_AT_ONCE = 32  # clients that learn of a new limit in one turn of the loop: each costs as much as half a login


def load_rate_limit(config: RelayConfig) -> tuple[RateLimit | None, list[Finding]]:
    """The limit that the settings or their file ask for, and what is doubtful. Raises `MachineError` for the file."""
    path = config.rate_config
    if path is None:
        place = str(config.place("rate_burst_bytes"))
        rate, burst, found = config.rate_limit_bytes_per_s, config.rate_burst_bytes, list[Finding]()
    else:
        place = f"{path}, {BURST}"
        rate, burst, found = _parse(read_file(path, config.place("rate_config")), path)
    limit = RateLimit.of(rate, burst)
    if burst and limit is None:
        found.append(findings.rate_burst_alone(place))
    elif burst and limit is not None and limit.burst_bytes > burst:
        found.append(findings.rate_burst_raised(place, f"{burst:.0f}", limit.burst_bytes))
    return limit, found


def apply_limits(context: ServerContext, limits: Limits) -> None:
    """Hold all clients to these limits: who logs in from now on, and who is here, some in each turn of the loop."""
    context.relay.accounts.limits = limits
    _tell(context, iter(list(context.derp_connections)))


def _tell(context: ServerContext, connections: Iterator[DerpStream]) -> None:
    some = list(islice(connections, TOLD_AT_ONCE))
    for connection in some:
        connection.take_rate_limit()
    if some:
        context.loop.call_soon(_tell, context, connections)


def _parse(text: bytes, path: Path) -> tuple[int, int, list[Finding]]:
    """Rate, burst and what is doubtful. Names as Go reads them: in any case, and others are passed over."""
    try:
        value = json.loads(text.decode("utf-8-sig"))
    except json.JSONDecodeError as exc:
        raise MachineError(findings.rate_config_malformed(str(path), line=exc.lineno)) from exc
    except (ValueError, RecursionError) as exc:
        raise MachineError(findings.rate_config_malformed(str(path), line=1)) from exc
    if not isinstance(value, dict):
        raise MachineError(findings.rate_config_malformed(str(path), found=json.dumps(value)[:40]))
    known = {name.lower(): name for name in (RATE, BURST)}
    numbers = dict.fromkeys((RATE, BURST), 0)
    found: list[Finding] = []
    for written, number in value.items():
        name = known.get(written.lower())
        if name is None:
            found.append(findings.rate_config_unknown(str(path), written))
        elif number is not None:  # Go takes null for what is not there
            if not isinstance(number, int) or isinstance(number, bool) or number < 0:
                raise MachineError(findings.rate_config_malformed(str(path), name=name, found=json.dumps(number)[:40]))
            numbers[name] = number
    return numbers[RATE], numbers[BURST], found
