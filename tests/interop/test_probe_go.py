"""The probe against the original relay: what it measures there must be right, too; and a region of both, meshed."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.derper import HOST, Derper, derper, derper_beside
from support.middlebox import late, middlebox
from support.relay_process import RelayProcess
from support.waiting import run
from support.waiting import until as eventually
from tailhub import box
from tailhub.tailcfg.derpmap import DERPNode
from tailhub.tools.probe.paths import Path as ProbePath
from tailhub.tools.probe.run import Probe, ProbeOptions
from tailhub.tools.probe.words import sentence

pytestmark = pytest.mark.go

OPTIONS = ProbeOptions(rate=100, interval_s=0.25, timeout_s=1.0, stun_every_s=0.2)


@pytest.fixture(name="running", scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Derper]:
    with derper(tmp_path_factory.mktemp("derper"), stun=True) as running:
        yield running


def test_loss_delay_and_stun(running: Derper) -> None:
    """Nothing is lost at a healthy derper, by its pin; STUN answers beside it; a flood goes through."""

    async def scenario() -> None:
        node = running.node("1a")
        probe = Probe([ProbePath("derper", node, node)], box.generate(), OPTIONS)
        async with probe.running():
            one = probe.measurement.measured[0]
            await eventually(lambda: one.series.received >= 50 and one.stun.count >= 2)
            await probe.flood(0, 0.3)
        assert (one.series.lost, one.series.missed, one.outages.count, one.stun_lost) == (0, 0, 0, 0)
        assert one.bandwidth is not None
        assert one.bandwidth.received_bytes > 1_000_000
        assert "0 % lost" in sentence(probe.measurement.view(time.monotonic()).paths[0], "en")

    run(scenario)


def test_its_delay(running: Derper) -> None:
    """What a box before derper adds is what the probe says, and no packet is thought lost for it."""

    async def scenario() -> None:
        async with middlebox(running.port, down=late(0.08)) as port:
            node = running.node("1a", port)
            probe = Probe([ProbePath("derper", node, node)], box.generate(), OPTIONS)
            async with probe.running():
                one = probe.measurement.measured[0]
                await eventually(lambda: one.series.received >= 50)
        assert one.series.lost == 0
        assert one.series.histogram.min_s is not None
        assert one.series.histogram.min_s >= 0.079

    run(scenario)


def test_nodes_of_one_region(tmp_path: Path) -> None:
    """From derper to our relay in its region packets go over derper's mesh link, and are measured so."""
    mesh_key_file = tmp_path / "mesh.key"
    mesh_key_file.write_text(secrets.token_hex(32) + "\n")
    mesh_key_file.chmod(0o600)
    options = ("--hostname", "localhost", "--mesh-key-file", str(mesh_key_file))
    with RelayProcess(*options) as relay, derper_beside(relay, mesh_key_file, tmp_path) as beside:
        theirs = beside.node("1a")
        ours = DERPNode(name="1b", host_name=HOST, derp_port=relay.port, insecure_for_tests=True, stun_port=-1)

        async def scenario() -> None:
            probe = Probe([ProbePath("1a>1b", theirs, ours, 1)], box.generate(), OPTIONS)
            async with probe.running():
                one = probe.measurement.measured[0]
                await eventually(lambda: one.series.received >= 20)
            # How soon derper hears who is where is not ours to know: the first ones may be lost.
            assert one.series.lost < 20

        run(scenario)
