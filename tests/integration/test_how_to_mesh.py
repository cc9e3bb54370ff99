"""The commands of the how-to page for a mesh: run as they stand, on two machines with a systemd and a network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from support import require
from support.how_to import PAGES, blocks, blocks_for
from support.relay_process import until
from support.systemd_machine import SystemdMachine

PUBLIC, PRIVATE = ("203.0.113.7", "203.0.113.8"), ("10.0.0.1", "10.0.0.2")
DESCRIPTION = "/srv/region.toml"
WITHOUT_AN_OUTSIDE = "\n[settings]\ndiscover = false\n"


@pytest.fixture
def machines() -> Iterator[list[SystemdMachine]]:
    """Two machines with a cable between them; the first one's root may log in to both by ssh."""
    require.sshd()
    with ExitStack() as stack:
        networks = [stack.enter_context(require.network_namespace()) for _ in PUBLIC]
        networks[0].cable("eth0", networks[1], "eth0")
        for network, addresses in zip(networks, zip(PUBLIC, PRIVATE, strict=True), strict=True):
            for address in addresses:
                network.ip("address", "add", f"{address}/24", "dev", "eth0")
        made = [stack.enter_context(require.systemd_machine(network)) for network in networks]
        for machine in made:
            machine.add_commands()
            machine.script("mkdir -p -m 700 .ssh; ssh-keygen -A; systemctl start ssh")
        made[0].script("ssh-keygen -q -t ed25519 -N '' -f .ssh/id_ed25519")
        made[0].write("/root/.ssh/config", "Host *\nStrictHostKeyChecking accept-new\n", "600")
        for machine in made:
            machine.write("/root/.ssh/authorized_keys", made[0].script("cat .ssh/id_ed25519.pub"), "600")
        yield made


def metric(machine: SystemdMachine, name: str) -> float:
    printed = machine.script("curl -s --unix-socket /var/lib/tailhub/admin.sock http://localhost/metrics")
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", printed, re.MULTILINE))


def test_a_mesh(machines: list[SystemdMachine]) -> None:
    """By the page's commands two machines become a region that is whole, get another key, and are restarted in turn."""
    set_up, check, convert, new_key, old_key, restart = blocks_for(__file__, "mesh.md")
    here = machines[0]
    (description,) = (block.text for block in blocks(PAGES / "mesh.md") if block.file == DESCRIPTION)
    here.write(DESCRIPTION, description + WITHOUT_AN_OUTSIDE)
    here.script(set_up)

    def is_whole() -> bool:
        return here.run("sh", "-c", f"cd /root; {check}").returncode == 0

    def log() -> str:
        return here.run("sh", "-c", check).stdout + "".join(
            machine.script("journalctl -u tailhub") for machine in machines
        )

    until(is_whole, "the region is whole", log)
    for text in PUBLIC:
        assert here.script(convert).count(text) == 4
    connects = [metric(machine, "tailhub_mesh_link_connects_total") for machine in machines]
    old = here.script("cat /srv/region/mesh.key").split()
    here.script(new_key)
    new, kept = here.script("cat /srv/region/mesh.key").split()
    assert [kept] == old
    until(is_whole, "the region is whole with two keys", log)
    here.script(old_key)
    assert here.script("cat /srv/region/mesh.key").split() == [new]
    until(is_whole, "the region is whole with the new key", log)
    assert [metric(machine, "tailhub_mesh_link_connects_total") for machine in machines] > connects
    pids = [machine.script("systemctl show -P MainPID tailhub") for machine in machines]
    assert "ERROR" not in here.script(restart)
    until(is_whole, "the region is whole after the restarts", log)
    for machine, pid in zip(machines, pids, strict=True):
        assert machine.script("systemctl show -P MainPID tailhub") != pid
