"""Who may log in: decided from what the client said and from what verifiers say of it, synchronously.

Not here: how a verifier is asked (`tailhub.verifiers`), and when (`tailhub.server.verification`).
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tailhub.derp.handshake import ClientInfo
from tailhub.keys import MeshKey


class Answer(StrEnum):
    """What a verifier says of a key. Only the first two are about the key; the others are about the verifier."""

    ADMITTED = "admitted"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"  # nobody answered
    UNUSABLE = "unusable"  # somebody answered, but neither yes nor no: an error, a page of something else


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verifier` answers to the question whether a key may relay.

    `node` is the device's name and `owner` its user's, if it told them; `tenant` the one to which a yes admits.
    `detail` says in a few printable words what came back, for the log; empty for a plain yes.
    """

    verifier: str
    answer: Answer
    node: str = ""
    detail: str = ""
    owner: str = ""
    tenant: str = ""

    @property
    def is_answer(self) -> bool:
        """Is it about the key?"""
        return self.answer in (Answer.ADMITTED, Answer.REFUSED)

    def __str__(self) -> str:
        return f"{self.verifier}: {self.answer.value}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True, slots=True)
class TenantPolicy:
    """What admission to one tenant needs; `name` is the tenant's.

    `needs_all`: every verifier must say yes, as the original has it; else one is enough. `fails_open` names the
    verifiers that count as a yes while nobody answers there.
    """

    name: str = ""
    needs_all: bool = False
    fails_open: frozenset[str] = frozenset()

    def decide(self, verdicts: Sequence[Verdict], awaited: int) -> bool | None:
        """Is the client one of the tenant's? None while it depends on the `awaited` verifiers that have not answered.

        With no verdict at all the answer is no.
        """
        if self.needs_all:
            if not all(self.is_yes(verdict) for verdict in verdicts):
                return False
            return None if awaited else bool(verdicts)
        if any(self.is_yes(verdict) for verdict in verdicts):
            return True
        return None if awaited else False

    def is_yes(self, verdict: Verdict) -> bool:
        """Does a verdict count as a yes?"""
        if verdict.answer is Answer.UNREACHABLE:
            return verdict.verifier in self.fails_open
        return verdict.answer is Answer.ADMITTED


@dataclass(frozen=True, slots=True)
class Ruling:
    """What admission comes to: `tenant`, `node` and `owner` are of a client that is admitted."""

    admits: bool
    tenant: str = ""
    node: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class AdmissionPolicy:
    """What admission looks at. Without a mesh key of our own nobody is a mesh peer.

    There are two of `mesh_keys` while one takes the other's place: the first is the one that we show. `tenants` are in
    the configuration's order. `probe_keys` are those of the relay's own probe, raw.
    """

    mesh_keys: tuple[MeshKey, ...] = ()
    tenants: tuple[TenantPolicy, ...] = (TenantPolicy(),)
    probe_keys: frozenset[bytes] = frozenset()

    def is_own_probe(self, key: bytes, info: ClientInfo) -> bool:
        """Whether this is the relay's own probe, which is let in without asking anybody: only to itself.

        `key` has been proven by the handshake: ClientInfo opens only if it was sealed with its private key.
        """
        return key in self.probe_keys and not self.is_mesh_peer(info)

    def is_mesh_peer(self, info: ClientInfo) -> bool:
        """Whether the client showed the right mesh key. A wrong one, if well-formed, makes a normal client.

        A mesh peer is admitted without asking anybody, to the nameless tenant.
        """
        return self.mesh_key_of(info) is not None

    def mesh_key_of(self, info: ClientInfo) -> MeshKey | None:
        """Which of our mesh keys the client showed; None: it showed none of them."""
        shown = info.mesh_key
        if shown is None or not self.mesh_keys:
            return None
        # All are looked at, so that the time tells nothing.
        equal = [key for key in self.mesh_keys if hmac.compare_digest(key.raw, shown.raw)]
        return equal[0] if equal else None

    def fails_open(self, verdict: Verdict) -> bool:
        """Does this verdict count as a yes although nobody answered?"""
        return verdict.answer is Answer.UNREACHABLE and any(
            tenant.name == verdict.tenant and tenant.is_yes(verdict) for tenant in self.tenants
        )

    def decide(
        self, verdicts: Sequence[Verdict], awaited: Mapping[str, int], *, is_late: bool = False
    ) -> Ruling | None:
        """Is the client admitted, and to which tenant? None while that depends on verifiers that have not answered.

        `awaited` says how many those are, by tenant. Of several tenants that know a key the first has it, so that it is
        always the same one whoever answers quicker: a device that is shared into another tailnet must not change its
        tenant from login to login. Once a yes has waited for earlier tenants for a while, `is_late`, it counts.
        A yes of a verifier comes before one for want of an answer: or who fails open would take everybody's devices.
        """
        is_open: Ruling | None = None
        is_settled = True
        for tenant in self.tenants:
            own = [verdict for verdict in verdicts if verdict.tenant == tenant.name]
            missing = awaited.get(tenant.name, 0)
            known = [verdict for verdict in own if verdict.answer is Answer.ADMITTED]
            is_in = tenant.decide(own, missing)
            if is_in and known:
                if is_settled or is_late:
                    return Ruling(True, tenant.name, _first(v.node for v in known), _first(v.owner for v in known))
                return None
            if is_in:
                is_open = is_open or Ruling(True, tenant.name)
            if missing and is_in is not False:
                is_settled = False
        # A list may put a key into another tenant than its own.
        if not is_settled or (len(self.tenants) > 1 and any(awaited.values())):
            return None
        return is_open or Ruling(False)


def _first(texts: Iterable[str]) -> str:
    return next((text for text in texts if text), "")
