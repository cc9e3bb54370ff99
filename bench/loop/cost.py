"""Has the packet loop become dearer? ``python -m bench.loop.cost`` compares its cost with ``cost.json``.

Not a timed test: it counts (`bench.loop.meters`) what the real path does for a packet, turn by turn
(`bench.loop.lockstep`), and a busy machine changes no count. Calls and system calls are compared with any Python on
the same kind of system, byte codes with the same minor version only. With valgrind installed instructions are counted;
without, the CPU time of a turn is taken in units of a reference loop that runs between the turns. Both are compared
with the same Python and OpenSSL only; where nothing is recorded for these, they are printed. Ends with code 1 when a
limit is passed.
``--record`` measures all of it and writes it down.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import ssl
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.connection import client_context
from bench.loop.clients import CASES, Case, LockstepError
from bench.loop.lockstep import run_case, tls_context
from bench.loop.meters import (
    ByteCodeMeter,
    CallgrindError,
    CallMeter,
    RatioMeter,
    ReferenceLoop,
    count_instructions,
)

RECORD = Path(__file__).with_suffix(".json")
COUNTED_TURNS = 20
_TIMED_TURNS = 400
# How much more than recorded is still no news, by measure. Counts of Python's own doings are exact; what a line more
# costs in byte codes is news only when such lines add up.
TOLERANCE = {
    "calls": 0.0,
    "system calls": 0.0,
    "byte codes": 0.02,
    "instructions": 0.05,  # other builds of the same versions differ by a few percent
    "reference units": 0.25,
}
_ROUNDING = 0.001  # of what is recorded

Figures = dict[str, dict[str, float]]  # by measure, then by case: a packet's share


@dataclass(frozen=True, slots=True)
class Excess:
    """A figure that is too large."""

    measure: str
    case: str
    found: float
    recorded: float

    def __str__(self) -> str:
        return (
            f"The packet loop has become dearer: {self.found:,.3f} {self.measure} a packet in case {self.case!r}, "
            f"expected at most {self.recorded * (1 + TOLERANCE[self.measure]):,.3f}; if that is its price, record it: "
            f"python -m bench.loop.cost --record"
        )


def scope_of(measure: str) -> str:
    """With what a figure may be compared: the name under which it is recorded."""
    python = "Python " + ".".join(platform.python_version_tuple()[:2])
    if measure in ("calls", "system calls"):
        return sys.platform
    if measure == "byte codes":
        return python
    return f"{python}, OpenSSL {ssl.OPENSSL_VERSION_INFO[0]}, {platform.machine()}"


def count_calls(cases: Sequence[Case] = CASES) -> Figures:
    """Calls, system calls and byte codes for each packet. The same at every run."""
    found: Figures = {"calls": {}, "system calls": {}, "byte codes": {}}
    for case in cases:
        packets = COUNTED_TURNS * case.packets_a_turn
        calls, codes = CallMeter(), ByteCodeMeter()
        run_case(case, COUNTED_TURNS, calls)
        run_case(case, COUNTED_TURNS, codes)
        found["calls"][case.name] = sum(calls.calls.values()) / packets
        found["system calls"][case.name] = calls.system_calls / packets
        found["byte codes"][case.name] = codes.count / packets
    return found


def measure_ratios() -> dict[str, float]:
    """CPU time for a packet in units of the reference loop's, by case."""
    reference = ReferenceLoop(tls_context(), client_context())
    try:
        ratios = {}
        for case in CASES:
            meter = RatioMeter(reference)
            run_case(case, _TIMED_TURNS, meter)
            ratios[case.name] = meter.ratio / case.packets_a_turn
        return ratios
    finally:
        reference.close()


def load(path: Path = RECORD) -> dict[str, Figures]:
    """What is recorded: by scope, measure and case."""
    recorded: dict[str, Figures] = json.loads(path.read_text()) if path.exists() else {}
    return recorded


def compare(found: Figures, recorded: dict[str, Figures]) -> list[Excess]:
    """Figures that are larger than what is recorded for this Python allows."""
    excesses = []
    for measure, by_case in found.items():
        known = recorded.get(scope_of(measure), {}).get(measure, {})
        for case, value in by_case.items():
            limit = known.get(case)
            if limit is not None and value > limit * (1 + TOLERANCE[measure]) + _ROUNDING:
                excesses.append(Excess(measure, case, value, limit))
    return excesses


def table(found: Figures, recorded: dict[str, Figures]) -> list[str]:
    """What was found beside what is recorded, as lines."""
    lines = [f"{'for each packet':<18}" + "".join(f"{case.name:>18}" for case in CASES)]
    for measure, by_case in found.items():
        known = recorded.get(scope_of(measure), {}).get(measure, {})
        cells = []
        for case in CASES:
            change = f" ({by_case[case.name] / known[case.name] - 1:+.1%})" if known.get(case.name) else ""
            cells.append(f"{by_case[case.name]:,.{_decimals(measure)}f}{change}".rjust(18))
        lines.append(f"{measure:<18}" + "".join(cells) + ("" if known else "  (nothing recorded to compare with)"))
    return lines


def record(found: Figures, path: Path = RECORD) -> None:
    """Write what was found in the place of what was recorded for the same measures and versions."""
    recorded = load(path)
    for measure, by_case in found.items():
        rounded = {case: round(value, _decimals(measure)) for case, value in by_case.items()}
        recorded.setdefault(scope_of(measure), {})[measure] = rounded
    path.write_text(json.dumps(recorded, indent=1, sort_keys=True) + "\n")


def _decimals(measure: str) -> int:
    return 0 if measure == "instructions" else 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, compare or record."""
    parser = argparse.ArgumentParser(prog="python -m bench.loop.cost", description=__doc__.partition("\n")[0])
    parser.add_argument("--record", action="store_true", help="write all figures down instead of comparing them")
    parser.add_argument("--no-valgrind", action="store_true", help="take CPU time in units of the reference loop")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep callgrind's profiles there")
    options = parser.parse_args(arguments)
    valgrind = None if options.no_valgrind else shutil.which("valgrind")
    try:
        found = count_calls()
        if valgrind is not None:
            found["instructions"] = count_instructions(valgrind, CASES, options.keep)
        if valgrind is None or options.record:
            found["reference units"] = measure_ratios()
    except (LockstepError, CallgrindError) as exc:
        print(exc, file=sys.stderr)
        return 1
    recorded = load()
    print("\n".join(table(found, recorded)))
    if options.record:
        record(found)
        return 0
    excesses = compare(found, recorded)
    if excesses:
        print(max(excesses, key=lambda excess: excess.found / excess.recorded), file=sys.stderr)
    return 1 if excesses else 0


if __name__ == "__main__":
    sys.exit(main())
