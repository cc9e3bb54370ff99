from __future__ import annotations

import ssl

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.client_hellos import real_hello
from tailhub.preface.clienthello import ClientHello
from tailhub.preface.preface import (
    FATAL,
    INTERNAL_ERROR,
    NO_APPLICATION_PROTOCOL,
    UNRECOGNIZED_NAME,
    WRONG_PORT_ANSWER,
    Kind,
    is_alpn_acceptable,
    sniff,
    tls_alert,
)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", Kind.NEED_MORE),
        (b"\x16", Kind.NEED_MORE),
        (b"\x16\x03", Kind.TLS),
        (b"\x16\x04", Kind.UNKNOWN),
        (b"G", Kind.NEED_MORE),
        (b"GET", Kind.NEED_MORE),
        (b"GET ", Kind.HTTP),
        (b"GET /derp HTTP/1.1\r\n", Kind.HTTP),
        (b"OPTIONS * HTTP/1.1\r\n", Kind.HTTP),
        (b"PRI * HTTP/2.0\r\n", Kind.HTTP),
        (b"GETS", Kind.UNKNOWN),
        (b"get / HTTP/1.1\r\n", Kind.UNKNOWN),
        (b" ", Kind.UNKNOWN),
        (b"\r\n", Kind.UNKNOWN),
        (b"S", Kind.UNKNOWN),
        (b"SSH-2.0-x\r\n", Kind.UNKNOWN),
        (b"\x00", Kind.UNKNOWN),
        (b"\x80\x2e\x01\x03\x01", Kind.UNKNOWN),
        (b"\x05\x01\x00", Kind.UNKNOWN),
    ],
)
def test_sniff(data: bytes, kind: Kind) -> None:
    """First bytes are TLS, a plain HTTP request, something else, or too few to tell."""
    assert sniff(data) is kind
    assert sniff(bytearray(data)) is kind
    assert sniff(memoryview(data)) is kind


def test_sniff_real_hello() -> None:
    """A real ClientHello is TLS."""
    assert sniff(real_hello("derp.example.com")) is Kind.TLS


@given(st.binary(max_size=12))
def test_a_verdict_stays(data: bytes) -> None:
    """Once there is a verdict more bytes do not change it, and there is one after 8 bytes."""
    kinds = [sniff(data[:end]) for end in range(len(data) + 1)]
    decided = [kind for kind in kinds if kind is not Kind.NEED_MORE]
    assert len(set(decided)) <= 1
    assert kinds[len(kinds) - len(decided) :] == decided
    assert len(data) < 8 or decided


@pytest.mark.parametrize("description", [INTERNAL_ERROR, UNRECOGNIZED_NAME, NO_APPLICATION_PROTOCOL])
def test_alert_is_understood_by_openssl(description: int) -> None:
    """A TLS client ends its handshake with exactly the alert that was sent."""
    alert = tls_alert(FATAL, description)
    assert alert == b"\x15\x03\x03\x00\x02\x02" + bytes((description,))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    incoming = ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, ssl.MemoryBIO(), server_hostname="derp.example.com")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    incoming.write(alert)
    with pytest.raises(ssl.SSLError) as caught:
        tls.do_handshake()
    assert caught.value.args[0] == ssl.SSL_ERROR_SSL
    words = {80: "INTERNAL_ERROR", 112: "UNRECOGNIZED_NAME", 120: "NO_APPLICATION_PROTOCOL"}[description]
    assert words in str(caught.value).upper().replace(" ", "_")


def test_alert_version() -> None:
    """The record of an alert can carry another version."""
    assert tls_alert(1, 0, 0x0301) == b"\x15\x03\x01\x00\x02\x01\x00"


@pytest.mark.parametrize(
    ("offered", "accepted", "expected"),
    [
        ((), (b"http/1.1",), True),
        ((b"http/1.1",), (b"http/1.1",), True),
        ((b"h2", b"http/1.1"), (b"http/1.1",), True),
        ((b"h2",), (b"http/1.1",), False),
        ((b"HTTP/1.1",), (b"http/1.1",), False),
        ((b"acme-tls/1",), (b"http/1.1",), False),
        ((b"acme-tls/1",), (b"http/1.1", b"acme-tls/1"), True),
    ],
)
def test_alpn(offered: tuple[bytes, ...], accepted: tuple[bytes, ...], expected: bool) -> None:
    """A client is acceptable if it offers no ALPN or one of the accepted names."""
    assert is_alpn_acceptable(ClientHello(None, offered, True), accepted) is expected


def test_wrong_port_answer_is_http() -> None:
    """A plain HTTP client on the TLS port reads a 400 whose body says what to do."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "example.com")]))
    client.send(h11.EndOfMessage())
    client.receive_data(WRONG_PORT_ANSWER)
    response = client.next_event()
    assert isinstance(response, h11.Response)
    assert response.status_code == 400
    body = client.next_event()
    assert isinstance(body, h11.Data)
    assert b"https://" in body.data
    assert isinstance(client.next_event(), h11.EndOfMessage)
