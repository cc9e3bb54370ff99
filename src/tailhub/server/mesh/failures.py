"""Why a link to another relay is not up, as a finding that says what to do. Pure."""

from __future__ import annotations

import socket
from typing import Final

from tailhub.exceptions import CertificateError, RemoteError, UpgradeError
from tailhub.findings import Finding, mesh_links

__all__ = ["CLOSED", "EndedError", "NotTakenError", "OutOfTimeError", "failure_of", "loss_of", "violation"]

CLOSED: Final = "closed by the other side"
"""How a stream's end is worded that the other side has brought about in good order."""

_RESET: Final = ("read: ", "write: Connection reset", "write: Broken pipe")
_VIOLATION: Final = "protocol violation: "


class EndedError(ConnectionError):
    """A stream has ended while we dialled; the message says how, in a stream's words."""


class OutOfTimeError(TimeoutError):
    """The message is what was waited for, and for so long."""

    def __init__(self, expected: str, seconds: float) -> None:
        super().__init__(expected)
        self.seconds = seconds


class NotTakenError(ConnectionError):
    """The other relay does not let us in, which a mesh peer always is; the message is what it says to that."""


def failure_of(peer: str, host: str, address: str, exc: Exception) -> Finding:
    """Why dialling has failed. `host` was looked up; `address` is what was dialled, with its port."""
    match exc:
        case NotTakenError():
            return mesh_links.mesh_key_refused(peer, _clause(str(exc)))
        case OutOfTimeError():
            return mesh_links.mesh_peer_silent(peer, str(exc), round(exc.seconds) or 1)
        case CertificateError():
            return mesh_links.mesh_certificate_wrong(peer, _clause(str(exc)))
        case UpgradeError():
            return mesh_links.mesh_peer_not_relay(peer, _clause(str(exc)))
        case RemoteError():
            return mesh_links.mesh_protocol_broken(peer, _clause(str(exc)))
        case socket.gaierror():
            return mesh_links.mesh_host_unknown(peer, host, _clause(exc.strerror or str(exc)))
        case ConnectionRefusedError():
            return mesh_links.mesh_port_refused(peer, address)
        case EndedError() if str(exc).startswith("tls: "):
            return mesh_links.mesh_peer_not_relay(peer, f"no TLS with it ({str(exc).removeprefix('tls: ')})")
        case OSError() if exc.strerror:
            return mesh_links.mesh_peer_unreachable(peer, _clause(exc.strerror))
    return mesh_links.mesh_peer_unreachable(peer, _clause(str(exc) or type(exc).__name__))


def loss_of(peer: str, reason: str, says: str, *, was_taken: bool) -> Finding:
    """Why a login or a link is over: `reason` is a stream's word for its end, `says` the last Health that came.

    `was_taken`: has the other relay shown that we are its mesh peer? Who is none is closed when it asks who is there,
    mostly by a reset, because more of ours was on the way.
    """
    if reason.startswith(_VIOLATION):
        return mesh_links.mesh_protocol_broken(peer, _clause(reason.removeprefix(_VIOLATION)))
    if not was_taken and (reason == CLOSED or reason.startswith(_RESET)):
        return mesh_links.mesh_key_refused(peer, _clause(says))
    return mesh_links.mesh_link_lost(peer, _clause(reason), _clause(says))


def violation(exc: RemoteError) -> str:
    """The reason with which a link ends whose other side has broken the protocol."""
    return f"{_VIOLATION}{exc}"


def _clause(text: str) -> str:
    return text.strip().rstrip(".。")
