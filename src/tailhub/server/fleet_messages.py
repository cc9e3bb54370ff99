"""What a desk and its workers tell each other beside packets: numbers, pages, and what a worker is to do.

Not here: messages about logins (`tailhub.server.admission_desk`, `tailhub.server.steering_desk`), and those between
workers (`tailhub.relay.worker_link`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tailhub.relay.closing import ClosingTime
from tailhub.relay.health import Notice
from tailhub.relay.usage import UsageRow
from tailhub.server.snapshot import ServiceSnapshot
from tailhub.web.message import Request, Response

__all__ = [
    "ClosingTimeHolds",
    "CountRequest",
    "Counted",
    "Disconnect",
    "DoesNotRead",
    "FirstOutside",
    "Hello",
    "NoticesHold",
    "PageAnswer",
    "PageRequest",
    "PinRejected",
    "Used",
]


@dataclass(frozen=True, slots=True)
class Hello:
    """From a worker, first of all."""

    pid: int


@dataclass(frozen=True, slots=True)
class CountRequest:
    """To a worker: what have you counted? With the number of the question; `traffic`: of each client, too."""

    number: int
    traffic: bool = False


@dataclass(frozen=True, slots=True)
class Counted:
    """Its answer."""

    number: int
    snapshot: ServiceSnapshot


@dataclass(frozen=True, slots=True)
class PageRequest:
    """From a worker: what does this page say?"""

    number: int
    request: Request


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """The answer."""

    number: int
    response: Response


@dataclass(frozen=True, slots=True)
class Disconnect:
    """To a worker: close the connections of a key."""

    key: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class FirstOutside:
    """From a worker: somebody connected who is not on this machine."""

    ip: str


@dataclass(frozen=True, slots=True)
class PinRejected:
    """From a worker: a client refused the certificate."""

    ip: str
    alert: str


@dataclass(frozen=True, slots=True)
class DoesNotRead:
    """From a worker: worker `number` does not read what it is told."""

    number: int


@dataclass(frozen=True, slots=True)
class Used:
    """From a worker: what its clients have used since it last told."""

    rows: Sequence[UsageRow]


@dataclass(frozen=True, slots=True)
class NoticesHold:
    """To a worker: what users are told."""

    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class ClosingTimeHolds:
    """To a worker: close all by the end of this time, and take nobody; None: serve everyone."""

    time: ClosingTime | None
