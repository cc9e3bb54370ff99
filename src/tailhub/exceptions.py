"""Every public error of tailhub.

::

    TailhubError
    ├── LocalError               our caller broke a rule of the API or of the protocol
    ├── RemoteError              the other side did
    │   ├── FrameError           a DERP frame that is too short, too long, or not allowed here
    │   ├── HandshakeError       a login that cannot be understood (bad box, bad JSON, bad mesh key)
    │   ├── UpgradeError         an answer to `GET /derp` that is not a DERP upgrade
    │   ├── PrefaceError         first bytes of a connection that are none of the forms we know
    │   ├── StunError            a datagram that is not a STUN message
    │   └── CertificateError     the relay's certificate is not the pinned one, or breaks the rules of a pin
    ├── ConnectionClosedError    a DERP connection that is over; says why
    └── FindingError             something a person must mend; carries a finding (`tailhub.findings`)
        ├── UsageError           in what was asked for: exit code 2
        └── MachineError         in the machine or its files: exit code 1
            └── StoreUnavailableError   the store cannot be reached or written just now

Local and remote errors are apart because they are answered differently: a remote error closes one connection and is
counted, a local one is a bug in the program that called us.
"""

from __future__ import annotations

__all__ = [
    "CertificateError",
    "ConnectionClosedError",
    "FindingError",
    "FrameError",
    "HandshakeError",
    "LocalError",
    "MachineError",
    "PrefaceError",
    "RemoteError",
    "StoreUnavailableError",
    "StunError",
    "TailhubError",
    "UpgradeError",
    "UsageError",
]


class TailhubError(Exception):
    """Base of all errors raised by tailhub."""


class LocalError(TailhubError):
    """Our caller broke a rule, for example sent a packet that is too long."""


class RemoteError(TailhubError):
    """The other side broke a rule; the only kind that may come out of a ``receive_data``.

    `reason` is a short stable word for counters (``"frame_too_long"``).
    """

    def __init__(self, message: str, reason: str = "protocol") -> None:
        super().__init__(message)
        self.reason = reason


class FrameError(RemoteError):
    """A DERP frame that breaks the limits of its type or is not allowed in this state."""


class HandshakeError(RemoteError):
    """A DERP login that cannot be understood."""


class UpgradeError(RemoteError):
    """The answer to a DERP upgrade is something else.

    `status` is the HTTP status code if there was one, `body` the start of the answer's body (at most 1 KiB).
    """

    def __init__(self, message: str, *, status: int | None = None, body: bytes = b"") -> None:
        super().__init__(message, "upgrade")
        self.status = status
        self.body = body


class PrefaceError(RemoteError):
    """The first bytes of a connection are of no form we know."""


class StunError(RemoteError):
    """A datagram that is not a well-formed STUN message."""


class CertificateError(RemoteError):
    """The relay's certificate is not what the DERP map pins."""


class ConnectionClosedError(TailhubError):
    """A DERP connection is over. The message says who ended it and why."""


class FindingError(TailhubError):
    """Something a person must mend. ``str()`` gives it in English; `finding` has the code and other languages."""

    exit_code = 1

    def __init__(self, finding: object) -> None:
        super().__init__(finding)
        self.finding = finding

    def __str__(self) -> str:
        return str(self.finding)


class UsageError(FindingError):
    """What was asked for cannot be: a malformed flag, an impossible combination."""

    exit_code = 2


class MachineError(FindingError):
    """The machine, its files or its network stand in the way: a port in use, no permission, a locked directory."""

    exit_code = 1


class StoreUnavailableError(MachineError):
    """The store cannot be reached or written just now; whether the last thing was written is not known. Try again."""
