"""What is said of a link that is not up."""

from __future__ import annotations

import errno
import socket

import pytest

from tailhub.exceptions import CertificateError, FrameError, HandshakeError, UpgradeError
from tailhub.server.mesh.failures import (
    CLOSED,
    EndedError,
    NotTakenError,
    OutOfTimeError,
    failure_of,
    loss_of,
    violation,
)


@pytest.mark.parametrize(
    ("exc", "code", "says"),
    [
        (OutOfTimeError("a TLS handshake", 10.0), "TH534", "a TLS handshake within 10 s"),
        (OutOfTimeError("ServerKey", 0.1), "TH534", "within 1 s"),
        (NotTakenError("another key."), "TH531", "it says: another key."),
        (NotTakenError("another key. 密钥不同。"), "TH531", "it says: another key. 密钥不同. "),
        (NotTakenError(), "TH531", "it ended the connection"),
        (CertificateError("expected a, found b", "cert_pin"), "TH535", "found b"),
        (UpgradeError("expected 101, found 404"), "TH536", "found 404"),
        (HandshakeError("ServerInfo is not JSON"), "TH538", "not JSON"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "TH533", "The name b.test"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "TH532", "at b.test:8443"),
        (EndedError("tls: wrong version number"), "TH536", "no TLS with it (wrong version number)"),
        (EndedError("read: Connection reset by peer"), "TH539", "Connection reset by peer"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "TH539", ": Network is unreachable."),
        (TimeoutError(errno.ETIMEDOUT, "Connection timed out"), "TH539", ": Connection timed out."),
        (OSError(), "TH539", "OSError"),
    ],
)
def test_each_failure_has_its_sentence(exc: Exception, code: str, says: str) -> None:
    """Whatever dialling may meet is a finding that names the relay and says what was met."""
    finding = failure_of("b", "b.test", "b.test:8443", exc)
    assert finding.code == code
    assert says in str(finding)
    assert "b" in finding.what()
    assert ".." not in str(finding)


@pytest.mark.parametrize(
    ("reason", "was_taken", "code"),
    [
        (CLOSED, True, "TH537"),
        (CLOSED, False, "TH531"),
        ("read: Connection reset by peer", False, "TH531"),
        ("read: Connection reset by peer", True, "TH537"),
        ("write: Broken pipe", False, "TH531"),
        ("write timeout", False, "TH537"),
        ("no frame for 20 s", False, "TH537"),
        (violation(FrameError("PEER_PRESENT: found 5")), True, "TH538"),
        (violation(FrameError("PEER_PRESENT: found 5")), False, "TH538"),
    ],
)
def test_who_is_closed_before_it_is_told_anything_is_no_mesh_peer(reason: str, was_taken: bool, code: str) -> None:
    """Only the other relay's end before its first word of who is there means that it does not take our key."""
    assert loss_of("b", reason, "", was_taken=was_taken).code == code


def test_what_the_other_relay_had_to_say_is_passed_on() -> None:
    """The last Health stands in the sentence about a link that is lost."""
    assert "it had said: going down." in str(loss_of("b", CLOSED, "going down", was_taken=True))
