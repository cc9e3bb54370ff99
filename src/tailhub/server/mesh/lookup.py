"""Looking up where the relays are that a ``dns:`` or ``srv:`` entry of `mesh_with` stands for.

Addresses come by the system's own way, hosts file and all, which tells no time for which they are good. It has no SRV
records: those are dnspython's, in a thread, where it may take its time to be imported and to wait.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from tailhub.net.threads import in_thread
from tailhub.server.discover import resolve
from tailhub.server.mesh.peer_spec import PeerSource, PeerSpec

if TYPE_CHECKING:
    from dns.resolver import Resolver

__all__ = ["Found", "LookUp", "look_up"]

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


async def look_up(spec: PeerSpec, resolver: Resolver | None = None) -> Found:
    """Look an entry up; SRV records by this `resolver`, else the system's name servers. Raises `OSError`."""
    if spec.source is PeerSource.SRV:
        return await in_thread(lambda: _services(spec, resolver))
    addresses = sorted(await resolve(spec.host, LOOKUP_S), key=lambda address: (address.version, int(address)))
    return Found(tuple(_one(spec, f"{address}", dial_host=str(address)) for address in addresses))


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


def _one(spec: PeerSpec, where: str, **found: object) -> PeerSpec:
    return replace(spec, text=f"{spec.text} {where}", source=PeerSource.HOST, **found)  # type: ignore[arg-type]
