"""``tailhub service`` with a real systemd."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import require
from support.how_to import blocks_for
from support.systemd_machine import PYTHON, THEIRS, SystemdMachine
from support.wheels import UNABLE_TO_SERVE, make_wheel

STATE = "/var/lib/tailhub"


@pytest.fixture
def machine() -> Iterator[SystemdMachine]:
    with require.systemd_machine() as made:
        yield made


def pin(machine: SystemdMachine) -> str:
    """The pin in the map that the running service prints."""
    shown = machine.tailhub("derpmap", "--json")
    assert shown.returncode == 0, shown.stderr
    (region,) = json.loads(shown.stdout)["Regions"].values()
    return str(region["Nodes"][0]["CertName"])


def configure(machine: SystemdMachine, text: str) -> None:
    """Write the configuration before anything is installed."""
    made = machine.run("sh", "-c", f"mkdir -p /etc/tailhub && cat > /etc/tailhub/tailhub.toml <<'END'\n{text}\nEND")
    assert made.returncode == 0, made.stderr


def found_by_doctor(machine: SystemdMachine) -> tuple[set[str], dict[str, tuple[str, str | None]]]:
    """The codes that the check there finds, and how its steps end. That this machine is a container is no matter."""
    done = machine.tailhub("doctor", "--local", "--json")
    assert done.stdout, done.stderr
    (report,) = json.loads(done.stdout)["reports"]
    codes = {finding["code"] for finding in report["findings"]}
    steps = {step["name"]: (step["outcome"], step["code"]) for step in report["steps"]}
    return codes - {"TH043", "TH422"}, steps


def test_a_service_is_installed_survives_a_restart_and_goes(machine: SystemdMachine) -> None:
    """Installing makes user, unit and state; a restart keeps the pin; uninstalling leaves the state."""
    configure(machine, 'listen = ":443"\naddress = ["192.0.2.1"]\ndiscover = false')
    done = machine.tailhub("service", "install")
    assert done.returncode == 0, done.stderr
    assert machine.run("systemctl", "is-active", "tailhub").stdout.strip() == "active"
    assert machine.run("stat", "-c", "%U %a", STATE).stdout.strip() == "tailhub 700"
    assert machine.run("ps", "-o", "user=", "-C", "python").stdout.split()[0] == "tailhub"
    before = pin(machine)
    assert machine.run("systemctl", "restart", "tailhub").returncode == 0
    assert pin(machine) == before
    status = machine.tailhub("service", "status")
    assert (status.returncode, "running" in status.stdout) == (0, True)
    codes, steps = found_by_doctor(machine)  # it is about the service, whoever asks
    assert (codes, steps["service"], steps["listen"]) == (set(), ("ok", None), ("ok", None))
    assert machine.tailhub("service", "upgrade").returncode == 0
    assert pin(machine) == before
    assert machine.tailhub("service", "uninstall").returncode == 0
    assert machine.tailhub("service", "status").returncode != 0
    assert machine.run("test", "-f", f"{STATE}/pinned.key").returncode == 0


# Restarts the service, prints how many connections were taken and how many refused meanwhile.
RESTART = """
import socket, subprocess
taken = refused = 0
restart = subprocess.Popen(["systemctl", "restart", "tailhub"])
while restart.poll() is None:
    try:
        socket.create_connection(("127.0.0.1", 443), 30).close()
        taken += 1
    except ConnectionRefusedError:
        refused += 1
print(restart.returncode, taken > 0, refused)
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_restart_refuses_nobody(machine: SystemdMachine, workers: int) -> None:
    """Systemd keeps the listening sockets over a restart, until the configuration names them no more."""
    common = f'address = ["192.0.2.1"]\ndiscover = false\nworkers = {workers}'
    configure(machine, f'{common}\n[[listen]]\nlisten = ":443"\n[[listen]]\nlisten = ":444"')
    assert machine.tailhub("service", "install").returncode == 0
    for _ in range(2):
        shown = machine.run(PYTHON, "-c", RESTART)
        assert shown.stdout.split() == ["0", "True", "0"], shown
    configure(machine, f'{common}\nlisten = ":443"')
    assert machine.run(PYTHON, "-c", RESTART).stdout.split() == ["0", "True", "0"]
    listening = machine.run("ss", "-Hltn").stdout
    assert (":443 " in listening, ":444 " in listening) == (True, False)
    configure(machine, f'{common}\nlisten = "127.0.0.1:443"')  # which nobody can bind while all addresses are
    restarted = machine.run("systemctl", "restart", "tailhub")
    assert restarted.returncode == 0, machine.run("journalctl", "-u", "tailhub").stdout
    places = {line.split()[3] for line in machine.run("ss", "-Hltn", "sport = :443").stdout.splitlines()}
    assert places == {"127.0.0.1:443"}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_reload(machine: SystemdMachine, workers: int) -> None:
    """``systemctl reload`` has the service go by its file, or fails and changes nothing; new sockets are kept."""
    configure(machine, f'listen = ":443"\ndiscover = false\nworkers = {workers}')
    assert machine.tailhub("service", "install").returncode == 0

    def shown(name: str) -> str:
        return machine.run("systemctl", "show", "tailhub", "--value", f"--property={name}").stdout.strip()

    process, store = shown("MainPID"), shown("NFileDescriptorStore")
    configure(machine, f'listen = ":8443"\ndiscover = false\nworkers = {workers}\nquota_day = 77')
    assert machine.run("systemctl", "reload", "tailhub").returncode != 0
    configure(machine, f'listen = ":8443"\nhttp_listen = ":80"\ndiscover = false\nworkers = {workers}')
    done = machine.run("systemctl", "reload", "tailhub")
    assert done.returncode == 0, done.stderr
    assert (shown("MainPID"), shown("NFileDescriptorStore"), shown("ActiveState")) == (process, store, "active")
    listening = machine.run("ss", "-Hltn").stdout
    assert (":8443 " in listening, ":80 " in listening, ":443 " in listening) == (True, True, False)
    assert machine.run("systemctl", "restart", "tailhub").returncode == 0
    assert machine.run("kill", "-HUP", shown("MainPID")).returncode == 0
    assert machine.run("systemctl", "is-active", "tailhub").stdout.strip() in ("active", "reloading")
    assert machine.tailhub("reload").returncode == 0


def test_the_unit_is_sound(machine: SystemdMachine) -> None:
    """Systemd finds nothing to complain about in the unit, and rates its exposure as low."""
    configure(machine, "discover = false")
    assert machine.tailhub("service", "install").returncode == 0
    verified = machine.run("systemd-analyze", "verify", "/etc/systemd/system/tailhub.service")
    assert (verified.returncode, "tailhub.service" in verified.stderr) == (0, False)
    rated = machine.run("systemd-analyze", "security", "--no-pager", "--threshold=30", "tailhub.service")
    assert rated.returncode == 0, rated.stdout


def test_state_of_a_trial_run_moves_in(machine: SystemdMachine) -> None:
    """State that root made by hand becomes the service's: the same pin, modes kept, the old place renamed."""
    configure(machine, 'listen = ":443"\naddress = ["192.0.2.1"]\ndiscover = false')
    script = (
        f"HOME=/home/old XDG_STATE_HOME=/home/old/state timeout -s TERM 20 {PYTHON} -m tailhub relay --no-discover "
        "--address 192.0.2.1 --state-dir /root/.local/state/tailhub >/dev/null & "
        f"for i in $(seq 100); do {PYTHON} -m tailhub derpmap --json --state-dir /root/.local/state/tailhub && break; "
        "done; kill %1; wait"
    )
    tried = machine.run("bash", "-c", script)
    (region,) = json.loads(tried.stdout)["Regions"].values()
    assert machine.tailhub("service", "install").returncode == 0
    assert pin(machine) == region["Nodes"][0]["CertName"]
    assert machine.run("stat", "-c", "%U %a", f"{STATE}/pinned.key").stdout.strip() == "tailhub 600"
    assert machine.run("test", "-d", "/root/.local/state/tailhub.moved").returncode == 0


def test_a_user_without_a_group_of_the_same_name(machine: SystemdMachine) -> None:
    """The service runs as a user that is there, with that user's own group, whatever it is called."""
    configure(machine, 'listen = ":443"\naddress = ["192.0.2.1"]\ndiscover = false')
    made = machine.run("useradd", "--system", "--gid", "nogroup", "--no-create-home", "relayer")
    assert made.returncode == 0, made.stderr
    done = machine.tailhub("service", "install", "--user", "relayer")
    assert done.returncode == 0, done.stderr
    assert machine.run("systemctl", "is-active", "tailhub").stdout.strip() == "active"
    assert machine.run("stat", "-c", "%U %G %a", STATE).stdout.strip() == "relayer nogroup 700"


def test_a_service_has_a_configuration_to_begin_with(machine: SystemdMachine) -> None:
    """Without a file it gets the example, which root and the service alone may read: it may come to hold a secret."""
    done = machine.tailhub("service", "install")
    assert done.returncode == 0, done.stderr
    file = "/etc/tailhub/tailhub.toml"
    assert machine.run("stat", "-c", "%U %G %a", file).stdout.strip() == "root tailhub 640"
    assert machine.run("systemctl", "is-active", "tailhub").stdout.strip() == "active"


def test_a_service_that_does_not_come_up_is_told(machine: SystemdMachine) -> None:
    """When the relay cannot start, installing fails with what the relay said; a check names that as the one fault."""
    configure(machine, 'listen = "nonsense"')
    done = machine.tailhub("service", "install")
    assert done.returncode == 1
    assert "nonsense" in done.stderr
    assert "TH154" in done.stderr
    codes, steps = found_by_doctor(machine)
    assert (codes, steps["config"], steps["service"]) == ({"TH033"}, ("fail", "TH033"), ("fail", "TH033"))


OFFLINE = "export PIP_NO_COMPILE=1 PIP_NO_INDEX=1 PIP_FIND_LINKS=/opt/tailhub/wheels\n"


def unit_python(machine: SystemdMachine) -> str:
    return machine.script("sed -n 's/^ExecStart=\\([^ ]*\\).*/\\1/p' /etc/systemd/system/tailhub.service").strip()


def test_an_upgrade_of_the_service_and_one_that_is_taken_back(machine: SystemdMachine, tmp_path: Path) -> None:
    """By the page's commands the service runs with a newer version, under the same pin; with one that does not come up
    as a service it runs with the one before again, and so do the commands.
    """
    (upgrade,) = blocks_for(__file__, "maintenance.md")
    for version, broken in (("1.0", {}), ("1.1", {}), ("2.0", UNABLE_TO_SERVE)):
        make_wheel(tmp_path, version, broken, theirs=THEIRS)
    machine.place(tmp_path, "/opt/tailhub/wheels")
    machine.script("mkdir /opt/tailhub/newer; mv /opt/tailhub/wheels/tailhub-2.0* /opt/tailhub/newer")
    configure(machine, 'listen = ":443"\naddress = ["192.0.2.1"]\ndiscover = false')
    python = Path(sys.executable).resolve().name
    machine.script(
        f"/usr/bin/{python} -m venv /opt/relay\n"
        "/opt/relay/bin/pip install --quiet --no-compile --no-index --find-links /opt/tailhub/wheels tailhub==1.0\n"
        "/opt/relay/bin/tailhub service install"
    )
    before = pin(machine)
    assert unit_python(machine).startswith("/opt/relay/bin/python")
    machine.add_commands()
    machine.write("/usr/bin/tailhub", '#!/bin/sh\nexec /opt/relay/bin/tailhub "$@"\n', "755")
    said = machine.script(OFFLINE + upgrade)
    assert "Restarted" in said
    assert unit_python(machine) == "/opt/relay-1.1/bin/python"
    assert machine.script("tailhub --version").split() == ["tailhub", "1.1"]
    assert machine.script("systemctl is-active tailhub").strip() == "active"
    assert pin(machine) == before
    machine.script("mv /opt/tailhub/newer/* /opt/tailhub/wheels")
    done = machine.run("sh", "-c", f"{OFFLINE} tailhub upgrade")
    assert (done.returncode, "TH368" in done.stderr, "on purpose" in done.stderr) == (1, True, True), done
    assert unit_python(machine) == "/opt/relay-1.1/bin/python"
    assert machine.script("tailhub --version").split() == ["tailhub", "1.1"]
    assert machine.script("systemctl is-active tailhub").strip() == "active"
    assert pin(machine) == before
    assert machine.script("ls -d /opt/relay*").split() == ["/opt/relay", "/opt/relay-1.0", "/opt/relay-1.1"]
