"""Load a certificate and its key from PEM files: somebody's ``--cert`` and ``--key``, or the relay's own pinned pair.

What people have is taken as it is: EC, RSA or Ed25519, the chain in any order, key and certificates in one file, other
blocks between them. What cannot work is refused here with a finding, before a client meets it. Nothing is written.
"""

from __future__ import annotations

import os
import re
import shlex
import ssl
import stat
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tailhub import findings
from tailhub.certs.dates import BUILD_DATE, is_clock_behind
from tailhub.certs.pin import pin_of_der
from tailhub.derp.meta_cert import is_meta_cert
from tailhub.exceptions import MachineError
from tailhub.findings.place import Place
from tailhub.net.container import container_user
from tailhub.net.tls_context import server_context

if TYPE_CHECKING:
    from cryptography.x509 import Certificate as X509Certificate

    from tailhub.findings import Finding

__all__ = [
    "PIN_WARNING_DAYS",
    "Certificate",
    "certificates_in",
    "certificates_of",
    "chain_of",
    "check_servable",
    "current_directory",
    "current_user",
    "date_findings",
    "describe",
    "find_private_key",
    "load_pair",
    "mode_and_owner",
    "private_key_in",
    "public_key_der",
    "read_file",
    "unreadable",
    "use_findings",
]

_MAX_FILE_LEN = 1 << 20  # bytes; a chain has some 5 KB
PIN_WARNING_DAYS = 365  # a new pin has to reach every client's map, so say it in good time
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_CERTIFICATE_LABELS = (b"CERTIFICATE", b"X509 CERTIFICATE")


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that a relay can serve, with its key and what is worth knowing about it.

    `chain_pem` has the leaf first and no meta certificate; `names` and `ips` are the leaf's SANs, names in lower case.
    """

    chain_pem: bytes = field(repr=False)
    key_pem: bytes = field(repr=False)
    leaf_der: bytes = field(repr=False)
    not_before: datetime
    not_after: datetime
    names: tuple[str, ...]
    ips: tuple[str, ...]
    pin: str
    self_signed: bool
    chain_length: int
    issuer: str = ""
    never_pinned: bool = False  # it is replaced often (ACME), so no map may pin it

    @property
    def needs_pin(self) -> bool:
        """Is there no name by which clients could check it against their CAs?"""
        return not self.never_pinned and (self.self_signed or not self.names)

    @property
    def is_wildcard_only(self) -> bool:
        """Is it for any name below another, and for no name itself?"""
        return all(name.startswith("*.") for name in self.names)

    def alone(self) -> Certificate:
        """Itself without the chain: clients refuse a pinned certificate that comes with others."""
        end = b"-----END CERTIFICATE-----\n"
        return replace(self, chain_pem=self.chain_pem[: self.chain_pem.index(end) + len(end)], chain_length=1)

    def covers(self, host: str) -> bool:
        """Is this DNS name among the names, itself or through a wildcard for its first label?"""
        host = host.lower().rstrip(".")
        return host in self.names or "*." + host.partition(".")[2] in self.names


def load_pair(cert: Path, key: Path, cert_option: str = "--cert", key_option: str = "--key") -> Certificate:
    """Load the certificate and its chain from `cert`, the private key from `key`; both may be the same file.

    Raises `MachineError` with a finding, which says that the options named the files, if they cannot be read or used.
    Dates are not judged here: see `date_findings`.
    """
    certificates = certificates_in(cert, cert_option)
    key_pem, public = private_key_in(key, key_option)
    leaf = next((one for one in certificates if public_key_der(one) == public), None)
    if leaf is None:
        raise MachineError(findings.key_mismatch(str(cert), str(key)))
    chain = chain_of(leaf, certificates)
    chain += [one for one in certificates if one not in chain]  # what else is there is sent too, as it was
    result = describe(chain, key_pem)
    check_servable(result, cert)
    return result


def check_servable(certificate: Certificate, cert: Path) -> None:
    """Raise `MachineError` when OpenSSL would not serve the certificate, which is out of the file `cert`."""
    try:
        server_context(certificate.chain_pem, certificate.key_pem)
    except ssl.SSLError as exc:
        reason = f"OpenSSL refuses to serve it ({exc.reason or exc})"
        look = f"openssl x509 -noout -text -in {shlex.quote(str(cert))}"
        raise MachineError(findings.file_trouble(str(cert), reason, look)) from exc


def date_findings(certificate: Certificate, cert: Path, now: datetime, pinned_key: Path | None = None) -> list[Finding]:
    """What `now` (aware) means for a certificate out of the file `cert`: expired, not valid yet, soon to expire.

    `pinned_key` is the key's file if clients pin this certificate. A clock before the build date is named as well: it
    is then the likelier fault.
    """
    found = [findings.clock_before_build(now, BUILD_DATE)] if is_clock_behind(now) else []
    days_left = (certificate.not_after - now).days
    if now > certificate.not_after:
        key = str(pinned_key) if pinned_key else ""
        found.append(findings.certificate_expired(str(cert), certificate.not_after, key))
    elif now < certificate.not_before:
        found.append(findings.certificate_not_yet_valid(str(cert), certificate.not_before))
    elif pinned_key and days_left < PIN_WARNING_DAYS:
        found.append(findings.pin_expires_soon(str(cert), certificate.not_after, days_left))
    return found


def use_findings(certificate: Certificate, cert: Path, host: str) -> list[Finding]:
    """What will keep clients from accepting the certificate out of the file `cert` for ``--hostname`` `host`."""
    found = []
    if host and not certificate.covers(host):
        found.append(findings.certificate_lacks_name(str(cert), host, certificate.names))
    if not certificate.needs_pin and certificate.chain_length == 1:
        found.append(findings.chain_missing(str(cert), certificate.issuer))
    return found


def read_file(path: Path, option: str, *, may_be_pipe: bool = False, most_bytes: int | None = None) -> bytes:
    """The bytes of a small file that `option` names. Raises `MachineError` with a finding.

    It may have `most_bytes`, as a certificate unless said otherwise. A pipe or a device is waited for where it
    `may_be_pipe` only: what looks at files again and again must never hang.
    """
    most_bytes = most_bytes or _MAX_FILE_LEN
    flags = 0 if may_be_pipe else getattr(os, "O_NONBLOCK", 0)  # without it, opening a pipe may wait for ever
    try:
        with open(path, "rb", opener=lambda name, mode: os.open(name, mode | flags)) as file:
            if not (may_be_pipe or stat.S_ISREG(os.fstat(file.fileno()).st_mode)):
                raise MachineError(findings.file_trouble(str(path), "it is a pipe or a device, not a file"))
            data = file.read(most_bytes + 1)
    except OSError as exc:
        raise MachineError(_file_finding(path, exc, option)) from exc
    if len(data) > most_bytes:
        raise MachineError(findings.file_trouble(str(path), f"it has more than {most_bytes} bytes"))
    return data


def _file_finding(path: Path, error: OSError, option: str) -> Finding:
    """Why the file that `option` names cannot be read."""
    if isinstance(error, FileNotFoundError):
        shown = f"{path} (a link to {path.readlink()})" if path.is_symlink() else str(path)
        return findings.file_missing(option, shown, _start_of_relative(option))
    if isinstance(error, PermissionError):
        return unreadable(path)
    return findings.file_trouble(str(path), error.strerror or str(error))


def unreadable(path: Path) -> Finding:
    """Says that this user may not read a file or directory."""
    return findings.file_unreadable(str(path), current_user(), *mode_and_owner(path), container_user())


def _start_of_relative(option: str) -> str:
    """Where a relative path starts that stands at `option`: in a configuration file, beside that."""
    named_in = option.file if isinstance(option, Place) else ""
    return str(Path(named_in).absolute().parent) if named_in else current_directory()


def current_directory() -> str:
    """Where relative paths start, for a sentence."""
    try:
        return str(Path.cwd())
    except OSError as exc:
        return f"here ({exc.strerror})"  # it was removed


def current_user() -> str:
    """The name of the user whose rights count, or the number if it has no name."""
    uid = os.geteuid() if hasattr(os, "geteuid") else None
    return "this user" if uid is None else _user_name(uid)


def mode_and_owner(path: Path) -> tuple[int | None, str]:
    """Mode bits and owner's name of a file, ``(None, "")`` if even that cannot be seen."""
    try:
        status = path.stat()
    except OSError:
        return None, ""
    return status.st_mode & 0o7777, _user_name(status.st_uid)


def _user_name(uid: int) -> str:
    try:
        from pwd import getpwuid

        return getpwuid(uid).pw_name
    except (ImportError, KeyError):  # Windows; a container without this user in its passwd file
        return str(uid)


def certificates_in(path: Path, option: str, *, may_lack: bool = False) -> list[X509Certificate]:
    """The certificates in a PEM file, which may have none with `may_lack`. Raises `MachineError`."""
    return certificates_of(read_file(path, option), path, may_lack=may_lack)


def certificates_of(data: bytes, path: Path, *, may_lack: bool = False) -> list[X509Certificate]:
    """As `certificates_in`, of what is in the file `path`, or is to be."""
    from cryptography import x509

    found = []
    for block in _BLOCK.finditer(data):
        if block[1] not in _CERTIFICATE_LABELS:
            continue
        try:
            der = ssl.PEM_cert_to_DER_cert(block[0].replace(b"X509 ", b"").decode())
            # A chain that was saved from a running relay ends with its meta certificate, which is soon out of date.
            if not is_meta_cert(der):
                found.append(_whole(x509.load_der_x509_certificate(der)))
        except (ValueError, TypeError, x509.InvalidVersion) as exc:
            raise MachineError(_damaged(path, "certificate", "x509 -noout -text")) from exc
    if not found and not may_lack:
        raise MachineError(_not_pem(path, data, "CERTIFICATE"))
    return found


def _whole(certificate: X509Certificate) -> X509Certificate:
    """Itself. Raises `ValueError` or `TypeError` for a damaged part that the library does not read before it must."""
    for part in ("subject", "issuer", "serial_number", "not_valid_before_utc", "not_valid_after_utc"):
        getattr(certificate, part)
    return certificate


def _damaged(path: Path, what: str, command: str) -> Finding:
    look = f"openssl {command} -in {shlex.quote(str(path))}"
    return findings.file_trouble(str(path), f"the {what} in it is damaged or of an unknown kind", look)


def _not_pem(path: Path, data: bytes, expected: Literal["CERTIFICATE", "PRIVATE KEY"]) -> Finding:
    """A finding about a file without a whole block of the kind that was expected."""
    if (begun := _BEGIN.search(data)) is None:
        return findings.not_pem(str(path), expected, empty=not data.strip())
    label = begun[1].decode()
    if label.endswith(expected):
        return _damaged(path, expected.lower(), "x509 -noout -text" if expected == "CERTIFICATE" else "pkey -noout")
    return findings.not_pem(str(path), expected, label)


def private_key_in(path: Path, option: str) -> tuple[bytes, bytes]:
    """The first private key in the file, and its public key in DER. Raises `MachineError` without one."""
    found = find_private_key(path, option)
    if found is None:
        raise MachineError(_not_pem(path, read_file(path, option), "PRIVATE KEY"))
    return found


def find_private_key(path: Path, option: str) -> tuple[bytes, bytes] | None:
    """As `private_key_in`, None without one."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    data = read_file(path, option)
    blocks = [block for block in _BLOCK.finditer(data) if block[1].endswith(b"PRIVATE KEY")]
    if not blocks:
        return None
    pem = blocks[0][0] + b"\n"
    if blocks[0][1].startswith(b"ENCRYPTED") or b"4,ENCRYPTED" in pem:
        raise MachineError(findings.key_encrypted(str(path)))
    try:
        public = load_pem_private_key(pem, None).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        # Not the library's own words: nobody has checked them for pieces of the key.
        raise MachineError(_damaged(path, "key", "pkey -noout")) from exc
    return pem, public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def public_key_der(certificate: X509Certificate) -> bytes | None:
    """Its public key; None for a kind that is not known here."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm):  # an exotic issuer; it cannot be the leaf
        return None


def chain_of(leaf: X509Certificate, certificates: list[X509Certificate]) -> list[X509Certificate]:
    """The leaf, then each one's issuer as far as they are among `certificates`, which may name one twice."""
    chain = [leaf]
    while issuer := next((one for one in certificates if one.subject == chain[-1].issuer and one not in chain), None):
        chain.append(issuer)
    return chain


def describe(chain: list[X509Certificate], key_pem: bytes) -> Certificate:
    """What is worth knowing about a chain, leaf first, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    leaf = chain[0]
    names: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()
    try:
        sans = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = tuple(name.lower() for name in sans.get_values_for_type(x509.DNSName))
        ips = tuple(str(ip) for ip in sans.get_values_for_type(x509.IPAddress))
    except (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError):
        # Clients that go by a name will refuse it; those with a pin may not.
        pass
    der = leaf.public_bytes(Encoding.DER)
    return Certificate(
        chain_pem=b"".join(one.public_bytes(Encoding.PEM) for one in chain),
        key_pem=key_pem,
        leaf_der=der,
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        names=names,
        ips=ips,
        pin=pin_of_der(der),
        self_signed=leaf.subject == leaf.issuer,
        chain_length=len(chain),
        issuer=leaf.issuer.rfc4514_string(),
    )
