"""What the relay tells a check on its own machine (``tailhub doctor --local``). A call of the operator's API.

What it alone knows: as which process it runs, which sockets it got, what it noted when it started, whether clients
refuse its certificate, and which keys two connections use. The relay answers itself: a check must not depend on the
pages' process.
"""

from __future__ import annotations

import os
import socket
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import tailhub
from tailhub.keys import NodePublic, short_key
from tailhub.server.events import REJECTIONS
from tailhub.server.facts import listener_facts
from tailhub.web.operator_api import Call, Route, finding_json

if TYPE_CHECKING:
    from tailhub.findings import Finding
    from tailhub.server.foundation import Foundation
    from tailhub.server.mesh.watch import MeshWatch
    from tailhub.web.debug import TrafficRow
    from tailhub.web.metrics import Labelled, MetricValues

__all__ = ["CheckupActions", "duplicates_json"]

MOST_DUPLICATES = 20  # keys that are told


class CheckupActions:
    """`values` are the numbers of all of its processes; `notes` what is doubtful now; `first_stun` who asked first.

    `traffic` has all connections, `now` is the loop's time, `mesh` what is seen of other relays, if there is one.
    """

    def __init__(
        self,
        foundation: Foundation,
        values: Callable[[], Awaitable[MetricValues]],
        notes: Callable[[], Iterable[Finding]],
        first_stun: Callable[[], str],
        traffic: Callable[[], Awaitable[Sequence[TrafficRow]]],
        now: Callable[[], float],
        mesh: Callable[[], MeshWatch | None],
    ) -> None:
        self._foundation = foundation
        self._values = values
        self._notes = notes
        self._first_stun = first_stun
        self._traffic = traffic
        self._now = now
        self._mesh = mesh
        self.routes = (Route("GET", "checkup", self._run, "What a check on this machine asks for: sockets, doubts"),)

    async def _run(self, call: Call) -> Mapping[str, Any]:
        foundation, values = self._foundation, await self._values()
        stun = foundation.listeners.stun
        by_reason = {labels[0]: count for labels, count in _labelled(values, "refused").items()}
        notes = {(note.code, str(note)): note for note in self._notes()}
        return {
            "version": tailhub.__version__,
            "pid": os.getpid(),
            "state_dir": str(foundation.state.path),
            "listeners": listener_facts(foundation.config, foundation),
            "stun_receive_bytes": [_receive_bytes(sock) for sock in stun.sockets] if stun is not None else [],
            "stun_requests": sum(_labelled(values, "stun_families").values()),
            "first_stun": self._first_stun(),
            "logins": values.get("logins", 0),
            "clients": values.get("clients", 0),
            "certificate_rejections": sum(
                count for reason, count in by_reason.items() if any(words in reason for words in REJECTIONS)
            ),
            "open_fds": values.get("process_open_fds", 0),
            "max_fds": values.get("process_max_fds", 0),
            "duplicates": duplicates_json(await self._traffic(), self._now()) if values.get("dup_keys") else [],
            "mesh": mesh_json(mesh) if (mesh := self._mesh()) is not None else None,
            "notes": [finding_json(note) for note in notes.values()],
        }


def duplicates_json(rows: Iterable[TrafficRow], now: float) -> list[dict[str, Any]]:
    """The keys that have two or more connections, those first that have had them for the longest time."""
    by_key = defaultdict[str, list["TrafficRow"]](list)
    for row in rows:
        if not row.is_mesh:
            by_key[row.key].append(row)
    shared = [(sorted(one.connected_at for one in ones)[1], ones) for ones in by_key.values() if len(ones) > 1]
    return [
        {
            "key": ones[0].key,
            "short": short_key(NodePublic.parse(ones[0].key).raw),
            "name": next((one.name for one in ones if one.name), ""),
            "addresses": sorted({one.address for one in ones}),
            "connections": len(ones),
            "together_s": round(now - since, 1),
        }
        for since, ones in sorted(shared, key=lambda pair: pair[0])[:MOST_DUPLICATES]
    ]


def mesh_json(mesh: MeshWatch) -> dict[str, Any]:
    """Links to other relays, and what is half up."""
    return {
        "peers": [{"name": node.name, "state": node.state, "keys": node.keys} for node in mesh.nodes],
        "troubles": [finding_json(one.finding) for one in mesh.troubles],
    }


def _labelled(values: MetricValues, name: str) -> Labelled:
    """The numbers of a metric that has several."""
    found = values.get(name, {})
    return found if isinstance(found, Mapping) else {}


def _receive_bytes(sock: socket.socket) -> int:
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
