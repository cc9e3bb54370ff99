"""`tailhub doctor` and TLS: what it says of the original relay, and whether Tailscale's own client says the same.

=====  ===========================================  ====================================  =====
fault  what                                         produced by                           code
=====  ===========================================  ====================================  =====
8      several relays behind one address            HAProxy over two derpers              TH029
8      the same, one mesh                           HAProxy over two derpers that mesh    none
-      the name is refused                          derper with another -hostname         TH390
=====  ===========================================  ====================================  =====
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import require
from support.certificates import Made, make_certificate, make_meta_certificate, server_context
from support.outside import Said, examined, hosted, mapped
from support.ports import free_ports
from support.served import MESH_KEY, PRIVATE_KEY, serving
from support.server_process import ServerProcess
from support.waiting import LIMIT_S, run, until
from tailhub import box

pytestmark = pytest.mark.go

NAME = "derp.example.com"
BALANCER = """
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen relays
    bind 127.0.0.1:{port}
    balance roundrobin
    server a 127.0.0.1:{first}
    server b 127.0.0.1:{second}
"""


@contextlib.asynccontextmanager
async def running(command: list[str], directory: Path, port: int, name: str = "log") -> AsyncIterator[ServerProcess]:
    """Run a server program that listens on that port."""
    process = ServerProcess(command, directory / name, environ=os.environ | {"HOME": str(directory)})
    try:
        await until(lambda: f":{port:04X} " in Path("/proc/net/tcp").read_text(), LIMIT_S)
        yield process
    finally:
        process.stop(signal.SIGKILL)


def derper(directory: Path, port: int, hostname: str, *more: str) -> list[str]:
    """A derper whose certificates are in the directory, or made by itself for an address."""
    program = require.go_program("derper")
    places = ("-certmode", "manual", "-certdir", str(directory), "-c", str(directory / f"{port}.key"))
    return [
        program,
        "-a",
        f"127.0.0.1:{port}",
        "-http-port",
        "-1",
        "-stun=false",
        "-hostname",
        hostname,
        *places,
        *more,
    ]


@pytest.fixture
def certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a CA's certificate for the name, as derper reads it; this machine knows the CA."""
    root = make_certificate(common_name="Test Root", is_ca=True)
    leaf = make_certificate(dns_names=[NAME], issuer=root)
    (tmp_path / f"{NAME}.crt").write_bytes(leaf.pem)
    (tmp_path / f"{NAME}.key").write_bytes(leaf.key_pem)
    (tmp_path / "roots.pem").write_bytes(root.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "roots.pem"))
    return tmp_path


def test_derper_with_its_own_certificate(tmp_path: Path) -> None:
    """A derper by address, with the map that it prints and without one, gives no finding."""
    port = free_ports()

    async def scenario() -> list[Said]:
        async with running(derper(tmp_path, port, "127.0.0.1"), tmp_path, port) as process:
            await until(lambda: "CertName" in process.log())
            pin = re.findall(r"sha256-raw:[0-9a-f]{64}", process.log())[0]
            return [await examined(mapped(port, cert_name=pin)), await examined(hosted(port))]

    for said in run(scenario):
        assert said.codes == []
        assert said.seen.tls.is_trusted
        assert said.remark("upgrade") == "101, fast start offered"


def test_derper_with_a_certificate_of_a_ca(certificates: Path) -> None:
    """A derper by name, with a certificate from a file, gives no finding; by another name it refuses."""
    port = free_ports()

    async def scenario() -> list[Said]:
        async with running(derper(certificates, port, NAME), certificates, port):
            return [await examined(mapped(port, name)) for name in (NAME, "www.example.com")]

    good, other = run(scenario)
    assert good.codes == []
    assert good.remark("relays") == "the same in 4 connections"
    assert other.codes == ["TH390"]
    assert "INTERNAL_ERROR" in other.text()


@pytest.mark.parametrize("mesh", [False, True])
def test_two_derpers_behind_a_balancer(mesh: bool, certificates: Path) -> None:
    """Two relays behind one address are a fault, unless they are one mesh and pass packets to each other."""
    balancer, port, first = require.haproxy(), free_ports(), free_ports(2)
    second = first + 1
    more: list[str] = []
    if mesh:
        (certificates / "mesh.key").write_text("ab" * 32 + "\n")
        more = ["-mesh-psk-file", str(certificates / "mesh.key"), "-mesh-with"]

    async def scenario() -> Said:
        file = certificates / "balancer.cfg"
        file.write_text(BALANCER.format(port=port, first=first, second=second))
        relays: list[ServerProcess] = []
        async with contextlib.AsyncExitStack() as stack:
            for own, other in ((first, second), (second, first)):
                options = [*more, f"{NAME}:{other}/127.0.0.1"] if mesh else []
                command = derper(certificates, own, NAME, *options)
                relays.append(await stack.enter_async_context(running(command, certificates, own, f"{own}.log")))
            if mesh:
                # The first finds nobody to dial, and dials again after 5 s; of that it logs no more than the dialling.
                await until(lambda: relays[0].log().count(": dialing ") > 1 and ": connected; " in relays[1].log())
            await stack.enter_async_context(running([balancer, "-db", "-f", str(file)], certificates, port))
            return await examined(mapped(port, NAME))

    said = run(scenario)
    assert said.codes == ([] if mesh else ["TH029"])
    assert said.remark("relays") == ("2 behind this address, one mesh" if mesh else "None")


# --- the same as Tailscale's own client -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A relay at a name of its own: what it shows, what the map has as CertName, and what doctor should say."""

    chain: Callable[[str], list[Made]]
    codes: list[str]
    cert_name: Callable[[Made], str] = lambda _: ""
    insecure: bool = False


ROOT = make_certificate(common_name="Test Root", organization="Test Authority", is_ca=True)
MIDDLE = make_certificate(common_name="Test R1", organization="Test Authority", is_ca=True, issuer=ROOT)
STRANGER = make_certificate(common_name="Home CA", is_ca=True)


def own(name: str) -> list[Made]:
    return [make_certificate(dns_names=[name])]


def pin(leaf: Made) -> str:
    return leaf.pin


CASES = {
    "pinned": Case(own, [], pin),
    "other-pin": Case(own, ["TH014"], lambda _: make_certificate().pin),
    "pin-in-capitals": Case(own, ["TH014"], lambda leaf: "sha256-raw:" + leaf.pin[11:].upper()),
    "pin-as-sha256": Case(own, ["TH014"], lambda leaf: leaf.pin.replace("-raw", "")),
    "pin-with-chain": Case(lambda name: [make_certificate(dns_names=[name], issuer=MIDDLE), MIDDLE], ["TH015"], pin),
    "pinned-expired": Case(
        lambda name: [make_certificate(dns_names=[name], valid_from_days=-9, valid_to_days=-1)], ["TH016"], pin
    ),
    "pinned-tomorrow": Case(lambda name: [make_certificate(dns_names=[name], valid_from_days=1)], ["TH018"], pin),
    "pinned-no-name": Case(lambda name: [make_certificate(common_name=name)], ["TH021"], pin),
    "pinned-insecure": Case(own, ["TH014"], lambda _: make_certificate().pin, insecure=True),
    "ca": Case(lambda name: [make_certificate(dns_names=[name], issuer=MIDDLE), MIDDLE], []),
    "ca-expired": Case(
        lambda name: [
            make_certificate(dns_names=[name], issuer=MIDDLE, valid_from_days=-9, valid_to_days=-1),
            MIDDLE,
        ],
        ["TH017"],
    ),
    "ca-other-name": Case(lambda _: [make_certificate(dns_names=["x.test"], issuer=MIDDLE), MIDDLE], ["TH021"]),
    "ca-cert-name": Case(
        lambda _: [make_certificate(dns_names=["x.test"], issuer=MIDDLE), MIDDLE], [], lambda _: "x.test"
    ),
    "ca-wildcard": Case(lambda name: [make_certificate(dns_names=["*.test"], issuer=ROOT)], []),
    "ca-half": Case(lambda name: [make_certificate(dns_names=[name], issuer=MIDDLE)], ["TH022"]),
    "ca-unknown": Case(lambda name: [make_certificate(dns_names=[name], issuer=STRANGER), STRANGER], ["TH392"]),
    "self-signed": Case(own, ["TH023"]),
    "insecure": Case(own, [], insecure=True),
}


def test_clients_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tailscale's own client goes on exactly where doctor says that clients do, in each case of a certificate."""
    program = require.go_program("derpprobe")
    roots = tmp_path / "roots.pem"
    roots.write_bytes(ROOT.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(roots))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    meta = make_meta_certificate(box.public_key(PRIVATE_KEY).raw)
    chains = {f"{name}.test": case.chain(f"{name}.test") for name, case in CASES.items()}
    contexts = {name: server_context(*chain, meta) for name, chain in chains.items()}
    chosen = server_context(make_certificate())

    def choose(ssl_object: object, name: str, _: object) -> None:
        ssl_object.context = contexts[name]  # type: ignore[attr-defined]

    chosen.sni_callback = choose

    async def scenario() -> tuple[dict[str, Said], str]:
        async with serving(tls=chosen) as relay:
            said, regions = {}, {}
            for number, (name, case) in enumerate(CASES.items(), start=901):
                host = f"{name}.test"
                target = mapped(relay.port, host, case.cert_name(chains[host][0]), insecure=case.insecure)
                said[name] = await examined(target)
                node = {"Name": name, "RegionID": number, "HostName": host, "IPv4": "127.0.0.1", "STUNPort": -1}
                node |= {"DERPPort": relay.port, "CertName": target.node.cert_name, "InsecureForTests": case.insecure}
                regions[str(number)] = {"RegionID": number, "RegionCode": name, "RegionName": name, "Nodes": [node]}
            (tmp_path / "map.json").write_text(json.dumps({"Regions": regions}))
            (tmp_path / "mesh.key").write_text(MESH_KEY.to_text() + "\n")
            process = await asyncio.create_subprocess_exec(
                *(program, "-once", "-spread=false", "-derp-map", (tmp_path / "map.json").as_uri()),
                *("-mesh-psk-file", str(tmp_path / "mesh.key"), "-tls-interval", "0", "-stun-interval", "0"),
                *("-bw-interval", "0", "-qd-packets-per-second", "0"),
                env=os.environ | {"HOME": str(tmp_path)},
                stderr=asyncio.subprocess.PIPE,
            )
            assert process.stderr is not None
            return said, (await process.stderr.read()).decode()

    said, printed = run(scenario)
    assert {name: one.codes for name, one in said.items()} == {name: case.codes for name, case in CASES.items()}
    good = set(re.findall(r" good: derp/([\w-]+)/\S+/mesh: ", printed))
    assert good == {name for name, one in said.items() if one.seen.tls.is_trusted}, printed
