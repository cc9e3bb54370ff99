from __future__ import annotations

import pytest

from tailhub.admin.guard import MOST_ADDRESSES, WRONG_BURST, WRONG_PER_S, Caller, Guard, Refusal
from tailhub.web.message import Request

NOW = 100.0
TOKEN = b"the-token"
NAMES = frozenset({"relay.example.com"})
LOOPBACK, ELSEWHERE = "127.0.0.1", "198.51.100.7"


def request(
    method: str = "GET", host: str | None = "127.0.0.1:9912", peer_ip: str = LOOPBACK, target: str = "/", **headers: str
) -> Request:
    lines = [(b"host", host.encode())] if host is not None else []
    lines += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request(method.encode(), target.encode(), b"1.1", lines, peer_ip)


def guard() -> Guard:
    return Guard(lambda token: token == TOKEN)


def status(asked: Request, *, by: Guard | None = None, is_open: bool = False, now: float = NOW) -> int:
    """200 if the caller may."""
    verdict = (by or guard()).judge(asked, NAMES, now, is_open=is_open)
    return verdict.status if isinstance(verdict, Refusal) else 200


BEARER = "Bearer the-token"


def test_over_the_unix_socket_everyone_may_do_everything() -> None:
    """Neither a Host nor a token is needed where the file system says who may."""
    assert guard().judge(request("POST", None, ""), NAMES, NOW) == Caller("unix socket")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_over_the_unix_socket_no_foreign_page_may_ask(method: str) -> None:
    """It may have been made a port of a machine where a browser runs."""
    assert status(request(method, "localhost:9912", "", origin="https://evil.example")) == 403
    assert status(request(method, "localhost:9912", "", sec_fetch_site="cross-site")) == 403
    assert status(request(method, "localhost:9912", "", origin="http://localhost:9912")) == 200


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:9912", 200),
        ("[::1]:9912", 200),
        ("203.0.113.5", 200),
        ("localhost:9912", 200),
        ("tailhub.localhost", 200),
        ("LOCALHOST", 200),
        ("relay.example.com:9912", 200),
        ("RELAY.example.com", 200),
        ("evil.example", 403),
        ("evil.example:9912", 403),
        ("relay.example.com.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("127.0.0.1:9912, evil.example", 403),
        ("user@127.0.0.1", 403),
        ("localhost.", 403),
        ("", 403),
        (None, 403),
    ],
)
@pytest.mark.parametrize("is_open", [False, True])
def test_the_host_must_be_this_machine(host: str | None, expected: int, is_open: bool) -> None:
    """A page whose owner points its name here (DNS rebinding) has that as Host, and gets nothing, not even files."""
    assert status(request(host=host, authorization=BEARER), is_open=is_open) == expected


def test_two_hosts_are_none() -> None:
    """Two Host headers may mean one thing to a proxy and another one to us."""
    asked = request()
    assert status(Request(b"GET", b"/", b"1.1", [*asked.headers, (b"host", b"localhost")], LOOPBACK)) == 403


def test_the_host_of_an_absolute_target_counts() -> None:
    """The target's own authority stands above the header (RFC 9112 section 3.2.2)."""
    assert status(request(target="http://evil.example/")) == 403


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("http://127.0.0.1:9912", 200),
        ("http://127.0.0.1", 403),
        ("http://127.0.0.1:9913", 403),
        ("http://localhost:9912", 403),
        ("https://127.0.0.1:9912", 200),  # a proxy in front has ended TLS
        ("http://evil.example", 403),
        ("http://127.0.0.1:9912.evil.example", 403),
        ("http://127.0.0.1:9912@evil.example", 403),
        ("ftp://127.0.0.1:9912", 403),
        ("null", 403),
        ("", 403),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_origin_must_be_ours(origin: str, expected: int, method: str) -> None:
    """A page of another scheme, host or port may neither see nor do anything, with the token or without."""
    assert status(request(method, origin=origin, authorization=BEARER)) == expected


def test_two_origins_are_foreign() -> None:
    """Whoever sends two Origin headers is no browser of ours."""
    asked = request(origin="http://127.0.0.1:9912")
    assert status(Request(b"GET", b"/", b"1.1", [*asked.headers, (b"origin", b"http://evil.example")], LOOPBACK)) == 403


@pytest.mark.parametrize(
    ("site", "expected"),
    [("same-origin", 200), ("none", 200), ("cross-site", 403), ("same-site", 403), ("SAME-ORIGIN", 200), ("", 403)],
)
@pytest.mark.parametrize("is_open", [False, True])
def test_fetch_metadata(site: str, expected: int, is_open: bool) -> None:
    """What a browser says of the page that asks is believed: images and scripts of other sites carry no Origin."""
    assert status(request(sec_fetch_site=site), is_open=is_open) == expected


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "X"])
@pytest.mark.parametrize("is_open", [False, True])
def test_actions_need_the_token(method: str, is_open: bool) -> None:
    """Whatever is more than a look needs the token, on this machine too."""
    assert status(request(method), is_open=is_open) == 401
    assert status(request(method, authorization=BEARER), is_open=is_open) == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_looking_from_this_machine(method: str) -> None:
    """Whoever is on this machine may look without a token."""
    assert status(request(method)) == 200
    assert status(request(method, host="[::1]", peer_ip="::1")) == 200


@pytest.mark.parametrize("header", ["x-forwarded-for", "x-real-ip", "forwarded"])
def test_looking_through_a_proxy(header: str) -> None:
    """A proxy on this machine that speaks for somebody else does not make that one local."""
    assert status(request(**{header.replace("-", "_"): "198.51.100.9"})) == 401


def test_looking_from_elsewhere() -> None:
    """Whoever is not on this machine needs the token; the dashboard's own files, which say nothing, are for all."""
    asked = request(host="203.0.113.5", peer_ip=ELSEWHERE)
    assert status(asked) == 401
    assert status(asked, is_open=True) == 200
    assert status(request(host="203.0.113.5", peer_ip=ELSEWHERE, authorization=BEARER)) == 200


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        ("Bearer the-token", 200),
        ("bearer the-token", 200),
        ("Bearer  the-token ", 200),
        ("Bearer the-toke", 401),
        ("Bearer the-token2", 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        ("Basic dGhlLXRva2Vu", 401),
        ("the-token", 401),
    ],
)
def test_the_token(authorization: str, expected: int) -> None:
    """The token stands behind Bearer, whole."""
    assert status(request("POST", authorization=authorization)) == expected


def test_a_wrong_token_is_told_of() -> None:
    """A wrong token is refused where none is needed, too: whoever sends it wants to know. Others are a proxy's."""
    assert status(request(authorization="Bearer wrong")) == 401
    assert status(request(authorization="Basic abc")) == 200


def test_who_acts_stands_in_the_log() -> None:
    """A caller with the token is named so, with its address."""
    asked = request("POST", host="203.0.113.5", peer_ip=ELSEWHERE, authorization=BEARER)
    assert guard().judge(asked, NAMES, NOW) == Caller(f"token from {ELSEWHERE}")


def guess(by: Guard, peer_ip: str, now: float = NOW, token: str = "wrong") -> int:
    return status(request(host="203.0.113.5", peer_ip=peer_ip, authorization=f"Bearer {token}"), by=by, now=now)


def test_guessing_is_slowed_down() -> None:
    """After so many wrong tokens an address is not listened to for a while, whatever it says; others are."""
    by = guard()
    answers = [guess(by, ELSEWHERE) for _ in range(int(WRONG_BURST) + 5)]
    assert answers == [401] * (int(WRONG_BURST) + 1) + [429] * 4
    assert guess(by, ELSEWHERE, token="the-token") == 429
    assert guess(by, "198.51.100.8", token="the-token") == 200
    later = NOW + 2 / WRONG_PER_S
    assert guess(by, ELSEWHERE, later, token="the-token") == 200
    assert [guess(by, ELSEWHERE, later) for _ in range(3)] == [401] * 3


def test_guessing_says_when_to_come_back() -> None:
    """Who is not listened to is told when it may try again."""
    by = guard()
    for _ in range(int(WRONG_BURST) + 1):
        guess(by, ELSEWHERE)
    verdict = by.judge(request(host="203.0.113.5", peer_ip=ELSEWHERE, authorization="Bearer x"), NAMES, NOW)
    assert isinstance(verdict, Refusal)
    assert verdict.retry_after_s == 5


def test_guessing_from_one_network() -> None:
    """The addresses of an IPv6 network are one guesser's."""
    by = guard()
    answers = [guess(by, f"2001:db8::{number:x}") for number in range(1, int(WRONG_BURST) + 3)]
    assert answers[-1] == 429
    assert guess(by, "2001:db8:0:1::1") == 401


def test_guessers_are_bounded() -> None:
    """However many addresses guess, only so many are remembered, those of the last."""
    by = guard()
    for _ in range(int(WRONG_BURST) + 1):
        guess(by, ELSEWHERE)
    for number in range(MOST_ADDRESSES - 1):
        guess(by, f"10.0.{number // 250}.{number % 250 + 1}")
    assert guess(by, ELSEWHERE) == 429
    guess(by, "192.0.2.1")
    assert guess(by, ELSEWHERE) == 401
