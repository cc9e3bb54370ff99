"""The list of a real Headscale's nodes says who may relay: with names, until they are deleted or the key expires."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from support.headscale import Headscale, running_headscale
from support.ports import free_ports
from support.waiting import run, until
from tailhub.findings import Finding
from tailhub.relay.admission import Answer, Verdict
from tailhub.server.config import RelayConfig
from tailhub.server.device_apis import device_verifiers
from tailhub.server.tenant_verifiers import look_at_verifiers

pytestmark = pytest.mark.go

ADDRESS = ip_address("192.0.2.7")
STRANGER = bytes((7,)) * 32
REGION = """
regions:
  900:
    regionid: 900
    regioncode: test
    regionname: Test
    nodes: [{name: 900a, regionid: 900, hostname: 127.0.0.1, derpport: 8443}]
"""


@pytest.fixture
def headscale(tmp_path: Path) -> Iterator[Headscale]:
    """One that runs, with a user."""
    region = tmp_path / "derp.yaml"
    region.write_text(REGION)
    with running_headscale(tmp_path, free_ports(), paths=[str(region)]) as running:
        running.make_key()
        yield running


def probed(headscale: Headscale, key: str) -> list[Finding]:
    config = RelayConfig(headscale_url=headscale.url, headscale_api_key=key)
    return run(lambda: look_at_verifiers(config))[1]


def test_nodes_come_and_go(headscale: Headscale) -> None:
    """A node is admitted with its name and user; one that is deleted or logged out is told of, and refused."""
    config = RelayConfig(headscale_url=headscale.url, headscale_api_key=headscale.make_api_key())
    laptop, phone = headscale.register("laptop"), headscale.register("phone")
    changes: list[Collection[bytes] | None] = []

    async def scenario() -> None:
        (verifier,) = device_verifiers(config, config.place, 5.0)
        verifier.on_change = changes.append
        admitted = await verifier.verify(laptop, ADDRESS)
        assert admitted == Verdict(verifier.name, Answer.ADMITTED, "laptop", owner="somebody")
        assert (await verifier.verify(STRANGER, ADDRESS)).answer is Answer.REFUSED
        assert changes == [{laptop, phone}]
        await asyncio.to_thread(headscale.delete, "laptop")
        await until(lambda: len(changes) == 2)
        assert changes[1] == {laptop}
        assert (await verifier.verify(laptop, ADDRESS)).answer is Answer.REFUSED
        assert (await verifier.verify(phone, ADDRESS)).answer is Answer.ADMITTED
        await asyncio.to_thread(headscale.expire, "phone")
        await until(lambda: len(changes) == 3)
        assert (await verifier.verify(phone, ADDRESS)).answer is Answer.REFUSED
        verifier.stop()

    run(scenario, 60.0)


def test_its_keys(headscale: Headscale) -> None:
    """A good one says nothing; one that ends within 14 days, one that has ended and one that never was are told."""
    assert probed(headscale, headscale.make_api_key("20d")) == []
    (soon,) = probed(headscale, headscale.make_api_key("13d"))
    assert soon.code == "TH255"
    assert "in 12 days" in soon.what()
    short = headscale.make_api_key("1s")

    async def ended() -> None:
        config = RelayConfig(headscale_url=headscale.url, headscale_api_key=short)
        found: list[Finding] = []
        while [finding.code for finding in found] != ["TH251"]:  # a moment is left to it
            found = (await look_at_verifiers(config))[1]

    run(ended)
    (never,) = probed(headscale, "hskey-api-nobody-has-made-it")
    assert never.code == "TH251"
    assert "headscale apikeys create" in never.remedy()
