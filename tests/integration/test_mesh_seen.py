"""Two relays of a region as processes, one of them with workers: what their operators see of the mesh."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

from support.certificates import Made, make_certificate
from support.ports import free_ports
from support.quick_relay import PROGRAM
from support.relay_process import RelayProcess, until
from support.scripted_relay import run
from tailhub.client import DERPClient as Client
from tailhub.client import ReceivedPacket
from tailhub.keys import MeshKey

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="several workers need Linux")

MESH_KEY = MeshKey(b"\xce" * 32)
WORKERS = 2


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Made]:
    """A directory with a mesh key and a certificate that both relays show."""
    place, made = tmp_path_factory.mktemp("region"), make_certificate(ips=["127.0.0.1"])
    (place / "relay.crt").write_bytes(made.pem)
    (place / "relay.key").write_bytes(made.key_pem)
    (place / "mesh.key").write_text(MESH_KEY.to_text() + "\n")
    for secret in ("relay.key", "mesh.key"):
        (place / secret).chmod(0o600)
    return place, made


def node(made: tuple[Path, Made], port: int, other: int, *options: str) -> RelayProcess:
    """A relay on that port, whose one peer is on the `other`."""
    place, certificate = made
    files = "--cert", str(place / "relay.crt"), "--key", str(place / "relay.key")
    peer = f"127.0.0.1:{other}?cert={certificate.pin}"
    mesh = "--mesh-key-file", str(place / "mesh.key"), "--mesh-with", peer
    return RelayProcess("--listen", f"127.0.0.1:{port}", *files, *mesh, "--store", "off", *options, program=PROGRAM)


@pytest.fixture(name="pair")
def _pair(made: tuple[Path, Made]) -> Iterator[tuple[RelayProcess, RelayProcess, ExitStack]]:
    """Two relays that know each other, the first one with workers; and the stack that ends the second one."""
    port = free_ports(2)
    several, one = node(made, port, port + 1, "--workers", str(WORKERS)), node(made, port + 1, port)
    with several, ExitStack() as stack:
        yield several, stack.enter_context(one), stack


def mesh(relay: RelayProcess) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(relay.get("/api/v1/mesh"))
    return answer


def peer(relay: RelayProcess) -> dict[str, Any]:
    """The one peer that is named, once the relay's workers have told of it."""

    def named() -> list[dict[str, Any]]:
        return [one for one in mesh(relay)["peers"] if one["links"]]

    (only,) = until(named, "there is a peer", relay.log)
    return only


class Numbers:
    """The metrics of a relay, as they are now: one look for all of a moment, for there are new ones once a second."""

    def __init__(self, relay: RelayProcess) -> None:
        self._samples = relay.metrics()

    def labelled(self, metric: str) -> dict[str, float]:
        """The samples of a metric, by their labels as they are written."""
        found = ((re.fullmatch(rf"{metric}({{.*}})?", sample), value) for sample, value in self._samples.items())
        return {match[1] or "": value for match, value in found if match is not None}

    def __getitem__(self, metric: str) -> float:
        """A metric, summed over its labels; 0 while there is no sample of it."""
        return sum(self.labelled(metric).values())


def test_a_link_that_is_up_and_then_down(
    pair: tuple[RelayProcess, RelayProcess, ExitStack], made: tuple[Path, Made]
) -> None:
    """API and metrics tell of a peer, of all workers together; counters outlive links and workers."""
    several, one, stack = pair
    both_ways = "both relays have links"
    until(lambda: peer(several)["links_up"] == WORKERS and peer(several)["dials_since"], both_ways, several.log)
    until(lambda: peer(one)["state"] == "up" and peer(one)["dials_since"], both_ways, one.log)
    seen = peer(several)
    assert (seen["state"], seen["links"], seen["reason"]) == ("up", WORKERS, "")
    assert (seen["name"], seen["address"]) == (f"127.0.0.1:{one.port}", "127.0.0.1")
    own_keys = [json.loads(relay.get("/api/v1/overview"))["relay"]["public_key"] for relay in (several, one)]
    assert [seen["key"], peer(one)["key"]] == own_keys[::-1]
    assert own_keys[0] in seen["linked_from"]
    for numbers in (Numbers(several), Numbers(one)):
        assert numbers.labelled("tailhub_mesh_peers") == {"": 1.0}
        assert numbers["tailhub_duplicate_connections"] == 0

    async def talk() -> None:
        pin = made[1].pin
        mesh_key = {"mesh_key": MESH_KEY, "is_prober": True}
        async with await Client.connect("127.0.0.1", one.port, cert_name=pin, **mesh_key) as check:
            await check.watch_conns()
            await check.ping()
            assert one.metric("tailhub_mesh_peers") == 1  # a check is no relay
        a = await Client.connect("127.0.0.1", several.port, cert_name=pin)
        b = await Client.connect("127.0.0.1", one.port, cert_name=pin)
        async with a, b:
            packet = None
            while packet is None:  # until the link has told where that client is
                await a.send(b.public_key, b"over the mesh")
                packet = await answered(b)
            assert packet == ReceivedPacket(a.public_key, b"over the mesh")
            until(lambda: peer(several)["keys"] == 1, "the client there is counted", several.log)
            numbers = Numbers(several)
            assert numbers["tailhub_remote_clients"] == numbers["tailhub_mesh_remote_keys"] == 1

    run(talk())
    named = f"127.0.0.1:{one.port}"
    label = f'{{peer="{named}"}}'
    numbers = Numbers(several)
    forwarded = numbers["tailhub_packets_forwarded_out_total"]
    assert forwarded >= 1
    assert numbers.labelled("tailhub_mesh_forwarded_packets_total") == {label: forwarded}
    assert numbers.labelled("tailhub_mesh_forwarded_bytes_total") == {label: forwarded * len(b"over the mesh")}
    assert numbers["tailhub_packets_between_workers_total"] == 0
    assert one.metric("tailhub_packets_forwarded_in_total") == forwarded
    assert numbers.labelled("tailhub_mesh_link_up") == {label: 1.0}
    assert numbers.labelled("tailhub_mesh_link_connects_total") == {label: WORKERS}
    assert mesh(several)["troubles"] == []

    for process in psutil.Process(several.pid).children():
        if Path(f"/proc/{process.pid}/comm").read_text().startswith("tailhub-w"):
            process.kill()
    until(lambda: several.metric("tailhub_worker_restarts_total") == WORKERS, "workers are there again", several.log)
    until(lambda: peer(several)["links_up"] == WORKERS, "so are their links", several.log)
    numbers = Numbers(several)
    assert numbers.labelled("tailhub_mesh_forwarded_packets_total") == {label: forwarded}
    assert numbers["tailhub_packets_forwarded_out_total"] == forwarded

    until(lambda: mesh(several)["troubles"] == [], "nothing is wrong any more", several.log)
    stack.close()
    until(lambda: peer(several)["links_up"] == 0 and not peer(several)["dials_since"], "it has gone", several.log)
    down = until(lambda: [one for one in mesh(several)["troubles"] if one["code"] == "TH550"], "told", several.log)
    assert down[0]["peer"] == named
    assert down[0]["texts"]["zh"]["what"]
    checkup = json.loads(several.get("/api/v1/checkup"))["mesh"]
    assert "TH550" in [one["code"] for one in checkup["troubles"]]
    gone = peer(several)
    assert (gone["links_up"], gone["dials_since"], gone["keys"]) == (0, None, 0)
    assert gone["state"] in ("waiting", "connecting")
    numbers = Numbers(several)
    assert numbers.labelled("tailhub_mesh_link_up") == {label: 0.0}
    assert numbers.labelled("tailhub_mesh_forwarded_packets_total") == {label: forwarded}
    assert numbers["tailhub_remote_clients"] == 0
    assert json.loads(several.get("/api/v1/overview"))["state"] == "ready"  # a mesh half up keeps no client away
    assert several.get("/readyz").strip() == b"ok"


async def answered(client: Client) -> object | None:
    """The next packet, if one comes soon."""
    try:
        async with asyncio.timeout(0.5):
            while True:
                message = await client.recv()
                if isinstance(message, ReceivedPacket):
                    return message
    except TimeoutError:
        return None
