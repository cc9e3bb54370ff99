"""Does this relay relay? TCP, TLS, an HTTP request, the DERP login, a ping: each timed, on connections of their own.

I/O. Nothing that a relay does comes out as an exception: it is a `Trouble`.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module

from tailhub.client import DERPClient, peer_certificate
from tailhub.client.dial import Endpoint, open_stream
from tailhub.exceptions import CertificateError, ConnectionClosedError, LocalError, RemoteError, TailhubError
from tailhub.keys import NodePrivate
from tailhub.net.abort import abort
from tailhub.tools.netcheck.seen import NodeSeen, Trouble, TroubleKind
from tailhub.tools.target import Target

__all__ = ["Contexts", "try_relay"]

PINGS = 3
_MAX_HEAD_BYTES = 8 << 10


class Contexts:
    """What the `ssl` module checks, made once for all relays that are checked alike: it reads the machine's CAs."""

    def __init__(self) -> None:
        self._made: dict[tuple[bool, ...], ssl.SSLContext] = {}
        # What is loaded at the first use would count as the latency of the first relay.
        import_module("cryptography.x509")

    def endpoint(self, target: Target, address: str) -> Endpoint:
        """Where the relay is. Raises `LocalError` for a pin that no certificate can have."""
        node, name = target.node, target.host or address
        cert_name = node.cert_name or None
        is_like = (target.is_pinned, cert_name is None or cert_name == name, cert_name is None, node.insecure_for_tests)
        if is_like not in self._made:
            made = peer_certificate.make_context(name, cert_name, insecure=node.insecure_for_tests)
            self._made[is_like] = made
        return Endpoint(address, target.derp_port, name, cert_name, ssl_context=self._made[is_like])


class _FailureError(Exception):
    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.detail)
        self.trouble = trouble


async def try_relay(
    seen: NodeSeen,
    target: Target,
    addresses: Sequence[str],
    contexts: Contexts,
    private_key: NodePrivate | None,
    timeout_s: float,
) -> NodeSeen:
    """`seen` with what came of it; `timeout_s` is for each connection and for each answer.

    The first of `addresses` that takes a TCP connection is used. `private_key`: who logs in; without it anybody.
    """
    try:
        address, tcp_ns = await _tcp(target, addresses, timeout_s)
        seen = replace(seen, tcp_address=address, tcp_ns=tcp_ns)
        endpoint = _endpoint(contexts, target, address)
        tls_ns, https_ns = await _request(endpoint, target.node.host_name, timeout_s)
        seen = replace(seen, tls_ns=tls_ns, https_ns=https_ns)
        login_ns, relay_ns = await _log_in(endpoint, private_key, timeout_s)
        return replace(seen, login_ns=login_ns, relay_ns=relay_ns)
    except _FailureError as failure:
        return replace(seen, trouble=failure.trouble)


def _endpoint(contexts: Contexts, target: Target, address: str) -> Endpoint:
    try:
        return contexts.endpoint(target, address)
    except LocalError as exc:
        raise _FailureError(Trouble("tls", TroubleKind.CERTIFICATE, str(exc))) from exc


async def _tcp(target: Target, addresses: Sequence[str], timeout_s: float) -> tuple[str, int]:
    trouble = Trouble("tcp", TroubleKind.NO_ADDRESS)
    for address in addresses:
        started = time.perf_counter_ns()
        try:
            async with asyncio.timeout(timeout_s):
                _, writer = await asyncio.open_connection(address, target.derp_port)
        except (OSError, OverflowError) as exc:  # OverflowError: a port that cannot be
            trouble = _trouble("tcp", exc)
            continue
        took = time.perf_counter_ns() - started
        abort(writer)
        return address, took
    raise _FailureError(trouble)


async def _request(endpoint: Endpoint, host_name: str, timeout_s: float) -> tuple[int, int | None]:
    """The time to a TLS connection, and of a request over it; None where it is not answered as clients want it."""
    started = time.perf_counter_ns()
    try:
        stream = await open_stream(endpoint, timeout_s)
    except (OSError, TailhubError, UnicodeError, ValueError) as exc:
        raise _FailureError(_trouble("tls", exc)) from exc
    tls_ns = time.perf_counter_ns() - started
    try:
        asked = time.perf_counter_ns()
        host = host_name.encode("idna") if not host_name.isascii() else host_name.encode()
        stream.writer.write(b"GET /derp/latency-check HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(timeout_s):
            head = await stream.reader.readuntil(b"\r\n\r\n")
        https_ns = time.perf_counter_ns() - asked
        words = head[:_MAX_HEAD_BYTES].split(None, 2)
        is_fine = len(words) > 1 and words[0].startswith(b"HTTP/1.") and words[1][:1] == b"2"
        return tls_ns, https_ns if is_fine else None
    except (OSError, EOFError, UnicodeError, asyncio.LimitOverrunError):
        return tls_ns, None
    finally:
        abort(stream.writer)


async def _log_in(endpoint: Endpoint, private_key: NodePrivate | None, timeout_s: float) -> tuple[int, int | None]:
    """The time to a login, and that of a ping: the least of some."""
    started = time.perf_counter_ns()
    try:
        client = await DERPClient.connect(
            endpoint.host,
            endpoint.port,
            private_key=private_key,
            server_name=endpoint.server_name,
            cert_name=endpoint.cert_name,
            ssl_context=endpoint.ssl_context,
            app_name="tailhub netcheck",
            timeout_s=timeout_s,
        )
    except (OSError, TailhubError, UnicodeError, ValueError) as exc:
        raise _FailureError(_trouble("login", exc)) from exc
    login_ns = time.perf_counter_ns() - started
    relay_ns: int | None = None
    try:
        for _ in range(PINGS):
            took = round(await client.ping(timeout_s) * 1e9)
            relay_ns = took if relay_ns is None else min(took, relay_ns)
    except (OSError, ConnectionClosedError):
        pass
    finally:
        await client.close()
    return login_ns, relay_ns


def _trouble(step: str, exc: Exception) -> Trouble:
    detail = str(exc) or type(exc).__name__
    if isinstance(exc, TimeoutError):
        kind = TroubleKind.TIMEOUT
    elif isinstance(exc, ConnectionRefusedError):
        kind = TroubleKind.REFUSED
    elif isinstance(exc, CertificateError | ssl.SSLCertVerificationError):
        kind = TroubleKind.CERTIFICATE
    elif step == "tls" and isinstance(exc, ssl.SSLError):
        kind = TroubleKind.NOT_TLS
    elif isinstance(exc, ConnectionClosedError):
        kind = TroubleKind.NOT_LET_IN
    elif isinstance(exc, RemoteError):
        kind = TroubleKind.NOT_A_RELAY
    else:
        kind = TroubleKind.FAILED
    return Trouble(step, kind, detail)
