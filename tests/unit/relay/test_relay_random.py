"""The relay beside a small model of it, under random operations: alone, and as several workers."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from support.fleet_world import FleetWorld
from support.relay_machine import KEYS, RelayMachine


class FleetMachine(RelayMachine):
    """Clients log in at three workers in turn, and must not be able to tell.

    Watchers are left out: of connections with one key at another worker they are told of the last one only.
    """

    def __init__(self) -> None:
        super().__init__()
        self.world = self.fleet = FleetWorld(3, tenants=self.tenants[1:], pairs=self.pairs)

    watch = None  # type: ignore[assignment]  # no rule any more

    @invariant()
    def the_tables_add_up(self) -> None:
        for relay in self.fleet.relays:
            assert relay.consistency_errors() == []

    @invariant()
    def the_same_is_counted(self) -> None:
        assert self.world.dropped() == {labels: count for labels, count in self.dropped.items() if count}
        relays = self.fleet.relays
        assert sum(relay.registry.count for relay in relays) == len(self.models)
        assert sum(relay.home_connections for relay in relays) == sum(model.home for model in self.models.values())
        assert sum(len(relay.registry.active) for relay in relays) == sum(bool(names) for names in self.of_key.values())

    def teardown(self) -> None:
        super().teardown()
        for relay in self.fleet.relays:
            assert relay.queued_bytes == 0
            assert not relay.presence.elsewhere.routes
            assert not relay.registry.shared


keys = st.sampled_from(KEYS)


class Tenants(RelayMachine):
    """Three tenants beside the nameless one, with the mesh peer; a pair that may reach each other, and another one."""

    tenants = ("", "one", "two", "three")
    pairs = (("", "one"), ("one", "two"))

    @rule(target=RelayMachine.connections, key=keys, peer=keys, before=st.integers(0, 3), after=st.integers(0, 3))
    def change_tenant(self, key: str, peer: str, before: int, after: int) -> str:
        """Somebody comes to one tenant, speaks, and comes to another one: random steps alone seldom do that."""
        self.login(peer, before)
        self.send(self.login(key, before), [(peer, b"data")])
        return self.login(key, after)

    @invariant()
    def nothing_is_counted_for_two_tenants_or_none(self) -> None:
        relays = self.world.relays if isinstance(self.world, FleetWorld) else [self.world.relay]
        for relay in relays:
            used = []
            for tenant in relay.tenants:
                used.append(tenant.used_by(one for one in relay.registry if one.tenant is tenant))
            assert all(min(one) >= 0 for one in used)
            stats = relay.stats
            everything = (stats.packets_received, stats.bytes_received, stats.packets_sent, stats.bytes_sent)
            assert tuple(map(sum, zip(*used, strict=True))) == everything
            dropped = sum((tenant.packets_dropped for tenant in relay.tenants), Counter[str]())
            assert dropped.total() == sum(stats.packets_dropped.values())


class TenantMachine(Tenants):
    """No packet crosses, and nobody notices those whom it may not reach, whatever happens."""


class TenantFleetMachine(Tenants, FleetMachine):
    """The same with three workers."""


for machine in (RelayMachine, FleetMachine, TenantMachine, TenantFleetMachine):
    machine.TestCase.settings = settings(max_examples=60, stateful_step_count=60, derandomize=True, database=None)
TestRelayBesideItsModel = RelayMachine.TestCase
TestWorkersBesideTheModelOfOneRelay = FleetMachine.TestCase
TestTenantsBesideTheirModel = TenantMachine.TestCase
TestTenantsOfWorkersBesideTheirModel = TenantFleetMachine.TestCase
