"""The relay's TLS settings, and the way from PEM bytes in memory to an `ssl.SSLContext`.

Knows no DERP: a caller that wants one more certificate sent after the chain (the meta certificate) hands it over.
A context is never changed once made; a new certificate means a new context for the connections that come after.

Not possible through Python's ``ssl``: refusing an unknown ALPN, or choosing TLS 1.3's cipher suites before Python 3.15.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from pathlib import Path

__all__ = ["server_context"]

_ALPN = ("http/1.1",)
_TLS12_CIPHERS = "ECDHE+AES128+AESGCM:ECDHE+AES256+AESGCM:ECDHE+CHACHA20"


def server_context(
    chain_pem: bytes, key_pem: bytes, meta_pem: bytes | None = None, alpn: Sequence[str] = _ALPN
) -> ssl.SSLContext:
    """A context for the server's side: the chain (leaf first), its key, and a last certificate to append to the chain.

    Raises `ssl.SSLError` when OpenSSL refuses the pair: the key is another one, or its kind or size is too weak.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(alpn)
    context.set_ciphers(_TLS12_CIPHERS)
    # Nothing is ever resumed: DERP clients do not try, and each ticket costs CPU at a login. In TLS 1.2 OpenSSL then
    # notes a session (1 KB) for those connections only that are closed with SSLObject.unwrap(), which we never call.
    context.num_tickets = 0
    # The client's order counts: it knows whether its processor has AES, and one without pays for AES with each packet.
    # Go's clients with AES put AES-128 first, which costs both sides a few percent less than OpenSSL's own AES-256.
    context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    # A peer that just closes TCP is an ordinary end, not an error.
    context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
    pem = b"\n".join((chain_pem, meta_pem or b"", key_pem))
    _load(context, pem)
    return context


def _load(context: ssl.SSLContext, pem: bytes) -> None:
    """Give `pem` to ``load_cert_chain``, which takes files only, without leaving the key on a disk where possible."""
    if hasattr(os, "memfd_create"):  # Linux
        descriptor = os.memfd_create("tailhub-tls")
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            path = Path(f"/proc/self/fd/{descriptor}")
            if path.exists():  # not in a container without /proc
                _load_file(context, path)
                return
    from tempfile import mkstemp

    descriptor, name = mkstemp(prefix="tailhub-")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
        _load_file(context, Path(name))
    finally:
        Path(name).unlink()


def _load_file(context: ssl.SSLContext, path: Path) -> None:
    # With an empty password an encrypted key is an error; with none OpenSSL would ask for one on the terminal.
    context.load_cert_chain(path, password="")
