"""Findings about certificates and their keys. Paths are text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

from tailhub.findings.finding import Finding


def certificate_half(present: str, missing: str) -> Finding:
    """Of certificate and key only one file is there. Neither is ever made anew silently."""
    return Finding("TH050", {"present": present, "missing": missing})


def key_mismatch(cert: str, key: str) -> Finding:
    """The key does not belong to the certificate."""
    return Finding("TH051", {"cert": cert, "key": key})


def key_encrypted(path: str) -> Finding:
    """The private key needs a passphrase."""
    return Finding("TH052", {"path": path})


def not_pem(
    path: str, expected: Literal["CERTIFICATE", "PRIVATE KEY"], found: str = "", *, empty: bool = False
) -> Finding:
    """The file does not hold what was expected, in PEM; `found` is the label of what it holds, if it is PEM at all."""
    command = "x509" if expected == "CERTIFICATE" else "pkey"
    return Finding("TH053", {"path": path, "label": expected, "command": command, "found": found, "empty": empty})


def certificate_expired(path: str, not_after: date, pinned_key: str = "") -> Finding:
    """The certificate has expired. `pinned_key`: the key file of a certificate of our own, which clients pin."""
    values = {"path": path, "date": _day(not_after), "key": pinned_key, "pinned": bool(pinned_key)}
    return Finding("TH054", values)


def certificate_not_yet_valid(path: str, not_before: date) -> Finding:
    """The certificate is valid from a later day."""
    return Finding("TH055", {"path": path, "date": _day(not_before)})


def pin_expires_soon(path: str, not_after: date, days: int) -> Finding:
    """The certificate that clients pin expires in `days` days."""
    return Finding("TH056", {"path": path, "date": _day(not_after), "days": days})


def name_needs_new_pin(path: str, host: str, names: Sequence[str]) -> Finding:
    """``--hostname`` asks for a name that is not among the `names` of the certificate that clients pin."""
    return Finding("TH057", {"path": path, "host": host, "names": ", ".join(names)})


def _day(day: date) -> str:
    return f"{day:%Y-%m-%d}"


def certificate_lacks_name(path: str, host: str, names: Sequence[str]) -> Finding:
    """The certificate from ``--cert`` has `names`, and the relay is to go by another."""
    return Finding("TH058", {"path": path, "host": host, "names": ", ".join(names)})


def chain_missing(path: str, issuer: str) -> Finding:
    """A CA made the certificate, and the file has nothing that leads to that CA."""
    return Finding("TH059", {"path": path, "issuer": issuer})


def no_pair_in_directory(path: str, certs: int, keys: int) -> Finding:
    """A directory has `certs` files with certificates and `keys` with keys, and no two belong together."""
    return Finding("TH105", {"path": path, "certs": certs or None, "keys": keys or None, "both": bool(certs and keys)})


def directory_missing(option: str, path: str, directory: str) -> Finding:
    """`option` names a directory that does not exist; `directory` is where relative paths start."""
    return Finding("TH108", {"option": option, "path": path, "directory": directory})


def certificate_kept(path: str, reason: str) -> Finding:
    """New files cannot be used; `reason` is what is wrong with them, sentences. The old certificate is still served."""
    return Finding("TH106", {"path": path, "reason": reason})


def certificate_expires_soon(path: str, not_after: date, days: int) -> Finding:
    """The certificate from a file expires in `days` days."""
    return Finding("TH107", {"path": path, "date": _day(not_after), "days": days})
