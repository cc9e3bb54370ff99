from __future__ import annotations

import pytest

from tailhub.derp.handshake import ClientInfo
from tailhub.keys import MeshKey
from tailhub.relay.admission import AdmissionPolicy, Answer, Verdict

OURS = MeshKey(bytes(range(32)))


@pytest.mark.parametrize(
    ("ours", "shown", "is_mesh"),
    [
        (OURS, OURS, True),
        (OURS, MeshKey(OURS.raw), True),
        (OURS, MeshKey(bytes(32)), False),
        (OURS, MeshKey(OURS.raw[:-1] + b"\0"), False),
        (OURS, None, False),
        (None, OURS, False),
        (None, MeshKey(bytes(32)), False),
        (None, None, False),
    ],
)
def test_only_the_right_mesh_key_makes_a_mesh_peer(ours: MeshKey | None, shown: MeshKey | None, is_mesh: bool) -> None:
    """A client is a mesh peer if it shows the relay's mesh key; any other well-formed one makes a normal client."""
    assert AdmissionPolicy(ours).is_mesh_peer(ClientInfo(mesh_key=shown)) is is_mesh


Y, N = Verdict("a", Answer.ADMITTED), Verdict("b", Answer.REFUSED)
AWAY, ODD = Verdict("c", Answer.UNREACHABLE), Verdict("d", Answer.UNUSABLE)


@pytest.mark.parametrize(
    ("verdicts", "awaited", "one_is_enough", "all_needed"),
    [
        ([], 2, None, None),
        ([], 0, False, False),
        ([Y], 0, True, True),
        ([Y], 1, True, None),
        ([N], 0, False, False),
        ([N], 1, None, False),
        ([N, Y], 0, True, False),
        ([Y, Y], 0, True, True),
        ([AWAY], 0, False, False),
        ([AWAY], 1, None, False),
        ([AWAY, Y], 0, True, False),
        ([ODD], 0, False, False),
        ([ODD, Y], 1, True, False),
        ([ODD, AWAY, N], 0, False, False),
    ],
)
def test_verdicts(verdicts: list[Verdict], awaited: int, one_is_enough: bool | None, all_needed: bool | None) -> None:
    """One yes admits, or every verifier must say yes; no answer is no yes; it is decided as soon as it can be."""
    assert AdmissionPolicy().decide(verdicts, awaited) is one_is_enough
    assert AdmissionPolicy(needs_all=True).decide(verdicts, awaited) is all_needed


def test_only_who_fails_open_and_is_away_counts_as_a_yes() -> None:
    """A verifier that fails open admits while nobody answers there; an answer that is none of its own does not."""
    opened = AdmissionPolicy(fails_open=frozenset("cd"))
    assert opened.decide([AWAY], 0) is True
    assert opened.decide([ODD], 0) is False
    assert AdmissionPolicy(fails_open=frozenset("d")).decide([AWAY], 0) is False
    assert AdmissionPolicy(needs_all=True, fails_open=frozenset("c")).decide([AWAY, N], 0) is False
