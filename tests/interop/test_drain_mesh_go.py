"""Real ``tailscaled`` and a region of two relays, the first of which drains: where their connections go."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.planned_region import PlannedRegion
from support.relay_process import UnixConnection, until
from support.tailnet import RELAY_IP, Tailnet
from tailhub.tailcfg.forms import headscale_yaml

pytestmark = pytest.mark.go

HOMES = "tailhub_home_connections"
JOIN_LIMIT_S = 60.0
MOVED_WITHIN_S = 8.0  # a client that is left waiting gives up after 10


def ask(region: PlannedRegion, name: str, method: str, **fields: object) -> None:
    connection = UnixConnection(region.relays[name].state_dir / "admin.sock")
    connection.request(method, "/api/v1/drain", json.dumps(fields) if fields else None)
    assert connection.getresponse().status == 200
    connection.close()


def homes(region: PlannedRegion) -> list[float]:
    return [region.relays[name].metric(HOMES) for name in region.names]


def test_clients_go_to_the_next_node(tmp_path: Path) -> None:
    """Both clients that a drain closes are served by the region's next node while the first one takes nobody, and
    packets between them go on; so they do when that one drains in turn, and the first one takes clients again.
    """
    directory = tmp_path / "tailnet"
    directory.mkdir()
    with Tailnet(directory) as net:
        region = PlannedRegion(tmp_path, ("a", "b"), host=RELAY_IP, prefix=net.relay.prefix)
        with region:
            net.write_map(headscale_yaml(region.derp_map))
            net.start_headscale(looks_again=False)
            net.join()
            # Headscale shuffles the nodes of a region, for all of a tailnet alike.
            until(lambda: sorted(homes(region)) == [0, 2], "both are at one node", net.log, JOIN_LIMIT_S)
            first, second = sorted(region.names, key=lambda name: -region.relays[name].metric(HOMES))
            with net.pings() as pings:
                pings.wait_for_more(10, net.log)
                for one, other in ((first, second), (second, first)):
                    ask(region, one, "POST", over_s=1, stays=True)
                    is_home = region.relays[other].metric
                    until(lambda is_home=is_home: is_home(HOMES) == 2, "both have moved", net.log, MOVED_WITHIN_S)  # type: ignore[misc]
                    pings.wait_for_more(10, net.log)
                    ask(region, one, "DELETE")
