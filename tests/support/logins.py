"""The login between two protocol objects, without a network."""

from __future__ import annotations

import json
from typing import Any

from tailhub import box
from tailhub.derp import frames
from tailhub.derp.client_protocol import ClientProtocol
from tailhub.derp.codec import FrameDecoder
from tailhub.derp.frames import CLIENT_LIMITS, FrameType
from tailhub.derp.handshake import ClientHandshake, ClientInfo, ServerHandshake, ServerInfo
from tailhub.derp.messages import Message, Pong
from tailhub.derp.upgrade import derp_response
from tailhub.keys import NodePrivate

SERVER_PRIVATE = NodePrivate(bytes(range(1, 33)))
CLIENT_PRIVATE = NodePrivate(bytes(range(101, 133)))
SERVER_KEY = box.public_key(SERVER_PRIVATE).raw
CLIENT_KEY = box.public_key(CLIENT_PRIVATE).raw


def login(
    client: ClientHandshake, server: ServerHandshake, info: ClientInfo, answer: ServerInfo | None = None
) -> tuple[ClientInfo, ServerInfo]:
    """Let both sides log in with each other; what each has learnt of the other."""
    learnt = server.receive_data(client.client_info(info))
    assert learnt is not None
    [(kind, body)] = FrameDecoder(CLIENT_LIMITS).receive_data(server.server_info(answer))
    assert kind == FrameType.SERVER_INFO
    return learnt, client.open_server_info(body)


def client_info_with(text: bytes) -> bytes:
    """A ClientInfo frame whose box holds this text instead of good JSON."""
    shared = box.shared_key(CLIENT_PRIVATE, SERVER_KEY)
    return frames.serialize(FrameType.CLIENT_INFO, CLIENT_KEY + box.seal(text, shared))


def client_info_with_fields(**fields: Any) -> bytes:
    """A ClientInfo frame with these fields."""
    return client_info_with(json.dumps(fields).encode())


def server_info_with(text: bytes) -> bytes:
    """A ServerInfo frame whose box holds this text."""
    return frames.serialize(FrameType.SERVER_INFO, box.seal(text, box.shared_key(CLIENT_PRIVATE, SERVER_KEY)))


def admit(client: ClientProtocol, answer: ServerInfo | None = None) -> list[Message | Pong]:
    """Be the relay for a `ClientProtocol` until it is let in; what it then reports."""
    head, _, rest = client.data_to_send().partition(b"\r\n\r\n")
    server = ServerHandshake(SERVER_PRIVATE)
    reported: list[Message | Pong] = []
    if b"Derp-Fast-Start: 1" not in head:
        reported += client.receive_data(derp_response(SERVER_KEY))
    reported += client.receive_data(frames.server_key(SERVER_KEY))
    assert server.receive_data(rest + client.data_to_send()) is not None
    return reported + client.receive_data(server.server_info(answer))
