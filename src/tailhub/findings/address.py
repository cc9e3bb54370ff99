"""Findings about the address that others use, and what STUN and DNS say. Addresses are text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tailhub.findings.finding import Finding


def not_reachable(address: str = "", seen: str = "") -> Finding:
    """A NAT (of the provider, of a router) keeps the Internet out; `seen` is what others see instead of `address`."""
    return Finding("TH070", {"address": address, "seen": seen})


def sources_disagree(answers: Mapping[str, str], chosen: str = "") -> Finding:
    """`answers`: who said which address. `chosen` is the one taken, "" if the owner has to say."""
    listed = ", ".join(f"{source}: {address}" for source, address in answers.items())
    return Finding("TH071", {"answers": listed, "chosen": chosen})


def ipv6_only(address: str) -> Finding:
    """No IPv4 address was found, an IPv6 one was."""
    return Finding("TH072", {"address": address})


def container_bridge(address: str, port: int, stun_port: int | None) -> Finding:
    """We are in a container behind its engine's bridge and listen on these ports."""
    return Finding("TH073", {"address": address, "port": port, "stun_port": stun_port})


def no_dns() -> Finding:
    """Not one name could be looked up."""
    return Finding("TH074")


def stun_private_sources(source: str) -> Finding:
    """STUN requests arrive from `source`, an address that a container's NAT put in."""
    return Finding("TH075", {"source": source})


def address_unknown() -> Finding:
    """Nothing was found that others could use."""
    return Finding("TH076")


def host_name_elsewhere(host: str, resolved: Sequence[str], address: str) -> Finding:
    """``--hostname`` leads to `resolved`, maybe nothing, and not to our `address`."""
    return Finding("TH077", {"host": host, "resolved": ", ".join(resolved), "address": address})


def other_addresses(others: Sequence[str]) -> Finding:
    """Several interfaces have addresses that others could use; one was chosen."""
    return Finding("TH078", {"others": ", ".join(others)})


def address_changed(before: str, now: str) -> Finding:
    """The address in the map is not ours any more."""
    return Finding("TH079", {"before": before, "now": now})
