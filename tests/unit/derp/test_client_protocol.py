from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.logins import CLIENT_KEY, CLIENT_PRIVATE, SERVER_KEY, SERVER_PRIVATE, admit, server_info_with
from support.streams import cut
from tailhub.derp import frames
from tailhub.derp.client_protocol import ClientProtocol
from tailhub.derp.frames import FrameType, PeerGoneReason, PeerPresent, serialize
from tailhub.derp.handshake import ClientInfo, ServerHandshake, ServerInfo
from tailhub.derp.messages import Health, PeerGone, Pong, ReceivedPacket, Restarting
from tailhub.derp.upgrade import derp_response
from tailhub.exceptions import FrameError, HandshakeError, LocalError, RemoteError, UpgradeError

PEER = b"\x77" * 32


def admitted() -> ClientProtocol:
    client = ClientProtocol(CLIENT_PRIVATE, "relay")
    admit(client)
    return client


def test_the_normal_login() -> None:
    """The request goes first; ClientInfo follows when ServerKey has come; ServerInfo is the admission."""
    client = ClientProtocol(CLIENT_PRIVATE, "relay:8443", info=ClientInfo(is_prober=True), ideal_node="a")
    request = client.data_to_send()
    assert request.startswith(b"GET /derp HTTP/1.1\r\n")
    assert request.endswith(b"\r\n\r\n")
    assert client.data_to_send() == b""
    assert (client.waiting_for, client.server_key, client.server_info) == ("the answer to the upgrade", b"", None)
    assert client.receive_data(derp_response(SERVER_KEY)) == []
    assert client.waiting_for == "ServerKey"
    assert client.data_to_send() == b""
    assert client.receive_data(frames.server_key(SERVER_KEY)) == []
    assert client.waiting_for == "ServerInfo"
    server = ServerHandshake(SERVER_PRIVATE)
    assert server.receive_data(client.data_to_send()) == ClientInfo(is_prober=True)
    assert server.client_key == CLIENT_KEY
    assert client.receive_data(server.server_info()) == [ServerInfo()]
    assert (client.waiting_for, client.server_key, client.server_info) == ("", SERVER_KEY, ServerInfo())
    assert not client.used_fast_start


def test_the_fast_start() -> None:
    """With the key from a meta certificate ClientInfo leaves with the request, and a ServerKey is skipped."""
    client = ClientProtocol(CLIENT_PRIVATE, "relay", meta_key=SERVER_KEY)
    assert client.used_fast_start
    assert client.waiting_for == "ServerInfo"
    head, _, rest = client.data_to_send().partition(b"\r\n\r\n")
    assert b"\r\nDerp-Fast-Start: 1" in head
    server = ServerHandshake(SERVER_PRIVATE)
    assert server.receive_data(rest) == ClientInfo()
    assert client.receive_data(frames.server_key(SERVER_KEY) + server.server_info()) == [ServerInfo()]
    assert client.data_to_send() == b""
    assert client.used_fast_start


@pytest.mark.parametrize("meta_key", [None, SERVER_KEY])
def test_a_home_is_noted_in_the_flight_of_client_info(meta_key: bytes | None) -> None:
    """NotePreferred follows ClientInfo directly."""
    client = ClientProtocol(CLIENT_PRIVATE, "relay", meta_key=meta_key, preferred=True)
    sent = client.data_to_send()
    if meta_key is None:
        client.receive_data(derp_response(SERVER_KEY) + frames.server_key(SERVER_KEY))
        sent = client.data_to_send()
    assert sent.endswith(frames.note_preferred(True))


def test_a_fast_start_that_is_refused_in_http() -> None:
    """An HTTP answer to a fast start, whole or in pieces, is told as what it is."""
    for size in (1, 100):
        client = ClientProtocol(CLIENT_PRIVATE, "relay", meta_key=SERVER_KEY)
        pieces = cut(b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno", [size])
        for piece in pieces[:-1]:
            assert client.receive_data(piece) == []
        with pytest.raises(UpgradeError, match="found 426: no"):
            client.receive_data(pieces[-1])
        assert not client.used_fast_start


def test_a_fast_start_that_is_answered_with_101() -> None:
    """A relay that answers a fast start with 101 all the same is understood."""
    client = ClientProtocol(CLIENT_PRIVATE, "relay", meta_key=SERVER_KEY)
    info = server_info_with(b'{"version":2}')
    assert client.receive_data(derp_response(SERVER_KEY) + frames.server_key(SERVER_KEY) + info) == [ServerInfo()]


# (what the relay sends, what is reported)
MESSAGES = [
    (frames.recv_packet(PEER, b"hello"), ReceivedPacket(PEER, b"hello")),
    (frames.recv_packet(PEER, b""), ReceivedPacket(PEER, b"")),
    (frames.peer_gone(PEER, PeerGoneReason.NOT_HERE), PeerGone(PEER, PeerGoneReason.NOT_HERE)),
    (serialize(FrameType.PEER_GONE, PEER), PeerGone(PEER, PeerGoneReason.DISCONNECTED)),
    (serialize(FrameType.PEER_GONE, PEER + b"\x09"), PeerGone(PEER, 9)),
    (PeerPresent(PEER, ip_address("::1"), 1, 2).serialize(), PeerPresent(PEER, ip_address("::1"), 1, 2)),
    (frames.health("雨"), Health("雨")),
    (frames.health(""), Health("")),
    (frames.restarting(1500, 250), Restarting(1.5, 0.25)),
    (frames.pong(b"12345678") , Pong(b"12345678")),
    (serialize(FrameType.PONG, b"12345678more"), Pong(b"12345678")),
    (server_info_with(b'{"TokenBucketBytesPerSecond":9,"TokenBucketBytesBurst":8}'), ServerInfo(0, 9, 8)),
]  # fmt: skip


@pytest.mark.parametrize(("wire", "message"), MESSAGES)
def test_frames_become_messages(wire: bytes, message: object) -> None:
    """Each frame of the relay's is reported as the message that it is."""
    client = admitted()
    assert client.receive_data(wire) == [message]
    assert client.data_to_send() == b""


@given(st.lists(st.sampled_from(MESSAGES), max_size=8), st.lists(st.integers(1, 99), min_size=1, max_size=3))
def test_any_split_gives_the_same_messages(sent: list[tuple[bytes, object]], sizes: list[int]) -> None:
    """However the relay's bytes arrive, the messages are the same."""
    client = admitted()
    pieces = cut(b"".join(wire for wire, _ in sent), sizes)
    assert [m for piece in pieces for m in client.receive_data(piece)] == [message for _, message in sent]


def test_pings_are_answered_with_eight_bytes() -> None:
    """A ping is answered with its first 8 bytes and not reported."""
    client = admitted()
    assert client.receive_data(frames.ping(b"abcdefgh") + frames.ping(b"ijklmnopqrst")) == []
    assert client.data_to_send() == frames.pong(b"abcdefgh") + frames.pong(b"ijklmnop")


def test_keep_alives_and_unknown_frames_only_count() -> None:
    """KeepAlive, a ServerKey in the middle and unknown types are not reported, but count as frames."""
    client = admitted()
    before = client.frames_received
    assert client.receive_data(frames.KEEP_ALIVE + serialize(0x42, bytes(9)) + frames.server_key(PEER)) == []
    assert client.frames_received == before + 3
    assert client.receive_data(frames.KEEP_ALIVE[:4]) == []
    assert client.frames_received == before + 3
    assert client.server_key == SERVER_KEY


def test_a_later_server_info_replaces_the_first() -> None:
    """A rate that comes later is the one that holds."""
    client = admitted()
    client.receive_data(server_info_with(b'{"version":2,"TokenBucketBytesPerSecond":5}'))
    assert client.server_info == ServerInfo(2, 5, 0)


@pytest.mark.parametrize(
    "first", [frames.recv_packet(PEER, b"x"), frames.KEEP_ALIVE, serialize(0x42, b"x"), frames.health("no")]
)
def test_something_else_than_server_key_first_is_refused(first: bytes) -> None:
    """After the upgrade only ServerKey may come, whatever else it is."""
    client = ClientProtocol(CLIENT_PRIVATE, "relay")
    with pytest.raises(HandshakeError, match="expected ServerKey first") as caught:
        client.receive_data(derp_response(SERVER_KEY) + first)
    assert caught.value.reason == "not_server_key"


def test_a_server_key_without_magic_is_refused() -> None:
    """ServerKey must open with the magic."""
    client = ClientProtocol(CLIENT_PRIVATE, "relay")
    with pytest.raises(FrameError, match="not a DERP server"):
        client.receive_data(derp_response(SERVER_KEY) + serialize(FrameType.SERVER_KEY, bytes(40)))


def test_a_server_info_of_another_key_is_refused() -> None:
    """A relay that does not have the private key of the key it showed cannot let us in."""
    client = ClientProtocol(CLIENT_PRIVATE, "relay", meta_key=SERVER_KEY)
    with pytest.raises(HandshakeError, match="does not open"):
        client.receive_data(serialize(FrameType.SERVER_INFO, bytes(60)))


def test_the_end_in_the_middle_of_the_upgrade_is_told() -> None:
    """The end of the connection is an error of the upgrade only while its answer is awaited."""
    with pytest.raises(UpgradeError, match="instead of answering"):
        ClientProtocol(CLIENT_PRIVATE, "relay").receive_eof()
    ClientProtocol(CLIENT_PRIVATE, "relay", meta_key=SERVER_KEY).receive_eof()
    admitted().receive_eof()


def test_a_host_that_no_header_can_carry_is_our_own_fault() -> None:
    """A bad host raises LocalError before anything is sent."""
    with pytest.raises(LocalError):
        ClientProtocol(CLIENT_PRIVATE, "a\r\nb")


@given(st.binary(max_size=300), st.sampled_from(["new", "fast", "upgraded", "admitted"]))
def test_no_bytes_raise_anything_but_a_remote_error(data: bytes, state: str) -> None:
    """Whatever a relay sends, in any state, raises a remote error or nothing."""
    client = ClientProtocol(CLIENT_PRIVATE, "relay", meta_key=SERVER_KEY if state == "fast" else None)
    if state == "upgraded":
        client.receive_data(derp_response(SERVER_KEY))
    elif state == "admitted":
        admit(client)
    try:
        client.receive_data(data)
        client.receive_eof()
    except RemoteError:
        pass
