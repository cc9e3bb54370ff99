"""Who may log in: decided from what the client said and from what verifiers say of it, synchronously.

Not here: how a verifier is asked (`tailhub.verifiers`), and when (`tailhub.server.verification`).
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
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
class AdmissionPolicy:
    """What admission looks at. Without a mesh key of our own nobody is a mesh peer.

    `needs_all`: every verifier must say yes, as the original has it; else one is enough, so that several tailnets can
    share a relay. `fails_open` names the verifiers that count as a yes while nobody answers there.
    """

    mesh_key: MeshKey | None = None
    needs_all: bool = False
    fails_open: frozenset[str] = frozenset()

    def is_mesh_peer(self, info: ClientInfo) -> bool:
        """Whether the client showed the right mesh key. A wrong one, if well-formed, makes a normal client."""
        if self.mesh_key is None or info.mesh_key is None:
            return False
        return hmac.compare_digest(self.mesh_key.raw, info.mesh_key.raw)

    def decide(self, verdicts: Sequence[Verdict], awaited: int) -> bool | None:
        """Is the client admitted? None while it depends on the verifiers, `awaited` in number, that have not answered.

        A mesh peer is admitted without asking anybody. With no verdict at all the answer is no.
        """
        if self.needs_all:
            if not all(self._is_yes(verdict) for verdict in verdicts):
                return False
            return None if awaited else bool(verdicts)
        if any(self._is_yes(verdict) for verdict in verdicts):
            return True
        return None if awaited else False

    def _is_yes(self, verdict: Verdict) -> bool:
        if verdict.answer is Answer.UNREACHABLE:
            return verdict.verifier in self.fails_open
        return verdict.answer is Answer.ADMITTED
