"""``tailhub netcheck`` beside ``tailscale netcheck`` and a real client's choice, in the rig's networks.

| network | what is real | what stands in |
| --- | --- | --- |
| A: one segment; B: the relay alone; C: a NAT; D: a NAT with random ports | tailscaled, headscale, the kernel's NAT | the far region: the same relay behind another address, whose STUN answers 40 ms late |
| STUN blocked | the kernel drops UDP | nothing; one region |
| the original's relay | derper | as above |
"""  # noqa: E501 (a table)

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from interop.test_rig_go import RELAY, find_rig
from support import require
from support.relay_process import until
from support.two_regions import FAR_IP, FAR_STUN

pytestmark = pytest.mark.go

DERPER = (
    "{BIN}/derper -a {IP}:{PORT} -stun-port {STUN} -http-port -1 -certmode manual -certdir {DIR} -hostname {HOST}"
    " -c {DIR}/derper.key"
)
NEAR, FAR = 900, 901
LIMIT_S = 60.0


def load_rig() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tailnet_rig", find_rig())
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["tailnet_rig"] = module
    spec.loader.exec_module(module)
    return module


class Node:
    """A client in the rig, and what both programs say there."""

    def __init__(self, net: Any, map_file: Path) -> None:
        self._net = net
        self._map = map_file

    def original(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self._net.ts(1, "netcheck", "--format=json", timeout=LIMIT_S))
        return report

    def ours(self, form: str, *words: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "tailhub", "netcheck", "--map", self._map, form, *words]
        done = self._net.ns.run("n1", command, timeout=LIMIT_S, check=False)
        assert done.stdout, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    @property
    def home(self) -> str:
        """The code of the region that the client has made its home."""
        return str(self._net.status(1)["Self"]["Relay"])


@contextmanager
def client(
    directory: Path,
    variant: str,
    relay: str,
    *,
    block_stun: bool = False,
    near: dict[str, Any] | None = None,
    far: dict[str, Any] | None = None,
) -> Iterator[Node]:
    """`near`, `far`: more fields of these regions."""
    rig = load_rig()
    require.root("the rig")
    require.openssl()
    if (variant in "CD" or block_stun) and shutil.which("nft") is None:
        require.missing("netns", "nft (Debian: nftables) is not in PATH, which the rig's NATs are made with")
    programs = directory / "bin"
    programs.mkdir()
    for name in ("headscale", "tailscaled", "tailscale", "derper"):
        (programs / name).symlink_to(require.go_program(name))
    with rig.Tailnet(programs, relay, variant=variant, nodes=1, port=8443, block_stun=block_stun) as net:
        device = "lo" if variant == "B" else "eth0"
        net.ns.ip("relay", "address", "add", f"{FAR_IP}/32", "dev", device)
        net.write_map = lambda region: write_map(net, {**region, **(near or {})}, None if block_stun else far or {})
        far_stun = subprocess.Popen(net.ns.argv("relay", [sys.executable, "-c", FAR_STUN]), stdin=subprocess.DEVNULL)
        try:
            net.start_relay()
            net.start_headscale()
            net.start_node(1)
            net.login_node(1)
            map_file = directory / "map.json"
            map_file.write_text(net.ts(1, "debug", "derp-map"))
            node = Node(net, map_file)
            until(lambda: node.home, "the client has a home", net.node[1].tail)
            yield node
        finally:
            far_stun.terminate()
            far_stun.wait()


def write_map(net: Any, near: dict[str, Any], far: dict[str, Any] | None) -> None:
    """`far`: more fields of that region; None: there is none."""
    regions = {NEAR: near}
    if far is not None:
        node = {**near["Nodes"][0], "Name": f"{FAR}a", "RegionID": FAR, "IPv4": FAR_IP}
        regions[FAR] = {"RegionID": FAR, "RegionCode": "far", "RegionName": "Far", "Nodes": [node], **far}

    def lower(value: Any) -> Any:
        if isinstance(value, dict):
            return {key.lower() if isinstance(key, str) else key: lower(item) for key, item in value.items()}
        return [lower(item) for item in value] if isinstance(value, list) else value

    (net.dir / "derp.yaml").write_text(yaml.safe_dump(lower({"Regions": regions})))


def shape(value: Any) -> Any:
    """Keys and types, all the way down; what is counted or measured for addresses is one kind."""
    if isinstance(value, dict):
        return {key if not key[:1].isdigit() and key[:1] != "[" else "*": shape(item) for key, item in value.items()}
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


@pytest.mark.parametrize(
    ("variant", "relay", "nat"),
    [
        pytest.param("A", RELAY, "none", id="one-segment"),
        pytest.param("B", RELAY, "none", id="only-the-relay"),
        pytest.param("C", RELAY, "endpoint_independent", id="nats"),
        pytest.param("D", RELAY, "endpoint_dependent", id="hard-nats"),
        pytest.param("B", DERPER, "none", id="derper"),
    ],
)
def test_the_choice_is_the_clients(variant: str, relay: str, nat: str, tmp_path: Path) -> None:
    """Ours chooses what the original's netcheck and the client choose, and reports the same in the same shape."""
    with client(tmp_path, variant, relay) as node:
        theirs, ours, full = node.original(), node.ours("--json"), node.ours("--json-full")
        assert node.home == "rig"
    assert full["choice"]["region"] == ours["PreferredDERP"] == theirs["PreferredDERP"] == NEAR
    for name in ("UDP", "IPv4", "IPv6", "IPv4CanSend", "IPv6CanSend", "OSHasIPv6", "MappingVariesByDestIP"):
        assert ours[name] == theirs[name], name
    assert ours["GlobalV4"].rpartition(":")[0] == theirs["GlobalV4"].rpartition(":")[0]
    unchecked = {"UPnP", "PMP", "PCP", "CaptivePortal"}
    assert list(ours) == list(theirs)
    assert shape({name: ours[name] for name in ours if name not in unchecked}) == shape(
        {name: theirs[name] for name in theirs if name not in unchecked}
    )
    for name in unchecked:
        assert isinstance(ours[name], bool | None), name
        assert isinstance(theirs[name], bool | None), name
    for region in ("900", "901"):
        assert ours["RegionLatency"][region] < 40_000_000 + theirs["RegionLatency"][region]
    assert ours["RegionLatency"]["901"] > 40_000_000
    assert full["nat"]["kind"] == nat
    assert [one["code"] for one in full["findings"]] == (["TH513"] if nat == "endpoint_dependent" else [])
    near, far = full["relays"]
    assert near["trouble"] is None
    assert near["ping_ns"] > 0
    assert (far["trouble"]["step"], far["trouble"]["kind"]) == ("tcp", "refused")  # its relay is not there


@pytest.mark.parametrize("relay", [RELAY, DERPER], ids=["tailhub", "derper"])
def test_stun_is_blocked(relay: str, tmp_path: Path) -> None:
    """Without UDP both choose by other means, and ours says so."""
    with client(tmp_path, "B", relay, block_stun=True) as node:
        theirs, ours, full = node.original(), node.ours("--json"), node.ours("--json-full")
        assert node.home == "rig"
    assert ours["PreferredDERP"] == theirs["PreferredDERP"] == NEAR
    assert (ours["UDP"], theirs["UDP"]) == (False, False)
    assert list(ours["RegionLatency"]) == list(theirs["RegionLatency"]) == [str(NEAR)]
    assert (ours["ICMPv4"], theirs["ICMPv4"]) == (True, True)
    assert (ours["GlobalV4"], ours["GlobalV4Counters"]) == (theirs["GlobalV4"], theirs["GlobalV4Counters"])
    assert [one["code"] for one in full["findings"]] == ["TH514"]


@pytest.mark.parametrize(
    ("fields", "chosen"), [({"Avoid": True}, NEAR), ({"NoMeasureNoHome": True}, FAR)], ids=["Avoid", "NoMeasureNoHome"]
)
def test_regions_that_are_not_to_be_home(fields: dict[str, Any], chosen: int, tmp_path: Path) -> None:
    """At a first check clients choose a region that says Avoid, and none that says NoMeasureNoHome."""
    with client(tmp_path, "B", RELAY, near=fields) as node:
        theirs, full = node.original(), node.ours("--json-full")
        assert node.home == {NEAR: "rig", FAR: "far"}[chosen]
    assert full["choice"]["region"] == theirs["PreferredDERP"] == chosen
    assert list(full["report"]["RegionLatency"]) == list(theirs["RegionLatency"])
    assert any("Avoid" in note for note in full["choice"]["notes"]) == ("Avoid" in fields)


@pytest.mark.parametrize(
    ("fields", "chosen"), [({"Avoid": True}, NEAR), ({"NoMeasureNoHome": True}, 0)], ids=["Avoid", "NoMeasureNoHome"]
)
def test_no_region_is_to_be_home(fields: dict[str, Any], chosen: int, tmp_path: Path) -> None:
    """With Avoid all over clients choose as without; with NoMeasureNoHome they measure none, and take any (TH489)."""
    with client(tmp_path, "B", RELAY, near=fields, far=fields) as node:
        theirs, ours = node.original(), node.ours("--json")
        assert node.home in (["rig"] if chosen else ["rig", "far"])
    assert ours["PreferredDERP"] == theirs["PreferredDERP"] == chosen
    assert list(ours["RegionLatency"] or []) == list(theirs["RegionLatency"] or [])
