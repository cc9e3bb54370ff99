"""Fuzz target: neither side of the login raises anything but a remote error, sealed input or not."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from support.logins import (
    CLIENT_PRIVATE,
    SERVER_KEY,
    SERVER_PRIVATE,
    client_info_with,
    server_info_with,
)
from tailhub.derp import frames
from tailhub.derp.client_protocol import ClientProtocol
from tailhub.derp.handshake import ClientHandshake, ClientInfo, ServerHandshake
from tailhub.exceptions import RemoteError
from tailhub.keys import MeshKey

_CLIENT = ClientHandshake(CLIENT_PRIVATE, SERVER_KEY)

SEEDS: list[bytes] = [
    b'{"version":2,"CanAckPings":true,"IsProber":true,"AppName":"x"}',
    b'{"version":2,"meshKey":"' + b"ab" * 32 + b'"}',
    b'{"version":2,"TokenBucketBytesPerSecond":1000,"TokenBucketBytesBurst":65568}',
    b'{"AppName":"\\ud800\\n","meshKey":null,"version":1e999}',
    b"[" * 2000,
    b"9" * 5000,
    _CLIENT.client_info(ClientInfo()),
    _CLIENT.client_info(ClientInfo(mesh_key=MeshKey(bytes(32)))) + frames.note_preferred(True),
    frames.server_key(SERVER_KEY) + server_info_with(b'{"version":2}') + frames.KEEP_ALIVE,
    b"",
]


def one_input(data: bytes) -> None:
    """Give `data` to both sides as it is, and sealed as the text of their boxes."""
    for frame in (data, client_info_with(data)):
        server = ServerHandshake(SERVER_PRIVATE)
        try:
            info = server.receive_data(frame)
        except RemoteError:
            continue
        if info is not None:
            info.app_name.encode()
            server.server_info()
    for frame in (data, server_info_with(data)):
        client = ClientProtocol(CLIENT_PRIVATE, "relay", meta_key=SERVER_KEY)
        try:
            client.receive_data(frames.server_key(SERVER_KEY) + frame)
        except RemoteError:
            continue
        client.data_to_send()


if __name__ == "__main__":
    from support.fuzzing import run

    run(one_input, SEEDS)
