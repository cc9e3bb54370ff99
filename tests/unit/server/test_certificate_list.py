"""Which certificates a relay has, as ``tailhub cert`` tells."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from support.certificates import make_certificate
from tailhub.server.certificate_list import list_certificates
from tailhub.server.config import ListenerConfig
from tailhub.server.listener_record import LISTENERS, describe_listeners
from tailhub.server.pinned_pair import make_pair

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a relay's state is kept on POSIX systems")

NOW = datetime(2027, 1, 2, tzinfo=UTC)


def test_all_certificates(tmp_path: Path) -> None:
    """Those of the listeners come first, in their order and each once; then the pairs that nobody serves."""
    for pin in ("", "a", "b"):
        make_pair(tmp_path, pin, ["relay.example.com"], [], NOW)
    made = make_certificate(dns_names=["derp.example.com"])
    files = tmp_path / "files"
    files.mkdir()
    (files / "c.pem").write_bytes(made.pem)
    (files / "k.pem").write_bytes(made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    own = ListenerConfig(cert=files / "c.pem", key=files / "k.pem")
    listeners = [own, ListenerConfig(pin="b"), own, ListenerConfig(), ListenerConfig(tls=False)]
    (tmp_path / LISTENERS).write_bytes(describe_listeners(listeners, [1, 2, 3, 4, 5]))
    known = list_certificates(tmp_path, NOW)
    assert [one.pin_name for one in known] == [None, "b", "", "a"]
    assert [[record.port for record in one.listeners] for one in known] == [[1, 3], [2], [4], []]
    assert [one.is_advertised for one in known] == [True, False, False, False]
    assert known[0].certificate is not None
    assert known[0].certificate.pin == made.pin


def test_a_certificate_that_cannot_be_used(tmp_path: Path) -> None:
    """A file that is damaged or gone is told beside the others, with what is wrong."""
    make_pair(tmp_path, "", ["relay.example.com"], [], NOW)
    make_pair(tmp_path, "half", ["relay.example.com"], [], NOW)
    (tmp_path / "pinned-half.key").unlink()
    listeners = [ListenerConfig(cert=tmp_path / "gone.pem", key=tmp_path / "gone.key")]
    (tmp_path / LISTENERS).write_bytes(describe_listeners(listeners, [1]))
    known = list_certificates(tmp_path, NOW)
    names = [one.finding.name if one.finding else "" for one in known]
    assert names == ["file-missing", "", "file-missing"]


def test_nothing(tmp_path: Path) -> None:
    """Where there is no state there are no certificates."""
    assert list_certificates(tmp_path / "none", NOW) == []


def test_a_directory_of_certificates(tmp_path: Path) -> None:
    """Of a listener with a directory all certificates are shown, and what our ACME client has likewise."""
    state, certs = tmp_path / "state", tmp_path / "certs"
    for place, name in ((certs, "a.example.com"), (certs, "b.example.com"), (state / "acme", "c.example.com")):
        made = make_certificate(dns_names=[name])
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{name}.crt").write_bytes(made.pem)
        key = made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (place / f"{name}.key").write_bytes(key)
    listeners = [ListenerConfig(cert_dir=certs), ListenerConfig(acme=True), ListenerConfig(cert_dir=tmp_path / "none")]
    (state / LISTENERS).write_bytes(describe_listeners(listeners, [1, 2, 3]))
    known = list_certificates(state, datetime.now(UTC))
    names = [one.certificate.names if one.certificate is not None else () for one in known]
    assert names == [("a.example.com",), ("b.example.com",), ("c.example.com",), ()]
    assert [one.is_advertised for one in known] == [True, True, False, False]
    assert known[3].finding is not None
