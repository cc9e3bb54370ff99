"""Three relays, some with two workers, under random operations: everybody finds everybody, and nobody is misled."""

from __future__ import annotations

from random import Random

import pytest

from support.region_world import Region
from tailhub.relay import presence, watchers

KEYS = tuple("abcdef")


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes turns takes several for a handful of keys."""
    monkeypatch.setattr(watchers, "PIECE", 2)
    monkeypatch.setattr(presence, "PIECE", 2)


def something(region: Region, tenant_of: dict[str, str], *, moves: bool = True) -> None:
    """One random thing happens."""
    random = region.random
    what = random.random()
    node = random.choice(region.nodes)
    if what < 0.15 or not region.clients:
        key = random.choice(KEYS)
        region.login(node, key, tenant=tenant_of.get(key, ""))
    elif what < 0.25:
        region.leave(random.choice(region.clients))
    elif what < 0.3 and moves:  # a client moves: it comes before it leaves, or after
        old = random.choice(region.clients)
        if random.random() < 0.5:
            region.leave(old)
            region.login(node, old.key, tenant=tenant_of.get(old.key, ""))
        else:
            region.login(node, old.key, tenant=tenant_of.get(old.key, ""))
            region.leave(old)
    elif what < 0.32:
        region.cut(node, random.choice([other for other in region.nodes if other is not node]))
    elif what < 0.35:
        region.heal()
    elif what < 0.55:
        region.send(random.choice(region.clients), random.choice(KEYS))
    elif arrivals := list(region.arrivals()):
        random.choice(arrivals)()
    region.step()


REGIONS = {
    "tailhub": {},
    "mixed": {"originals": (2,)},
    "tenants": {"tenants": ("one", "two"), "pairs": (("", "one"),)},
}


def tenants(kind: str) -> dict[str, str]:
    """Whose each key is."""
    return dict(zip(KEYS, ("", "", "one", "one", "two", "two"), strict=True)) if kind == "tenants" else {}


@pytest.mark.parametrize("kind", REGIONS)
@pytest.mark.parametrize("seed", range(15))
def test_random(kind: str, seed: int) -> None:
    """Whatever happens in whatever order, no packet goes astray, and when all is said every relay knows the truth."""
    random = Random(f"{kind} {seed}")
    region = Region(random, **REGIONS[kind])  # type: ignore[arg-type]
    tenant_of = tenants(kind)
    for _ in range(4):
        for _ in range(80):
            something(region, tenant_of)
            region.check()
        region.settle()
        region.check_settled()
    region.heal()
    region.settle()
    region.check_settled()
    region.check_reach()


@pytest.mark.parametrize("kind", REGIONS)
def test_who_is_told_of_the_leaving(kind: str) -> None:
    """Where one thing is over before the next one begins, who has had packets from a key is told that it has gone just
    when it has left the part of the region that its relay sees.
    """
    random = Random(f"leaving {kind}")
    region = Region(random, **REGIONS[kind])  # type: ignore[arg-type]
    tenant_of = tenants(kind)
    told = 0
    for _ in range(300):
        for client in region.clients:
            region.send(client, random.choice(KEYS))
        region.settle()
        before = {client: (set(client.heard_of), len(client.gone)) for client in region.clients}
        something(region, tenant_of, moves=False)  # what two relays say of a move is not in order
        region.settle()
        for client in region.clients:
            heard_of, count = before.get(client, (set(), 0))
            visible = region.visible_to(client)
            assert sorted(client.gone[count:]) == sorted(heard_of - visible)
            assert client.heard_of <= visible
            told += len(client.gone) - count
    assert told > 10


def test_split_and_heal() -> None:
    """A mesh that falls apart and comes together again leaves every relay with the truth, whoever came, left or moved
    meanwhile; and on each side of the split all goes on.
    """
    region = Region(Random(7))
    a, b, c = region.nodes
    one, two, three = (region.login(node, key) for node, key in zip(region.nodes, "abc", strict=True))
    region.settle()
    for client in (one, two, three):
        for key in "abc":
            region.send(client, key)
    region.settle()
    assert one.heard_of == two.heard_of == three.heard_of == {"a", "b", "c"}
    region.cut(a, b)
    region.cut(a, c)
    region.settle()
    region.check_settled()
    assert sorted(one.gone) == ["b", "c"]
    assert two.gone == three.gone == ["a"]
    region.leave(two)
    moved = region.login(a, "c")
    region.login(b, "d")
    region.settle()
    region.check_reach()
    region.heal()
    region.settle()
    region.check_settled()
    region.leave(three)
    region.settle()
    region.check_reach()
    assert region.clients[-1].key == "d"
    number = region.send(region.clients[-1], "c")
    region.settle()
    assert moved.got[-1] == number
