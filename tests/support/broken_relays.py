"""A tailnet whose DERP map has a region for each way in which a relay is broken, and a real tailscaled that tries each.

Everything is on loopback: no root, no network. What is real: headscale, tailscaled, TLS, the certificates, and for the
regions `HEALTHY`, `REFUSING` and `HOLDING` a whole tailhub. The others are servers that do one thing wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import subprocess
import threading
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import yaml

from support import require
from support.certificates import Made, make_certificate, server_context
from support.headscale import running_headscale
from support.ports import free_ports
from support.relay_process import RelayProcess, UnixConnection, until
from support.scripted_relay import Script, Session, scripted_relay
from support.tailscaled import Tailscaled

HEALTHY, REFUSING, HOLDING = 901, 902, 903
WRONG_PIN, PINNED_EXPIRED, PINNED_EARLY, PINNED_CHAIN = 904, 905, 906, 907
SELF_SIGNED, OTHER_NAME, EXPIRED, NO_INTERMEDIATE, NO_NAMES, HASH_FORM = 908, 909, 910, 911, 912, 913
PLAIN_HTTP, PAGE, CLOSED, DROPPED, SILENT, NO_DNS, SSH = 914, 915, 916, 917, 918, 919, 920
OTHER_SNI, OLD_TLS, RESET, STUN_ONLY, NO_PINNED_NAME, HANGS_UP, COMMON_NAME = 921, 922, 923, 924, 925, 926, 927
LIMIT_S = 60.0
ALLOW_LIST = "allowed"  # of the two that refuse, in the directory


async def _says_nothing(session: Session) -> None:
    await session.reader.read()


async def _page(session: Session) -> None:
    await session.read_request()
    session.write(b"HTTP/1.1 404 Not Found\r\nServer: nginx\r\nContent-Length: 15\r\n\r\nno relay here.\n")
    await session.writer.drain()


async def _plain(session: Session) -> None:
    await session.reader.read(1)
    session.write(b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await session.writer.drain()


async def _ssh(session: Session) -> None:
    session.write(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
    await session.reader.read(1)


async def _reset(session: Session) -> None:
    await session.reader.read(1)
    sock: socket.socket = session.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    session.writer.transport.abort()


async def _hangs_up(session: Session) -> None:
    await session.reader.read(1)


def _old_tls(leaf: Made) -> ssl.SSLContext:
    context = server_context(leaf, tls_1_2=True)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():  # that is the point
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


@contextlib.contextmanager
def _derper(directory: Path) -> Iterator[dict[str, Any]]:
    """The original's, which is called otherwise than the map says."""
    port, certificates = free_ports(), directory / "derper"
    certificates.mkdir()
    made = make_certificate(dns_names=["derper.example"])
    (certificates / "derper.example.crt").write_bytes(made.pem)
    (certificates / "derper.example.key").write_bytes(made.key_pem)
    words = ("-a", f"127.0.0.1:{port}", "-hostname=derper.example", "-certmode=manual", "-stun=false", "-http-port=-1")
    files = ("-certdir", str(certificates), "-c", str(certificates / "derper.json"))
    process = subprocess.Popen(
        (require.go_program("derper"), *words, *files), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield {"hostname": "relay.example", "ipv4": "127.0.0.1", "derpport": port}
    finally:
        process.terminate()
        process.wait()


class _Blocking(threading.Thread):
    """A server that shakes hands as the standard library does, which then tells a client why not."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__()
        self._context = context
        self.socket = socket.create_server(("127.0.0.1", 0))

    def run(self) -> None:
        while True:
            try:
                connection = self.socket.accept()[0]
            except OSError:
                return
            with contextlib.suppress(OSError), connection:
                connection.settimeout(LIMIT_S)
                self._context.wrap_socket(connection, server_side=True)

    def __enter__(self) -> int:
        self.start()
        return int(self.socket.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.join()


@contextlib.asynccontextmanager
async def _regions(root: Made) -> AsyncIterator[dict[int, dict[str, Any]]]:
    """All that are scripted: what their node in the map says."""
    leaf = make_certificate(ips=["127.0.0.1"], dns_names=["relay.example"])
    issued = make_certificate(dns_names=["other.example"], issuer=root)
    middle = make_certificate(common_name="middle", is_ca=True, issuer=root)
    expired = make_certificate(ips=["127.0.0.1"], valid_from_days=-30, valid_to_days=-1)
    nodes: dict[int, dict[str, Any]] = {}
    async with contextlib.AsyncExitStack() as stack:

        async def serve(
            region: int, script: Script, tls: ssl.SSLContext | None, cert_name: str = "", host: str = "127.0.0.1"
        ) -> None:
            port = await stack.enter_async_context(scripted_relay(script, tls))
            nodes[region] = {"hostname": host, "ipv4": "127.0.0.1", "derpport": port, "certname": cert_name}

        async def presents(region: int, made: Made, *more: Made, cert_name: str = "", host: str = "127.0.0.1") -> None:
            await serve(region, _page, server_context(made, *more), cert_name, host)

        early = make_certificate(ips=["127.0.0.1"], valid_from_days=2)
        nameless, named = make_certificate(), make_certificate(common_name="relay.example")
        await presents(WRONG_PIN, leaf, cert_name="sha256-raw:" + "ab" * 32)
        await presents(PINNED_EXPIRED, expired, cert_name=expired.pin)
        await presents(PINNED_EARLY, early, cert_name=early.pin)
        await presents(PINNED_CHAIN, issued, root, cert_name=issued.pin)
        await presents(SELF_SIGNED, leaf)
        await presents(OTHER_NAME, issued, host="relay.example")
        await presents(
            EXPIRED,
            make_certificate(dns_names=["relay.example"], issuer=root, valid_to_days=-0.5),
            host="relay.example",
        )
        await presents(
            NO_INTERMEDIATE, make_certificate(dns_names=["relay.example"], issuer=middle), host="relay.example"
        )
        await presents(NO_NAMES, make_certificate(issuer=root), host="relay.example")
        await presents(HASH_FORM, leaf, cert_name="sha256:" + leaf.pin.removeprefix("sha256-raw:"))
        await presents(NO_PINNED_NAME, nameless, cert_name=nameless.pin, host="relay.example")
        await presents(COMMON_NAME, named, cert_name=named.pin, host="relay.example")
        await presents(PAGE, leaf, cert_name=leaf.pin)
        await serve(PLAIN_HTTP, _plain, None, leaf.pin)
        await serve(SSH, _ssh, None, leaf.pin)
        await serve(SILENT, _says_nothing, None, leaf.pin)
        await serve(RESET, _reset, None, leaf.pin)
        await serve(HANGS_UP, _hangs_up, None, leaf.pin)
        port = stack.enter_context(_Blocking(_old_tls(leaf)))
        nodes[OLD_TLS] = {"hostname": "127.0.0.1", "derpport": port, "certname": leaf.pin}
        nodes[STUN_ONLY] = {"hostname": "127.0.0.1", "stunonly": True}
        nodes[NO_DNS] = {"hostname": "nowhere.invalid", "derpport": 443}
        nodes[CLOSED] = {"hostname": "127.0.0.1", "derpport": free_ports()}
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))  # drops who comes when it is full
        for _ in range(2):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        nodes[DROPPED] = {"hostname": "127.0.0.1", "derpport": full.getsockname()[1], "certname": leaf.pin}
        yield nodes


@contextlib.contextmanager
def _in_thread(root: Made) -> Iterator[dict[int, dict[str, Any]]]:
    """The scripted regions, in a thread of their own."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    found: dict[int, dict[str, Any]] = {}
    stop = asyncio.Event()

    async def main() -> None:
        async with _regions(root) as nodes:
            found.update(nodes)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()))
    thread.start()
    try:
        assert ready.wait(LIMIT_S)
        yield found
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def _node(relay: RelayProcess) -> dict[str, Any]:
    node = relay.node()
    return {"hostname": "127.0.0.1", "derpport": node["DERPPort"], "certname": node["CertName"]}


@contextlib.contextmanager
def tailscaled_of_broken_relays(directory: Path) -> Iterator[Tailscaled]:
    """A tailscaled that has tried each region once at least, while the ``with`` lasts; its `log` says how it went."""
    root = make_certificate(common_name="a root", is_ca=True)
    roots = directory / "roots.pem"
    roots.write_bytes(root.pem)
    allow_list = directory / ALLOW_LIST
    allow_list.write_text("")
    with contextlib.ExitStack() as stack:
        nodes = stack.enter_context(_in_thread(root))
        nodes[OTHER_SNI] = stack.enter_context(_derper(directory))
        relay = stack.enter_context(RelayProcess("--address=127.0.0.1"))
        nodes[HEALTHY] = _node(relay)
        for region, refuse in ((REFUSING, "close"), (HOLDING, "hold")):
            words = (
                "--address=127.0.0.1",
                f"--allow-list={allow_list}",
                f"--refuse={refuse}",
                "--refuse-text=Ask Ada.",
            )
            nodes[region] = _node(stack.enter_context(RelayProcess(*words)))
        regions = {
            region: {
                "regionid": region,
                "regioncode": f"r{region}",
                "nodes": [{"name": f"{region}a", "regionid": region, "stunport": relay.stun_port} | node],
            }
            for region, node in sorted(nodes.items())
        }
        (directory / "derp.yaml").write_text(yaml.safe_dump({"regions": regions}))
        headscale = stack.enter_context(
            running_headscale(directory, free_ports(), paths=[str(directory / "derp.yaml")])
        )
        daemon = Tailscaled(directory, {"SSL_CERT_FILE": str(roots), "TS_DEBUG_LOG_RATE": "all"})
        daemon.start()
        stack.callback(daemon.stop)
        daemon.join(headscale)
        _visit(daemon, regions)
        yield daemon


def _visit(daemon: Tailscaled, regions: dict[int, Any]) -> None:
    """Have it take each region as its home for a moment: it goes on trying those that it has tried."""

    def has_tried_all() -> bool:
        connection = UnixConnection(daemon.socket)
        headers = {"Host": "local-tailscaled.sock", "Sec-Tailscale": "localapi"}
        connection.request("POST", "/localapi/v0/debug?action=pick-new-derp", headers=headers)
        connection.getresponse().read()
        connection.close()
        log = daemon.log()
        return all(f"adding connection to derp-{region} " in log for region in regions)

    until(has_tried_all, "each region has been tried", daemon.log, LIMIT_S)
