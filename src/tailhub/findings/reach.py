"""Findings about what lies between a client and the relay: names, addresses, TCP, UDP. Addresses are text."""

from __future__ import annotations

from collections.abc import Sequence

from tailhub.findings.finding import Finding


def name_unresolved(host: str) -> Finding:
    """DNS says that there is no address, and the map has none either."""
    return Finding("TH001", {"host": host})


def name_elsewhere(host: str, in_map: Sequence[str], resolved: Sequence[str]) -> Finding:
    """DNS has other addresses than the map, by which clients go."""
    return Finding("TH002", {"host": host, "in_map": ", ".join(in_map), "resolved": ", ".join(resolved)})


def stun_silent(address: str, port: int, tries: int, tcp_answers: bool, error: str = "") -> Finding:
    """No datagram came back; `error` is what the system said, if anything."""
    values = {"address": address, "port": port, "tries": tries, "tcp_answers": tcp_answers, "error": error}
    return Finding("TH003", values)


def ipv6_dead(addresses: Sequence[str], port: int, refused: bool) -> Finding:
    """IPv4 works, and of the IPv6 addresses none does."""
    return Finding("TH004", {"addresses": ", ".join(addresses), "port": port, "refused": refused})


def tcp_filtered(
    addresses: Sequence[str], port: int, limit: str, error: str, private: bool, stun_answers: bool
) -> Finding:
    """No answer within `limit` seconds, or a router on the way answered with an `error`, "" for none.

    `private`: the addresses are good inside a network only. `stun_answers`: UDP gets to the machine.
    """
    values = {"addresses": ", ".join(addresses), "port": port, "limit": limit, "error": error}
    return Finding("TH005", values | {"private": private, "stun_answers": stun_answers})


def tcp_refused(addresses: Sequence[str], port: int, stun_answers: bool) -> Finding:
    """The machine says that nothing listens there; `stun_answers`: on UDP something does."""
    return Finding("TH006", {"addresses": ", ".join(addresses), "port": port, "stun_answers": stun_answers})


def stun_refused(address: str, port: int) -> Finding:
    """ICMP says that nothing listens there."""
    return Finding("TH007", {"address": address, "port": port})


def not_stun(address: str, port: int, answer: str) -> Finding:
    """Something came back that is no answer to STUN; `answer` is its beginning."""
    return Finding("TH008", {"address": address, "port": port, "answer": answer})


def stun_from_elsewhere(asked: str, answered: str) -> Finding:
    """The answer came from another address or port than was asked."""
    return Finding("TH009", {"asked": asked, "answered": answered})


def stun_private_address(address: str, mapped: str) -> Finding:
    """The relay at `address` says that it sees us as `mapped`, which is the address of somebody in between."""
    return Finding("TH010", {"address": address, "mapped": mapped})


def reset_on_name(host: str, address: str, silent: bool) -> Finding:
    """TLS is answered for another name or none, and for this one the connection is cut, or nothing ever comes."""
    return Finding("TH011", {"host": host, "address": address, "silent": silent})


def plain_http(address: str, port: int, server: str) -> Finding:
    """HTTP without TLS; `server` is what calls itself so, "" if nothing does."""
    return Finding("TH012", {"address": address, "port": port, "server": server})


def not_tls(address: str, port: int, greeting: str, protocol: str = "") -> Finding:
    """Another protocol; `greeting` is what it said first."""
    return Finding("TH013", {"address": address, "port": port, "greeting": greeting, "protocol": protocol})


def fake_ip(host: str, addresses: Sequence[str]) -> Finding:
    """DNS here gives made-up addresses, as proxy programs do that catch what goes to them."""
    return Finding("TH380", {"host": host, "addresses": ", ".join(addresses)})


def everything_accepted(address: str, tunnels: Sequence[str]) -> Finding:
    """A connection to `address`, where nobody is, was accepted; `tunnels` are interfaces that may be the reason."""
    return Finding("TH381", {"address": address, "tunnels": ", ".join(tunnels)})


def proxy_in_environment(variables: Sequence[str], host: str, port: int, odd_port: bool) -> Finding:
    """Variables of the environment send HTTPS to this host through a proxy; `odd_port`: it is not 443."""
    values = {"variables": ", ".join(variables), "host": host, "port": port, "odd_port": odd_port}
    return Finding("TH382", values)


def seen_through_proxy() -> Finding:
    """What catches this machine's connections let us through to the relay."""
    return Finding("TH383")


def dns_silent(host: str, others_known: bool) -> Finding:
    """No name server could say where `host` is, and the map does not; `others_known`: other questions are answered."""
    return Finding("TH384", {"host": host, "others_known": others_known})


def relay_moved(host: str, in_map: Sequence[str], answers: Sequence[str], port: int) -> Finding:
    """Nothing answers at the map's addresses, and at those that the name leads to something does."""
    values = {"host": host, "in_map": ", ".join(in_map), "answers": ", ".join(answers), "port": port}
    return Finding("TH385", values)


def no_route_here(addresses: Sequence[str]) -> Finding:
    """There is no network here by which it could reach any of the relay's addresses."""
    return Finding("TH386", {"addresses": ", ".join(addresses)})


def port_silent(address: str, port: int) -> Finding:
    """TCP connects, and whatever is said, nothing comes back."""
    return Finding("TH387", {"address": address, "port": port})


def port_hangs_up(address: str, port: int) -> Finding:
    """TCP connects, and whatever is said, the connection is closed."""
    return Finding("TH388", {"address": address, "port": port})


def some_addresses_dead(dead: Sequence[str], alive: Sequence[str], port: int) -> Finding:
    """Of several addresses of one family only some work."""
    return Finding("TH389", {"dead": ", ".join(dead), "alive": ", ".join(alive), "port": port})
