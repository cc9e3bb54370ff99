"""Serves what our ACME client has put into its files; until there is something, a certificate made here and now.

No client could trust that one, and none is to pin it: it only lets the listener speak TLS, as ``tls-alpn-01`` needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import ClassVar

from tailhub import findings
from tailhub.certs.acme_errors import AcmeError
from tailhub.certs.files import Certificate, certificates_of, check_servable, date_findings, describe, load_pair
from tailhub.certs.self_signed import make_self_signed
from tailhub.certs.sources import Loaded, PairSource, Traces
from tailhub.exceptions import MachineError

__all__ = ["AcmeSource", "is_ip", "stem_of"]

_OPTION = "--state-dir"


def is_ip(identifier: str) -> bool:
    """Is this an address and no name?"""
    try:
        ip_address(identifier)
    except ValueError:
        return False
    return True


def stem_of(identifiers: Sequence[str]) -> str:
    """What the files of a certificate for these names or addresses are called; not all systems like colons."""
    return "+".join(identifiers).lower().replace(":", "_")


@dataclass(frozen=True, slots=True)
class AcmeSource:
    """``--acme``: the pair of files for `identifiers` in `directory`; `own_name` is the relay's own name."""

    changes: ClassVar[bool] = True

    directory: Path
    identifiers: tuple[str, ...]
    own_name: str
    server: str

    @property
    def cert(self) -> Path:
        """The certificate's file."""
        return self.directory / f"{stem_of(self.identifiers)}.crt"

    @property
    def key(self) -> Path:
        """The key's file."""
        return self.directory / f"{stem_of(self.identifiers)}.key"

    @property
    def place(self) -> str:
        """See `CertSource`."""
        return str(self.cert)

    def load(self, now: datetime) -> Loaded:
        """See `CertSource`. Never without a certificate."""
        certificate = self.issued()
        if certificate is None:
            waiting = findings.acme_waiting(", ".join(self.identifiers), self.server)
            return Loaded((self._for_now(now),), (waiting,))
        return Loaded((certificate,), tuple(date_findings(certificate, self.cert, now)))

    def issued(self) -> Certificate | None:
        """What the server has issued; None when there is nothing or the pair is not whole."""
        try:
            return replace(load_pair(self.cert, self.key, _OPTION, _OPTION), never_pinned=True)
        except MachineError:
            return None

    def check(self, chain_pem: bytes, key_pem: bytes) -> None:
        """Raise `AcmeError` unless this, just issued, may take the place of what is served."""
        try:
            certificate = describe(certificates_of(chain_pem, self.cert), key_pem)
            check_servable(certificate, self.cert)  # OpenSSL compares the keys
        except MachineError as exc:
            raise AcmeError(f"the server has issued something that cannot be served: {exc}") from exc
        there = {*certificate.names, *certificate.ips}
        missing = [one for one in self.identifiers if one.lower() not in there]
        if missing:
            raise AcmeError(f"the server has issued a certificate that is not for {', '.join(missing)}")

    def _for_now(self, now: datetime) -> Certificate:
        from cryptography import x509

        names = [one for one in self.identifiers if not is_ip(one)]
        ips = [one for one in self.identifiers if is_ip(one)]
        cert_pem, key_pem = make_self_signed(names or [self.own_name], ips, now)
        made = describe([x509.load_pem_x509_certificate(cert_pem)], key_pem)
        return replace(made, names=tuple(names), never_pinned=True)

    def traces(self) -> Traces:
        """See `CertSource`."""
        return PairSource(self.cert, self.key, "").traces()
