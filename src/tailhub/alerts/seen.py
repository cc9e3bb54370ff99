"""What is looked at, as plain values: `tailhub.server.watched` gathers them, `tailhub.alerts.rules` judges them.

All times are seconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass

from tailhub.findings import Finding
from tailhub.relay.quota import QuotaState

__all__ = ["CertificateSeen", "CredentialSeen", "MeshSeen", "QuotaSeen", "RenewalSeen", "Seen", "VerifierSeen"]


@dataclass(frozen=True, slots=True)
class CertificateSeen:
    """One that clients get. `is_pinned`: clients know it by its hash, so another one needs another map."""

    name: str
    fingerprint: str
    not_before: float
    not_after: float
    is_pinned: bool = False
    is_acme: bool = False


@dataclass(frozen=True, slots=True)
class RenewalSeen:
    """Attempts in a row to get a certificate from an ACME server that have failed, and why the last one has."""

    name: str
    failures: int
    finding: Finding | None


@dataclass(frozen=True, slots=True)
class CredentialSeen:
    """What opens the API called `name`. `is_known`: has it been looked at? `refused` says that it is not accepted.

    `finding` is what is to be said of one that `expires_at` some time soon.
    """

    name: str
    is_known: bool = True
    refused: Finding | None = None
    expires_at: float | None = None
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class VerifierSeen:
    """Somebody who says who may relay. `answers` is None while nobody has asked.

    Where it does not answer, that is so `since` then, and was seen last at `seen_at`.
    """

    name: str
    answers: bool | None
    since: float = 0.0
    seen_at: float = 0.0
    detail: str = ""
    finding: Finding | None = None  # what is known of it beyond the detail
    fails_open: bool = False
    remembers: bool = False


@dataclass(frozen=True, slots=True)
class QuotaSeen:
    """How a tenant (`key` is empty) or one of its keys stands; `name` for people, `cost` with its currency or empty."""

    tenant: str
    key: str
    name: str
    state: QuotaState
    ends_on: str = ""
    cost: str = ""


@dataclass(frozen=True, slots=True)
class MeshSeen:
    """Something of the mesh that is half up, for people about the relay `name`. `is_down`: there is no link to it."""

    subject: str
    name: str
    finding: Finding
    is_down: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """All of it at one moment. None, where a list or a number may be: not known now."""

    certificates: tuple[CertificateSeen, ...] = ()
    renewals: tuple[RenewalSeen, ...] | None = ()
    credentials: tuple[CredentialSeen, ...] = ()
    verifiers: tuple[VerifierSeen, ...] = ()
    quotas: tuple[QuotaSeen, ...] | None = ()
    store_trouble: Finding | None = None
    worker_restarts: tuple[float, ...] = ()  # when
    mesh: tuple[MeshSeen, ...] = ()
    running: str = ""  # version
    newest: str = ""  # of the package index; empty: not known
