from __future__ import annotations

import pytest

from tailhub.exceptions import LocalError
from tailhub.tools.doctor.judge.answer import MAX_BODY_BYTES, Answer, Exchange

UPGRADE = (("Upgrade", "DERP"), ("Connection", "Upgrade"))


def received(*pieces: bytes, headers: tuple[tuple[str, str], ...] = ()) -> Exchange:
    """An exchange that got these."""
    exchange = Exchange("derp.example.com", "/derp", headers)
    for piece in pieces:
        exchange.receive_data(piece)
    return exchange


def test_the_request() -> None:
    """The request is a client's: Host first, then the headers that were given."""
    request = Exchange("derp.example.com:8443", "/derp", UPGRADE).request
    assert (
        request == b"GET /derp HTTP/1.1\r\nHost: derp.example.com:8443\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n\r\n"
    )


def test_a_host_that_no_header_can_carry() -> None:
    """Such a host is the caller's fault."""
    with pytest.raises(LocalError):
        Exchange("derp\r\nX: y", "/derp", ())


def test_an_upgrade() -> None:
    """The exchange is over with the head of a 101: frames follow."""
    exchange = received(b"HTTP/1.1 101 Switching", b" Protocols\r\nUpgrade: DERP\r\n\r\n\x01\0\0", headers=UPGRADE)
    assert exchange.is_over
    assert exchange.answer() == Answer(101, (("upgrade", "DERP"),))


def test_a_101_that_nobody_asked_for() -> None:
    """A 101 to a plain request is seen as that."""
    exchange = received(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: DERP\r\n\r\n")
    assert exchange.is_over
    assert exchange.answer() == Answer(101)


def test_a_body_that_does_not_end() -> None:
    """What came of a body counts, and of a long one the start."""
    head = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 100000\r\n\r\n"
    assert received(head + b"abc").answer() == Answer(200, (("server", "x"), ("content-length", "100000")), b"abc")
    exchange = received(head, b"a" * 9000)
    assert exchange.is_over
    answer = exchange.answer()
    assert answer is not None
    assert len(answer.body) == MAX_BODY_BYTES


@pytest.mark.parametrize("data", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_what_is_no_answer(data: bytes) -> None:
    """Nothing, another protocol, and a head that is none give no answer; whether anything came is known."""
    exchange = received(*([data] if data else []), b"")
    assert exchange.is_over
    assert exchange.answer() is None
    assert exchange.has_begun == bool(data)
