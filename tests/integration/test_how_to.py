"""The how-to pages: every command in them is run as it stands, here or by the test that the page names."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from support import require
from support.certificates import Made, make_certificate
from support.how_to import (
    ADDRESS,
    HERE,
    NEW,
    PAGES,
    Block,
    Machine,
    blocks,
    command_lines,
    read_command,
    served_pin,
)
from support.pebble import Pebble
from support.ports import free_ports
from support.postgres import Postgres
from support.receivers import webhook
from support.relay_process import UnixConnection, get_page, until
from support.served_map import served_map
from support.tailcat import Tailcat
from support.tailscale_api import CLIENT_SECRET, device, fake_tailscale
from support.waiting import run
from tailhub.box import public_key
from tailhub.client import DERPClient
from tailhub.derp.handshake import ServerInfo
from tailhub.derp.messages import Health, ReceivedPacket
from tailhub.keys import NodePrivate
from tailhub.tailcfg.hujson import parse

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a relay runs on POSIX systems")

ENGLISH = sorted(page for page in PAGES.glob("*.md") if not page.name.endswith(".zh.md"))
RUN = [page.stem for page in ENGLISH if any(block.kind == "sh" and not block.runner for block in blocks(page))]
ALICE, BOB = NodePrivate(bytes(range(1, 33))), NodePrivate(bytes(range(2, 34)))
_HEADING = re.compile(r"^#+ ", re.MULTILINE)
_WRITTEN = re.compile(r"`(?:tailhub [^`]+|--[^`]+|[A-Z_]+=[^`]*)`")
_INLINE = re.compile(r"`(tailhub [^`\n]+)`")


class World:
    """The machines of one page, and what its blocks printed."""

    def __init__(self, directory: Path) -> None:
        self.machines = {name: Machine(directory / name) for name in (HERE, NEW)}
        self.printed: list[str] = []
        self.files: dict[str, str] = {}

    @property
    def here(self) -> Machine:
        return self.machines[HERE]

    @property
    def new(self) -> Machine:
        return self.machines[NEW]

    def run(self, page: Path, after: Callable[[World, Block], None], section: str = "") -> None:
        """Run the blocks of the page, or of one section, in order; `after` is called behind each."""
        machine = self.here
        for block in blocks(page, section):
            if block.runner:
                continue
            if block.note == "on the new machine":
                machine = self.new
                self._carry_over()
            if block.file:
                machine.write(block.file, block.text)
                self.files[block.file] = block.text
            elif block.kind == "sh":
                self.printed.append(machine.run(block.text))
            after(self, block)

    def _carry_over(self) -> None:
        """What the page has somebody copy: the export, the certificates, the configuration file."""
        for file in self.here.home.glob("*.tar"):
            shutil.copy(file, self.new.home)
        shutil.copytree(self.here.path("/etc/tailhub"), self.new.path("/etc/tailhub"), dirs_exist_ok=True)
        for path, text in self.files.items():
            self.new.write(path, text)  # with the ports and paths of that machine


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        made = World(tmp_path)
        for machine in made.machines.values():
            stack.callback(machine.stop)
        yield made


def certificates(*names: str) -> tuple[Made, bytes]:
    """A certificate of a made-up CA for these names, and its chain."""
    authority = make_certificate(common_name="A CA", is_ca=True)
    made = make_certificate(dns_names=names, common_name=names[0], issuer=authority)
    return made, made.pem + authority.pem


def put_pair(directory: Path, *names: str, cert: str = "fullchain.pem", key: str = "privkey.pem") -> None:
    """Put certificate and key into a directory."""
    made, chain = certificates(*names)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / cert).write_bytes(chain)
    (directory / key).write_bytes(made.key_pem)


def node(printed: str) -> dict[str, object]:
    """Of a printed map, what clients need to know: HostName, DERPPort, CertName."""
    found = dict(re.findall(r'"(HostName|DERPPort|CertName|IPv4)": "?([^",}]+)', printed))
    return {name: int(value) if value.isdigit() else value for name, value in found.items()}


async def connected(machine: Machine, key: NodePrivate) -> DERPClient:
    """A client of the machine's relay, let in or not: its first message is a ServerInfo or a Health."""
    port = machine.port(8443)
    pin = await asyncio.to_thread(served_pin, port)
    return await DERPClient.connect("127.0.0.1", port, cert_name=pin, private_key=key, wait_admission=False)


def greeting(machine: Machine, key: NodePrivate) -> object:
    """The first message to a client with this key."""

    async def scenario() -> object:
        async with await connected(machine, key) as client:
            return await client.recv()

    return run(scenario)


def json_values(text: str) -> list[Any]:
    """The values of JSON that follow each other."""
    values, rest = [], text.strip()
    while rest:
        value, end = json.JSONDecoder().raw_decode(rest)
        values.append(value)
        rest = rest[end:].lstrip()
    return values


# --- all pages are read -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.name)
def test_every_command_is_one_that_there_is(page: Path) -> None:
    """Each block is sound shell, and each tailhub command in blocks and text is read without a complaint."""
    for block in blocks(page):
        if block.kind == "sh":
            subprocess.run(["sh", "-n", "-c", block.text], check=True)
            for words in command_lines(block.text):
                read_command(words)
        else:
            assert block.file, block.text  # nothing that only looks like something to use
    assert len(blocks(page)) * 2 == page.read_text(encoding="utf-8").count("\n```")  # none is without a kind
    for line in _INLINE.findall(page.read_text(encoding="utf-8")):
        for words in command_lines(line):
            if words[-1] not in ("relay", "cert", "export", "import"):  # named without what they are given
                read_command([re.sub(r"^(NAME|DIR|FILE)$", "example.com", word) for word in words])


@pytest.mark.parametrize("page", ENGLISH, ids=lambda page: page.name)
def test_both_languages_say_the_same_commands(page: Path) -> None:
    """The Chinese page has the blocks of the English one, in the same order, and the same number of sections."""
    twin = page.with_name(f"{page.stem}.zh.md")
    assert blocks(twin) == blocks(page)
    texts = [one.read_text(encoding="utf-8") for one in (page, twin)]
    for pattern in (_HEADING, _WRITTEN):
        english, chinese = (sorted(pattern.findall(text)) for text in texts)
        assert english == chinese


def test_every_page_with_commands_is_run() -> None:
    """No page whose commands can be run is left out below."""
    pages = [
        "acme",
        "changing",
        "derp-map",
        "diagnosis",
        "from-derper",
        "ip-only",
        "limits",
        "logs",
        "maintenance",
        "mesh",
        "notifications",
        "own-certificate",
        "steering",
    ]
    assert [*pages, "tenants", "usage", "watching", "who-may-relay"] == RUN


@pytest.mark.parametrize("page", ENGLISH, ids=lambda page: page.name)
def test_what_is_run_elsewhere_is_run_there(page: Path) -> None:
    """Whatever test a page names is there and takes that page's blocks."""
    for runner in {block.runner for block in blocks(page)} - {""}:
        assert f'blocks_for(__file__, "{page.name}")' in (PAGES.parents[1] / runner).read_text(encoding="utf-8")


# --- and run ----------------------------------------------------------------------------------------------------------


def test_ip_only(world: World) -> None:
    """The page for an IP address ends with a map that pins what is served."""
    world.run(PAGES / "ip-only.md", lambda world, block: None)
    port = world.here.port(8443)
    shown = node("".join(world.printed))
    assert shown["DERPPort"] == port
    assert shown["CertName"] == served_pin(port)
    assert ADDRESS in (world.here.home / "derp.yaml").read_text()
    assert (world.here.home / "relay.tar").stat().st_mode & 0o077 == 0


def test_own_certificate(world: World) -> None:
    """The page for a certificate of one's own ends with a map that has the name and no pin."""
    for directory in (world.here.home, world.here.path("/etc/tailhub/certs")):
        put_pair(directory, "derp.example.com")
    world.run(PAGES / "own-certificate.md", lambda world, block: None)
    shown = node(world.printed[-1])
    assert shown["HostName"] == "derp.example.com"
    assert "CertName" not in shown


def test_changing(world: World) -> None:
    """Pin, port and domain are changed without a restart, the machine too; old and new are served side by side."""
    put_pair(world.here.path("/etc/tailhub/certs"), "relay.example.org")
    port, machine = world.here.port, world.here
    machine.path("/etc/tailhub/tailhub.toml").write_text(f'listen = "127.0.0.1:{port(8443)}"\n')
    machine.run("tailhub relay")
    first = served_pin(port(8443))
    served: list[tuple[str, ...]] = []

    def after(world: World, block: Block) -> None:
        if "systemctl reload" in block.text and block.kind == "sh" and world.files:
            ports = sorted(
                {int(port) for port in re.findall(r'listen = ":(\d+)"', world.files["/etc/tailhub/tailhub.toml"])}
            )
            served.append(tuple(served_pin(machine.port(one)) for one in ports))

    world.run(PAGES / "changing.md", after)
    both, later, two_ports, domain = served
    assert both[0] == first
    new = both[1]
    assert new != first
    assert later == (new,)
    assert two_ports == (new, new)
    assert new in domain
    assert len(set(domain)) == 2
    maps = [node(text) for text in world.printed if "HostName" in text]
    assert [one["DERPPort"] for one in maps] == [port(8444), port(443), port(8444)]
    assert maps[-1]["HostName"] == "relay.example.org"
    assert served_pin(world.new.port(8443)) == new


def test_derp_map(world: World) -> None:
    """A region is made by asking the relay, added to a policy, changed, converted and taken out; the rest stays."""
    machine, policies = world.here, list[str]()
    machine.run("tailhub relay")
    # Nobody answers at the page's address here.
    machine.meant = {f"{ADDRESS}:8443": f"127.0.0.1:{machine.port(8443)}"}
    policy = machine.path("/srv/policy.hujson")

    def after(world: World, block: Block) -> None:
        if policy.exists():
            policies.append(policy.read_text(encoding="utf-8"))

    world.run(PAGES / "derp-map.md", after)
    written, added, *_, removed = policies
    shown = json.loads(json.dumps(parse(added).plain()))["derpMap"]["Regions"]["912"]["Nodes"][0]
    assert shown["CertName"] == served_pin(machine.port(8443))
    assert shown["DERPPort"] == machine.port(8443)
    assert added.startswith(written[:-3])
    assert '"DERPPort": 9443' in policies[5]
    assert removed.startswith(written[:-3])
    assert "Nodes" not in removed
    assert "nothing is wrong" not in world.printed[2]  # it is pinned, of which there is a note
    assert "errors" not in world.printed[2]


def test_from_derper(world: World) -> None:
    """What derper kept is taken over: its key, the certificate of a CA where it is, and a self-signed pair as a pin."""
    original = world.here.path("/var/lib/derper")
    key = json.dumps({"PrivateKey": "privkey:" + "5a" * 32})
    (original / "derper.key").write_text(key)
    put_pair(original / "certs", "derp.example.com", cert="derp.example.com.crt", key="derp.example.com.key")
    pinned = make_certificate(ips=[ADDRESS], common_name=ADDRESS)
    kept = world.new.path("/srv/derper-certs")
    kept.mkdir()
    (kept / f"{ADDRESS}.crt").write_bytes(pinned.pem)
    (kept / f"{ADDRESS}.key").write_bytes(pinned.key_pem)
    world.new.path("/srv/derper.key").write_text(key)
    world.run(PAGES / "from-derper.md", lambda world, block: None)
    shown = next(node(text) for text in world.printed if "HostName" in text)
    assert shown["HostName"] == "derp.example.com"
    assert "CertName" not in shown
    assert served_pin(world.new.port(8443)) == pinned.pin
    for machine in world.machines.values():
        assert json.loads((machine.state / "derper.key").read_text()) == json.loads(key)


def test_logs(world: World) -> None:
    """By the page's commands lines are JSON, the level changes and comes back, and steps are logged and no longer."""
    world.run(PAGES / "logs.md", lambda world, block: None)
    _, levels, debugged, ended = world.printed
    assert re.findall(r"Level: (\w+)", levels) == ["warning", "warning", "info"]
    assert "Steps are logged of 203.0.113.7, for 10 min more." in debugged
    assert "Steps are logged of [AbCdE], for 60 min more." in debugged
    assert "203.0.113.7" not in ended
    log = (world.here.directory / "log").read_text().splitlines()
    events = [json.loads(line) for line in log if line.startswith("{")]
    assert {line["event"] for line in events} == {"audit"}


def test_friends(world: World, tmp_path: Path) -> None:
    """On the page about who may relay, a real client is refused, shown, let in where it waits, and explained."""
    machine, program = world.here, require.tailcat()
    seen: list[str] = []

    def pending() -> list[dict[str, object]]:
        rows = json.loads(machine.run("tailhub allow pending --json"))["pending"]
        assert isinstance(rows, list)
        return rows

    def state() -> str:
        return str(json.loads(machine.run("tailhub explain alice-phone --json"))["state"])

    with ExitStack() as stack:

        def after(world: World, block: Block) -> None:
            if "relay --allow-list" in block.text:
                url = stack.enter_context(served_map(json.loads(local_map(machine.state / "admin.sock"))))
                stack.enter_context(Tailcat(program, url, tmp_path).listen())
                until(pending, "a client is refused", (machine.directory / "log").read_text)
            elif "allow approve" in block.text:
                until(lambda: state() == "connected", "it is let in", (machine.directory / "log").read_text)
            if "allow" in block.text:
                seen.append(world.printed[-1])

        world.run(PAGES / "who-may-relay.md", after, "Friends: an allow list")
    _, approved, listed, edited = seen
    assert "1 refused" in approved
    assert "is on the list as alice-phone and may relay" in approved
    assert "1 key" in listed
    assert "connected" in listed
    assert "(bob-laptop) is on the list no more" in edited


def test_programs(world: World) -> None:
    """The page's calls show a client that is refused, let it in where it waits, and change the list."""

    async def scenario() -> None:
        async with await connected(world.here, ALICE) as client:
            assert isinstance(await client.recv(), Health)
            await asyncio.to_thread(
                world.run, PAGES / "who-may-relay.md", lambda world, block: None, "The same for programs"
            )
            while not isinstance(await client.recv(), ServerInfo):
                pass

    world.here.run("tailhub relay --allow-list on")
    run(scenario)
    pending, approved, explained, listed, added, removed = json_values(world.printed[0])
    assert pending["pending"][0]["key"] == str(public_key(ALICE))
    assert approved["allowed"]["name"] == "alice-phone"
    assert [answer["answer"] for answer in explained["answers"]] == ["admitted"]
    assert [entry["name"] for entry in listed["lists"][0]["keys"]] == ["alice-phone"]
    assert [entry["key"] for entry in removed["removed"]] == [added["allowed"]["key"]]


def test_devices_of_a_tailnet(world: World) -> None:
    """By the page's commands a device on the list of the Tailscale API, a fake of it, is let in and no other."""
    machine = world.here
    with fake_tailscale(device(public_key(ALICE).raw)) as fake:
        machine.meant = {"tskey-client-…": CLIENT_SECRET}
        machine.environ["TAILHUB_TAILSCALE_API_URL"] = fake.url
        world.run(PAGES / "who-may-relay.md", lambda world, block: None, "A tailnet of Tailscale, by its API")
        assert isinstance(greeting(machine, ALICE), ServerInfo)
        assert isinstance(greeting(machine, BOB), Health)
        machine.stop()


def local_map(admin_socket: Path) -> bytes:
    """The map of the relay with this socket, for programs on this machine."""
    connection = UnixConnection(admin_socket)
    try:
        connection.request("GET", "/derpmap.json?view=local")
        return connection.getresponse().read()
    finally:
        connection.close()


def test_limits(world: World) -> None:
    """With the page's flag, and with its file, a client is told the page's rate."""
    told: list[object] = []

    def after(world: World, block: Block) -> None:
        if block.kind == "sh":
            info = greeting(world.here, ALICE)
            assert isinstance(info, ServerInfo)
            told.append(info.rate_bytes_per_s)

    world.run(PAGES / "limits.md", after)
    assert told == [1_250_000, 1_250_000]
    assert "ERROR" not in "".join(world.printed)


def test_usage(world: World) -> None:
    """What devices have used is shown by the page's commands, and again from the database that it has made."""
    machine, programs = world.here, require.postgres()
    short = str(public_key(ALICE))

    def use() -> list[dict[str, object]]:
        """Send a packet; the rows of usage when it is counted."""

        async def send() -> None:
            async with await connected(machine, ALICE) as alice, await connected(machine, BOB) as bob:
                assert isinstance(await bob.recv(), ServerInfo)
                await alice.send(public_key(BOB), b"x" * 1000)
                while not isinstance(await bob.recv(), ReceivedPacket):
                    pass

        def rows() -> list[dict[str, object]]:
            found = json.loads(machine.run("tailhub usage --json"))["rows"]
            assert isinstance(found, list)
            return found

        run(send)
        return until(rows, "it is counted", (machine.directory / "log").read_text)

    machine.run("tailhub relay")
    assert short in str(use())
    authority = make_certificate(common_name="A CA", is_ca=True)
    made = make_certificate(ips=["127.0.0.1"], common_name="127.0.0.1", issuer=authority)
    machine.path("/etc/tailhub/postgres-ca.pem").write_bytes(authority.pem)
    with Postgres(programs, user="postgres", tls=made) as postgres:
        machine.environ |= postgres.environ
        machine.environ["PATH"] += f"{os.pathsep}{programs}"
        machine.meant = {"@db.example.com/": f"@127.0.0.1:{postgres.port}/"}
        world.run(PAGES / "usage.md", lambda world, block: None)
        assert "1.00 kB" in world.printed[0]
        assert "ERROR" not in machine.run("tailhub config check")
        machine.run("tailhub relay")
        assert short in str(use())
        machine.stop()  # before its database
        assert f"postgresql://127.0.0.1:{postgres.port}/tailhub" in machine.run("tailhub usage")


def test_notifications(world: World) -> None:
    """By the page's commands a message and an example arrive, from an address that a file of the owner's alone has."""
    machine = world.here
    with webhook() as hook:
        machine.meant = {"ntfy://my-relay-8f3a1c": hook.ntfy_url}
        world.run(PAGES / "notifications.md", lambda world, block: None)
    assert machine.path("/etc/tailhub/notify").stat().st_mode & 0o077 == 0
    assert hook.titles == ["test message", "certificate expires in 3 days"]
    assert "ERROR" not in "".join(world.printed)


def test_steering(world: World) -> None:
    """The page's relay can be asked whether it is being emptied."""
    world.run(PAGES / "steering.md", lambda world, block: None)
    assert "not being emptied" in world.here.run("tailhub drain --status --lang en")


def test_maintenance(world: World) -> None:
    """By the page the relay is restarted, ended slowly, and tells users something for two days."""
    notice: list[str] = []

    def after(world: World, block: Block) -> None:
        if "drain" in block.text:
            until(lambda: not (world.here.state / "admin.sock").exists(), "the relay has ended", str)
            world.here.run("tailhub relay")
        notice.append(world.here.run("tailhub notice --json"))

    world.here.meant = {"--over 30s": "--over 1s"}
    world.here.write("/etc/tailhub/tailhub.toml", "")
    world.here.run("tailhub relay")
    world.run(PAGES / "maintenance.md", after)
    told = world.printed[2]
    assert told.count("Maintenance on Sunday") == 2
    assert json.loads(notice[-1]) == {"notices": []}


def test_mesh(world: World) -> None:
    """The page's node without a plan is a sound configuration, and its mixed region a plan with a script for derper."""
    machine = world.here
    world.run(PAGES / "mesh.md", lambda world, block: None)
    checked, planned = world.printed
    assert "ERROR" not in checked
    assert machine.path("/etc/tailhub/mesh.key").stat().st_mode & 0o077 == 0
    assert "derper.sh" in planned
    script = machine.path("/srv/mixed/d/derper.sh").read_text()
    assert "-mesh-with 203.0.113.7:8443" in script


def test_tenants(world: World) -> None:
    """The page's example is a sound configuration; the relay starts with it, and has the tenants that it names."""
    world.run(PAGES / "tenants.md", lambda world, block: None)
    checked, _, shown = world.printed[0].partition("tailhub config show")
    assert "ERROR" not in checked
    assert re.findall(r"^Tenant (\w+)", shown, re.MULTILINE) == ["friends", "club", "lab"]
    tenants = ["default", "friends", "club", "lab"]
    metrics = get_page(world.here.state, "/metrics")[1].decode()
    assert re.findall(r'^tailhub_tenant_connections\{tenant="(\w+)"\}', metrics, re.MULTILINE) == tenants


def test_watching(world: World) -> None:
    """The page's commands show the relay, and again at an address of another machine, with its token."""
    machine = world.here
    machine.meant = {"100.64.0.7:9912": f"127.0.0.1:{free_ports(1)}"}  # where no address is missing on a test's machine
    del machine.environ["TAILHUB_ADMIN_LISTEN"]
    machine.write("/etc/tailhub/tailhub.toml", 'admin_listen = "100.64.0.7:9912"\n')
    machine.run("tailhub relay")
    world.run(PAGES / "watching.md", lambda world, block: None)
    shown, health, remote = world.printed
    assert "ready" in shown
    assert json.loads(shown[shown.index("\n{") :])["state"] == "ready"
    assert health == "ok\nok\n"
    assert remote.startswith("ok\n")
    assert "ready" in remote


def test_diagnosis(world: World) -> None:
    """Every check of the page finds a relay of ours well, and explains a log and a code."""
    machine = world.here
    stun, admin = free_ports(1), free_ports(1)
    machine.environ |= {"TAILHUB_ADDRESS": "127.0.0.1", "TAILHUB_STUN_LISTEN": f"127.0.0.1:{stun}"}
    machine.environ |= {"TAILHUB_ADMIN_LISTEN": f"127.0.0.1:{admin}", "TAILHUB_REGION_ID": "912"}
    machine.meant = {
        "203.0.113.7:8443": f"127.0.0.1:{machine.port(8443)} --stun-port {stun}",
        "127.0.0.1:9912": f"127.0.0.1:{admin}",
    }
    journal = machine.directory / "bin" / "journalctl"
    line = "magicsock: derp-912 connected; connGen=1"
    journal.write_text(f"#!/bin/sh\necho 'Nov 27 12:00:00 laptop tailscaled[7]: {line}'\n")
    journal.chmod(0o755)
    machine.run("tailhub relay")
    snippet = machine.run("tailhub derpmap")
    (machine.home / "policy.hujson").write_text("{" + snippet + "}\n")
    world.run(PAGES / "diagnosis.md", lambda world, block: None)
    host, maps, local, log, shared, explained = world.printed
    assert "all is well" in host
    assert maps.count("all is well") == 3
    assert "nothing is wrong" in local
    assert "912" in log
    assert "masked" in shared
    assert explained.startswith("TH014 pin-differs")


def test_every_file_for_watching_is_named() -> None:
    """The page leads to each file for Prometheus and Grafana."""
    deploy = PAGES.parents[1] / "deploy"
    there = [*(deploy / "prometheus").iterdir(), *(deploy / "grafana").glob("*.json")]
    for page in PAGES.glob("watching*.md"):
        linked = re.findall(r"\(\.\./\.\./(deploy/[^)]+)\)", page.read_text(encoding="utf-8"))
        assert {deploy.parent / path for path in linked} == set(there)


SHOWN = """"$PYTHON" -c '
import socket, ssl
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
with context.wrap_socket(socket.create_connection(("127.0.0.1", {port})), server_hostname="derp.example.com") as tls:
    print(ssl.DER_cert_to_PEM_cert(tls.getpeercert(binary_form=True)))
'"""


def test_acme(world: World) -> None:
    """Each start on the page for ACME gets a certificate by the way that the page says, on the page's own ports."""
    machine = world.here
    with require.network_namespace() as namespace, Pebble(require.pebble(), prefix=namespace.prefix) as pebble:
        subprocess.run([*namespace.prefix, "ip", "address", "add", f"{ADDRESS}/32", "dev", "lo"], check=True)
        machine.prefix, machine.ports = namespace.prefix, {}
        machine.environ |= {"TAILHUB_ACME_DIRECTORY": pebble.directory, "TAILHUB_ACME_CA_FILE": str(pebble.ca_file)}
        for name, hook in zip(("dns-add", "dns-remove"), pebble.hooks[1::2], strict=True):
            machine.path(f"/etc/tailhub/{name}").write_text(f"#!/bin/sh\n{hook}\n")
            machine.path(f"/etc/tailhub/{name}").chmod(0o755)
        log = machine.directory / "log"
        asked: list[str] = []

        def issued(port: int) -> list[str]:
            certificate = x509.load_pem_x509_certificate(machine.run(SHOWN.format(port=port)).encode())
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            return [str(name.value) for name in names] if "Pebble" in certificate.issuer.rfc4514_string() else []

        def after(world: World, block: Block) -> None:
            if not block.text.startswith("tailhub relay"):
                return
            port = 443 if ":443" in block.text else int(machine.environ["USUAL_LISTEN"].rpartition(":")[2])
            port = 8443 if ":8443" in block.text else port
            (name,) = until(lambda: issued(port), "the relay has a certificate", log.read_text)
            (challenge,) = re.findall(r"asking https://\S+ for a certificate for \S+ \((\S+)\)", log.read_text())
            asked.append(f"{name} {challenge}")
            machine.stop()
            shutil.rmtree(machine.state / "acme")  # the next one begins anew

        try:
            world.run(PAGES / "acme.md", after)
        finally:
            machine.stop()
            machine.prefix = ()
    name = "derp.example.com"
    assert asked == [f"{name} tls-alpn-01", f"{name} http-01", f"{name} dns-01", f"{ADDRESS} tls-alpn-01"]
    assert "tls-alpn-01" in world.printed[0]


def test_every_file_for_a_web_server_is_named() -> None:
    """The page on web servers leads to each file in ``deploy/`` for one, which `test_fronts` runs with real clients."""
    deploy = PAGES.parents[1] / "deploy"
    there = {path for name in ("nginx", "haproxy", "caddy", "traefik") for path in (deploy / name).iterdir()}
    for page in PAGES.glob("behind-a-web-server*.md"):
        linked = re.findall(r"\(\.\./\.\./(deploy/[^)]+)\)", page.read_text(encoding="utf-8"))
        assert {deploy.parent / path for path in linked} == there
