"""Real ``tailscaled`` and a relay that ends and is started again: what their users read, and when they are back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import require
from support.relay_process import RelayProcess, until
from support.systemd_machine import SystemdMachine
from support.tailnet import RELAY_IP, Tailnet
from tailhub.server.draining import TEXT

pytestmark = pytest.mark.go

BACK_WITHIN_S = 5.0  # of the new listener: what is promised
JOIN_LIMIT_S = 60.0
COMMAND_LIMIT_S = 60.0
CONFIG = "/etc/tailhub/tailhub.toml"
NOTICE = "Maintenance on Sunday, 10:00 UTC"


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Tailnet]:
    directory = tmp_path / "tailnet"
    directory.mkdir()
    with Tailnet(directory) as made:
        yield made


def health(net: Tailnet, number: int) -> str:
    """What a node complains about."""
    return " ".join(json.loads(net.tailscale(number, "status", "--json"))["Health"] or [])


def test_a_service_that_is_restarted(net: Tailnet) -> None:
    """Over a restart of the service, whose sockets systemd keeps, pings between two clients are unanswered for less
    than 5 s, and no client is refused a connection.
    """
    with require.systemd_machine(net.relay) as machine:
        machine.add_commands()
        machine.script("mkdir /etc/tailhub")
        machine.write(CONFIG, f'address = ["{RELAY_IP}"]\ndiscover = false\n')
        machine.script("tailhub service install")
        join(net, machine.script("tailhub derpmap --yaml"))
        with net.pings() as pings:
            until(lambda: pings.answered_at, "a first answer through the relay", net.log, JOIN_LIMIT_S)
            for _ in range(3):
                pings.wait_for_more(20, net.log)
                machine.script("systemctl restart tailhub")
            pings.wait_for_more(20, net.log)
            assert pings.longest_silence_s < BACK_WITHIN_S
        assert "connection refused" not in net.log()
        read_notice(net, machine)


def read_notice(net: Tailnet, machine: SystemdMachine) -> None:
    """A notice stands in `tailscale status` of each client, and goes when it is taken back."""
    machine.script(f"tailhub notice '{NOTICE}'")
    for number in range(2):
        until(lambda number=number: NOTICE in health(net, number), "the notice is read", net.log)  # type: ignore[misc]
        assert NOTICE in net.tailscale(number, "status")
    machine.script("tailhub notice --clear")
    for number in range(2):
        until(lambda number=number: NOTICE not in health(net, number), "it is gone", net.log)  # type: ignore[misc]


def join(net: Tailnet, yaml: str) -> None:
    net.write_map(yaml)
    net.start_headscale(looks_again=False)
    net.join()


@pytest.mark.parametrize("workers", ["1", "2"], ids=["one-process", "two-workers"])
def test_a_drain_and_a_start_without_kept_sockets(net: Tailnet, tmp_path: Path, workers: str) -> None:
    """In a drain of 30 s users read that the relay restarts; however early a client was closed, it is back within 5 s
    of the next listener, though nobody has kept the socket for it.
    """
    words = ("--no-discover", "--listen", f"{RELAY_IP}:8443", "--address", RELAY_IP, "--admin-listen", "off")
    state = tmp_path / "state"

    def relay() -> RelayProcess:
        return RelayProcess("--workers", workers, defaults=words, prefix=net.relay.prefix, state_dir=state)

    def tailhub(*words: str) -> str:
        command = [sys.executable, "-m", "tailhub", *words, "--state-dir", str(state), "--lang", "en"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=COMMAND_LIMIT_S)
        assert done.returncode == 0, done
        return done.stdout

    with relay() as before:
        join(net, tailhub("derpmap", "--yaml"))
        until(lambda: before.metric("tailhub_home_connections") == 2, "both are here", net.log, JOIN_LIMIT_S)
        draining = subprocess.Popen(
            [sys.executable, "-m", "tailhub", "drain", "--over", "30s", "--state-dir", str(state)],
            stdout=subprocess.DEVNULL,
        )
        until(lambda: TEXT in health(net, 0) + health(net, 1), "users read it", net.log)
        assert draining.wait(COMMAND_LIMIT_S) == 0
        assert before.wait() == 0
    with relay() as after:
        until(lambda: after.metric("tailhub_home_connections") == 2, "both are back", net.log, BACK_WITHIN_S)
        with net.pings() as pings:
            pings.wait_for_more(20, net.log)
