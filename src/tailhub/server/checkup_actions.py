"""What the relay tells a check on its own machine (``tailhub doctor --local``). A call of the operator's API.

What it alone knows: as which process it runs, which sockets it got, what it noted when it started, and whether clients
refuse its certificate. The relay answers itself: a check must not depend on the pages' process.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import tailhub
from tailhub.server.events import REJECTIONS
from tailhub.server.facts import listener_facts
from tailhub.web.operator_api import Call, Route, finding_json

if TYPE_CHECKING:
    from tailhub.findings import Finding
    from tailhub.server.foundation import Foundation
    from tailhub.web.metrics import Labelled, MetricValues

__all__ = ["CheckupActions"]


class CheckupActions:
    """`values` are the numbers of all of its processes; `notes` what is doubtful now; `first_stun` who asked first."""

    def __init__(
        self,
        foundation: Foundation,
        values: Callable[[], Awaitable[MetricValues]],
        notes: Callable[[], Iterable[Finding]],
        first_stun: Callable[[], str],
    ) -> None:
        self._foundation = foundation
        self._values = values
        self._notes = notes
        self._first_stun = first_stun
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
            "notes": [finding_json(note) for note in notes.values()],
        }


def _labelled(values: MetricValues, name: str) -> Labelled:
    """The numbers of a metric that has several."""
    found = values.get(name, {})
    return found if isinstance(found, Mapping) else {}


def _receive_bytes(sock: socket.socket) -> int:
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
