"""Names to listen on, as Go takes them."""

from __future__ import annotations

import socket

import pytest

from tailhub.exceptions import UsageError
from tailhub.findings import Finding, Place
from tailhub.net.listen_names import look_up_names

PLACE = Place.foreign("a", "-a", "flag")
KNOWN = {"both": ["2001:db8::5", "192.0.2.5", "192.0.2.6"], "six.example": ["2001:db8::6", "2001:db8::7"]}


def addresses(name: str) -> list[str]:
    if name not in KNOWN:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return KNOWN[name]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (":https", ":443"),
        (":HTTP", ":80"),
        (":smtp", ":25"),
        ("192.0.2.5:https", "192.0.2.5:443"),
        ("[::1]:https", "[::1]:443"),
        ("both:8443", "192.0.2.5:8443"),
        ("both:https", "192.0.2.5:443"),
        ("six.example:443", "[2001:db8::6]:443"),
    ],
)
def test_names_are_looked_up(text: str, meant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name becomes its first IPv4 address, without one its first IPv6 address; a service becomes its TCP port."""
    monkeypatch.setattr(socket, "getservbyname", lambda name, protocol: {("smtp", "tcp"): 25}[name, protocol])
    assert look_up_names(text, PLACE, addresses) == meant


@pytest.mark.parametrize("text", [":8443", "192.0.2.5:1", "[fe80::1%eth0]:443", "8443", "", ":", "::1:443", "1.2.3:80"])
def test_what_has_no_names_stays(text: str) -> None:
    """Nothing is looked up for addresses and numbers, nor for what is not of the form, which is told of elsewhere."""
    assert look_up_names(text, PLACE, addresses) == text


def refusal(text: str) -> Finding:
    with pytest.raises(UsageError) as caught:
        look_up_names(text, PLACE, addresses)
    assert isinstance(caught.value.finding, Finding)
    return caught.value.finding


def test_what_is_not_known() -> None:
    """A name without an address and a service without a port are errors that say what to write."""
    assert refusal("nobody:https").render() == (
        "-a: expected an address to listen on, found the name `nobody`, which has none here (Name or service not "
        "known). Write an address of this machine, or nothing before the colon to listen on all of them: `-a :443`. "
        "`getent hosts nobody` shows whether the name is known."
    )
    assert refusal(":no-such-service").render() == (
        "-a: expected a port, found the service `no-such-service`, which this machine does not know over TCP. Write "
        "the port's number: `-a :443`."
    )


def test_the_systems_resolver() -> None:
    """The system's own resolver is asked, and its refusal is told."""
    assert look_up_names("localhost:8443", PLACE) in ("127.0.0.1:8443", "[::1]:8443")
    with pytest.raises(UsageError, match=r"label|not known|Name"):
        look_up_names("a" * 64 + ".invalid:8443", PLACE)
