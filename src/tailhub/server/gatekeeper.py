"""Whom connections ask whether a key may relay, wherever those are who know.

In a relay of one process that is `tailhub.server.verification`; a worker asks the desk, where all verifiers are
(`tailhub.server.admission_desk`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol, TypeAlias

from tailhub.relay.admission import Verdict
from tailhub.server.config import RelayConfig
from tailhub.server.newcomers import LOGIN_S

_log = logging.getLogger("tailhub")

Address: TypeAlias = IPv4Address | IPv6Address

OnChange: TypeAlias = Callable[[Collection[bytes] | None], None]
"""Learns which keys may have another answer now; None: any."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Is the client admitted, to which tenant, and after which verdicts?

    `node` and `owner` are names as a verifier told them. `from_memory`: only because it was admitted before, while
    whoever admitted it cannot be asked now. `cuts`: this no also ends what connections the key has; one that comes of
    nobody's answering does not. `again`: no login asked, but who looks after clients that are here already.
    """

    admits: bool
    verdicts: tuple[Verdict, ...]
    tenant: str = ""
    node: str = ""
    owner: str = ""
    from_memory: bool = False
    cuts: bool = False
    again: bool = False

    @property
    def is_known(self) -> bool:
        """Did a verifier say yes or no, of which the decision is more than a guess?"""
        return any(verdict.is_answer for verdict in self.verdicts)

    def __str__(self) -> str:
        return "; ".join(str(verdict) for verdict in self.verdicts)


class Waiting:
    """One login that waits. `on_decision` is called once, in a turn of its own, unless it is cancelled before."""

    __slots__ = ("_leave", "again", "on_decision")

    def __init__(
        self, on_decision: Callable[[Decision], None], leave: Callable[[Waiting], None], *, again: bool = False
    ) -> None:
        self.on_decision = on_decision
        self.again = again
        self._leave = leave

    def tell(self, decision: Decision) -> None:
        """Say what was decided. What goes wrong then costs this login, and not those who wait with it."""
        try:
            self.on_decision(decision)
        except Exception:  # ours
            _log.exception("error while acting on a decision")

    def cancel(self) -> None:
        """The connection is over: nobody need be asked for it."""
        self._leave(self)


class Gatekeeper(Protocol):
    """Who decides. `on_change` is set by whoever has clients that were asked about: those are asked about again."""

    on_change: OnChange

    @property
    def longest_s(self) -> float:
        """After so long there surely is a decision."""

    @property
    def waiting(self) -> int:
        """How many logins wait."""

    def ask(
        self, key: bytes, address: Address, on_decision: Callable[[Decision], None], *, again: bool = False
    ) -> Waiting:
        """Ask whether the node with this raw `key`, at `address`, may relay; `again`: it was asked about before."""

    def stop(self) -> None:
        """Ask nobody any more."""


def verify_limit_s(config: RelayConfig) -> float:
    """How long one verifier may take."""
    return config.verify_timeout_s or LOGIN_S


def longest_wait_s(limit_s: float) -> float:
    """How long a login waits at most, where `limit_s` is how long one verifier may take.

    As long as that for its turn, for the answers, and for the memory, which may not be loaded yet; and a moment.
    """
    return 3 * limit_s + 1


def unheeded(keys: Collection[bytes] | None) -> None:
    """Of a change nobody needs to learn."""
