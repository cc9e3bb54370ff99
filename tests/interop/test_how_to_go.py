"""The commands of the how-to pages that need a tailnet: run as they stand, with Headscale and a real tailscaled."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import require
from support.headscale import running_headscale
from support.how_to import Machine, blocks_for
from support.ports import free_ports
from support.relay_process import get_page, until
from support.tailcat import Tailcat
from support.tailscaled import Tailscaled

pytestmark = pytest.mark.go

LIMIT_S = 30.0
URL = "https://headscale.example.com"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine that is known by loopback."""
    made = Machine(tmp_path / "machine")
    made.environ |= {"TAILHUB_ADDRESS": "127.0.0.1", "TAILHUB_ADMIN_LISTEN": f"127.0.0.1:{free_ports()}"}
    yield made
    made.stop()


@pytest.fixture
def tailscaled(tmp_path: Path) -> Iterator[Tailscaled]:
    """One that runs, in no tailnet as yet."""
    daemon = Tailscaled(tmp_path)
    daemon.start()
    yield daemon
    daemon.stop()


@pytest.mark.parametrize("way", [0, 1, 2], ids=["tailscaled", "headscale-api", "headscale-verify"])
def test_who_may_relay(way: int, machine: Machine, tailscaled: Tailscaled, tmp_path: Path) -> None:
    """The page's check finds who is to be asked, and its relay lets in a node of the tailnet and refuses a stranger.

    Theirs are another socket than the usual one and another URL than the page's.
    """
    commands = blocks_for(__file__, "who-may-relay.md")
    assert [URL in one for one in commands] == [False, True, True]
    machine.run("tailhub relay")  # for its map
    map_url = f"http://{machine.environ['TAILHUB_ADMIN_LISTEN']}/derpmap.json"
    log = (machine.directory / "log").read_text
    with running_headscale(tmp_path, free_ports(), [f"{map_url}?view=public"]) as headscale:
        tailscaled.join(headscale)
        if way == 0:
            machine.environ["TAILHUB_VERIFY_SOCKET"] = str(tailscaled.socket)
        headscale.write_command(machine.directory / "bin" / "headscale")
        machine.meant = {URL: headscale.url}
        machine.run(commands[way])

        def clients() -> int:
            _, page = get_page(machine.state, "/metrics")
            return int(float(re.findall(r"^tailhub_clients (\S+)$", page.decode(), re.MULTILINE)[0]))

        until(lambda: clients() == 1, "the node logs in", log, LIMIT_S)
        with Tailcat(require.tailcat(), map_url, tmp_path).listen():
            until(lambda: "  refused [" in log(), "the stranger is refused", log, LIMIT_S)
        assert clients() == 1
