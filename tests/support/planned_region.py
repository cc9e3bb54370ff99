"""A region, on loopback or elsewhere, whose relays run from exactly the files that ``tailhub region plan`` writes."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from support.ports import free_ports
from support.relay_process import RelayProcess, stop_all, until
from tailhub.keys import MeshKey
from tailhub.tailcfg.derpmap import DERPMap, DERPNode, parse_json
from tailhub.tools.region.description import RegionDescription
from tailhub.tools.region.plan_directory import load_description, plan_region, read_mesh_keys

HOST = "127.0.0.1"
REGION = 901


@dataclass
class PlannedRegion:
    """The description in `directory`, its plan, and those of its relays that run, by name of the node.

    `more` has lines for the tables of nodes, by name; `settings` are for all.
    """

    directory: Path
    names: Sequence[str] = ("a", "b", "c")
    settings: str = ""
    more: dict[str, str] = field(default_factory=dict)
    relays: dict[str, RelayProcess] = field(default_factory=dict)
    host: str = HOST
    prefix: Sequence[str] = ()  # of the commands that start them

    def __post_init__(self) -> None:
        first, stun = free_ports(len(self.names)), free_ports(len(self.names), socket.SOCK_DGRAM)
        self.ports = {name: first + number for number, name in enumerate(self.names)}
        self.stun_ports = {name: stun + number for number, name in enumerate(self.names)}
        self.path = self.directory / "region.toml"
        self.plan()

    def plan(self) -> RegionDescription:
        """Write the description, and carry it out."""
        text = f'id = {REGION}\ncode = "loop"\n[settings]\n{self.settings}\n'
        text += 'discover = false\nadmin_listen = "127.0.0.1:0"\n'
        for name in self.names:
            port = self.ports[name]
            text += f'[[node]]\nname = "{name}"\nhost = "{self.host}"\nport = {port}\nlisten = "{self.host}:{port}"\n'
            text += f"stun_port = {self.stun_ports[name]}\n{self.more.get(name, '')}\n"
        self.path.write_text(text)
        plan, faults = load_description(self.path)
        assert faults == [], [str(fault) for fault in faults]
        plan_region(plan, self.place, "keep", datetime.now(UTC))
        return plan

    @property
    def place(self) -> Path:
        """The plan's directory."""
        return self.directory / "region"

    @property
    def derp_map(self) -> DERPMap:
        """What clients get."""
        return parse_json((self.place / "derpmap.json").read_bytes())

    def node(self, name: str) -> DERPNode:
        """A node of the map."""
        region = self.derp_map.regions[REGION]
        assert region is not None
        (found,) = [node for node in region.nodes if node.name == f"{REGION}{name}"]
        return found

    @property
    def mesh_keys(self) -> list[MeshKey]:
        """As the plan keeps them."""
        return read_mesh_keys(load_description(self.path)[0], self.place)

    def start(self, name: str) -> RelayProcess:
        """Start a relay, and return when it listens. It has the same state as before."""
        return self._begin(name).__enter__()

    def _begin(self, name: str) -> RelayProcess:
        config = self.place / name / "tailhub.toml"
        state = self.directory / f"state-{name}"
        relay = RelayProcess("--config", str(config), defaults=(), prefix=self.prefix, state_dir=state)
        self.relays[name] = relay
        return relay

    def stop(self, name: str) -> None:
        """End a relay as its service manager does."""
        self.relays.pop(name).stop()

    def wait_until_whole(self) -> None:
        """Wait until each relay is watched by all other ones that run, and by their workers."""

        def is_whole() -> bool:
            # One look at each for all that is asked: a relay has new numbers once a second.
            seen = [relay.metrics() for relay in self.relays.values()]
            workers = [one.get("tailhub_workers", 1) for one in seen]
            return all(
                one.get("tailhub_mesh_watchers", 0) >= sum(workers) - own
                for one, own in zip(seen, workers, strict=True)
            )

        until(is_whole, "links are up", lambda: "\n".join(relay.log() for relay in self.relays.values()))

    def __enter__(self) -> Self:
        try:
            for name in self.names:
                if (self.place / name / "tailhub.toml").exists():  # a derper is its test's own
                    self._begin(name)
            for relay in self.relays.values():
                relay.__enter__()
            self.wait_until_whole()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        stop_all([*self.relays.values()])
        self.relays.clear()


@contextlib.contextmanager
def planned_region(directory: Path, names: Sequence[str] = ("a", "b", "c"), **options: str) -> Iterator[PlannedRegion]:
    """A region that runs."""
    with PlannedRegion(directory, names, **options) as region:  # type: ignore[arg-type]
        yield region
