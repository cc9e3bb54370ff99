"""The relay's TLS settings, tried in real handshakes in memory."""

from __future__ import annotations

import os
import ssl
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from tailhub.certs.meta import make_meta
from tailhub.certs.self_signed import make_self_signed
from tailhub.derp.meta_cert import server_key_from_meta
from tailhub.keys import NodePublic
from tailhub.net.tls_context import server_context

NOW = datetime.now(UTC)
PUBLIC = NodePublic(bytes(range(32)))
CHAIN, KEY = make_self_signed(["relay.example"], ["127.0.0.1"], NOW)
META = make_meta(PUBLIC, NOW).pem
ENCODING_DER = 2  # _ssl.ENCODING_DER
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def der_of(pem: bytes) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem.decode())


def client_context(version: ssl.TLSVersion, alpn: list[str] | None = None) -> ssl.SSLContext:
    """A client that checks nothing and speaks one version."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = version
    if version >= ssl.TLSVersion.TLSv1_2:
        context.minimum_version = version
    if alpn:
        context.set_alpn_protocols(alpn)
    return context


def handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Both ends of a finished handshake: ``(server's, client's)``."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = server.wrap_bio(to_server, to_client, server_side=True), client.wrap_bio(to_client, to_server)
    waiting = list(ends)
    for _ in range(10):
        for end in list(waiting):
            try:
                end.do_handshake()
                waiting.remove(end)
            except ssl.SSLWantReadError:
                pass
    assert not waiting
    return ends


def chain_seen_by(client: ssl.SSLObject) -> list[bytes]:
    """Every certificate the server sent, in DER; before Python 3.13 only a private attribute has them."""
    chain = client._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
    return [certificate.public_bytes(ENCODING_DER) for certificate in chain]


@pytest.mark.parametrize("version", VERSIONS)
def test_meta_certificate_is_the_second(version: ssl.TLSVersion) -> None:
    """In both versions of TLS the leaf comes first and the meta certificate second."""
    _, client = handshake(server_context(CHAIN, KEY, META), client_context(version))
    leaf, meta = chain_seen_by(client)
    assert leaf == der_of(CHAIN)
    assert server_key_from_meta(meta) == PUBLIC.raw


@pytest.mark.parametrize("version", VERSIONS)
def test_no_meta_certificate(version: ssl.TLSVersion) -> None:
    """Without a meta certificate the leaf is sent alone."""
    _, client = handshake(server_context(CHAIN, KEY), client_context(version))
    assert chain_seen_by(client) == [der_of(CHAIN)]


def test_meta_certificate_comes_after_the_chain() -> None:
    """With a chain of two, all three certificates are sent and the meta certificate is the last."""
    second, _ = make_self_signed(["issuer.example"], [], NOW)
    _, client = handshake(server_context(CHAIN + second, KEY, META), client_context(VERSIONS[1]))
    assert chain_seen_by(client) == [der_of(CHAIN), der_of(second), der_of(META)]


@pytest.mark.parametrize("version", VERSIONS)
def test_alpn(version: ssl.TLSVersion) -> None:
    """The relay agrees to ``http/1.1`` and to nothing else."""
    context = server_context(CHAIN, KEY, META)
    agreed, _ = handshake(context, client_context(version, ["h2", "http/1.1"]))
    none, _ = handshake(context, client_context(version, ["h2"]))
    assert (agreed.selected_alpn_protocol(), none.selected_alpn_protocol()) == ("http/1.1", None)


def test_old_versions_are_refused() -> None:
    """A client that speaks TLS 1.1 at most gets no handshake, for its version and not for another reason."""
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        client = client_context(ssl.TLSVersion.TLSv1_1)
    client.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match=r"(?i)protocol"):
        handshake(server_context(CHAIN, KEY), client)


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_to_resume(version: ssl.TLSVersion) -> None:
    """No version gives the client a session ticket, and the server keeps no session of a closed connection."""
    context = server_context(CHAIN, KEY, META)
    server, client = handshake(context, client_context(version))
    with pytest.raises(ssl.SSLWantReadError):
        client.read()
    assert client.session is None or not client.session.has_ticket
    del server
    assert context.session_stats()["number"] == 0


def test_data_passes() -> None:
    """What one end writes the other reads."""
    server, client = handshake(server_context(CHAIN, KEY, META), client_context(VERSIONS[1]))
    client.write(b"GET /derp")
    assert server.read() == b"GET /derp"


def test_wrong_key() -> None:
    """A key that is not the certificate's is an SSL error."""
    _, key = make_self_signed(["relay.example"], [], NOW)
    with pytest.raises(ssl.SSLError, match="KEY_VALUES_MISMATCH"):
        server_context(CHAIN, key)


def test_encrypted_key_asks_nobody() -> None:
    """An encrypted key is an SSL error at once: nobody is asked for a password on the terminal."""
    key = load_pem_private_key(KEY, None)
    encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    with pytest.raises(ssl.SSLError):
        server_context(CHAIN, encrypted)


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="needs Linux's memfd_create")
def test_no_file_on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Linux the key never touches a disk, and no descriptor stays open."""
    monkeypatch.setattr(tempfile, "mkstemp", None)
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    server_context(CHAIN, KEY, META)
    assert len(list(descriptors.iterdir())) == before


@pytest.mark.parametrize("key", [KEY, b"junk"])
def test_file_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: bytes) -> None:
    """Elsewhere the key is in a file of mode 0600 that is deleted at once, also when OpenSSL refuses it."""
    monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    modes: list[int] = []
    real_load = ssl.SSLContext.load_cert_chain

    def load_cert_chain(context: ssl.SSLContext, path: Path, **more: str) -> None:
        modes.append(path.stat().st_mode & 0o777)
        real_load(context, path, **more)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", load_cert_chain)
    try:
        server_context(CHAIN, key)
    except ssl.SSLError:
        assert key == b"junk"
    assert modes == [0o600]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("first", ["CHACHA20", "AES256", "AES128"])
def test_the_clients_order_of_ciphers_counts(first: str) -> None:
    """A client gets the cipher that it likes best: one without AES in its processor gets ChaCha20."""
    client = client_context(ssl.TLSVersion.TLSv1_2)
    client.set_ciphers(f"ECDHE+{first}:ECDHE+AESGCM:ECDHE+CHACHA20")
    server, _ = handshake(server_context(CHAIN, KEY), client)
    agreed = server.cipher()
    assert agreed is not None
    assert first in agreed[0].replace("-", "")
