"""Findings about links to the other relays of a region. `peer` is the relay as `mesh_with` has it.

A `detail`, `reason` or what the other one `says` is a clause without a full stop.
"""

from __future__ import annotations

from tailhub.findings.finding import Finding


def mesh_key_refused(peer: str, says: str = "") -> Finding:
    """The other relay has let us in as a client, and not as a mesh peer; perhaps it `says` why."""
    return Finding("TH531", {"peer": peer, "says": says})


def mesh_port_refused(peer: str, address: str) -> Finding:
    """Nothing listens at the other relay's address and port."""
    return Finding("TH532", {"peer": peer, "address": address})


def mesh_host_unknown(peer: str, host: str, detail: str) -> Finding:
    """The other relay's name cannot be looked up."""
    return Finding("TH533", {"peer": peer, "host": host, "detail": detail})


def mesh_peer_silent(peer: str, expected: str, seconds: int) -> Finding:
    """What was `expected` of the other relay did not come in time."""
    return Finding("TH534", {"peer": peer, "expected": expected, "seconds": seconds})


def mesh_certificate_wrong(peer: str, detail: str) -> Finding:
    """The other relay's certificate is not what its entry asks for."""
    return Finding("TH535", {"peer": peer, "detail": detail})


def mesh_peer_not_relay(peer: str, detail: str) -> Finding:
    """Something answers there that is no relay."""
    return Finding("TH536", {"peer": peer, "detail": detail})


def mesh_link_lost(peer: str, reason: str, says: str = "") -> Finding:
    """A link that was up is down; perhaps the other relay had said (`says`) something before."""
    return Finding("TH537", {"peer": peer, "reason": reason, "says": says})


def mesh_protocol_broken(peer: str, detail: str) -> Finding:
    """The other relay has sent what no relay may send."""
    return Finding("TH538", {"peer": peer, "detail": detail})


def mesh_peer_unreachable(peer: str, detail: str) -> Finding:
    """No connection comes about, or it ends before the login does."""
    return Finding("TH539", {"peer": peer, "detail": detail})
