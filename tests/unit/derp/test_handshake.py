from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.logins import (
    CLIENT_KEY,
    CLIENT_PRIVATE,
    SERVER_KEY,
    SERVER_PRIVATE,
    client_info_with,
    client_info_with_fields,
    login,
    server_info_with,
)
from support.streams import cut
from tailhub import box
from tailhub.derp import frames
from tailhub.derp.frames import MAX_CLIENT_INFO_LEN, FrameType
from tailhub.derp.handshake import ClientHandshake, ClientInfo, ServerHandshake, ServerInfo
from tailhub.exceptions import FrameError, HandshakeError, RemoteError
from tailhub.keys import MeshKey

MESH_KEY = MeshKey(b"\xab" * 32)


def parties() -> tuple[ClientHandshake, ServerHandshake]:
    return ClientHandshake(CLIENT_PRIVATE, SERVER_KEY), ServerHandshake(SERVER_PRIVATE)


def server_reads(frame: bytes) -> ClientInfo | None:
    return ServerHandshake(SERVER_PRIVATE).receive_data(frame)


@pytest.mark.parametrize(
    "info",
    [
        ClientInfo(),
        ClientInfo(mesh_key=MESH_KEY),
        ClientInfo(can_ack_pings=True, is_prober=True, app_name="probe 雨"),
        ClientInfo(version=3),
    ],
)
def test_the_server_learns_what_the_client_says(info: ClientInfo) -> None:
    """Everything in ClientInfo arrives, together with the client's key."""
    client, server = parties()
    assert login(client, server, info) == (info, ServerInfo())
    assert server.client_key == CLIENT_KEY
    assert client.server_key == SERVER_KEY


def test_the_client_learns_the_rate() -> None:
    """A token bucket in ServerInfo arrives in bytes a second and bytes."""
    answer = ServerInfo(rate_bytes_per_s=1_000_000, rate_burst_bytes=65568)
    assert login(*parties(), ClientInfo(), answer) == (ClientInfo(), answer)


def test_the_client_learns_the_version_of_a_tailhub_relay() -> None:
    """What a relay says of its own version arrives."""
    answer = ServerInfo(tailhub="1.2.3")
    assert login(*parties(), ClientInfo(), answer) == (ClientInfo(), answer)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (b'{"version":2,"tailhub":7}', ""),
        (b'{"version":2,"tailhub":"1\\n\\u001b[2J"}', "1  [2J"),
        (b'{"version":2,"tailhub":"' + b"9" * 100 + b'"}', "9" * 64),
    ],
)
def test_a_version_is_fit_to_be_shown(text: bytes, version: str) -> None:
    """Whatever a relay calls its version, it is short and printable here."""
    assert parties()[0].open_server_info(server_info_with(text)[5:]) == ServerInfo(tailhub=version)


def test_server_info_without_a_rate_is_the_references() -> None:
    """ServerInfo without a limit holds ``{"version":2}`` and nothing else."""
    client, server = parties()
    server.receive_data(client.client_info(ClientInfo()))
    text = box.open_box(server.server_info()[5:], box.shared_key(CLIENT_PRIVATE, SERVER_KEY))
    assert text == b'{"version":2}'


@given(st.lists(st.integers(1, 80), min_size=1, max_size=4), st.binary(max_size=60))
def test_any_split_logs_in(sizes: list[int], behind: bytes) -> None:
    """ClientInfo may come in any pieces; what is sent behind it in the same piece is kept as it is."""
    client, server = parties()
    stream = client.client_info(ClientInfo(app_name="x")) + behind
    pieces = cut(stream, sizes)
    while pieces:
        found = server.receive_data(pieces.pop(0))
        if found is not None:
            break
    assert found == ClientInfo(app_name="x")
    assert server.trailing + b"".join(pieces) == behind


def test_another_frame_first_is_refused() -> None:
    """Whatever comes instead of ClientInfo ends the login, known type or not."""
    for frame in (frames.send_packet(CLIENT_KEY, b""), frames.ping(bytes(8)), frames.serialize(0x42), b"GET / HTTP"):
        with pytest.raises(FrameError, match="expected CLIENT_INFO first") as caught:
            server_reads(frame)
        assert caught.value.reason == "not_client_info"


@pytest.mark.parametrize("length", [0, 55, MAX_CLIENT_INFO_LEN + 1, 0xFFFFFFFF])
def test_the_length_is_judged_from_the_header(length: int) -> None:
    """A ClientInfo too short or too long is refused before its body has come."""
    with pytest.raises(FrameError, match="CLIENT_INFO: expected a body of 56 to 16384 bytes"):
        server_reads(b"\x02" + length.to_bytes(4, "big"))


def test_a_box_for_somebody_else_is_refused() -> None:
    """A ClientInfo sealed for another server, or changed on the way, does not open."""
    stranger = ClientHandshake(CLIENT_PRIVATE, box.public_key(box.generate()).raw)
    good = bytearray(ClientHandshake(CLIENT_PRIVATE, SERVER_KEY).client_info(ClientInfo()))
    good[-1] ^= 1
    for frame in (stranger.client_info(ClientInfo()), bytes(good)):
        with pytest.raises(HandshakeError) as caught:
            server_reads(frame)
        assert caught.value.reason == "bad_box"


def test_a_box_shorter_than_its_tag_is_refused() -> None:
    """The least body that the frame's limits allow has no room for a box, and is refused as such."""
    with pytest.raises(HandshakeError, match="found 24"):
        server_reads(frames.serialize(FrameType.CLIENT_INFO, CLIENT_KEY + bytes(24)))


@pytest.mark.parametrize("point", [bytes(32), b"\1" + bytes(31)])
def test_a_client_key_of_low_order_is_refused(point: bytes) -> None:
    """A client key whose shared secret is known to everybody ends the login."""
    with pytest.raises(HandshakeError) as caught:
        server_reads(frames.serialize(FrameType.CLIENT_INFO, point + bytes(60)))
    assert caught.value.reason == "bad_key"


@pytest.mark.parametrize(
    "text",
    [b"", b"junk", b"{", b"[]", b"null", b"2", b'"{}"', b"{}{}", b"\xff\xfe", b'{"version":2', b"[" * 10000,
     b'{"a":' * 3000, b'{"version":' + b"9" * 5000 + b"}", b'{"AppName":"\xff"}'],
    ids=lambda text: repr(text[:12]),
)  # fmt: skip
def test_texts_that_are_no_json_object_are_refused(text: bytes) -> None:
    """Junk, JSON that is no object, nesting without end and numbers without end all end the login as bad JSON."""
    with pytest.raises(HandshakeError) as caught:
        server_reads(client_info_with(text))
    assert caught.value.reason == "bad_json"


def test_an_empty_object_is_enough() -> None:
    """``{}`` logs in; the version is not checked."""
    assert server_reads(client_info_with(b"{}")) == ClientInfo(version=0)
    assert server_reads(client_info_with_fields(version=99)) == ClientInfo(version=99)


@pytest.mark.parametrize(
    "fields",
    [
        {"version": "2"},
        {"version": True},
        {"CanAckPings": "yes", "IsProber": 1, "AppName": ["x"]},
        {"CanAckPings": None, "unknown": {"deep": [1, 2]}},
    ],
)
def test_fields_of_another_type_count_as_absent(fields: dict[str, object]) -> None:
    """A field of an unexpected type, and a field nobody knows, are no reason to close."""
    assert server_reads(client_info_with_fields(**fields)) == ClientInfo(version=0)


def test_an_app_name_is_bounded_and_printable() -> None:
    """A name of its own choice that a client sends is cut to 64 characters and cannot carry control characters."""
    info = server_reads(client_info_with_fields(AppName="\x1b[2J\n" + "\ud800" + "n" * 1000))
    assert info is not None
    assert info.app_name == (" [2J  " + "n" * 1000)[:64]
    info.app_name.encode()


def test_a_well_formed_mesh_key_is_handed_on() -> None:
    """A mesh key of the right form is no error, right or wrong, all zeros too; whoever decides compares it."""
    for key in (MESH_KEY, MeshKey(bytes(32))):
        info = server_reads(client_info_with_fields(version=2, meshKey=key.to_text()))
        assert info == ClientInfo(mesh_key=key)


@pytest.mark.parametrize("text", ["", "ab", "g" * 64, "ab" * 31, "ab" * 33, 0, None, False, [], {"a": 1}])
def test_a_malformed_mesh_key_is_refused(text: object) -> None:
    """A meshKey that is no 64 hex digits ends the login, and is not echoed."""
    with pytest.raises(HandshakeError, match="ClientInfo") as caught:
        server_reads(client_info_with_fields(meshKey=text))
    assert caught.value.reason == "bad_mesh_key"


@pytest.mark.parametrize("text", [b"", b"[]", b"nope"])
def test_a_client_refuses_a_bad_server_info(text: bytes) -> None:
    """A ServerInfo that is no JSON object is a bad login for the client too."""
    client, _ = parties()
    with pytest.raises(HandshakeError, match="ServerInfo"):
        client.open_server_info(server_info_with(text)[5:])


@pytest.mark.parametrize(
    ("text", "info"),
    [
        (b'{"version":2,"TokenBucketBytesPerSecond":-1,"TokenBucketBytesBurst":-5}', ServerInfo()),
        (b'{"version":2,"TokenBucketBytesPerSecond":1e6}', ServerInfo()),
        (b"{}", ServerInfo(version=0)),
        (b'{"version":3,"new":1}', ServerInfo(version=3)),
    ],
)
def test_odd_values_in_server_info_mean_no_limit(text: bytes, info: ServerInfo) -> None:
    """Rates that are negative or no integers count as none."""
    assert parties()[0].open_server_info(server_info_with(text)[5:]) == info


def test_a_server_key_of_low_order_is_refused() -> None:
    """A client does not log in to a server key whose secret is known to everybody."""
    with pytest.raises(HandshakeError):
        ClientHandshake(CLIENT_PRIVATE, bytes(32))


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_remote_error(data: bytes) -> None:
    """Whatever a peer sends, and whatever it seals, the server's side raises remote errors only."""
    for attempt in (data, b"\x02" + len(data).to_bytes(4, "big") + data, client_info_with(data)):
        try:
            server_reads(attempt)
        except RemoteError:
            pass
