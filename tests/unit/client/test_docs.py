from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from support.certificates import Made, make_certificate, make_meta_certificate, server_context
from support.logins import SERVER_KEY
from support.scripted_relay import routing_script, run, scripted_relay

PAGE = Path(__file__).parents[3] / "docs" / "client.md"
LEAF: Made = make_certificate()


def example(containing: str) -> dict[str, Any]:
    """The names that the example defines."""
    [code] = [code for code in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S) if containing in code]
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(code, str(PAGE), "exec"), names)
    return names


def test_the_first_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """The example of one connection prints what it received and the round trip."""
    main = example("async def main")["main"]

    async def with_relay() -> None:
        context = server_context(LEAF, make_meta_certificate(SERVER_KEY))
        async with scripted_relay(routing_script(), context) as port:
            await main("127.0.0.1", port, LEAF.pin)

    run(with_relay())
    assert re.fullmatch(r"hello \d+\.\d ms to the relay\n", capsys.readouterr().out)


def test_the_region_example_runs() -> None:
    """The example of a region returns the packet that it sent to itself, past a node that is not there."""
    listen = example("async def listen")["listen"]

    async def with_relay() -> None:
        async with scripted_relay(routing_script(), server_context(LEAF)) as port:
            nodes = [
                {"Name": "900a", "RegionID": 900, "HostName": "127.0.0.1", "DERPPort": 1},
                {"Name": "900b", "RegionID": 900, "HostName": "127.0.0.1", "DERPPort": port, "CertName": LEAF.pin},
            ]
            derp_map = {"Regions": {"900": {"RegionID": 900, "Nodes": nodes}}}
            assert await listen(json.dumps(derp_map).encode()) == b"a packet to myself"

    run(with_relay())


def test_every_public_name_is_on_the_page() -> None:
    """The page names each message and class that `tailhub.client` exports."""
    import tailhub.client

    text = PAGE.read_text("utf-8")
    missing = {name for name in tailhub.client.__all__ if name not in text}
    assert missing <= {"Message", "PeerGoneReason", "PresenceFlag"}
