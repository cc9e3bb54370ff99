"""The verify URL: what is asked, and what counts as an answer, over real connections."""

from __future__ import annotations

import asyncio
import json
import ssl
from ipaddress import ip_address
from pathlib import Path

import pytest

from support.certificates import make_certificate
from support.ports import free_ports
from support.verifiers import HttpScript, Respond, http_answer, http_server
from support.waiting import run
from tailhub.exceptions import LocalError
from tailhub.relay.admission import Answer, Verdict
from tailhub.verifiers.url import MAX_BODY_BYTES, UrlVerifier, parse_url

KEY = bytes(range(32))
ADDRESS = ip_address("192.0.2.7")


def verdict(respond: Respond) -> Verdict:
    async def scenario() -> Verdict:
        async with http_server(respond) as (_, url):
            return await UrlVerifier(parse_url(url)).verify(KEY, ADDRESS)

    return run(scenario)


def test_the_question() -> None:
    """It is the original's: POST of the key and the source address in JSON, to path and query as they were written."""

    async def scenario() -> None:
        async with http_server(lambda head, body: http_answer(b'{"Allow":true}')) as (script, url):
            asked = url.replace("http://", "http://me:s%40cret@") + "?tailnet=a"
            await UrlVerifier(parse_url(asked)).verify(KEY, ip_address("2001:db8::7"))
        (head,), (body,) = script.heads, script.bodies
        assert head.startswith("POST /verify?tailnet=a HTTP/1.1\r\n")
        assert f"Host: {url.split('/')[2]}\r\n" in head
        assert "Content-Type: application/json\r\n" in head
        assert "Authorization: Basic bWU6c0BjcmV0\r\n" in head
        assert json.loads(body) == {"NodePublic": f"nodekey:{KEY.hex()}", "Source": "2001:db8::7"}

    run(scenario)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (http_answer(b'{"Allow":true}'), Answer.ADMITTED),
        (http_answer(b' {"allow": true, "More": [1]}\n'), Answer.ADMITTED),
        (http_answer(b'{"Allow":false}'), Answer.REFUSED),
        (http_answer(b'{"Allow":true}', "403 Forbidden"), Answer.UNUSABLE),
        (http_answer(b'{"Allow":true}', "201 Created"), Answer.UNUSABLE),
        (http_answer(b"", "302 Found", "Location: https://elsewhere/"), Answer.UNUSABLE),
        (http_answer(b"<html>hello", "200 OK", "Content-Type: text/html; charset=utf-8"), Answer.UNUSABLE),
        (http_answer(b"{}"), Answer.UNUSABLE),
        (http_answer(b'{"Allow":"true"}'), Answer.UNUSABLE),
        (http_answer(b'{"Allow":1}'), Answer.UNUSABLE),
        (http_answer(b"[true]"), Answer.UNUSABLE),
        (http_answer(b"true"), Answer.UNUSABLE),
        (http_answer(b""), Answer.UNUSABLE),
        (http_answer(b"\xff\xfe{"), Answer.UNUSABLE),
        (http_answer(b"[" * 4000), Answer.UNUSABLE),
        (http_answer(b'{"Allow":true}' + b" " * MAX_BODY_BYTES), Answer.UNUSABLE),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Answer.UNUSABLE),
        (b"", Answer.UNREACHABLE),
    ],
)
def test_answers(answer: bytes, expected: Answer) -> None:
    """Only 200 with a truth value in Allow is a verdict; all else is none, and says in printable words what it was."""
    found = verdict(lambda head, body: answer)
    assert found.answer is expected
    assert found.detail.isprintable()
    assert bool(found.detail) == (expected not in (Answer.ADMITTED, Answer.REFUSED))


def test_details() -> None:
    """A redirect is not followed but told, and a page of something else is named by its kind."""
    moved = verdict(lambda head, body: http_answer(b"", "302 Found", "Location: https://elsewhere/"))
    assert str(moved).endswith("unusable (HTTP 302, to https://elsewhere/)")
    page = verdict(lambda head, body: http_answer(b"<html>", "200 OK", "Content-Type: text/html"))
    assert page.detail == "no verdict but text/html of 6 bytes"


def test_a_host_by_name() -> None:
    """A name is resolved, and each of its addresses tried."""

    async def scenario() -> None:
        async with http_server(lambda head, body: http_answer(b'{"Allow":true}')) as (_, url):
            verifier = UrlVerifier(parse_url(url.replace("127.0.0.1", "localhost")))
            assert (await verifier.verify(KEY, ADDRESS)).answer is Answer.ADMITTED

    run(scenario)


def test_nobody_there() -> None:
    """Where nobody listens, or no name is, the verifier is unreachable and a probe says how to look."""

    async def scenario() -> None:
        for host in (f"127.0.0.1:{free_ports()}", "no-such-name.invalid"):
            verifier = UrlVerifier(parse_url(f"http://{host}/verify"))
            assert (await verifier.verify(KEY, ADDRESS)).answer is Answer.UNREACHABLE
            finding = await verifier.probe(5.0)
            assert finding is not None
            assert finding.code == "TH212"

    run(scenario)


def test_https(tmp_path: Path) -> None:
    """Its certificate is checked: one of an unknown CA is as good as nobody there, and the reason is told."""
    ca = make_certificate(common_name="A CA", is_ca=True)
    leaf = make_certificate(ips=["127.0.0.1"], issuer=ca)
    pem = tmp_path / "pair.pem"
    pem.write_bytes(leaf.pem + ca.pem + leaf.key_pem)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)

    async def scenario() -> None:
        script = HttpScript(lambda head, body: http_answer(b'{"Allow":true}'))
        async with await asyncio.start_server(script.serve, "127.0.0.1", 0, ssl=context) as server:
            url = parse_url(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/verify")
            distrusted = await UrlVerifier(url).verify(KEY, ADDRESS)
            assert distrusted.answer is Answer.UNREACHABLE
            assert "certificate is not trusted" in distrusted.detail
            trusting = ssl.create_default_context(cadata=ca.pem.decode())
            verifier = UrlVerifier(url, context=trusting)
            assert (await verifier.verify(KEY, ADDRESS)).answer is Answer.ADMITTED
            assert await verifier.probe(5.0) is None

    run(scenario)


@pytest.mark.parametrize(
    ("text", "host", "port", "target", "shown"),
    [
        ("https://a.example", "a.example", 443, "/", "https://a.example/"),
        ("http://a.example:8080/verify?k=1", "a.example", 8080, "/verify?k=1", "http://a.example:8080/verify"),
        ("HTTPS://u:p@[2001:db8::1]:444/v", "2001:db8::1", 444, "/v", "https://[2001:db8::1]:444/v"),
    ],
)
def test_urls(text: str, host: str, port: int, target: str, shown: str) -> None:
    """A URL is taken apart, and shown without what may be secret in it."""
    url = parse_url(text)
    assert (url.host, url.port, url.target, str(url)) == (host, port, target, shown)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "verify",
        "a.example/verify",
        "ftp://a.example/",
        "unix:/run/x",
        "https://",
        "https:///x",
        "http://a:b/x",
        "http://a.example:99999/",
        "http://a.example/a b",
        "http://a.example/\r\nX: y",
        "http://[::1/",
        "http://中文.example/",
    ],
)
def test_what_is_no_url(text: str) -> None:
    """Anything but http and https with a host, in printable ASCII, is refused."""
    with pytest.raises(LocalError):
        parse_url(text)
