"""The packet loop costs no more than is recorded: counted, not timed. And the counting itself."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import tailhub
from bench.loop import clients, cost
from bench.loop.clients import CASES, Case, LockstepError
from bench.loop.cost import Excess, compare, count_calls, record, scope_of, table
from bench.loop.lockstep import run_case
from bench.loop.meters import CallMeter
from tailhub.relay.relay import Relay
from tailhub.relay.send_queue import SendQueue

ALONE, K1, K16, SPREAD = CASES[:4]


def calls_a_turn(case: Case, turns: int = 5) -> int:
    meter = CallMeter()
    run_case(case, turns, meter)
    total = sum(meter.calls.values())
    assert total % turns == 0
    return total // turns


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_packet_costs_no_more_than_recorded(case: Case) -> None:
    """Calls, system calls and byte codes a packet are within what ``cost.json`` says (see there how to renew)."""
    assert [str(excess) for excess in compare(count_calls([case]), cost.load())] == []


def test_calls_are_recorded_for_every_case() -> None:
    """The record has calls and system calls of all cases, so that no Python goes without a comparison."""
    names = {case.name for case in CASES}
    recorded = cost.load()["linux"]
    assert {measure: set(by_case) for measure, by_case in recorded.items()} == {"calls": names, "system calls": names}


def test_every_turn_costs_the_same() -> None:
    """Counts are exact: two runs give the same, and twice the turns give twice as many."""
    assert calls_a_turn(K16, 4) == calls_a_turn(K16, 4) == calls_a_turn(K16, 8)


def added_call(method: Callable[..., None]) -> Callable[..., None]:
    """The method with one call more, in code that looks like tailhub's own."""
    source = "def longer(self, *arguments):\n    return method(self, *arguments)\n"
    names = {"method": method}
    exec(compile(source, str(Path(tailhub.__file__).with_name("added.py")), "exec"), names)
    return names["longer"]


def test_one_more_call_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that is added to what happens for each read or each run shows in the count, exactly."""
    before = calls_a_turn(K16), calls_a_turn(SPREAD)
    monkeypatch.setattr(Relay, "route", added_call(Relay.route))
    assert (calls_a_turn(K16), calls_a_turn(SPREAD)) == (before[0] + K16.pairs, before[1] + SPREAD.pairs)
    monkeypatch.undo()
    monkeypatch.setattr(SendQueue, "put", added_call(SendQueue.put))
    assert (calls_a_turn(K16), calls_a_turn(SPREAD)) == (before[0] + K16.pairs, before[1] + SPREAD.packets_a_turn)


def test_lost_packets_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relay that drops packets is not cheap but wrong, and the run says so."""
    monkeypatch.setattr(clients, "_ARRIVAL_LIMIT_S", 0.3)
    monkeypatch.setattr(SendQueue, "put", lambda *arguments: None)
    with pytest.raises(LockstepError, match="bytes from the relay"):
        run_case(ALONE, 2, CallMeter())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_clients_may_live_in_a_process_of_their_own() -> None:
    """The relay does the same work for clients in another process."""
    inside, outside = CallMeter(), CallMeter()
    run_case(K1, 5, inside)
    run_case(K1, 5, outside, in_child=True)
    assert outside.calls == inside.calls
    assert outside.system_calls == inside.system_calls


def test_comparing() -> None:
    """A figure above its recorded one and the tolerance is named; one without a recorded one is not."""
    scope = scope_of("instructions")
    recorded = {scope_of("calls"): {"calls": {"k1": 40.0}}, scope: {"instructions": {"k1": 1000.0, "k16": 1000.0}}}
    fine = {"calls": {"k1": 40.0, "k16": 9.0}, "instructions": {"k1": 1049.0, "k16": 10.0}, "byte codes": {"k1": 9.0}}
    assert compare(fine, recorded) == []
    dearer = {"calls": {"k1": 40.125}, "instructions": {"k1": 1052.0}}
    assert compare(dearer, recorded) == [
        Excess("calls", "k1", 40.125, 40.0),
        Excess("instructions", "k1", 1052.0, 1000.0),
    ]
    assert compare(dearer, {}) == []


def test_recording(tmp_path: Path) -> None:
    """What is recorded replaces the same measure of the same versions and leaves all else as it was."""
    path = tmp_path / "record.json"
    cases = {case.name: 1.0 for case in CASES}
    record({"calls": cases, "instructions": cases}, path)
    record({"calls": dict.fromkeys(cases, 2.0)}, path)
    recorded = cost.load(path)
    assert recorded == {
        scope_of("calls"): {"calls": dict.fromkeys(cases, 2.0)},
        scope_of("instructions"): {"instructions": cases},
    }
    lines = table({"calls": cases, "byte codes": cases}, recorded)
    assert "(-50.0%)" in lines[1]
    assert "nothing recorded" in lines[2]
