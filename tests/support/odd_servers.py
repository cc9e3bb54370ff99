"""Servers that are not what a client hopes for, run as a program in a network namespace of the test's.

::

    with odd_servers(namespace.prefix, directory, greeting(22, "SSH-2.0-x"), silent(81)): ...

Each maker says what its server does. They listen on all addresses unless they say otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

if __name__ != "__main__":
    from support.server_process import ServerProcess

READY = "all of them listen"
MARK = 7  # on the connections of a transparent proxy itself, which no rule may catch again
_SO_ORIGINAL_DST = 80  # linux/netfilter_ipv4.h


def greeting(port: int, text: str) -> dict[str, Any]:
    """TCP: says `text` at once, as SSH and SMTP do."""
    return {"kind": "greeting", "port": port, "text": text}


def silent(port: int) -> dict[str, Any]:
    """TCP: accepts, reads and never says a word."""
    return {"kind": "silent", "port": port}


def hangs_up(port: int) -> dict[str, Any]:
    """TCP: accepts and resets the connection."""
    return {"kind": "hangs_up", "port": port}


def cuts_name(port: int, name: str, to_port: int) -> dict[str, Any]:
    """TCP: resets a connection whose ClientHello asks for `name`, and passes all others on to a port of loopback."""
    return {"kind": "cuts_name", "port": port, "name": name, "to_port": to_port}


def transparent(port: int, to: str) -> dict[str, Any]:
    """TCP: a proxy that passes each connection on, at the address `to`, to the port that it was meant for."""
    return {"kind": "transparent", "port": port, "to": to}


def udp_echo(port: int) -> dict[str, Any]:
    """UDP: sends back what comes."""
    return {"kind": "udp_echo", "port": port}


def naive_stun(port: int) -> dict[str, Any]:
    """UDP: answers STUN from whichever address the routing prefers."""
    return {"kind": "naive_stun", "port": port}


def dns(records: Mapping[str, Sequence[str] | None], port: int = 53) -> dict[str, Any]:
    """UDP: a name server that has these names and no others, and fails at one without a list; ``*`` is every name."""
    return {"kind": "dns", "port": port, "records": dict(records)}


@contextlib.contextmanager
def odd_servers(prefix: Sequence[str], directory: Path, *servers: dict[str, Any]) -> Iterator[None]:
    """Run them, until the block ends; inside they listen."""
    process = ServerProcess(
        (*prefix, sys.executable, __file__, json.dumps(servers)),
        directory / f"odd-servers-{abs(hash(tuple(prefix)))}.log",
        environ=dict(os.environ),
    )
    try:
        process.wait_until(lambda: READY in process.log(), READY)
        yield
    finally:
        process.stop()


# --- the program ------------------------------------------------------------------------------------------------------


async def _greet(text: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(text.encode() + b"\r\n")
    await _read_on(reader, writer)


async def _read_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while await reader.read(4096):
            pass
    writer.close()


async def _reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _pass_unless(name: str, to_port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    from tailhub.preface.clienthello import parse_client_hello

    begun = b""
    while (hello := parse_client_hello(begun)) is None:
        if not (piece := await reader.read(4096)):
            writer.close()
            return
        begun += piece
    if hello.server_name == name:
        await _reset(reader, writer)
        return
    to_reader, to_writer = await asyncio.open_connection("127.0.0.1", to_port)
    to_writer.write(begun)
    await asyncio.gather(_pump(reader, to_writer), _pump(to_reader, writer))


async def _pass_on(to: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    meant = writer.get_extra_info("socket").getsockopt(socket.SOL_IP, _SO_ORIGINAL_DST, 16)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
    sock.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(sock, (to, int.from_bytes(meant[2:4], "big")))
    except OSError:
        writer.transport.abort()
        return
    to_reader, to_writer = await asyncio.open_connection(sock=sock)
    await asyncio.gather(_pump(reader, to_writer), _pump(to_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(1 << 16):
            writer.write(piece)
    writer.close()


class _Answering(asyncio.DatagramProtocol):
    def __init__(self, server: dict[str, Any]) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        answer = _ANSWERS[self._server["kind"]](self._server, data, addr)
        if answer:
            self._transport.sendto(answer, addr)


def _echo(server: dict[str, Any], data: bytes, addr: tuple[Any, ...]) -> bytes:
    return data


def _mapped(server: dict[str, Any], data: bytes, addr: tuple[Any, ...]) -> bytes:
    from tailhub.stun.message import binding_response, parse_request

    return binding_response(parse_request(data).transaction_id, addr[0], addr[1])


def _resolved(server: dict[str, Any], data: bytes, addr: tuple[Any, ...]) -> bytes:
    """An answer to one question (RFC 1035, 4.1): of type A (1) or AAAA (28)."""
    labels, at = [], 12
    while data[at]:
        labels.append(data[at + 1 : at + 1 + data[at]].decode())
        at += 1 + data[at]
    question = data[12 : at + 5]
    records: dict[str, list[str] | None] = server["records"]
    name = ".".join(labels).lower()
    known = records.get(name, records.get("*", []))
    kind = struct.unpack(">H", question[-4:-2])[0]
    wanted = [ip for ip in map(ip_address, known or ()) if {4: 1, 6: 28}[ip.version] == kind]
    answers = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 1, len(ip.packed)) + ip.packed for ip in wanted)
    code = 2 if known is None else 0 if known else 3  # SERVFAIL, found, NXDOMAIN
    return data[:2] + struct.pack(">HHHHH", 0x8580 | code, 1, len(wanted), 0, 0) + question + answers


_ANSWERS = {"udp_echo": _echo, "naive_stun": _mapped, "dns": _resolved}


async def _serve(servers: Sequence[dict[str, Any]]) -> None:
    loop = asyncio.get_running_loop()
    kept: list[object] = []
    for server in servers:
        port = server["port"]
        if server["kind"] in _ANSWERS:
            kept.append(await loop.create_datagram_endpoint(partial(_Answering, server), local_addr=("0.0.0.0", port)))
            continue
        handlers = {
            "greeting": lambda server: partial(_greet, server["text"]),
            "silent": lambda server: _read_on,
            "hangs_up": lambda server: _reset,
            "transparent": lambda server: partial(_pass_on, server["to"]),
            "cuts_name": lambda server: partial(_pass_unless, server["name"], server["to_port"]),
        }
        kept.append(await asyncio.start_server(handlers[server["kind"]](server), None, port))
    print(READY, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(json.loads(sys.argv[1])))
