"""Looking up where the relays are that a ``dns:`` or ``srv:`` entry of `mesh_with` stands for.

Addresses come by the system's own way, hosts file and all, which tells no time for which they are good. It has no SRV
records: those are dnspython's, in a thread, where it may take its time to be imported and to wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, TypeAlias

from tailhub.findings import Finding, mesh_peers
from tailhub.net.threads import in_thread
from tailhub.server.discover import resolve
from tailhub.server.mesh.peer_spec import DEFAULT_PORT, PeerError, PeerSource, PeerSpec, parse_peer

if TYPE_CHECKING:
    from dns.resolver import Resolver

__all__ = ["Found", "LookUp", "look_up", "lookup_findings", "unresolved"]

LOOKUP_S = 10.0
USUAL_S = 60.0  # addresses are looked up again after so long
SHORTEST_S = 5.0  # however short a record is good


@dataclass(frozen=True, slots=True)
class Found:
    """The relays that an entry stands for, each as if it had been written by itself, and how long that is good."""

    specs: tuple[PeerSpec, ...]
    good_s: float = USUAL_S


LookUp: TypeAlias = Callable[[PeerSpec], Awaitable[Found]]
"""Raises `OSError`, `TimeoutError` among them, when nothing is known."""


async def lookup_findings(peers: Sequence[str]) -> list[Finding]:
    """Which entries of `mesh_with` cannot be looked up now; what is none is passed over."""

    async def look_at(text: str) -> list[Finding]:
        try:
            spec = parse_peer(text)
            if spec.source is not PeerSource.HOST:
                await look_up(spec)
        except OSError as exc:
            return [unresolved(text, exc, known=0)]
        except PeerError:  # which has been told
            pass
        return []

    return [finding for found in await asyncio.gather(*map(look_at, peers)) for finding in found]


def unresolved(text: str, exc: OSError, *, known: int) -> Finding:
    """An entry cannot be looked up; so many relays are `known` from before."""
    return mesh_peers.mesh_name_unresolved(text, exc.strerror or str(exc) or "no answer", known)


async def look_up(spec: PeerSpec, resolver: Resolver | None = None) -> Found:
    """Look an entry up; SRV records by this `resolver`, else the system's name servers. Raises `OSError`."""
    if spec.source is PeerSource.SRV:
        return await in_thread(lambda: _services(spec, resolver))
    addresses = sorted(await resolve(spec.host, LOOKUP_S), key=lambda address: (address.version, int(address)))
    return Found(tuple(_one(spec, _place(address, spec.port), dial_host=str(address)) for address in addresses))


def _services(spec: PeerSpec, resolver: Resolver | None) -> Found:
    """The targets of an SRV record, those of the first priority first. Weights say nothing to a mesh."""
    from dns.exception import DNSException
    from dns.resolver import Resolver

    try:
        answer = (resolver or Resolver()).resolve(spec.host, "SRV", lifetime=LOOKUP_S, search=True)
    except DNSException as exc:
        raise OSError(str(exc)) from exc
    records = sorted((record.priority, record.target.to_text(omit_final_dot=True), record.port) for record in answer)
    # A target "." says that there is no such service (RFC 2782).
    targets = [(host, port) for _, host, port in records if host not in ("", "@", ".")]
    specs = tuple(_one(spec, f"{host}:{port}", host=host, port=port) for host, port in targets)
    ttl_s = answer.rrset.ttl if answer.rrset is not None else USUAL_S
    return Found(specs, max(SHORTEST_S, min(ttl_s, USUAL_S)))


def _place(address: IPv4Address | IPv6Address, port: int) -> str:
    """As whoever reads it can dial it."""
    if port == DEFAULT_PORT:
        return str(address)
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def _one(spec: PeerSpec, where: str, **found: object) -> PeerSpec:
    return replace(spec, text=f"{spec.name} {where}", source=PeerSource.HOST, **found)  # type: ignore[arg-type]
