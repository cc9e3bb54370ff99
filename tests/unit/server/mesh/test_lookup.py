"""Where the relays are that a name stands for."""

from __future__ import annotations

import socket

import pytest

from support.dns_server import name_server
from support.waiting import run
from tailhub.server.mesh import lookup
from tailhub.server.mesh.lookup import Found, look_up
from tailhub.server.mesh.peer_spec import PeerSpec, parse_peer

PIN = "sha256-raw:" + "9d" * 32
SRV = "srv:_derp._tcp.example.com"


def test_each_address_is_a_relay(monkeypatch: pytest.MonkeyPatch) -> None:
    """All addresses of a name, IPv4 first, are places to dial; name, port, pin and TLS are as written."""
    entries = [
        (socket.AF_INET6, socket.SOCK_DGRAM, 17, "", ("2001:db8::7", 0, 0, 0)),
        (socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("203.0.113.9", 0)),
        (socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("203.0.113.7", 0)),
        (socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("203.0.113.9", 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda name, *rest, **more: entries if name == "r.example.com" else [])
    text = f"dns:r.example.com:8443?cert={PIN}"

    async def scenario() -> None:
        found = await look_up(parse_peer(text))
        assert found.specs == tuple(
            PeerSpec(f"dns:r.example.com:8443 {place}", "r.example.com", 8443, place[:-5].strip("[]"), PIN)
            for place in ("203.0.113.7:8443", "203.0.113.9:8443", "[2001:db8::7]:8443")
        )
        assert found.good_s == lookup.USUAL_S
        (plain,) = {(one.tls, one.port) for one in (await look_up(parse_peer("dns:r.example.com?tls=off"))).specs}
        assert plain == (False, 443)

    run(scenario)


def test_the_hosts_file_counts() -> None:
    """The system's own way of looking names up is used: localhost is there without any name server."""

    async def scenario() -> None:
        assert "127.0.0.1" in [one.dial_host for one in (await look_up(parse_peer("dns:localhost"))).specs]

    run(scenario)


def test_a_name_without_addresses() -> None:
    """It is an `OSError` that says so."""

    async def scenario() -> None:
        with pytest.raises(socket.gaierror):
            await look_up(parse_peer("dns:nobody.invalid"))

    run(scenario)


def test_each_target_is_a_relay() -> None:
    """An SRV record's targets, with their ports, by priority; pin and TLS as written; good for as long as it says."""

    async def scenario() -> None:
        async with name_server() as (server, resolver):
            server.records["_derp._tcp.example.com"] = [
                "10 5 443 c.example.com.",
                "0 5 8443 b.example.com.",
                "0 0 443 a.example.com.",
            ]
            assert await look_up(parse_peer(f"{SRV}?cert={PIN}"), resolver) == Found(
                (
                    PeerSpec(f"{SRV} a.example.com:443", "a.example.com", 443, "", PIN),
                    PeerSpec(f"{SRV} b.example.com:8443", "b.example.com", 8443, "", PIN),
                    PeerSpec(f"{SRV} c.example.com:443", "c.example.com", 443, "", PIN),
                ),
                30,
            )

    run(scenario)


@pytest.mark.parametrize(("ttl_s", "good_s"), [(0, 5.0), (3, 5.0), (59, 59), (86400, 60.0)])
def test_how_long_a_record_is_good(ttl_s: int, good_s: float) -> None:
    """As long as it says, but a minute at most, and never asked about all the time."""

    async def scenario() -> None:
        async with name_server() as (server, resolver):
            server.records["_derp._tcp.example.com"], server.ttl_s = ["0 0 443 a.example.com."], ttl_s
            assert (await look_up(parse_peer(SRV), resolver)).good_s == good_s

    run(scenario)


def test_no_such_service() -> None:
    """A record whose target is the root says that there is no relay, which is an answer; no record is none."""

    async def scenario() -> None:
        async with name_server() as (server, resolver):
            server.records["_derp._tcp.example.com"] = ["0 0 0 ."]
            assert (await look_up(parse_peer(SRV), resolver)).specs == ()
            server.records["_derp._tcp.example.com"] = []
            with pytest.raises(OSError, match="does not contain an answer"):
                await look_up(parse_peer(SRV), resolver)
            del server.records["_derp._tcp.example.com"]
            with pytest.raises(OSError, match="does not exist"):
                await look_up(parse_peer(SRV), resolver)

    run(scenario)


def test_a_silent_name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for so long, and then nothing is known."""
    monkeypatch.setattr(lookup, "LOOKUP_S", 0.05)

    async def scenario() -> None:
        async with name_server() as (server, resolver):
            server.is_silent = True
            with pytest.raises(OSError, match="resolution lifetime expired"):
                await look_up(parse_peer(SRV), resolver)

    run(scenario)
