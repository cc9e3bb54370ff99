"""The how-to page on changing the pin, followed step by step while two real ``tailscaled`` talk through the relay.

The relay is a service of a real systemd, as on the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import require
from support.how_to import PAGES, blocks
from support.relay_process import until
from support.systemd_machine import SystemdMachine
from support.tailnet import RELAY_IP, Tailnet

pytestmark = pytest.mark.go

LONGEST_OUTAGE_S = 2.0  # what is promised, on a machine that is not busy with other work
JOIN_LIMIT_S = 60.0
OLD_PORT, NEW_PORT = 8443, 8444
CONFIG = "/etc/tailhub/tailhub.toml"
SETTINGS = f'address = ["{RELAY_IP}"]\ndiscover = false\n'  # that are there already
_PIN = re.compile(r"sha256-raw:[0-9a-f]{64}")
_SERVED = re.compile(r"^  Pin +(\S+)$.*?^  Served on +TCP (\d+)", re.MULTILINE | re.DOTALL)


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Tailnet]:
    directory = tmp_path / "tailnet"
    directory.mkdir()
    with Tailnet(directory) as made:
        yield made


@pytest.fixture
def machine(net: Tailnet) -> Iterator[SystemdMachine]:
    """A machine with what the page's commands begin with, and with the service."""
    with require.systemd_machine(net.relay) as made:
        made.add_commands()
        made.script("mkdir /etc/tailhub")
        made.write(CONFIG, SETTINGS)
        made.script("tailhub service install")
        yield made


def clients(net: Tailnet) -> tuple[int, int]:
    """How many connections clients have to the relay's old port and to its new one."""
    shown = [net.on_relay("ss", "-Htn", "state", "established", f"sport = :{port}") for port in (OLD_PORT, NEW_PORT)]
    return len(shown[0].splitlines()), len(shown[1].splitlines())


@pytest.mark.parametrize("looks_again", [True, False], ids=["headscale-looks-again", "headscale-restarts"])
def test_a_pin_is_changed_while_clients_talk(net: Tailnet, machine: SystemdMachine, looks_again: bool) -> None:
    """By the page's own steps a pin is changed, and pings between two clients are never unanswered for over 2 s."""
    before = machine.script("sudo tailhub derpmap --yaml")
    net.write_map(before)
    net.start_headscale(looks_again=looks_again)
    net.join()
    with net.pings() as pings:
        until(lambda: pings.answered_at, "a first answer through the relay", net.log, JOIN_LIMIT_S)
        assert clients(net) == (2, 0)
        for block in blocks(PAGES / "changing.md", "The pin"):
            if block.file:
                machine.write(block.file, SETTINGS + block.text)
                continue
            shown = machine.script(block.text)
            pings.wait_for_more(10, net.log)
            if "tailhub cert show" in block.text:  # and now the map, as the page says
                served = {int(port): pin for pin, port in _SERVED.findall(shown)}
                assert _PIN.findall(before) == [served[OLD_PORT]]
                after = before.replace(served[OLD_PORT], served[NEW_PORT])
                net.write_map(after.replace(f"derpport: {OLD_PORT}", f"derpport: {NEW_PORT}"))
                if not looks_again:
                    net.start_headscale(looks_again=False)
                until(lambda: clients(net) == (0, 2), "both clients have gone over", net.log, JOIN_LIMIT_S)
        assert clients(net) == (0, 2)
        silence_s = pings.longest_silence_s
        assert all(direct == "" for direct, _ in (*net.ways(0), *net.ways(1)))
    assert served[NEW_PORT] in machine.script("sudo tailhub derpmap")
    assert silence_s <= LONGEST_OUTAGE_S, net.log()
