from __future__ import annotations

from dataclasses import replace

from tailhub.server.checkup_actions import MOST_DUPLICATES, duplicates_json
from tailhub.tools.doctor.local.duplicates import judge
from tailhub.tools.report import Outcome
from tailhub.web.debug import TrafficRow

SETTLED_S = 145.0


def row(number: int, address: str, connected_at: float, name: str = "") -> TrafficRow:
    return TrafficRow(f"nodekey:{number:064x}", address, 0, 0, name, connected_at=connected_at)


def test_the_relay_tells_keys_with_several_connections() -> None:
    """Of a key with two connections the relay tells addresses and for how long both have been there; of others none."""
    rows = [
        row(1, "192.0.2.1", 10.0),
        row(1, "192.0.2.2", 40.0, "laptop"),
        row(2, "192.0.2.3", 0.0),
        row(3, "192.0.2.4", 5.0),
        row(3, "192.0.2.4", 6.0),
        row(3, "192.0.2.4", 90.0),
    ]
    found = duplicates_json(rows, 100.0)
    assert [(one["key"][-1], one["connections"], one["together_s"]) for one in found] == [
        ("3", 3, 94.0),
        ("1", 2, 60.0),
    ]
    assert found[1]["addresses"] == ["192.0.2.1", "192.0.2.2"]
    assert found[1]["name"] == "laptop"


def test_relays_are_not_told_of() -> None:
    """Each worker of another relay has a connection, all with that relay's one key."""
    rows = [replace(row(1, "192.0.2.1", 0.0), is_mesh=True) for _ in range(3)]
    assert duplicates_json(rows, 100.0) == []


def test_the_relay_tells_no_more_than_a_number_of_them() -> None:
    """However many keys are in use twice, the answer is short."""
    rows = [row(number // 2, "192.0.2.1", 0.0) for number in range(4 * MOST_DUPLICATES)]
    assert len(duplicates_json(rows, 1.0)) == MOST_DUPLICATES


def told(together_s: float) -> dict[str, object]:
    return {"short": "[abcde]", "name": "laptop", "addresses": ["192.0.2.1", "192.0.2.2"], "together_s": together_s}


def test_one_that_lasts_is_two_machines() -> None:
    """Connections that outlast a change of networks are of two machines; key, name and addresses are told."""
    judgement = judge([told(SETTLED_S), told(1.0)], SETTLED_S)
    (finding,) = judgement.findings
    assert (finding.code, finding.values["count"]) == ("TH450", 1)
    assert "[abcde] laptop (192.0.2.1, 192.0.2.2)" in finding.what()


def test_one_that_has_just_come_may_be_one_machine() -> None:
    """A connection that has just come beside another may be that of a client in another network."""
    assert judge([told(SETTLED_S - 1)], SETTLED_S).findings == []
    assert judge([], SETTLED_S).findings == []
    assert [step.outcome for step in judge([told(1.0)], SETTLED_S).steps] == [Outcome.OK]


def test_a_relay_that_does_not_say() -> None:
    """An older relay, which does not say, is not taken for one without such keys."""
    assert [step.outcome for step in judge(None, SETTLED_S).steps] == [Outcome.UNTESTED]
