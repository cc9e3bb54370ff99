"""Hears what speaks on a TCP port: says a TLS greeting, with the relay's name and without, and then tries HTTP.

TLS itself is not looked at here: the first bytes that come back are enough.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace

from tailhub.net.abort import abort
from tailhub.tools.doctor.judge.heard import Heard, classify

__all__ = ["exchange", "hear"]

OTHER_NAME = "example.com"  # a name that nobody filters
MAX_FIRST_BYTES = 2048
_HTTP_REQUEST = b"GET / HTTP/1.0\r\n\r\n"


async def hear(address: str, port: int, server_name: str, timeout_s: float) -> Heard:
    """Listen to a port that accepts connections; `server_name` is what clients say in TLS, "" for none. Never raises.

    Without a name first: who filters names may block all that follows a name for a while.
    """
    nameless = await _greet(address, port, "", timeout_s)
    if nameless.kind in ("http", "other") or (nameless.kind == "tls" and not server_name):
        return nameless
    named = await _greet(address, port, server_name, timeout_s) if server_name else nameless
    if named.kind not in ("closed", "silent"):
        return named
    if nameless.kind == "tls":
        return replace(named, is_name_cut=True)
    http, other = await asyncio.gather(
        _first_of(address, port, _HTTP_REQUEST, timeout_s), _greet(address, port, OTHER_NAME, timeout_s)
    )
    if http.kind in ("http", "other"):
        return http
    return replace(named, is_name_cut=bool(server_name) and other.kind == "tls")


async def _greet(address: str, port: int, server_name: str, timeout_s: float) -> Heard:
    return await _first_of(address, port, _client_hello(server_name), timeout_s)


async def _first_of(address: str, port: int, said: bytes, timeout_s: float) -> Heard:
    data = await exchange(address, port, said, timeout_s)
    return Heard("silent") if data is None else classify(data)


async def exchange(address: str, port: int, said: bytes, timeout_s: float) -> bytes | None:
    """Say something on a new connection: the first bytes that come back, none when it is closed, None for silence."""
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(address, port)
            try:
                writer.write(said)
                return await reader.read(MAX_FIRST_BYTES)
            finally:
                abort(writer)
    except TimeoutError:
        return None
    except OSError:  # a reset
        return b""


def _client_hello(server_name: str) -> bytes:
    """What a client says first. A name that TLS cannot carry is left out."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    outgoing = ssl.MemoryBIO()
    try:
        tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=server_name or None)
    except ValueError:
        tls = context.wrap_bio(ssl.MemoryBIO(), outgoing)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()
