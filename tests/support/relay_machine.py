"""A relay beside a small model of it, under random operations; for tests of one process and of several."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from support.world import DISCO, Frame, Gone, NotHere, Packet, Pong, Present, World
from tailhub.relay.send_queue import QueueLimits

KEYS = ("a", "b", "c", "m")  # "m" has the mesh key
MAX_AGE_S = QueueLimits().max_age_s


class Model:
    """What one connection should be sent."""

    def __init__(self, key: str, login_at: float, tenant: str) -> None:
        self.key = key
        self.tenant = tenant
        self.login_at = login_at
        self.home = False
        self.control: list[Frame] = []
        self.disco: list[tuple[float, Packet]] = []
        self.data: list[tuple[float, Packet]] = []
        self.sources: set[str] = set()
        self.tokens = 3.0
        self.tokens_at = login_at

    def may_hear_not_here(self, now: float) -> bool:
        self.tokens = min(3.0, self.tokens + now - self.tokens_at)
        self.tokens_at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class RelayMachine(RuleBasedStateMachine):
    """Clients of four keys come, speak, read and go; the queues are far from their bounds.

    They are admitted to one of `tenants`, the mesh peer to the nameless one; those of `pairs` may reach each other.
    """

    connections: Bundle[str] = Bundle("connections")
    tenants: tuple[str, ...] = ("",)
    pairs: tuple[tuple[str, str], ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.world = World(tenants=self.tenants[1:], pairs=self.pairs)
        self.models: dict[str, Model] = {}
        self.of_key: defaultdict[str, list[str]] = defaultdict(list)  # by key, the most recent writer last
        self.watchers: list[str] = []
        self.dropped: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.logins = 0

    # --- the model ----------------------------------------------------------------------------------------------------

    def _can_reach(self, one: str, other: str) -> bool:
        """May devices of these tenants exchange packets?"""
        return one == other or (one, other) in self.pairs or (other, one) in self.pairs

    def _watchers_of(self, tenant: str) -> list[Model]:
        return [self.models[name] for name in self.watchers if self._can_reach(self.models[name].tenant, tenant)]

    def _wrote(self, name: str) -> Model:
        model = self.models[name]
        names = self.of_key[model.key]
        names.remove(name)
        names.append(name)
        return model

    def _deliver(self, sender: Model, src: str, dst: str, body: bytes, unknown: str) -> None:
        kind = "disco" if body.startswith(DISCO) else "other"
        names = self.of_key[dst]
        if not names or not self._can_reach(sender.tenant, self.models[names[-1]].tenant):
            self.dropped["other_tenant" if names else unknown, kind] += 1
            if kind == "disco" and sender.may_hear_not_here(self.world.now):
                sender.control.append(NotHere(dst))
            return
        receiver = self.models[names[-1]]
        receiver.sources.add(src)
        lane = receiver.disco if kind == "disco" else receiver.data
        lane.append((self.world.now, Packet(src, body)))

    def _gone(self, name: str) -> None:
        model = self.models.pop(name)
        self.dropped["gone_disconnected", "disco"] += len(model.disco)
        self.dropped["gone_disconnected", "other"] += len(model.data)
        if name in self.watchers:
            self.watchers.remove(name)
        self.of_key[model.key].remove(name)
        if self.of_key[model.key]:
            return
        for other in self.models.values():
            if model.key in other.sources:
                other.sources.remove(model.key)
                other.control.append(Gone(model.key))
        for watcher in self._watchers_of(model.tenant):
            watcher.control.append(Gone(model.key))

    def _replaced(self, key: str, tenant: str) -> None:
        """A key comes to a tenant, perhaps from another one: its connections there end."""
        before = [name for name in self.of_key[key] if self.models[name].tenant != tenant]
        if not before:
            return
        old = self.models[before[0]].tenant
        for name in before:
            model = self.models.pop(name)
            self.of_key[key].remove(name)
            self.dropped["gone_disconnected", "disco"] += len(model.disco)
            self.dropped["gone_disconnected", "other"] += len(model.data)
        for other in self.models.values():
            if key in other.sources and not self._can_reach(other.tenant, tenant):
                other.sources.remove(key)
                other.control.append(Gone(key))
        for watcher in self._watchers_of(old):
            if not self._can_reach(watcher.tenant, tenant):
                watcher.control.append(Gone(key))

    def _fresh(self, lane: list[tuple[float, Packet]], kind: str) -> list[Frame]:
        oldest = self.world.now - MAX_AGE_S
        fresh: list[Frame] = [packet for at, packet in lane if at >= oldest]
        self.dropped["queue_age", kind] += len(lane) - len(fresh)
        lane.clear()
        return fresh

    # --- what happens -------------------------------------------------------------------------------------------------

    @rule(target=connections, key=st.sampled_from(KEYS), number=st.integers(0, 5))
    def login(self, key: str, number: int) -> str:
        self.logins += 1
        name = f"{key}{self.logins}"
        tenant = "" if key == "m" else self.tenants[number % len(self.tenants)]
        self._replaced(key, tenant)
        for watcher in self._watchers_of(tenant):
            watcher.control.append(Present(key, 2 if key == "m" else 1))
        self.world.login(name, key=key, mesh=key == "m", tenant=tenant)
        self.models[name] = Model(key, self.world.now, tenant)
        self.of_key[key].append(name)
        return name

    @rule(name=consumes(connections))
    def leave(self, name: str) -> None:
        if name in self.models:
            self._gone(name)
            self.world.leave(name)

    @rule(
        name=connections,
        packets=st.lists(
            st.tuples(st.sampled_from(KEYS), st.sampled_from((b"", b"data", DISCO, DISCO + b"more"))), max_size=6
        ),
    )
    def send(self, name: str, packets: list[tuple[str, bytes]]) -> None:
        if name not in self.models:
            return
        for dst, body in packets:
            model = self._wrote(name)
            self._deliver(model, model.key, dst, body, "unknown_dest")
            self.world.send(name, dst, body)

    @rule(name=connections, dst=st.sampled_from(KEYS), body=st.sampled_from((b"data", DISCO)))
    def forward(self, name: str, dst: str, body: bytes) -> None:
        if name in self.models and self.models[name].key == "m":
            self._deliver(self.models[name], "far away", dst, body, "unknown_dest_on_fwd")
            self.world.forward(name, "far away", dst, body)

    @rule(name=connections, times=st.integers(1, 3))
    def ping(self, name: str, times: int) -> None:
        if name in self.models:
            for _ in range(times):
                self._wrote(name).control.append(Pong(b"12345678"))
                self.world.ping(name)

    @rule(name=connections, home=st.booleans())
    def note_home(self, name: str, home: bool) -> None:
        if name in self.models:
            self._wrote(name).home = home
            self.world.note_home(name, home)

    @rule(name=connections)
    def watch(self, name: str) -> None:
        if name not in self.models:
            return
        if self.models[name].key != "m":
            self._gone(name)
        else:
            model = self._wrote(name)
            seen = [other.key for other in self.models.values() if self._can_reach(other.tenant, "")]
            flood = [Present(key, 2 if key == "m" else 1) for key in seen]
            model.control += sorted(flood)
            if name not in self.watchers:
                self.watchers.append(name)
        self.world.watch(name)

    @rule(name=connections, victim=st.sampled_from(KEYS))
    def close_peer(self, name: str, victim: str) -> None:
        if name in self.models and self.models[name].key == "m":
            self._wrote(name)
            for doomed in [other for other in self.models if self.models[other].key == victim]:
                self._gone(doomed)
            self.world.close_peer(name, victim)

    @rule(name=connections)
    def read(self, name: str) -> None:
        if name not in self.models:
            return
        model = self.models[name]
        expected = model.control + self._fresh(model.disco, "disco") + self._fresh(model.data, "other")
        model.control = []
        assert _without_order_of_floods(self.world.frames(name)) == _without_order_of_floods(expected)

    @rule(seconds=st.sampled_from((0.1, 0.25, 1.0, 6.0)))
    def time_passes(self, seconds: float) -> None:
        self.world.now += seconds

    # --- what always holds --------------------------------------------------------------------------------------------

    @invariant()
    def the_tables_add_up(self) -> None:
        assert self.world.relay.consistency_errors() == []

    @invariant()
    def the_same_connections_are_open_and_active(self) -> None:
        assert self.world.names == list(self.models)
        for key in KEYS:
            assert self.world.active(key) == (self.of_key[key][-1] if self.of_key[key] else "")

    @invariant()
    def the_same_is_counted(self) -> None:
        relay = self.world.relay
        assert self.world.dropped() == {labels: count for labels, count in self.dropped.items() if count}
        assert relay.registry.count == len(self.models)
        assert relay.watchers == len(self.watchers)
        assert relay.home_connections == sum(model.home for model in self.models.values())
        assert set(relay.registry.duplicates) == {
            self.world.connection(names[0]).key for names in self.of_key.values() if len(names) > 1
        }

    def teardown(self) -> None:
        for name in list(self.models):
            self._gone(name)
            self.world.leave(name)
        self.the_same_is_counted()
        self.the_tables_add_up()
        assert self.world.relay.queued_bytes == 0


def _without_order_of_floods(frames: list[Frame]) -> list[Any]:
    """The same frames with each stretch of PeerPresent sorted: a flood has no order that matters."""
    result: list[Any] = []
    stretch: list[Frame] = []
    for frame in frames:
        if isinstance(frame, Present):
            stretch.append(frame)
            continue
        result += [*sorted(stretch), frame]
        stretch.clear()
    return result + sorted(stretch)
