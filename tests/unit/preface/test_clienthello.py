from __future__ import annotations

import contextlib
import ssl
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.client_hellos import (
    alpn,
    extension,
    in_records,
    made_hello,
    message,
    real_hello,
    record,
    server_name,
    versions,
)
from tailhub.exceptions import PrefaceError
from tailhub.preface.clienthello import (
    MAX_CLIENT_HELLO_BYTES,
    MAX_MESSAGE_BYTES,
    MAX_RECORDS,
    ClientHello,
    parse_client_hello,
)

TLS12 = ssl.TLSVersion.TLSv1_2
REAL = [
    (("derp.example.com", ("http/1.1",), None), ClientHello("derp.example.com", (b"http/1.1",), True)),
    (("derp.example.com", (), None), ClientHello("derp.example.com", (), True)),
    ((None, (), None), ClientHello(None, (), True)),
    ((None, ("h2", "http/1.1"), None), ClientHello(None, (b"h2", b"http/1.1"), True)),
    (("derp.example.com", ("acme-tls/1",), TLS12), ClientHello("derp.example.com", (b"acme-tls/1",), False)),
    ((None, (), TLS12), ClientHello(None, (), False)),
]
FULL = made_hello(server_name(b"derp.example.com"), alpn(b"h2", b"http/1.1"), versions(0x0304, 0x0303))
FULL_PARSED = ClientHello("derp.example.com", (b"h2", b"http/1.1"), True)


@pytest.mark.parametrize(("asked", "expected"), REAL)
def test_real_hello(asked: tuple[str | None, tuple[str, ...], ssl.TLSVersion | None], expected: ClientHello) -> None:
    """What OpenSSL sends is read: name, ALPN and TLS 1.3 with and without each."""
    assert parse_client_hello(real_hello(*asked)) == expected


@pytest.mark.parametrize(("asked", "expected"), REAL)
def test_every_split_gives_the_same(
    asked: tuple[str | None, tuple[str, ...], ssl.TLSVersion | None], expected: ClientHello
) -> None:
    """Every proper part of a real ClientHello asks for more bytes, and the whole, with anything after it, is read."""
    hello = real_hello(*asked)
    assert [parse_client_hello(hello[:end]) for end in range(len(hello))] == [None] * len(hello)
    assert parse_client_hello(hello + b"\x17\x03\x03\x00\x05early") == expected


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer(kind: type) -> None:
    """bytes, bytearray and memoryview are read alike."""
    assert parse_client_hello(kind(FULL)) == FULL_PARSED


@given(st.lists(st.integers(1, len(FULL) - 6), min_size=1, max_size=40, unique=True))
def test_cut_into_records(cuts: list[int]) -> None:
    """A message cut into records anywhere reads as the whole one, and every part of it asks for more."""
    cut = in_records(FULL, *sorted(cuts))
    assert parse_client_hello(cut) == FULL_PARSED
    assert all(parse_client_hello(cut[:end]) is None for end in range(0, len(cut), 7))


@given(st.binary(max_size=300))
def test_junk_is_a_preface_error_or_unfinished(junk: bytes) -> None:
    """No bytes raise anything but PrefaceError."""
    for data in (junk, b"\x16\x03\x01" + junk, record(junk or b"\x01"), record(message(junk))):
        with contextlib.suppress(PrefaceError):
            assert parse_client_hello(data) is None or data[0] == 22


@given(st.data())
def test_changed_bytes_never_contradict(data: st.DataObject) -> None:
    """Once the first bytes are refused, or read, more bytes do not change the verdict."""
    hello = bytearray(FULL)
    for at in data.draw(st.lists(st.integers(0, len(FULL) - 1), max_size=4)):
        hello[at] = data.draw(st.integers(0, 255))
    verdicts: list[object] = []
    for end in range(len(hello) + 1):
        try:
            verdicts.append(parse_client_hello(hello[:end]))
        except PrefaceError as error:
            verdicts.append(error.reason)
    assert all(before is None or before == after for before, after in pairwise(verdicts))


def test_without_extensions() -> None:
    """A TLS 1.2 ClientHello may have no extensions."""
    assert parse_client_hello(made_hello()) == ClientHello(None, (), False)


@pytest.mark.parametrize(
    ("name", "expected"),
    [(b"Derp.Example.COM", "derp.example.com"), (b"derp.example.com.", "derp.example.com"), (b"a_b", "a_b")],
)
def test_name_is_normalised(name: bytes, expected: str) -> None:
    """The name comes in lower case and without its trailing dot."""
    hello = parse_client_hello(made_hello(server_name(name)))
    assert hello is not None
    assert hello.server_name == expected


def test_other_kinds_of_names_are_skipped() -> None:
    """A server name of a kind nobody defined is no name."""
    entry = b"\x07\x00\x03abc"
    assert parse_client_hello(made_hello(extension(0, b"\x00\x06" + entry))) == ClientHello(None, (), False)


def test_tls13_is_what_supported_versions_says() -> None:
    """TLS 1.3 is offered in supported_versions, among GREASE values and older versions, or not at all."""
    for numbers, expected in [((0x0A0A, 0x0304, 0x0303), True), ((0x0303, 0x0302), False), ((0x0403, 0x0403), False)]:
        hello = parse_client_hello(made_hello(versions(*numbers)))
        assert hello is not None
        assert hello.supports_tls13 is expected


def extend(hello: bytes) -> bytes:
    return record(message(hello[9:] + b"\x00"))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\n", "not_tls"),
        (b"\x80\x2e\x01\x03\x01", "not_tls"),  # SSL 2
        (record(b"\x02\x28", kind=21), "not_tls"),  # an alert
        (record(b"\x01", version=0x0201), "not_tls"),
        (record(b""), "not_tls"),
        (b"\x16\x03\x01\x40\x01", "not_tls"),  # a record over 16 KiB
        (record(message(b"", kind=2)), "not_tls"),  # ServerHello
        (in_records(FULL, 30)[: 30 + 5] + b"\x17\x03\x03", "not_tls"),  # other data in between
        (record(b"\x01" + (MAX_MESSAGE_BYTES + 1).to_bytes(3, "big")), "client_hello_too_long"),
        (record(message(b"")), "client_hello_malformed"),
        (extend(FULL), "client_hello_malformed"),
        (extend(made_hello()), "client_hello_malformed"),
        (made_hello(session_id=bytes(33)), "client_hello_malformed"),
        (made_hello(suites=b""), "client_hello_malformed"),
        (made_hello(suites=b"\x13\x01\x13"), "client_hello_malformed"),
        (made_hello(server_name(b"a"), server_name(b"b")), "client_hello_malformed"),
        (made_hello(server_name(b"a", b"b")), "client_hello_malformed"),
        (made_hello(server_name()), "client_hello_malformed"),
        (made_hello(server_name(b"")), "client_hello_malformed"),
        (made_hello(server_name(b".")), "client_hello_malformed"),
        (made_hello(server_name(b"a b")), "client_hello_malformed"),
        (made_hello(server_name(b"a\n")), "client_hello_malformed"),
        (made_hello(server_name(b"a\x00")), "client_hello_malformed"),
        (made_hello(server_name("é".encode())), "client_hello_malformed"),
        (made_hello(server_name(b"a" * 256)), "client_hello_malformed"),
        (made_hello(extension(0, b"\x00\x09\x00\x00\x03abc")), "client_hello_malformed"),
        (made_hello(extension(0, b"\x00\x06\x00\x00\x09abc")), "client_hello_malformed"),
        (made_hello(extension(0, b"\x00")), "client_hello_malformed"),
        (made_hello(alpn()), "client_hello_malformed"),
        (made_hello(alpn(b"")), "client_hello_malformed"),
        (made_hello(extension(16, b"\x00\x03\x09h2")), "client_hello_malformed"),
        (made_hello(versions()), "client_hello_malformed"),
        (made_hello(extension(43, b"\x03\x03\x04\x03")), "client_hello_malformed"),
        (made_hello(extension(43, b"")), "client_hello_malformed"),
        (made_hello(extension(5, b"abc")[:-1]), "client_hello_malformed"),
    ],
)
def test_refused(data: bytes, reason: str) -> None:
    """What can never be a ClientHello, or is one that breaks its rules, is refused with a reason for the counters."""
    with pytest.raises(PrefaceError) as caught:
        parse_client_hello(data)
    assert caught.value.reason == reason


def test_bounded_in_bytes() -> None:
    """A ClientHello of the longest length, in as many records as may be, is read and fits the stated limit."""
    padding = MAX_MESSAGE_BYTES - len(made_hello(extension(21, b""))) + 9
    hello = made_hello(extension(21, bytes(padding)))
    cut = in_records(hello, *range(1, MAX_RECORDS))
    assert len(cut) == MAX_CLIENT_HELLO_BYTES
    assert parse_client_hello(cut[:-1]) is None
    assert parse_client_hello(cut) == ClientHello(None, (), False)


def test_bounded_in_records() -> None:
    """A ClientHello cut into crumbs is refused before it is complete."""
    hello = made_hello(extension(21, bytes(MAX_RECORDS)))
    with pytest.raises(PrefaceError) as caught:
        parse_client_hello(in_records(hello, *range(1, MAX_RECORDS + 1)))
    assert caught.value.reason == "client_hello_too_long"
