from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.streams import cut
from tailhub.derp.upgrade import (
    MAX_RESPONSE_HEAD,
    MAX_USUAL_HEAD,
    ClientUpgrade,
    Headers,
    UpgradeKind,
    derp_response,
    is_not_ideal,
    requested_upgrade,
    usual_request,
    wants_fast_start,
    websocket_response,
)
from tailhub.exceptions import LocalError, UpgradeError

KEY = bytes(range(32))


def headers_of(request: bytes) -> Headers:
    """The headers as the server's HTTP parser gives them."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(request)
    event = connection.next_event()
    assert isinstance(event, h11.Request)
    assert (event.method, event.target) == (b"GET", b"/derp")
    return list(event.headers)


GO = b"GET /derp HTTP/1.1\r\nHost: relay.example\r\nUser-Agent: Go-http-client/1.1\r\nConnection: Upgrade\r\n"


@pytest.mark.parametrize("rest", [b"", b"\x02\x00\x00", b"\r\n\r\n"])
@pytest.mark.parametrize(
    ("head", "fast_start", "not_ideal"),
    [
        (GO + b"Upgrade: DERP\r\n\r\n", False, False),
        (GO + b"Derp-Fast-Start: 1\r\nUpgrade: DERP\r\n\r\n", True, False),
        (GO + b"Ideal-Node: 900a\r\nUpgrade: DERP\r\n\r\n", False, True),
        (GO + b"Derp-Fast-Start: 1\r\nIdeal-Node: 900a\r\nUpgrade: DERP\r\n\r\n", True, True),
        (ClientUpgrade("relay.example").request, False, False),
        (ClientUpgrade("[2001:db8::1]:8443", fast_start=True, ideal_node="900a").request, True, True),
    ],
)
def test_the_usual_request_is_recognised(head: bytes, fast_start: bool, not_ideal: bool, rest: bytes) -> None:
    """What Go's client and ours send is recognised, whatever follows; but for its last byte it is not."""
    assert usual_request(head + rest) == (len(head), fast_start, not_ideal)
    assert usual_request(head[:-1]) is None


@pytest.mark.parametrize(
    "head",
    [
        GO + b"\r\n",
        GO + b"Upgrade: derp\r\n\r\n",
        GO + b"Upgrade: websocket\r\n\r\n",
        GO + b"Upgrade: DERP\r\nUpgrade: DERP\r\n\r\n",
        GO + b"Upgrade: DERP\r\nContent-Length: 1\r\n\r\n",
        GO + b"Derp-Fast-Start: 0\r\nUpgrade: DERP\r\n\r\n",
        GO + b"Ideal-Node: \r\nUpgrade: DERP\r\n\r\n",
        GO + b"Ideal-Node: a b\r\nUpgrade: DERP\r\n\r\n",
        GO.replace(b"\r\n", b"\n") + b"Upgrade: DERP\n\n",
        GO.replace(b"GET", b"HEAD") + b"Upgrade: DERP\r\n\r\n",
        GO.replace(b"/derp", b"/derp?") + b"Upgrade: DERP\r\n\r\n",
        GO.replace(b"1.1", b"1.0", 1) + b"Upgrade: DERP\r\n\r\n",
        GO.replace(b"Host: relay.example\r\n", b"") + b"Upgrade: DERP\r\n\r\n",
        GO.replace(b"relay.example", b"a" * MAX_USUAL_HEAD) + b"Upgrade: DERP\r\n\r\n",
        b" " + GO + b"Upgrade: DERP\r\n\r\n",
    ],
)
def test_anything_else_is_left_to_the_parser(head: bytes) -> None:
    """A head that differs in anything, right or wrong, is not judged here."""
    assert usual_request(head) is None


# --- the server's side ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ([(b"upgrade", b"DERP")], UpgradeKind.DERP),
        ([(b"upgrade", b"derp")], UpgradeKind.DERP),
        ([(b"upgrade", b" Derp ")], UpgradeKind.DERP),
        ([(b"upgrade", b"WebSocket"), (b"sec-websocket-protocol", b"derp")], UpgradeKind.WEBSOCKET),
        ([(b"upgrade", b"websocket"), (b"sec-websocket-protocol", b"chat, derp")], UpgradeKind.WEBSOCKET),
        (
            [(b"upgrade", b"websocket"), (b"sec-websocket-protocol", b"a"), (b"sec-websocket-protocol", b"derp")],
            UpgradeKind.WEBSOCKET,
        ),
        ([(b"upgrade", b"websocket")], UpgradeKind.DERP),
        ([(b"upgrade", b"websocket"), (b"sec-websocket-protocol", b"chat")], UpgradeKind.DERP),
        ([(b"upgrade", b"h2c")], None),
        ([(b"upgrade", b"")], None),
        ([(b"connection", b"upgrade")], None),
        ([], None),
    ],
)
def test_which_upgrade_is_asked_for(headers: Headers, kind: UpgradeKind | None) -> None:
    """``derp`` and ``websocket`` are upgrades, the latter without its subprotocol a plain one; nothing else is."""
    assert requested_upgrade(headers) is kind


@pytest.mark.parametrize(
    ("value", "fast"), [(b"1", True), (b"0", False), (b"true", False), (b"", False), (b"11", False)]
)
def test_only_1_asks_for_a_fast_start(value: bytes, fast: bool) -> None:
    """The fast start is asked for by the value 1 alone."""
    assert wants_fast_start([(b"derp-fast-start", value)]) is fast
    assert not wants_fast_start([])


def test_a_named_ideal_node_means_not_ideal() -> None:
    """A client that names another node as its ideal is not on it; an empty header says nothing."""
    assert is_not_ideal([(b"ideal-node", b"900a")])
    assert not is_not_ideal([(b"ideal-node", b"")])
    assert not is_not_ideal([])


def test_the_response_to_derp() -> None:
    """The 101 for DERP names the version and the relay's key, and the client's side reads it."""
    response = derp_response(KEY)
    assert response.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert b"\r\nUpgrade: DERP\r\nConnection: Upgrade\r\nDerp-Version: 2\r\n" in response
    assert response.endswith(b"\r\nDerp-Public-Key: " + KEY.hex().encode() + b"\r\n\r\n")


def test_the_response_to_websocket() -> None:
    """The accept value is that of RFC 6455's example, and the subprotocol is derp."""
    response = websocket_response(
        [(b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="), (b"sec-websocket-version", b"13")]
    )
    assert b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in response
    assert response.endswith(b"\r\nSec-WebSocket-Protocol: derp\r\n\r\n")


@pytest.mark.parametrize(
    ("key", "version", "status"),
    [
        (b"", b"13", 400),
        (b"dGhlIHNhbXBsZSBub25j", b"13", 400),
        (b"not base64, at all!!!!!!", b"13", 400),
        (b"\xff\xfe", b"13", 400),
        (b"dGhlIHNhbXBsZSBub25jZQ==", b"8", 426),
        (b"dGhlIHNhbXBsZSBub25jZQ==", b"", 426),
    ],
)
def test_bad_websocket_requests_are_refused(key: bytes, version: bytes, status: int) -> None:
    """A key that is not 16 bytes of base64 is a bad request, another version needs an upgrade."""
    with pytest.raises(UpgradeError) as caught:
        websocket_response([(b"sec-websocket-key", key), (b"sec-websocket-version", version)])
    assert caught.value.status == status


# --- the client's side ------------------------------------------------------------------------------------------------


def test_the_request_is_what_the_server_looks_for() -> None:
    """The client's request asks for DERP, with fast start and ideal node only if told so."""
    headers = headers_of(ClientUpgrade("derp.example.com:8443").request)
    assert (b"host", b"derp.example.com:8443") in headers
    assert requested_upgrade(headers) is UpgradeKind.DERP
    assert not wants_fast_start(headers)
    assert not is_not_ideal(headers)
    headers = headers_of(ClientUpgrade("[::1]", fast_start=True, ideal_node="900a").request)
    assert requested_upgrade(headers) is UpgradeKind.DERP
    assert wants_fast_start(headers)
    assert is_not_ideal(headers)
    assert (b"ideal-node", "香港一".encode()) in headers_of(ClientUpgrade("relay", ideal_node="香港一").request)


@pytest.mark.parametrize(("host", "node"), [("a\r\nX: y", ""), ("bücher.example", ""), ("a", "b\nc"), ("\0", "")])
def test_values_that_no_header_can_carry_are_our_own_fault(host: str, node: str) -> None:
    """A host or node name with control characters or outside ASCII raises LocalError; nothing is smuggled in."""
    with pytest.raises(LocalError, match="HTTP header"):
        ClientUpgrade(host, ideal_node=node)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=4), st.binary(max_size=50))
def test_any_split_of_a_good_answer_is_read(sizes: list[int], behind: bytes) -> None:
    """A 101 may come in any pieces, after other 1xx answers; the bytes behind it come out untouched."""
    upgrade = ClientUpgrade("relay")
    pieces = cut(b"HTTP/1.1 100 Continue\r\n\r\n" + derp_response(KEY) + behind, sizes)
    found = None
    while pieces and found is None:
        found = upgrade.receive_data(pieces.pop(0))
    assert found is not None
    assert found + b"".join(pieces) == behind


@pytest.mark.parametrize(
    ("answer", "status", "text"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "found 200: hello"),
        (b"HTTP/1.1 426 Upgrade Required\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n", 426, "found 426 by nginx"),
        (b"HTTP/1.0 404 Not Found\r\n\r\ngone\n", 404, "found 404: gone"),
        (b"HTTP/1.1 302 F\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 302, "found 302: hi"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, "found 204"),
        (b"HTTP/1.1 500 x\r\nServer: a\x80b\r\nContent-Length: 3\r\n\r\n\x1b[m", 500, r"found 500 by a b: \[m"),
    ],
)  # fmt: skip
def test_another_answer_is_told(answer: bytes, status: int, text: str) -> None:
    """An answer that is no upgrade raises UpgradeError with its status, who gave it and what it said."""
    upgrade = ClientUpgrade("relay")
    with pytest.raises(UpgradeError, match=text) as caught:
        upgrade.receive_data(answer) or upgrade.receive_data(b"")
    assert caught.value.status == status
    assert str(caught.value).isprintable()


def test_a_refusal_whose_body_does_not_end_is_told_at_once() -> None:
    """When enough of a body is there to be shown, its end is not waited for, and no more of it is kept."""
    upgrade = ClientUpgrade("relay")
    assert upgrade.receive_data(b"HTTP/1.1 503 Busy\r\nContent-Length: 1000000\r\n\r\n") is None
    assert upgrade.receive_data(b"x" * 1000) is None
    with pytest.raises(UpgradeError, match="found 503: xxx") as caught:
        upgrade.receive_data(b"x" * 5000)
    assert caught.value.body == b"x" * 1024


def test_a_refusal_cut_short_is_told_with_what_came() -> None:
    """A connection that ends in the middle of a refusal's body still tells the status."""
    upgrade = ClientUpgrade("relay")
    assert upgrade.receive_data(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 99\r\n\r\nupstream") is None
    with pytest.raises(UpgradeError, match="found 502: upstream"):
        upgrade.receive_data(b"")


def test_no_answer_is_told() -> None:
    """A connection that ends before an answer says so."""
    with pytest.raises(UpgradeError, match="closed the connection instead of answering"):
        ClientUpgrade("relay").receive_data(b"")


def test_an_upgrade_to_something_else_is_refused() -> None:
    """A 101 that names another protocol is no DERP."""
    with pytest.raises(UpgradeError, match="found 'websocket'") as caught:
        ClientUpgrade("relay").receive_data(b"HTTP/1.1 101 Ok\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    assert caught.value.status == 101


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"\x15\x03\x01\x00\x02\x02\x28\r\n\r\n", b"\0" * 64 + b"\n\n"]
)
def test_an_answer_that_is_no_http_is_told(answer: bytes) -> None:
    """Something else than HTTP behind the port raises UpgradeError."""
    with pytest.raises(UpgradeError, match="not HTTP"):
        ClientUpgrade("relay").receive_data(answer)


def test_a_head_without_end_is_refused() -> None:
    """A response head is read up to its limit and not beyond."""
    upgrade = ClientUpgrade("relay")
    assert upgrade.receive_data(b"HTTP/1.1 101 x\r\nA: ") is None
    with pytest.raises(UpgradeError, match="not HTTP"):
        upgrade.receive_data(b"a" * MAX_RESPONSE_HEAD)
