"""What is measured. A new measurement that `bench.load.Load` can describe is one more line here."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from bench.load import Load


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named load."""

    name: str
    load: Load

    def quick(self) -> Scenario:
        """The same, small enough for a first look."""
        fewer = min(self.load.connections, 300)
        return Scenario(self.name, dataclasses.replace(self.load, connections=fewer))


SCENARIOS = (
    Scenario("saturation", Load(pairs=8, window=16)),
    Scenario("ping-pong", Load(pairs=1, window=1)),
    Scenario("fixed-10k", Load(pairs=8, rate=10_000)),
    Scenario("fixed-40k", Load(pairs=8, rate=40_000)),
    Scenario("overload", Load(pairs=8, rate=300_000)),
    Scenario("200-pairs", Load(pairs=200, window=16)),
    Scenario("spread", Load(pairs=8, window=16, receivers=64)),
    Scenario("64-byte", Load(pairs=8, window=16, size=64)),
    Scenario("16-KiB", Load(pairs=8, window=16, size=16384)),
    Scenario("bursts", Load(pairs=8, rate=20_000, burst=200)),
    Scenario("mesh", Load(pairs=8, window=16, crossing=True)),
    Scenario("mesh-40k", Load(pairs=8, rate=40_000, crossing=True)),
    Scenario("mesh-one", Load(pairs=1, window=1, crossing=True)),
    Scenario("logins", Load(connections=3000)),
    Scenario("after-burst", Load(connections=1000, burst_packets=16, size=16384)),
    Scenario("stun", Load(stun=True, window=64)),
)


def by_name(names: list[str]) -> list[Scenario]:
    """The scenarios with these names, all of them for an empty list. Raises `ValueError` for an unknown name."""
    known = {scenario.name: scenario for scenario in SCENARIOS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"unknown scenario {unknown[0]!r}: expected one of {', '.join(known)}")
    return [known[name] for name in names] if names else list(SCENARIOS)
