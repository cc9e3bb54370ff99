"""`tailhub.tools.doctor.outside.examine` in a process of its own, which may live in a network namespace.

Many relays at a time, since most of the time goes into waiting for what never comes.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LIMIT_S = 60.0


@dataclass(frozen=True)
class Examined:
    """What was said of one relay: codes, worst first; of each step how it ended, what it said, and its code."""

    codes: list[str]
    whats: dict[str, str]
    steps: dict[str, tuple[str, str, str]]

    @property
    def of_reach(self) -> list[str]:
        """The codes that are about reaching a relay, whatever its TLS is like."""
        return [code for code in self.codes if code <= "TH013" or "TH380" <= code <= "TH389"]


def host(text: str, stun_port: int = 0) -> dict[str, Any]:
    """A relay as a person names it."""
    return {"host": text, "stun_port": stun_port}


def node(**fields: Any) -> dict[str, Any]:
    """A relay as a map has it: the fields of its node, in the map's own names."""
    return {"map": {"Regions": {"912": {"RegionID": 912, "Nodes": [{"Name": "912a", "RegionID": 912} | fields]}}}}


def examine_in(
    prefix: Sequence[str],
    relays: Mapping[str, dict[str, Any]],
    timeout_s: float,
    environ: Mapping[str, str] | None = None,
) -> dict[str, Examined]:
    """Examine relays, all at a time, by a command with this prefix. Each has a name, by which its result is found."""
    inherited = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        (*prefix, sys.executable, __file__),
        input=json.dumps({"relays": dict(relays), "timeout_s": timeout_s}),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        env=inherited | dict(environ or {}),
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return {
        name: Examined(one["codes"], one["whats"], {step: tuple(said) for step, said in one["steps"].items()})
        for name, one in found.items()
    }


async def _examine_all(asked: dict[str, Any]) -> dict[str, Any]:
    from tailhub.tailcfg.derpmap import from_plain
    from tailhub.tools.doctor.outside import examine
    from tailhub.tools.doctor.seen import Options
    from tailhub.tools.target import host_target, map_targets

    options = Options(timeout_s=asked["timeout_s"], packets=1)

    async def one(relay: dict[str, Any]) -> dict[str, Any]:
        if "map" in relay:
            (target,) = map_targets(from_plain(relay["map"]), "a map")
        else:
            target = host_target(relay["host"], relay["stun_port"])
        report = await examine(target, options)
        return {
            "codes": [finding.code for finding in report.findings],
            "whats": {finding.code: finding.what() for finding in report.findings},
            "steps": {step.name: (step.outcome, str(step.remark or ""), step.code) for step in report.steps},
        }

    answers = await asyncio.gather(*map(one, asked["relays"].values()))
    return dict(zip(asked["relays"], answers, strict=True))


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_examine_all(json.load(sys.stdin)))))
