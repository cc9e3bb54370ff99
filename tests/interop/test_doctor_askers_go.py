"""The check on the relay, with a real tailscaled and a real Headscale that are asked, or use the relay themselves.

| fault | how it is produced | code |
| --- | --- | --- |
| 21 tailscaled not connected; away | before it has joined; ended | TH211; TH210 |
| 40 API key expires soon; has expired | Headscale's own keys | TH255; TH251 |
| 41 the machine's own client has the relay as home | two regions, no score | TH455 |
| 41 and does not get there | the map's port is closed, as without a way back in | TH454 |

The rest of 21 and 40 is in ``tests/integration/test_doctor_askers.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from support.headscale import Headscale, running_headscale
from support.ports import free_ports
from support.relay_process import RelayProcess, until
from support.tailscaled import Tailscaled
from tailhub.tools.doctor.local import askers, own_client
from tailhub.tools.doctor.local.context import local_context
from tailhub.tools.report import Judgement

pytestmark = pytest.mark.go

LIMIT_S = 40.0


def codes(judgement: Judgement) -> list[str]:
    return [finding.code for finding in judgement.findings]


def asked(relay: RelayProcess) -> list[str]:
    return codes(asyncio.run(askers.check(local_context(None, relay.state_dir))))


@contextlib.contextmanager
def tailnet(directory: Path, relay: RelayProcess, port: int) -> Iterator[Headscale]:
    """A headscale whose map has the relay, at this TCP port, and a region that nobody answers for."""
    node = {"hostname": "127.0.0.1", "derpport": port, "certname": relay.pin, "stunport": relay.stun_port}
    regions = {
        900: {"regionid": 900, "regioncode": "here", "nodes": [{"name": "900a", "regionid": 900} | node]},
        901: {
            "regionid": 901,
            "regioncode": "far",
            "nodes": [{"name": "901a", "regionid": 901, "hostname": "127.0.0.1", "derpport": free_ports()}],
        },
    }
    file = directory / "derp.yaml"
    file.write_text(yaml.safe_dump({"regions": regions}))
    with running_headscale(directory, free_ports(), paths=[str(file)]) as headscale:
        yield headscale


def test_a_real_tailscaled_that_is_asked(tmp_path: Path) -> None:
    """It is fine while it is connected to its tailnet, and named before and after; its relay is this one, too."""
    daemon = Tailscaled(tmp_path)
    daemon.start()
    try:
        options = ("--address=127.0.0.1", "--verify-tailscaled", f"--verify-socket={daemon.socket}")
        with RelayProcess(*options) as relay, tailnet(tmp_path, relay, relay.port) as headscale:
            assert asked(relay) == ["TH211"]
            daemon.join(headscale)
            until(lambda: "derp-900 connected" in daemon.log(), "it is connected", daemon.log, LIMIT_S)
            assert asked(relay) == []
            mine = asyncio.run(own_client.check(local_context(None, relay.state_dir)))
            assert codes(mine) == ["TH455"]
            daemon.stop()
            assert asked(relay) == ["TH210"]
    finally:
        daemon.stop()


def test_a_client_that_does_not_get_to_its_own_relay(tmp_path: Path) -> None:
    """STUN answers it from nearby, so that the relay is its home; the way there by TCP is closed, and it says so."""
    daemon = Tailscaled(tmp_path)
    daemon.start()
    try:
        options = ("--address=127.0.0.1", "--verify-tailscaled", f"--verify-socket={daemon.socket}")
        with RelayProcess(*options) as relay, tailnet(tmp_path, relay, free_ports()) as headscale:
            daemon.join(headscale)
            until(lambda: "health(warnable=no-derp-connection)" in daemon.log(), "it says so", daemon.log, LIMIT_S)
            mine = asyncio.run(own_client.check(local_context(None, relay.state_dir)))
        assert codes(mine) == ["TH454"]
        assert "relay server" in str(mine.findings[0].values["reason"])
    finally:
        daemon.stop()


def test_a_key_of_headscale_that_ends(tmp_path: Path) -> None:
    """A key that has months is fine; one that has days, and one that has ended, are named."""
    region = {
        "regionid": 900,
        "regioncode": "here",
        "nodes": [{"name": "900a", "regionid": 900, "hostname": "127.0.0.1"}],
    }
    (tmp_path / "derp.yaml").write_text(yaml.safe_dump({"regions": {900: region}}))
    with running_headscale(tmp_path, free_ports(), paths=[str(tmp_path / "derp.yaml")]) as headscale:

        def with_key(key: str) -> list[str]:
            file = tmp_path / "tailhub.toml"
            file.write_text(f'headscale_url = "{headscale.url}"\nheadscale_api_key = "{key}"\n')
            return codes(asyncio.run(askers.check(local_context(str(file), tmp_path / "state"))))

        assert with_key(headscale.make_api_key("90d")) == []
        assert with_key(headscale.make_api_key("5d")) == ["TH255"]
        short = headscale.make_api_key("1s")
        until(lambda: with_key(short) == ["TH251"], "it has ended", headscale.log, LIMIT_S)
