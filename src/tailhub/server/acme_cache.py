"""What Go's autocert has left in its cache, ``derper -certdir``: served from the start, and renewed by our own client.

A certificate and an account are copied into our own ACME files, which have their place from then on; nothing in the
cache is changed, so whoever goes back finds it as it was.

Source: golang.org/x/crypto/acme/autocert, ``DirCache``: ``NAME`` and ``NAME+rsa`` have the key and the chain in PEM,
``acme_account+key`` (before 2019 ``acme_account.key``) the account's key.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from tailhub import findings
from tailhub.certs.acme_source import AcmeSource
from tailhub.certs.files import Certificate, current_directory, find_private_key, load_pair
from tailhub.exceptions import MachineError
from tailhub.findings import Finding
from tailhub.server.acme_files import Account, AcmeFiles

__all__ = ["cached_certificate", "take_over"]

_KINDS = ("", "+rsa")  # the first is for all but very old clients
_ACCOUNTS = ("acme_account+key", "acme_account.key")


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
    if not files.has_account(source.server) and (key := _account_key(cache, option)) is not None:
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
    for path in (cache / f"{name}{kind}" for name in identifiers for kind in _KINDS):
        try:
            certificate = load_pair(path, path, option, option)
        except MachineError as exc:
            if isinstance(exc.finding, Finding) and exc.finding.name != "file-missing":
                troubles.append(exc.finding)
            continue
        is_for_us = {*certificate.names, *certificate.ips}.issuperset(identifiers)
        if is_for_us and certificate.not_before <= now < certificate.not_after:
            usable.append(certificate)
    return max(usable, key=lambda one: one.not_after, default=None), troubles


def _account_key(cache: Path, option: str) -> bytes | None:
    """The account's key in PEM, if it is of the kind that our client has."""
    for name in _ACCOUNTS:
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
