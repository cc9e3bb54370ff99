"""The commands of the how-to pages that need root: run as they stand, on machines with a systemd and a network."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from support import require
from support.certificates import make_certificate
from support.how_to import PAGES, blocks, blocks_for
from support.netns import NetworkNamespace
from support.relay_process import until
from support.systemd_machine import PYTHON, SystemdMachine
from tailhub import box
from tailhub.keys import NodePrivate
from tailhub.stun.message import TRANSACTION_ID_BYTES, binding_request

HERE_IP, THERE_IP = "192.0.2.1", "192.0.2.2"
CONFIG = "/etc/tailhub/tailhub.toml"
SETTINGS = f'address = ["{HERE_IP}"]\ndiscover = false\n'  # what a machine without an outside cannot find out
LIVE = "/etc/letsencrypt/live/derp.example.com"
_PIN = re.compile(r"sha256-raw:[0-9a-f]{64}")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def place(stack: ExitStack, network: NetworkNamespace) -> SystemdMachine:
    """A machine in this network, with tailhub's commands and a configuration."""
    machine = stack.enter_context(require.systemd_machine(network))
    machine.add_commands()
    machine.script("mkdir /etc/tailhub")
    machine.write(CONFIG, SETTINGS)
    return machine


def two_networks(stack: ExitStack) -> tuple[NetworkNamespace, NetworkNamespace]:
    """Two networks with a cable between them."""
    here, there = (stack.enter_context(require.network_namespace()) for _ in range(2))
    here.cable("eth0", there, "eth0")
    for network, address in ((here, HERE_IP), (there, THERE_IP)):
        network.ip("address", "add", f"{address}/24", "dev", "eth0")
    return here, there


@pytest.fixture
def machine(stack: ExitStack) -> SystemdMachine:
    """One machine, by itself."""
    return place(stack, stack.enter_context(require.network_namespace()))


def owner(machine: SystemdMachine, path: str) -> str:
    """Whose it is, and its mode."""
    return machine.script(f"stat -c '%U %a' {path}").strip()


def renew(machine: SystemdMachine) -> None:
    """What certbot does: a new certificate in its directory, root's alone."""
    made = make_certificate(dns_names=["derp.example.com"], issuer=make_certificate(common_name="A CA", is_ca=True))
    for name, data in (("fullchain.pem", made.pem), ("privkey.pem", made.key_pem)):
        machine.write(f"{LIVE}/{name}", data.decode(), "600")


def test_a_service_for_an_address(machine: SystemdMachine) -> None:
    """The page for an IP address makes a service whose map pins what it serves."""
    _, service = blocks_for(__file__, "ip-only.md")
    printed = machine.script(service)
    assert machine.script("systemctl is-active tailhub; systemctl is-enabled tailhub").split() == ["active", "enabled"]
    (pin,) = set(_PIN.findall(printed))
    assert pin in machine.script("tailhub cert show")


def test_the_journal(machine: SystemdMachine) -> None:
    """The journal has each line once, with its level and without a prefix; as JSON too, by the page's commands."""
    all_lines, logins = blocks_for(__file__, "logs.md")
    steps = [block.text for block in blocks(PAGES / "logs.md", "For programs")]
    machine.script("tailhub service install")

    def visit() -> None:
        printed = machine.script("tailhub derpmap")
        (pin,) = set(_PIN.findall(printed))
        done = machine.run(PYTHON, "-c", VISIT, pin)
        assert done.returncode == 0, done

    visit()
    until(lambda: "logout " in machine.script(all_lines), "the client has left")
    (login,) = [line for line in machine.script(all_lines).splitlines() if "login   client" in line]
    assert re.search(r"\[\d+\]: login   client \[", login)
    assert "login   client" in machine.script("journalctl -u tailhub -p info")
    assert "login   client" not in machine.script("journalctl -u tailhub -p notice")
    machine.write(CONFIG, SETTINGS + steps[0])
    machine.script(steps[1])
    visit()
    line = json.loads(until(lambda: machine.run("sh", "-c", logins).stdout, "it is there as JSON").splitlines()[-1])
    assert (line["kind"], line["address"]) == ("client", "127.0.0.1")


# One login and logout, from a program on the machine itself.
VISIT = """
import asyncio, sys
from tailhub import box
from tailhub.client import DERPClient
async def visit():
    async with await DERPClient.connect("127.0.0.1", 8443, private_key=box.generate(), cert_name=sys.argv[1]):
        pass
asyncio.run(visit())
"""


# What another machine gets: a TCP connection to the relay's port, an answer to STUN, a TCP connection to another port.
ASK = f"""
import socket
def tcp(port):
    try:
        socket.create_connection(("{HERE_IP}", port), 20).close()
    except ConnectionRefusedError:
        return "refused"
    return "open"
def stun():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(20)
        sock.connect(("{HERE_IP}", 3478))
        sock.send(bytes.fromhex("{binding_request(bytes(TRANSACTION_ID_BYTES)).hex()}"))
        try:
            return "open" if sock.recv(2048) else "empty"
        except ConnectionRefusedError:
            return "refused"
print(tcp(8443), stun(), tcp(9443))
"""


def test_a_firewall_is_opened(stack: ExitStack) -> None:
    """Behind a ufw that refuses all, the page's two commands let others in to the relay, and to nothing else."""
    require.ufw()
    here, there = two_networks(stack)
    machine = place(stack, here)
    machine.write(CONFIG, SETTINGS + '[[listen]]\nlisten = ":8443"\n[[listen]]\nlisten = ":9443"\n')
    machine.script("tailhub service install")

    def ask() -> str:
        words = [*there.prefix, sys.executable, "-c", ASK]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()

    assert ask() == "open open open"
    machine.script("ufw default reject incoming; ufw --force enable")
    assert ask() == "refused refused refused"
    firewall, _ = blocks_for(__file__, "ip-only.md")
    machine.script(firewall)
    assert ask() == "open open refused"


def test_a_service_with_a_certificate(machine: SystemdMachine) -> None:
    """The service gets a copy of certbot's pair that it alone may read, and the hook serves each renewal."""
    machine.script(f"mkdir -p {LIVE} /etc/letsencrypt/renewal-hooks/deploy")
    renew(machine)
    (keep,) = blocks_for(__file__, "own-certificate.md")
    steps = blocks(PAGES / "own-certificate.md", "Keep it")
    assert steps[0].text == keep
    printed = ""
    for step in steps:
        if step.file:
            machine.write(step.file, SETTINGS + step.text)
        else:
            printed = machine.script(step.text)
    assert "derp.example.com" in printed
    assert not _PIN.search(printed)
    copies = "/etc/tailhub/certs"
    assert [owner(machine, f"{copies}{name}") for name in ("", "/fullchain.pem", "/privkey.pem")] == [
        "tailhub 700",
        "tailhub 600",
        "tailhub 600",
    ]

    def serves_what_certbot_has() -> bool:
        shown = machine.script(f"{PYTHON} -c '{SHOWN}'")
        return shown.strip() == machine.script(f"cat {LIVE}/fullchain.pem").strip()

    assert serves_what_certbot_has()
    renew(machine)
    assert not serves_what_certbot_has()
    machine.script(f"RENEWED_LINEAGE={LIVE} /etc/letsencrypt/renewal-hooks/deploy/tailhub")  # as certbot does
    until(serves_what_certbot_has, "the renewed certificate is served")


SHOWN = 'import ssl; print(ssl.get_server_certificate(("127.0.0.1", 8443)))'
ORIGINAL = "/opt/original/derper"
UNIT = f"""[Service]
ExecStart={ORIGINAL} -a :8443 -c /var/lib/derper/derper.key -certmode manual -certdir /var/lib/derper/certs \
  -hostname derp.example.com -http-port -1 -stun=false
[Install]
WantedBy=multi-user.target
"""
# Prints the key of the DERP server on this machine.
SERVER_KEY = """
import asyncio
from tailhub.client import DERPClient
async def main():
    async with await DERPClient.connect("127.0.0.1", 8443, insecure=True) as client:
        print(client.server_key.hex())
asyncio.run(main())
"""


def test_derper_is_a_service(machine: SystemdMachine) -> None:
    """A unit of the original's, which a program that only waits stands in for, runs ours with its key and certificates.

    Whoever edits the unit does what the page says of it. What that service may not do, the page's next step ends.
    """
    key = NodePrivate(b"\x5a" * 32)
    machine.script("mkdir -p /opt/original /var/lib/derper/certs")
    machine.write(ORIGINAL, "#!/bin/sh\nexec sleep infinity\n", "755")
    machine.write("/etc/systemd/system/derper.service", UNIT)
    machine.write("/var/lib/derper/derper.key", f'{{"PrivateKey": "privkey:{"5a" * 32}"}}', "600")
    made = make_certificate(dns_names=["derp.example.com"])
    machine.write("/var/lib/derper/certs/derp.example.com.crt", made.pem.decode())
    machine.write("/var/lib/derper/certs/derp.example.com.key", made.key_pem.decode(), "600")
    machine.script("systemctl daemon-reload; systemctl enable --now derper")
    machine.write("/usr/bin/an-editor", f'#!/bin/sh\nsed -i "s|{ORIGINAL}|$(command -v derper)|" "$1"\n', "755")
    edit, end = blocks_for(__file__, "from-derper.md")
    # Editing wants a terminal.
    done = machine.run("script", "-qec", f"set -eu\nexport SYSTEMD_EDITOR=/usr/bin/an-editor\n{edit}", "/dev/null")
    assert done.returncode == 0, done

    def key_of_the_server() -> str:
        return machine.run(PYTHON, "-c", SERVER_KEY).stdout.strip()

    log = lambda: machine.script("journalctl -u derper")  # noqa: E731
    assert until(key_of_the_server, "derper answers", log) == box.public_key(key).raw.hex()
    assert machine.script(f"{PYTHON} -c '{SHOWN}'").strip() == made.pem.decode().strip()
    machine.script(end)
    shown = (
        machine.run("systemctl", "is-active", "derper").stdout,
        machine.run("systemctl", "is-enabled", "derper").stdout,
    )
    assert [text.strip() for text in shown] == ["inactive", "disabled"]
    assert key_of_the_server() == ""


def test_another_machine(stack: ExitStack) -> None:
    """The export goes by scp to a new machine, for its owner's eyes only, and the service there has the same pin."""
    require.sshd()
    here, there = two_networks(stack)
    old, new = place(stack, here), place(stack, there)
    old.script("tailhub service install; mkdir -p -m 700 .ssh; ssh-keygen -q -t ed25519 -N '' -f .ssh/id_new")
    known = f"Host NEW\nHostName {THERE_IP}\nIdentityFile ~/.ssh/id_new\nStrictHostKeyChecking accept-new\n"
    old.write("/root/.ssh/config", known, "600")
    new.script("mkdir -p -m 700 .ssh; ssh-keygen -A; systemctl start ssh")
    new.write("/root/.ssh/authorized_keys", old.script("cat .ssh/id_new.pub"), "600")
    export, copy, take_over = (block.text for block in blocks(PAGES / "changing.md", "The machine"))
    assert [copy] == blocks_for(__file__, "changing.md")
    old.script(export + copy)
    assert owner(new, "/root/relay.tar") == "root 600"
    assert take_over.endswith("sudo tailhub relay\n")
    new.script(take_over.replace("sudo tailhub relay", "sudo tailhub service install"))  # as the page says
    pins = [set(_PIN.findall(machine.script("tailhub derpmap"))) for machine in (old, new)]
    assert len(pins[0]) == 1
    assert pins[0] == pins[1]
