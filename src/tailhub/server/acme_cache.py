"""What derper's ACME client has left in ``-certdir``: served from the start, and renewed by our own client.

A certificate and an account are copied into our own ACME files, which count from then on; nothing in the cache is
changed, so whoever goes back finds it as it was.

Sources: for names golang.org/x/crypto/acme/autocert, ``DirCache``: ``NAME`` and ``NAME+rsa`` have the key and the chain
in PEM, ``acme_account+key`` (before 2019 ``acme_account.key``) the account's key. For addresses derper's ``ipcert.go``
(1.102.5): ``IP.crt`` and ``IP.key``, with dots in place of colons, and ``acme-account.key``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from tailhub import findings
from tailhub.certs.acme_source import AcmeSource, is_ip
from tailhub.certs.files import Certificate, current_directory, find_private_key, load_pair
from tailhub.exceptions import MachineError
from tailhub.findings import Finding
from tailhub.server.acme_files import Account, AcmeFiles

__all__ = ["cached_certificate", "take_over"]

_ACCOUNTS = ("acme_account+key", "acme_account.key")
_ACCOUNTS_FOR_IPS = ("acme-account.key",)


def take_over(files: AcmeFiles, source: AcmeSource, cache: Path, option: str, now: datetime) -> list[Finding]:
    """Copy what is better than what `source` has, and an account where there is none; what there is to say.

    `option` named the `cache`. Raises `OSError` when our own files cannot be written.
    """
    own = source.issued()
    found: list[Finding] = []
    best, troubles = cached_certificate(cache, source.identifiers, option, now)
    if best is not None and (own is None or best.not_after > own.not_after):
        files.issued(source, best.chain_pem, best.key_pem)
        name = ", ".join(source.identifiers)
        found.append(findings.acme_cache_taken_over(name, str(cache), best.not_after))
    elif own is None:
        found += troubles
    key = None if files.has_account(source.server) else _account_key(cache, source.identifiers, option)
    if key is not None:
        files.keep_account(source.server, Account(key))
    return found


def cached_certificate(
    cache: Path, identifiers: Sequence[str], option: str, now: datetime
) -> tuple[Certificate | None, list[Finding]]:
    """The certificate for all `identifiers` that is valid, and for the longest time; what is wrong with the others."""
    with contextlib.suppress(PermissionError):  # which reading it will tell of
        if not cache.is_dir():
            return None, [findings.directory_missing(option, str(cache), current_directory())]
    usable: list[Certificate] = []
    troubles = []
    for cert, key in (pair for identifier in identifiers for pair in _pairs(cache, identifier)):
        try:
            certificate = load_pair(cert, key, option, option)
        except MachineError as exc:
            if isinstance(exc.finding, Finding) and exc.finding.name != "file-missing":
                troubles.append(exc.finding)
            continue
        is_for_us = {*certificate.names, *certificate.ips}.issuperset(identifiers)
        if is_for_us and certificate.not_before <= now < certificate.not_after:
            usable.append(certificate)
    return max(usable, key=lambda one: one.not_after, default=None), troubles


def _pairs(cache: Path, identifier: str) -> Iterator[tuple[Path, Path]]:
    """Where certificate and key for a name or an address may be."""
    if is_ip(identifier):
        stem = identifier.replace(":", ".")
        yield cache / f"{stem}.crt", cache / f"{stem}.key"
    else:
        for both in (cache / identifier, cache / f"{identifier}+rsa"):  # the second is for very old clients
            yield both, both


def _account_key(cache: Path, identifiers: Sequence[str], option: str) -> bytes | None:
    """The account's key in PEM, if it is of the kind that our client has."""
    for name in _ACCOUNTS_FOR_IPS if all(map(is_ip, identifiers)) else _ACCOUNTS:
        try:
            found = find_private_key(cache / name, option)
        except MachineError:
            continue
        if found is not None and _is_p256(found[0]):
            return found[0]
    return None


def _is_p256(pem: bytes) -> bool:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(pem, None)
    return isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1)
