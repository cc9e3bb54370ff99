"""Which files of others a listener's certificate is from. Opens nothing."""

from __future__ import annotations

from tailhub.certs.sources import CertSource, DirectorySource, PairSource
from tailhub.server.config import ListenerConfig

__all__ = ["file_source"]


def file_source(listener: ListenerConfig) -> CertSource | None:
    """The pair or the directory that the configuration names; None where the relay has a certificate of its own."""
    if listener.cert is not None and listener.key is not None:
        places = listener.place("cert"), listener.place("key")
        return PairSource(listener.cert, listener.key, listener.hostname, *places)
    if listener.cert_dir is not None:
        return DirectorySource(listener.cert_dir, listener.hostname, listener.place("cert_dir"))
    return None
