"""Opening a link to another relay: TCP, TLS with the check of its certificate, and the login, up to ServerInfo.

Not here: what is said on a link that is open (`tailhub.server.mesh.link_socket`), and when to dial (`link`).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from tailhub import __version__
from tailhub.client import peer_certificate
from tailhub.client.dial import Endpoint
from tailhub.derp.client_protocol import ClientProtocol
from tailhub.derp.handshake import OWN_APP, ClientInfo, ServerInfo
from tailhub.derp.messages import Health
from tailhub.exceptions import CertificateError, RemoteError, UpgradeError
from tailhub.keys import MeshKey
from tailhub.net.connect import connect_tcp
from tailhub.net.dialled_stream import DialledStream
from tailhub.net.threads import in_thread
from tailhub.server.context import ServerContext
from tailhub.server.incoming import set_tcp_options
from tailhub.server.mesh.failures import CLOSED, EndedError, NotTakenError, OutOfTimeError
from tailhub.server.mesh.peer_spec import PeerSpec
from tailhub.tailcfg.map_words import PIN_PREFIX

__all__ = ["MAX_SAYS", "CertificateRules", "Dialled", "NotNeededError", "dial"]

MAX_SAYS = 500
"""Characters of what another relay has to tell that are kept."""

T = TypeVar("T")


class NotNeededError(Exception):
    """Raised by a caller of `dial` who has seen at the other relay's key that it needs no link to it."""


@dataclass(frozen=True, slots=True)
class Dialled:
    """A relay that has let us in. Its stream is not read until somebody takes it over (`resume_reading`).

    `version` is tailhub's there, "" for another program; `says` a Health that came behind ServerInfo, `rest` the start
    of an unfinished frame.
    """

    stream: DialledStream
    server_key: bytes
    version: str
    says: str
    rest: bytes


class CertificateRules:
    """By what certificates are judged: made once, because this machine's list of CAs takes 20 ms and a megabyte."""

    def __init__(self) -> None:
        self._contexts: dict[tuple[bool, bool], ssl.SSLContext] = {}

    async def context_for(self, where: Endpoint) -> ssl.SSLContext:
        """For a relay there."""
        name, cert_name = where.name, where.cert_name
        kind = (cert_name or "").startswith(PIN_PREFIX), cert_name in (None, name)
        context = self._contexts.get(kind)
        if context is None:
            make = partial(peer_certificate.make_context, name, cert_name, insecure=False)
            context = self._contexts[kind] = await in_thread(make)
        return context

    def forget(self) -> None:
        """Read this machine's list of CAs again when it is needed next."""
        self._contexts.clear()


async def dial(
    context: ServerContext,
    rules: CertificateRules,
    spec: PeerSpec,
    key: MeshKey,
    recognise: Callable[[bytes], None],
    limit_s: float,
) -> Dialled:
    """Log in there with this relay's own key and this mesh key.

    `recognise` is given the key that relay says is its own, before it is told anything of us, and may raise
    `NotNeededError`. The key of what is returned it has proven: nobody else can make its ServerInfo. Raises
    that, `OSError` (`OutOfTimeError`, `EndedError`, `NotTakenError` and `socket.gaierror` are such), `RemoteError` and
    its kinds.
    """
    where = Endpoint(
        spec.dial_host or spec.host, spec.port, server_name=spec.host, cert_name=spec.cert_name or None, tls=spec.tls
    )
    login = _Login(recognise)
    try:
        async with asyncio.timeout(limit_s) as limit:
            prepare = partial(
                set_tcp_options, keepalive_s=context.tcp_keepalive_s, user_timeout_s=context.tcp_user_timeout_s
            )
            sock = await connect_tcp(where.host, where.port, prepare=prepare)
            stream = login.stream = DialledStream(
                context.loop, sock, context.buffers, context.watch, login, context.turn.sockets
            )
            login.expected = "a TLS handshake"
            stream.write_timeout_s = context.mesh_write_timeout_s
            meta_key = await login.secure(await rules.context_for(where), where) if where.tls else None
            info = ClientInfo(mesh_key=key, can_ack_pings=True, app_name=OWN_APP + __version__)
            protocol = await login.log_in(
                lambda: ClientProtocol(context.private_key, where.host_header, info=info, meta_key=meta_key), meta_key
            )
            version = protocol.server_info.tailhub if protocol.server_info is not None else ""
            return Dialled(stream, protocol.server_key, version, login.says, protocol.rest)
    except BaseException as exc:
        if login.stream is not None:
            login.stream.abort("given up")
        if not isinstance(exc, TimeoutError) or not limit.expired():
            raise
        if login.says:
            raise NotTakenError(login.says) from exc
        raise OutOfTimeError(login.expected, limit_s) from exc


class _Login:
    """Receiver of a stream until the relay has let us in.

    `expected` is what must come next, in words; `says` what the relay has to tell us.
    """

    def __init__(self, recognise: Callable[[bytes], None]) -> None:
        self.expected = "a TCP connection"
        self.says = ""
        self.stream: DialledStream | None = None
        self._recognise = recognise
        self._is_recognised = False
        self._protocol: ClientProtocol | None = None
        self._step: asyncio.Future[Any] | None = None  # that is waited for
        self._failure: Exception | None = None

    async def secure(self, context: ssl.SSLContext, where: Endpoint) -> bytes | None:
        """TLS, and the relay's DERP key if its certificates tell it."""
        assert self.stream is not None  # noqa: S101  for the type checker: set before
        tls = await self._wait(self.stream.start_client_tls(context, where.name))
        return peer_certificate.judge(tls, where.name, where.cert_name).meta_key

    async def log_in(self, make: Callable[[], ClientProtocol], meta_key: bytes | None) -> ClientProtocol:
        """Speak this protocol until we are in."""
        if meta_key is not None:
            self._is_recognised = True
            self._recognise(meta_key)
        protocol = self._protocol = make()
        self.expected = protocol.waiting_for
        assert self.stream is not None  # noqa: S101  for the type checker: set before
        self.stream.write(protocol.data_to_send())
        await self._wait(asyncio.get_running_loop().create_future())
        return protocol

    async def _wait(self, step: asyncio.Future[T]) -> T:
        if self._failure is not None:
            raise self._failure
        self._step = step
        return await step

    def _fail(self, exc: Exception) -> None:
        if self._failure is None:
            self._failure = exc
            if self._step is not None and not self._step.done():
                self._step.set_exception(exc)

    # --- Receiver -----------------------------------------------------------------------------------------------------

    def prepare(self, buf: bytearray) -> int:
        """Nothing to put back."""
        return 0

    def data_received(self, buf: bytearray, start: int, end: int) -> None:
        """Take a part of the login."""
        if self._failure is None:
            try:
                self._receive(bytes(buf[start:end]))
            except (RemoteError, NotNeededError) as exc:
                self._fail(exc)

    def _receive(self, data: bytes) -> None:
        protocol, stream = self._protocol, self.stream
        if protocol is None or stream is None:
            raise UpgradeError("it speaks before it is asked")
        for message in protocol.receive_data(data):
            if isinstance(message, Health):
                self.says = message.text[:MAX_SAYS]
            elif isinstance(message, ServerInfo):
                self.says = ""  # it takes back any Health before it
        if protocol.server_key and not self._is_recognised:
            self._is_recognised = True
            self._recognise(protocol.server_key)
        stream.write(protocol.data_to_send())
        self.expected = protocol.waiting_for
        if protocol.server_info is not None and self._step is not None and not self._step.done():
            stream.pause_reading()
            self._step.set_result(None)

    def writable(self) -> None:
        """Nothing waits."""

    def closed(self, reason: str) -> None:
        """It is over before we are in."""
        stream, protocol = self.stream, self._protocol
        if self._failure is not None:
            return
        if stream is not None and stream.refused is not None:
            self._fail(CertificateError(stream.refused.verify_message, "cert_untrusted"))
            return
        if reason == CLOSED and protocol is not None:
            if protocol.waiting_for == "ServerInfo":
                self._fail(NotTakenError(self.says))
                return
            try:
                protocol.receive_eof()
            except RemoteError as exc:
                self._fail(exc)
                return
        self._fail(EndedError(reason))
