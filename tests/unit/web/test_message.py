from __future__ import annotations

import pytest

from tailhub.web.message import Request, answer, fit, text


def request(target: bytes, method: bytes = b"GET") -> Request:
    return Request(method, target, b"1.1", [(b"host", b"a"), (b"x", b"1"), (b"x", b"2")], "198.51.100.7")


@pytest.mark.parametrize(
    ("target", "path", "path_and_query"),
    [
        (b"/", b"/", b"/"),
        (b"/derp?x=%2F", b"/derp", b"/derp?x=%2F"),
        (b"/de%72p", b"/derp", b"/de%72p"),
        (b"/%zz", b"/%zz", b"/%zz"),
        (b"//derp", b"//derp", b"//derp"),
        (b"*", b"", b""),
        (b"example.com:443", b"", b""),
        (b"http://example.com/derp?x", b"/derp", b"/derp?x"),
        (b"HTTPS://example.com", b"/", b"/"),
        (b"http://example.com?x=/y", b"/", b"/?x=/y"),
        (b"ftp://example.com/", b"", b""),
    ],
)
def test_target(target: bytes, path: bytes, path_and_query: bytes) -> None:
    """A target in any form gives a decoded path and the undecoded path and query, or nothing."""
    assert request(target).path == path
    assert request(target).path_and_query == path_and_query


def test_header_is_the_first() -> None:
    """Of several headers with one name the first counts."""
    assert request(b"/").header(b"x") == b"1"
    assert request(b"/").header(b"y") is None


@pytest.mark.parametrize(
    ("target", "value"),
    [
        (b"/?view=public", "public"),
        (b"/?a=1&view=a%20b&view=c", "a b"),
        (b"/?view=", ""),
        (b"/?views=1", None),
        (b"/", None),
        (b"/?" + b"&" * 1000 + b"view=1", None),
        (b"/?view=\xff", "\ufffd"),
    ],
)
def test_query_value(target: bytes, value: str | None) -> None:
    """The first value of a query's field is found, decoded; an absurd query has none."""
    assert request(target).query_value("view") == value


def test_answer_has_its_length() -> None:
    """An answer states its type and the length of its body; a 204 states neither."""
    assert answer(200, "é", b"text/x").headers == [(b"content-type", b"text/x"), (b"content-length", b"2")]
    assert answer(204).headers == []
    assert text(400, "no").body == b"no\n"


def test_head_gets_no_body() -> None:
    """The answer to HEAD has the head of the answer to GET, length included, and no body."""
    page = text(200, "hello")
    fitted = fit(request(b"/", b"HEAD"), page)
    assert fitted.headers == page.headers
    assert fitted.body == b""
    assert fit(request(b"/"), page) is page
