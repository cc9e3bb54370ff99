"""The client's side of one DERP connection, sans-I/O: from ``GET /derp`` through the login to messages.

Send `data_to_send()` at the start and after each `receive_data`, hand in what arrives, act on the messages that come
out. Pings are answered here. Not here: sockets, TLS, time, the queue of messages (`tailhub.client`). Source: the
reference's ``derp/derp_client.go`` and ``derp/derphttp/derphttp_client.go``.
"""

from __future__ import annotations

from tailhub.derp import frames
from tailhub.derp.codec import FrameDecoder
from tailhub.derp.frames import CLIENT_LIMITS, KEY_LEN, FrameType, PeerGoneReason, PeerPresent
from tailhub.derp.handshake import ClientHandshake, ClientInfo, ServerInfo
from tailhub.derp.messages import Health, Message, PeerGone, Pong, ReceivedPacket, Restarting
from tailhub.derp.upgrade import ClientUpgrade
from tailhub.exceptions import HandshakeError
from tailhub.keys import NodePrivate

PING_LEN = 8
_KNOWN_REASONS = frozenset(int(reason) for reason in PeerGoneReason)


class ClientProtocol:
    """One connection, from its first byte on.

    `meta_key`: the relay's key out of its meta certificate; request and ClientInfo then leave in one flight (fast
    start) and no HTTP response is expected. `preferred`: say in the same flight as ClientInfo that this is our home.
    """

    __slots__ = (
        "_decoder",
        "_handshake",
        "_info",
        "_out",
        "_preferred",
        "_private",
        "_upgrade",
        "frames_received",
        "server_info",
        "used_fast_start",
    )

    def __init__(
        self,
        private_key: NodePrivate,
        host: str,
        *,
        info: ClientInfo | None = None,
        meta_key: bytes | None = None,
        ideal_node: str = "",
        preferred: bool = False,
    ) -> None:
        self._private = private_key
        self._info = info or ClientInfo()
        self._preferred = preferred
        self._decoder = FrameDecoder(CLIENT_LIMITS)
        self._handshake: ClientHandshake | None = None
        self.used_fast_start = meta_key is not None
        # None as soon as frames have begun.
        self._upgrade: ClientUpgrade | None = ClientUpgrade(
            host, fast_start=self.used_fast_start, ideal_node=ideal_node
        )
        self._out = bytearray(self._upgrade.request)
        self.frames_received = 0  # of any type, those that are skipped too
        self.server_info: ServerInfo | None = None  # the latest; None while the relay has not let us in
        if meta_key is not None:
            self._log_in(meta_key)

    @property
    def server_key(self) -> bytes:
        """The relay's raw public key; empty while it is not known."""
        return self._handshake.server_key if self._handshake is not None else b""

    @property
    def waiting_for(self) -> str:
        """What must come next for the login to go on, in words for an error; empty when there is nothing more."""
        if self._upgrade is not None and not self.used_fast_start:
            return "the answer to the upgrade"
        if self._handshake is None:
            return "ServerKey"
        return "ServerInfo" if self.server_info is None else ""

    @property
    def rest(self) -> bytes:
        """The start of an unfinished frame, for whoever reads on in its place behind the login."""
        return self._decoder.rest

    def data_to_send(self) -> bytes:
        """What must go out now; each byte is given once."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def receive_data(self, data: bytes) -> list[Message | Pong]:
        """Take what arrived; return the messages that are complete now. Raises `RemoteError` and its kinds."""
        if self._upgrade is not None:
            rest = self._receive_answer(self._upgrade, data)
            if rest is None:
                return []
            self._upgrade = None
            data = rest
        messages: list[Message | Pong] = []
        skipped_before = self._decoder.skipped_frames
        received = self._decoder.receive_data(data)
        for frame_type, body in received:
            message = self._receive_frame(frame_type, body)
            if message is not None:
                messages.append(message)
        skipped = self._decoder.skipped_frames - skipped_before
        if skipped and self._handshake is None:
            raise HandshakeError("login: expected ServerKey first, found an unknown frame", "not_server_key")
        self.frames_received += len(received) + skipped
        return messages

    def receive_eof(self) -> None:
        """The relay closed. Raises `UpgradeError` when that leaves the upgrade without its answer."""
        if self._upgrade is not None and not self.used_fast_start:
            self._upgrade.receive_data(b"")

    def _receive_answer(self, upgrade: ClientUpgrade, data: bytes) -> bytes | None:
        """The bytes behind the answer to the upgrade, None while there are none."""
        if not data:
            return None
        if self.used_fast_start:
            # ServerKey comes first, and its first byte is 1. Whoever refuses does it in HTTP.
            if not data.startswith(b"H"):
                return data
            self.used_fast_start = False
        return upgrade.receive_data(data)

    def _log_in(self, server_key: bytes) -> None:
        self._handshake = ClientHandshake(self._private, server_key)
        self._out += self._handshake.client_info(self._info)
        if self._preferred:
            self._out += frames.note_preferred(True)

    def _receive_frame(self, frame_type: int, body: bytes) -> Message | Pong | None:
        handshake = self._handshake
        if handshake is None:
            if frame_type != FrameType.SERVER_KEY:
                name = FrameType(frame_type).name
                raise HandshakeError(f"login: expected ServerKey first, found {name}", "not_server_key")
            self._log_in(frames.parse_server_key(body))
            return None
        if frame_type == FrameType.RECV_PACKET:
            return ReceivedPacket(body[:KEY_LEN], body[KEY_LEN:])
        match frame_type:
            case FrameType.PING:
                self._out += frames.pong(body[:PING_LEN])
            case FrameType.PONG:
                return Pong(body[:PING_LEN])
            case FrameType.SERVER_INFO:
                self.server_info = handshake.open_server_info(body)
                return self.server_info
            case FrameType.PEER_GONE:
                key, reason = frames.parse_peer_gone(body)
                return PeerGone(key, PeerGoneReason(reason) if reason in _KNOWN_REASONS else reason)
            case FrameType.PEER_PRESENT:
                return PeerPresent.parse(body)
            case FrameType.HEALTH:
                return Health(frames.parse_health(body))
            case FrameType.RESTARTING:
                first_ms, second_ms = frames.parse_restarting(body)
                return Restarting(first_ms / 1000, second_ms / 1000)
            # KeepAlive says nothing but that the relay is there. A ServerKey after a fast start is known already.
        return None
