"""Looks at relays that nobody had: what tests of the pure parts judge."""

from __future__ import annotations

from typing import Any

from tailhub.tailcfg.derpmap import DERPHomeParams, DERPMap, DERPNode, DERPRegion
from tailhub.tools.netcheck.seen import NodeSeen, Seen, StunSeen

MS = 1_000_000
ENDED_S = 1_900_000_000.25
LOCAL_PORT = 50_000


def node(name: str = "912a", v4_ms: float | None = None, v6_ms: float | None = None, **more: Any) -> NodeSeen:
    """A relay that answers STUN so, and relays unless `more` (fields of `NodeSeen`) says otherwise."""
    region_id = int(name[:-1])
    mapped = more.pop("mapped", ("192.0.2.1", 41000))
    where = DERPNode(
        name=name, region_id=region_id, host_name=f"{name}.example", stun_only=more.pop("stun_only", False)
    )
    works: dict[str, Any] = dict.fromkeys(("tcp_ns", "tls_ns", "https_ns", "login_ns", "relay_ns"), 5 * MS)
    if more.get("trouble") is not None:
        works = {}
    fields = {"tcp_address": "198.51.100.7", **works, **more}
    return NodeSeen(
        DERPRegion(region_id=region_id),
        where,
        StunSeen(f"198.51.{region_id % 256}.{ord(name[-1])}", True, _ns(v4_ms), mapped if v4_ms is not None else None),
        StunSeen("2001:db8::7", v6_ms is not None, _ns(v6_ms), ("2001:db8::1", 41000) if v6_ms is not None else None),
        **fields,
    )


def look(*nodes: NodeSeen, scores: dict[int, float] | None = None, **regions: Any) -> Seen:
    """A look at these; `regions`: fields of regions by ``rID``."""
    made: dict[int, DERPRegion | None] = {}
    seen = []
    for one in nodes:
        number = one.region.region_id
        if number not in made:
            made[number] = DERPRegion(region_id=number, region_code=f"r{number}", **regions.get(f"r{number}", {}))
        region = made[number]
        assert region is not None
        seen.append(
            NodeSeen(region, **{name: getattr(one, name) for name in one.__dataclass_fields__ if name != "region"})
        )
    params = DERPHomeParams(region_score=scores) if scores else None
    derp_map = DERPMap(regions=made, home_params=params)
    return Seen(derp_map, tuple(seen), ENDED_S, True, LOCAL_PORT, frozenset({"192.168.1.20"}))


def _ns(value_ms: float | None) -> int | None:
    return None if value_ms is None else round(value_ms * MS)
