"""`DERPClient`: one connection to one relay. See `docs/client.md` for a tour.

I/O only: what bytes mean is decided in `tailhub.derp.client_protocol`, what a certificate must be in
`tailhub.client.peer_certificate`. One task reads, answers pings and fills a bounded queue; `recv` empties it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
from typing import Any, Self

from tailhub import box
from tailhub.client.dial import Endpoint, OpenStream, open_stream
from tailhub.client.message_queue import MessageQueue
from tailhub.derp import frames
from tailhub.derp.client_protocol import PING_LEN, ClientProtocol
from tailhub.derp.handshake import ClientInfo, ServerInfo
from tailhub.derp.messages import Health, Message, Pong
from tailhub.exceptions import ConnectionClosedError, LocalError, RemoteError
from tailhub.keys import KEY_LEN, MeshKey, NodePrivate, NodePublic
from tailhub.net.abort import abort

__all__ = ["DERPClient"]

CONNECT_TIMEOUT_S = 10.0  # a real client's, for everything up to the login
IDLE_TIMEOUT_S = 120.0  # a real client's; relays send a KeepAlive every 60 to 65 s
PING_TIMEOUT_S = 5.0
QUEUE_BYTES = 1 << 20
_READ_BYTES = 256 << 10
_MAX_UNSENT_FOR_PONG_BYTES = 64 << 10
_CLOSE_S = 3.0
_CLOSED_BY_US = "closed by us"


class DERPClient:
    """A connection to a DERP relay, logged in. Made by `connect`.

    ::

        async with await DERPClient.connect("192.0.2.7", 8443, cert_name="sha256-raw:…") as client:
            await client.send(peer_key, b"hello")
            async for message in client:
                if isinstance(message, ReceivedPacket):
                    print(NodePublic(message.src), message.packet)

    Keys that you give may be `NodePublic` or 32 raw bytes; keys that you get are raw bytes. Delivery is what DERP
    gives: in order for each sender, best effort, no acknowledgement. All methods belong to the event loop that
    `connect` ran in; any number of tasks may send, and more than one may receive (each message goes to one of them).

    Attributes: `public_key` (ours), `server_key` (the relay's), `server_info` (the latest, None before admission),
    `used_fast_start`, `peer_certificate_der` (the relay's own certificate, None without TLS), `endpoint`.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        stream: OpenStream,
        protocol: ClientProtocol,
        public_key: bytes,
        *,
        is_mesh: bool,
        idle_timeout_s: float,
        max_queue_bytes: int,
    ) -> None:
        """Not for callers: use `connect`."""
        self.endpoint = endpoint
        self.public_key = public_key
        self.peer_certificate_der = stream.certificate_der
        self._reader, self._writer = stream.reader, stream.writer
        self._protocol = protocol
        self._is_mesh = is_mesh
        self._idle_timeout_s = idle_timeout_s
        self._queue = MessageQueue(max_queue_bytes)
        self._pings: dict[bytes, asyncio.Future[float | None]] = {}  # the time of the pong; None when the end came
        self._closed = ""  # who ended the connection and why; empty while it is open
        self._cause: BaseException | None = None
        self._read_task: asyncio.Task[None] | None = None

    @classmethod
    async def connect(
        cls,
        host: str,
        port: int = 443,
        *,
        private_key: NodePrivate | None = None,
        server_name: str | None = None,
        cert_name: str | None = None,
        insecure: bool = False,
        tls: bool = True,
        ssl_context: ssl.SSLContext | None = None,
        mesh_key: MeshKey | None = None,
        is_prober: bool = False,
        can_ack_pings: bool = True,
        app_name: str = "",
        ideal_node: str = "",
        preferred: bool = False,
        fast_start: bool = True,
        family: int = socket.AF_UNSPEC,
        wait_admission: bool = True,
        timeout_s: float = CONNECT_TIMEOUT_S,
        idle_timeout_s: float = IDLE_TIMEOUT_S,
        max_queue_bytes: int = QUEUE_BYTES,
    ) -> Self:
        """Connect to the relay at `host` and log in.

        - `private_key`: who we are; without it a key is made and thrown away with the connection.
        - `server_name`: the relay's name, where `host` is the address to dial (`HostName` beside `IPv4` in a map).
        - `cert_name`: as in a DERP map. ``sha256-raw:<64 hex>`` pins the relay's one certificate (its dates are
          checked, its name only if `server_name` or else `host` is a DNS name). A DNS name: the certificate must be
          valid for that. Without it it must be valid for `server_name` or `host`, by the CAs of this machine.
        - `insecure`: check no certificate (`InsecureForTests`); means nothing beside a pin.
        - `tls`: False speaks to a relay without TLS.
        - `ssl_context`: used as it is, instead of one made here; a `cert_name` is then checked besides.
        - `mesh_key`: makes this a mesh peer, if it is the relay's: `watch_conns`, `forward_packet`, `close_peer`.
        - `is_prober`, `can_ack_pings`, `app_name`: what we say of ourselves at login.
        - `ideal_node`: name of the node we would rather have reached; the relay counts such connections.
        - `preferred`: say at once that this relay is our home, as `note_preferred` does later.
        - `fast_start`: log in without waiting for an HTTP response where the relay offers that.
        - `family`: `socket.AF_INET` or `AF_INET6`, to use only those addresses of a name.
        - `wait_admission`: wait until the relay lets us in. False returns as soon as the login is on its way:
          `ServerInfo` then comes as a message, and `Health` before it if the relay has something against us.
        - `timeout_s`: for all of this. `idle_timeout_s`: without any frame for so long the connection counts as dead.
        - `max_queue_bytes`: of received messages that wait for `recv`; beyond it nothing is read, and the relay holds
          back or drops what is for us.

        Raises `OSError` (`TimeoutError` and `ssl.SSLError` are such) when the relay cannot be reached,
        `CertificateError`, `UpgradeError` when something else than a relay answers, `HandshakeError`, `FrameError`,
        `ConnectionClosedError` when the relay does not let us in, `LocalError` for arguments that cannot be.
        """
        private_key = private_key or box.generate()
        endpoint = Endpoint(host, port, server_name, cert_name, insecure, tls, ssl_context, family)
        info = ClientInfo(mesh_key=mesh_key, can_ack_pings=can_ack_pings, is_prober=is_prober, app_name=app_name)
        deadline = asyncio.get_running_loop().time() + timeout_s
        stream = await open_stream(endpoint, timeout_s)
        try:
            protocol = ClientProtocol(
                private_key,
                endpoint.host_header,
                info=info,
                meta_key=stream.meta_key if fast_start else None,
                ideal_node=ideal_node,
                preferred=preferred,
            )
            client = cls(
                endpoint,
                stream,
                protocol,
                box.public_key(private_key).raw,
                is_mesh=mesh_key is not None,
                idle_timeout_s=idle_timeout_s,
                max_queue_bytes=max_queue_bytes,
            )
            await client._log_in(wait_admission, deadline)
        except BaseException:
            abort(stream.writer)
            raise
        return client

    # --- what is known ------------------------------------------------------------------------------------------------

    @property
    def server_key(self) -> bytes:
        """The relay's raw public key."""
        return self._protocol.server_key

    @property
    def server_info(self) -> ServerInfo | None:
        """What the relay said last of itself; None while it has not let us in. This client does not pace itself."""
        return self._protocol.server_info

    @property
    def used_fast_start(self) -> bool:
        """Whether the login went out without waiting for an HTTP response."""
        return self._protocol.used_fast_start

    def get_extra_info(self, name: str) -> Any:
        """What the connection's transport knows (`asyncio.BaseTransport.get_extra_info`), such as its ``"socket"``."""
        return self._writer.get_extra_info(name)

    @property
    def is_closed(self) -> bool:
        """Whether the connection is over; messages that came before may still wait for `recv`."""
        return self._closed != ""

    # --- packets and messages -----------------------------------------------------------------------------------------

    async def send(self, dst: NodePublic | bytes, packet: bytes) -> None:
        """Send a packet of at most 65,536 bytes. Waits only while the relay takes nothing."""
        await self._write(frames.send_packet(_raw(dst), packet))

    async def recv(self) -> Message:
        """The next message. Raises `ConnectionClosedError`, which says who closed and why, after the last one."""
        message = await self._queue.get()
        if message is None:
            raise self._closed_error()
        return message

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        """Iteration ends after our own `close`; when anything else ends the connection it raises as `recv` does."""
        message = await self._queue.get()
        if message is not None:
            return message
        if self._closed == _CLOSED_BY_US:
            raise StopAsyncIteration
        raise self._closed_error()

    async def ping(self, timeout_s: float = PING_TIMEOUT_S) -> float:
        """The round trip to the relay in seconds. `TimeoutError` without an answer, or while nobody calls `recv`
        and the queue is full.
        """
        data = os.urandom(PING_LEN)
        arrival: asyncio.Future[float | None] = asyncio.get_running_loop().create_future()
        self._pings[data] = arrival
        started = time.perf_counter()
        try:
            async with asyncio.timeout(timeout_s):
                await self._write(frames.ping(data))
                arrived = await arrival
        except TimeoutError:
            raise TimeoutError(f"{self.endpoint}: no pong within {timeout_s:g} s") from None
        finally:
            del self._pings[data]
        if arrived is None:
            raise self._closed_error()
        return arrived - started

    async def note_preferred(self, home: bool) -> None:
        """Tell the relay whether it is our home, the one by which peers reach us first. It is for its statistics."""
        await self._write(frames.note_preferred(home))

    # --- for mesh peers: the relay closes the connection unless the mesh key was its own ------------------------------

    async def watch_conns(self) -> None:
        """Ask for `PeerPresent` and `PeerGone` of all clients: those that are there now, then every change."""
        await self._write(self._mesh_only(frames.WATCH_CONNS))

    async def forward_packet(self, src: NodePublic | bytes, dst: NodePublic | bytes, packet: bytes) -> None:
        """Hand over a packet that another relay of the region received from `src` for `dst`."""
        await self._write(self._mesh_only(frames.forward_packet(_raw(src), _raw(dst), packet)))

    async def close_peer(self, key: NodePublic | bytes) -> None:
        """Ask the relay to close the connections of a client."""
        await self._write(self._mesh_only(frames.close_peer(_raw(key))))

    # --- the end ------------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Send what was written, then close. Returns within some seconds whatever the relay does; twice is fine."""
        self._end(_CLOSED_BY_US, None)
        if self._read_task is not None:
            self._read_task.cancel()
        self._writer.close()
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._writer.wait_closed()
        except OSError:  # TimeoutError and SSLError too: the relay does not say goodbye, or is gone already
            pass
        finally:
            abort(self._writer)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _log_in(self, wait_admission: bool, deadline: float) -> None:
        protocol, started = self._protocol, asyncio.get_running_loop().time()
        is_waiting, health = wait_admission, ""
        try:
            async with asyncio.timeout_at(deadline) as limit:
                self._writer.write(protocol.data_to_send())
                while not (protocol.server_info or (protocol.server_key and not wait_admission)):
                    data = await self._reader.read(_READ_BYTES)
                    if not data:
                        protocol.receive_eof()
                        raise ConnectionClosedError(self._refusal("the relay closed the connection", health))
                    for message in protocol.receive_data(data):
                        if is_waiting and isinstance(message, Health):
                            health = message.text  # ServerInfo would take it back
                        elif is_waiting and isinstance(message, ServerInfo):
                            is_waiting = False
                        else:
                            self._receive(message)
                    self._writer.write(protocol.data_to_send())
        except TimeoutError:
            if not limit.expired():
                raise
            took = f"{asyncio.get_running_loop().time() - started:.1f} s"
            if protocol.waiting_for == "ServerInfo":
                what = f"the relay did not let us in within {took}"
                raise ConnectionClosedError(self._refusal(what, health)) from None
            raise TimeoutError(f"{self.endpoint}: {protocol.waiting_for} did not come within {took}") from None
        except OSError as exc:
            raise ConnectionClosedError(self._refusal(f"connection lost ({exc})", health)) from exc
        self._read_task = asyncio.create_task(self._read(), name=f"DERPClient {self.endpoint}")

    def _refusal(self, what: str, health: str) -> str:
        says = f"; it says: {health}" if health else ""
        return f"{self.endpoint}: {what}, {self._protocol.waiting_for} was expected{says}"

    async def _read(self) -> None:
        """Read until the connection is over; runs as a task of its own."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._idle_timeout_s) as idle:
                while True:
                    if self._queue.is_full:
                        idle.reschedule(None)  # it is us who keep the relay from sending
                        await self._queue.wait_for_room()
                        idle.reschedule(loop.time() + self._idle_timeout_s)
                    data = await self._reader.read(_READ_BYTES)
                    if not data:
                        self._end("the relay closed the connection", None)
                        return
                    if self._receive_data(data):
                        idle.reschedule(loop.time() + self._idle_timeout_s)
        except RemoteError as exc:
            self._end(f"closed by us, the relay broke the protocol: {exc}", exc)
        except TimeoutError as exc:
            what = f"closed by us, no frame for {self._idle_timeout_s:g} s" if idle.expired() else "connection lost"
            self._end(what, exc)
        except OSError as exc:
            self._end(f"connection lost: {exc}", exc)
        except Exception as exc:  # our own fault: whoever waits must not wait for ever
            self._end(f"closed by us, a fault in this client: {exc!r}", exc)
            loop.call_exception_handler({"message": "fault in DERPClient", "exception": exc})  # logs the traceback

    def _receive_data(self, data: bytes) -> bool:
        """Whether a frame came to its end with these bytes."""
        protocol = self._protocol
        before = protocol.frames_received
        for message in protocol.receive_data(data):
            self._receive(message)
        out = protocol.data_to_send()
        # A relay that pings and never reads gets no pong: it must not fill our memory.
        if out and self._writer.transport.get_write_buffer_size() < _MAX_UNSENT_FOR_PONG_BYTES:
            self._writer.write(out)
        return protocol.frames_received != before

    def _receive(self, message: Message | Pong) -> None:
        if not isinstance(message, Pong):
            self._queue.put(message)
            return
        waiting = self._pings.get(message.data)
        if waiting is not None and not waiting.done():
            waiting.set_result(time.perf_counter())

    async def _write(self, data: bytes) -> None:
        if self._closed:
            raise self._closed_error()
        self._writer.write(data)
        try:
            await self._writer.drain()
        except OSError as exc:
            self._end(f"connection lost: {exc}", exc)
        if self._closed:
            raise self._closed_error()

    def _mesh_only(self, frame: bytes) -> bytes:
        if not self._is_mesh:
            raise LocalError("only for mesh peers: give `connect` the relay's mesh_key")
        return frame

    def _end(self, reason: str, cause: BaseException | None) -> None:
        if self._closed:
            return
        self._closed, self._cause = reason, cause
        self._queue.end()
        for waiting in self._pings.values():
            if not waiting.done():
                waiting.set_result(None)
        if reason != _CLOSED_BY_US:
            abort(self._writer)

    def _closed_error(self) -> ConnectionClosedError:
        error = ConnectionClosedError(f"{self.endpoint}: {self._closed}")
        error.__cause__ = self._cause
        return error


def _raw(key: NodePublic | bytes) -> bytes:
    if isinstance(key, NodePublic):
        return key.raw
    if len(key) != KEY_LEN:
        raise LocalError(f"a node key has {KEY_LEN} bytes, found {len(key)}")
    return bytes(key)
