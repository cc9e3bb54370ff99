from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage

from support.streams import cut
from tailhub.derp.websocket import MAX_MESSAGE_LEN, WebSocketStream
from tailhub.exceptions import FrameError


def client() -> Connection:
    return Connection(ConnectionType.CLIENT)


def read_by(connection: Connection, data: bytes) -> list[Event]:
    connection.receive_data(data)
    return list(connection.events())


@given(
    st.lists(st.integers(0, 70_000).map(bytes), max_size=5),
    st.lists(st.integers(1, 40_000), min_size=1, max_size=4),
)
def test_messages_and_pieces_do_not_matter(parts: list[bytes], sizes: list[int]) -> None:
    """The stream is the same whatever messages it was put into and however those were cut on the way."""
    peer, stream = client(), WebSocketStream()
    wire = b"".join(peer.send(BytesMessage(data=part)) for part in parts)
    assert b"".join(stream.receive_data(piece) for piece in cut(wire, sizes)) == b"".join(parts)
    assert not stream.reply
    assert not stream.closed


@pytest.mark.parametrize("length", [0, 1, MAX_MESSAGE_LEN, MAX_MESSAGE_LEN + 1, 3 * MAX_MESSAGE_LEN])
def test_long_writes_become_several_messages(length: int) -> None:
    """No message is longer than what the reference's reader takes; nothing is sent for nothing."""
    events = read_by(client(), WebSocketStream().send(bytes(length)))
    lengths = [len(event.data) for event in events if isinstance(event, BytesMessage)]
    assert len(lengths) == len(events)
    assert sum(lengths) == length
    assert all(0 < n <= MAX_MESSAGE_LEN for n in lengths)


def test_a_client_side_masks() -> None:
    """Used as a client, what is sent is masked and a server's side reads it."""
    assert WebSocketStream().receive_data(WebSocketStream(is_client=True).send(b"hello")) == b"hello"


def test_a_fragmented_message_comes_as_it_arrives() -> None:
    """Parts of a message are handed on at once and not put together."""
    peer, stream = client(), WebSocketStream()
    assert stream.receive_data(peer.send(BytesMessage(data=b"first", message_finished=False))) == b"first"
    half = peer.send(BytesMessage(data=b"second"))
    assert stream.receive_data(half[:-3]) + stream.receive_data(half[-3:]) == b"second"


def test_pings_are_answered() -> None:
    """A ping is answered by a pong with its payload, between the bytes of the stream."""
    peer, stream = client(), WebSocketStream()
    wire = peer.send(BytesMessage(data=b"a")) + peer.send(Ping(payload=b"?")) + peer.send(BytesMessage(data=b"b"))
    assert stream.receive_data(wire) == b"ab"
    [event] = read_by(peer, bytes(stream.reply))
    assert isinstance(event, Pong)
    assert event.payload == b"?"


def test_text_is_refused() -> None:
    """A text message closes with 1003 and raises FrameError."""
    peer, stream = client(), WebSocketStream()
    with pytest.raises(FrameError, match="found text") as caught:
        stream.receive_data(peer.send(TextMessage(data="hello")))
    assert caught.value.reason == "websocket_text"
    assert stream.closed
    [event] = read_by(peer, bytes(stream.reply))
    assert isinstance(event, CloseConnection)
    assert event.code == 1003


def test_a_close_is_answered_once() -> None:
    """A close gives the bytes before it, is answered, and ends the stream both ways."""
    peer, stream = client(), WebSocketStream()
    wire = peer.send(BytesMessage(data=b"last")) + peer.send(CloseConnection(code=1000))
    assert stream.receive_data(wire + b"\x82\x80\0\0\0\0") == b"last"
    assert stream.closed
    [event] = read_by(peer, bytes(stream.reply))
    assert isinstance(event, CloseConnection)
    assert event.code == 1000
    assert stream.send(b"late") == b""


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        (b"\x82\x01a", 1002),  # not masked
        (b"\xc2\x80\0\0\0\0", 1002),  # a reserved bit without an extension
        (b"\x83\x80\0\0\0\0", 1002),  # an unknown opcode
        (b"\x89\xfe\x00\x7e\0\0\0\0" + bytes(126), 1002),  # a ping over 125 bytes
        (b"\x80\x80\0\0\0\0", 1002),  # a continuation of nothing
        (b"\x88\x81\0\0\0\0\0", 1002),  # a close with half a code
        (b"\x81\x81\0\0\0\0\xff", 1007),  # text that is no UTF-8
    ],
)
def test_broken_frames_are_refused(wire: bytes, code: int) -> None:
    """A frame that breaks RFC 6455 raises FrameError, and the peer is told by its close code."""
    peer, stream = client(), WebSocketStream()
    with pytest.raises(FrameError, match="WebSocket") as caught:
        stream.receive_data(wire)
    assert caught.value.reason in ("websocket", "websocket_text")
    assert stream.closed
    [event] = read_by(peer, bytes(stream.reply))
    assert isinstance(event, CloseConnection)
    assert event.code == code


@given(st.binary(max_size=200), st.lists(st.integers(1, 60), min_size=1, max_size=3))
def test_no_bytes_raise_anything_but_a_frame_error(data: bytes, sizes: list[int]) -> None:
    """Whatever a peer sends, the stream raises FrameError or nothing."""
    stream = WebSocketStream()
    for piece in cut(data, sizes):
        try:
            stream.receive_data(piece)
        except FrameError:
            break
