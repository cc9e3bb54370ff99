from __future__ import annotations

from dataclasses import replace

import pytest

from tailhub.derp.handshake import ClientInfo
from tailhub.keys import MeshKey
from tailhub.relay.admission import AdmissionPolicy, Answer, Ruling, TenantPolicy, Verdict

OURS, NEXT = MeshKey(bytes(range(32))), MeshKey(bytes(range(1, 33)))


@pytest.mark.parametrize(
    ("ours", "shown", "which"),
    [
        ((OURS,), OURS, OURS),
        ((OURS,), MeshKey(OURS.raw), OURS),
        ((OURS,), MeshKey(bytes(32)), None),
        ((OURS,), MeshKey(OURS.raw[:-1] + b"\0"), None),
        ((OURS,), NEXT, None),
        ((OURS, NEXT), OURS, OURS),
        ((OURS, NEXT), MeshKey(NEXT.raw), NEXT),
        ((OURS, NEXT), MeshKey(bytes(32)), None),
        ((OURS,), None, None),
        ((), OURS, None),
        ((), MeshKey(bytes(32)), None),
        ((), None, None),
    ],
)
def test_only_the_right_mesh_key_makes_a_mesh_peer(
    ours: tuple[MeshKey, ...], shown: MeshKey | None, which: MeshKey | None
) -> None:
    """A client is a mesh peer if it shows one of the relay's mesh keys; any other one makes a normal client."""
    policy = AdmissionPolicy(ours)
    assert policy.mesh_key_of(ClientInfo(mesh_key=shown)) == which
    assert policy.is_mesh_peer(ClientInfo(mesh_key=shown)) is (which is not None)


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
    assert TenantPolicy().decide(verdicts, awaited) is one_is_enough
    assert TenantPolicy(needs_all=True).decide(verdicts, awaited) is all_needed


def test_only_who_fails_open_and_is_away_counts_as_a_yes() -> None:
    """A verifier that fails open admits while nobody answers there; an answer that is none of its own does not."""
    opened = TenantPolicy(fails_open=frozenset("cd"))
    assert opened.decide([AWAY], 0) is True
    assert opened.decide([ODD], 0) is False
    assert TenantPolicy(fails_open=frozenset("d")).decide([AWAY], 0) is False
    assert TenantPolicy(needs_all=True, fails_open=frozenset("c")).decide([AWAY, N], 0) is False


# --- tenants ----------------------------------------------------------------------------------------------------------

TENANTS = AdmissionPolicy(tenants=(TenantPolicy("one", fails_open=frozenset("c")), TenantPolicy("two", needs_all=True)))


def of(tenant: str, verdict: Verdict) -> Verdict:
    return replace(verdict, tenant=tenant)


@pytest.mark.parametrize(
    ("verdicts", "awaited", "tenant", "late"),
    [
        ([], {"one": 1, "two": 1}, None, None),
        ([of("one", Y)], {"two": 1}, "one", "one"),
        ([of("two", Y)], {"one": 1}, None, "two"),
        ([of("two", Y), of("one", N)], {}, "two", "two"),
        ([of("two", Y), of("one", Y)], {}, "one", "one"),
        ([of("two", Y)], {"one": 1, "two": 1}, None, None),
        ([of("two", Y), of("two", N)], {}, "", ""),
        ([of("one", N), of("two", N)], {}, "", ""),
        ([of("one", N)], {"one": 1, "two": 1}, None, None),
        # for want of an answer
        ([of("one", AWAY)], {"two": 1}, None, None),
        ([of("one", AWAY), of("two", N)], {}, "one", "one"),
        ([of("one", AWAY), of("two", Y)], {}, "two", "two"),
        ([of("two", AWAY), of("one", N)], {}, "", ""),
        # a list of the first tenant that puts a key into the second, or into none
        ([of("two", Y)], {}, "two", "two"),
        ([of("three", Y)], {}, "", ""),
    ],
)
def test_the_first_tenant_that_knows_a_key_has_it(
    verdicts: list[Verdict], awaited: dict[str, int], tenant: str | None, late: str | None
) -> None:
    """However the answers come, the first in order has it, unless it answers too late; a yes beats no answer at all.

    No tenant has it: "". Not decided yet: None.
    """
    for is_late, expected in ((False, tenant), (True, late)):
        ruling = TENANTS.decide(verdicts, awaited, is_late=is_late)
        assert (None if ruling is None else ruling.tenant) == expected
        assert ruling is None or ruling.admits is bool(expected)


def test_names_come_from_the_tenant_that_admits() -> None:
    """Device and owner are called as a verifier of that tenant calls them, the first that has a name."""
    verdicts = [
        Verdict("a", Answer.ADMITTED, "elsewhere", owner="eve", tenant="two"),
        Verdict("b", Answer.ADMITTED, tenant="one"),
        Verdict("d", Answer.ADMITTED, "laptop", owner="alice", tenant="one"),
        Verdict("c", Answer.REFUSED, "stranger", owner="bob", tenant="one"),
    ]
    assert TENANTS.decide(verdicts, {}) == Ruling(True, "one", "laptop", "alice")


def test_who_fails_open_is_known_by_its_tenant() -> None:
    """The same verifier may fail open for one tenant and not for another."""
    assert TENANTS.fails_open(of("one", AWAY))
    assert not TENANTS.fails_open(of("two", AWAY))
    assert not TENANTS.fails_open(of("one", Verdict("c", Answer.ADMITTED)))
