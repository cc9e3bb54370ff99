"""The DERP login, both sides, sans-I/O.

Order: the server sends ServerKey; the client ClientInfo; the server decides on admission, then sends ServerInfo.
Boxes are NaCl ``crypto_box`` between the two node keys; their texts are JSON objects. Source: the reference's
``derp/derp_client.go`` and ``derp/derpserver``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tailhub import box
from tailhub.derp import frames
from tailhub.derp.frames import HEADER, HEADER_LEN, KEY_LEN, LOGIN_LIMITS, PROTOCOL_VERSION, FrameType, check_length
from tailhub.exceptions import FrameError, HandshakeError, LocalError
from tailhub.keys import MeshKey, NodePrivate

OWN_APP = "tailhub/"
"""How the application name of a tailhub relay begins that logs in to another one; its version follows."""

SHORT_INFO_BYTES = 63  # of a ClientInfo's text: shorter than any mesh key, so what is remembered is no secret


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """What a client says of itself at login. The server does not check `version`, as the reference does not."""

    version: int = PROTOCOL_VERSION
    mesh_key: MeshKey | None = None
    can_ack_pings: bool = False
    is_prober: bool = False
    app_name: str = ""


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What a server answers. The token bucket, if any, is what the client should keep to: bytes/s and bytes.

    `tailhub`: its version, which a tailhub relay tells another one that has the mesh key; others skip the field.
    """

    version: int = PROTOCOL_VERSION
    rate_bytes_per_s: int = 0
    rate_burst_bytes: int = 0
    tailhub: str = ""


def _json_object(text: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise HandshakeError(f"{what} is not JSON: {type(exc).__name__}", "bad_json") from exc
    if not isinstance(value, dict):
        raise HandshakeError(f"{what}: expected a JSON object, found {type(value).__name__}", "bad_json")
    return value


def _integer(value: object) -> int:
    # bool is an int in Python but not in JSON; a peer may send anything, and nothing here is worth closing for.
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _name(value: object) -> str:
    """What the other side calls itself, fit to be shown."""
    return frames.printable(value[:64]) if isinstance(value, str) else ""


def _parse_client_info(text: bytes) -> ClientInfo:
    fields = _json_object(text, "ClientInfo")
    mesh_key = None
    # A client without a mesh key leaves the field out; anything in it that is no key is refused, as by the reference.
    if "meshKey" in fields:
        mesh_text = fields["meshKey"]
        if not isinstance(mesh_text, str):
            raise HandshakeError("ClientInfo: meshKey is not a string", "bad_mesh_key")
        try:
            mesh_key = MeshKey.parse(mesh_text)
        except LocalError as exc:
            raise HandshakeError(f"ClientInfo: {exc}", "bad_mesh_key") from None
    return ClientInfo(
        version=_integer(fields.get("version")),
        mesh_key=mesh_key,
        can_ack_pings=fields.get("CanAckPings") is True,
        is_prober=fields.get("IsProber") is True,
        app_name=_name(fields.get("AppName")),
    )


@lru_cache(maxsize=64)
def _parse_short_client_info(text: bytes) -> ClientInfo:
    """All clients of one version say the same of themselves."""
    return _parse_client_info(text)


def _server_info_text(info: ServerInfo) -> bytes:
    fields: dict[str, object] = {"version": info.version}
    if info.rate_bytes_per_s:
        fields["TokenBucketBytesPerSecond"] = info.rate_bytes_per_s
        fields["TokenBucketBytesBurst"] = info.rate_burst_bytes
    if info.tailhub:
        fields["tailhub"] = info.tailhub
    return json.dumps(fields, separators=(",", ":")).encode()


_PLAIN_SERVER_INFO = _server_info_text(ServerInfo())  # what nearly every client gets


def _server_info_frame(info: ServerInfo | None, shared: bytes) -> bytes:
    text = _PLAIN_SERVER_INFO if info is None else _server_info_text(info)
    return frames.serialize(FrameType.SERVER_INFO, box.seal(text, shared))


def further_server_info(private: NodePrivate, client_key: bytes, info: ServerInfo | None) -> bytes:
    """A ServerInfo frame for a client that has long logged in: the limit has changed. Takes back any Health before it.

    Costs as much as a login's arithmetic.
    """
    return _server_info_frame(info, box.shared_key(private, client_key))


class ServerHandshake:
    """The server's side of one login.

    Send `server_key`, feed `receive_data` until it returns the ClientInfo, decide, then send `server_info()`.
    Bytes that the client sent behind its ClientInfo are in `trailing`.
    """

    __slots__ = ("_buffer", "_private", "_shared", "client_key", "trailing")

    def __init__(self, private: NodePrivate) -> None:
        self._private = private
        self._buffer = bytearray()
        self._shared = b""
        self.client_key = b""  # 32 bytes once ClientInfo has come
        self.trailing = b""

    def receive_data(self, data: bytes | bytearray | memoryview) -> ClientInfo | None:
        """Take bytes; None while ClientInfo is not whole. Raises `FrameError` or `HandshakeError`."""
        buffer = self._buffer
        buffer += data
        if len(buffer) < HEADER_LEN:
            return None
        frame_type, length = HEADER.unpack_from(buffer)
        if not check_length(frame_type, length, LOGIN_LIMITS):
            raise FrameError(f"login: expected CLIENT_INFO first, found type {frame_type:#04x}", "not_client_info")
        end = HEADER_LEN + length
        if len(buffer) < end:
            return None
        body = bytes(buffer[HEADER_LEN:end])
        self.trailing = bytes(buffer[end:])
        self._buffer = bytearray()
        self.client_key = body[:KEY_LEN]
        self._shared = box.shared_key(self._private, self.client_key)
        text = box.open_box(body[KEY_LEN:], self._shared)
        return _parse_short_client_info(text) if len(text) <= SHORT_INFO_BYTES else _parse_client_info(text)

    def server_info(self, info: ServerInfo | None = None) -> bytes:
        """The ServerInfo frame. Without a limit it is just ``{"version":2}``, as the reference's."""
        return _server_info_frame(info, self._shared)


class ClientHandshake:
    """The client's side of one login, once the server's key is known (from ServerKey or the meta certificate)."""

    __slots__ = ("_private", "_shared", "server_key")

    def __init__(self, private: NodePrivate, server_key: bytes) -> None:
        self._private = private
        self._shared = box.shared_key(private, server_key)
        self.server_key = server_key

    def client_info(self, info: ClientInfo) -> bytes:
        """The ClientInfo frame."""
        fields: dict[str, object] = {"version": info.version}
        if info.mesh_key is not None:
            fields["meshKey"] = info.mesh_key.to_text()
        if info.can_ack_pings:
            fields["CanAckPings"] = True
        if info.is_prober:
            fields["IsProber"] = True
        if info.app_name:
            fields["AppName"] = info.app_name
        text = json.dumps(fields, separators=(",", ":")).encode()
        body = box.public_key(self._private).raw + box.seal(text, self._shared)
        return frames.serialize(FrameType.CLIENT_INFO, body)

    def open_server_info(self, body: bytes) -> ServerInfo:
        """Read the body of a ServerInfo frame. Raises `HandshakeError`."""
        fields = _json_object(box.open_box(body, self._shared), "ServerInfo")
        return ServerInfo(
            version=_integer(fields.get("version")),
            rate_bytes_per_s=max(0, _integer(fields.get("TokenBucketBytesPerSecond"))),
            rate_burst_bytes=max(0, _integer(fields.get("TokenBucketBytesBurst"))),
            tailhub=_name(fields.get("tailhub")),
        )
