"""Fuzzing a function that takes bytes: with atheris where it is installed, else by a small mutation loop of our own.

A target is a module in ``tests/fuzz`` with ``one_input(data) -> None``, which raises for a fault, and ``SEEDS``, inputs
worth starting from. ``python tests/fuzz/NAME.py`` runs it for long, ``tests/unit/fuzz`` for a moment and always alike.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

OneInput = Callable[[bytes], None]

MAX_INPUT_BYTES = 64 * 1024
_EDGE_BYTES = (0x00, 0x01, 0x7F, 0x80, 0xFF)


def run(one_input: OneInput, seeds: Sequence[bytes]) -> None:
    """Fuzz `one_input` as the command line asks; ends the process with 1 when an input makes it raise.

    Under atheris the arguments are libFuzzer's, and TAILHUB_FUZZ_CORPUS may name a directory that keeps what it finds
    (default: a new one). Without it: ``--count N`` and ``--seconds S`` (whichever is reached first; defaults from
    TAILHUB_FUZZ_COUNT and TAILHUB_FUZZ_SECONDS) and ``--seed N`` to repeat a run.
    """
    try:
        import atheris
    except ImportError:
        _run_mutations(one_input, seeds)
        return
    atheris.instrument_all()
    corpus = Path(os.environ.get("TAILHUB_FUZZ_CORPUS") or tempfile.mkdtemp(prefix="tailhub-fuzz-"))
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    print(f"corpus: {corpus}", flush=True)  # libFuzzer ends the process, so nothing could remove it
    atheris.Setup([*sys.argv, str(corpus)], one_input)
    atheris.Fuzz()


def inputs(seeds: Sequence[bytes], rng: random.Random) -> Iterator[bytes]:
    """Give the seeds as they are, then mutations of them without end; the same ones for the same `rng`."""
    yield from seeds
    pool = list(seeds) or [b""]
    while True:
        data = bytearray(rng.choice(pool))
        for _ in range(rng.choice((1, 1, 2, 4, 8))):
            _mutate(data, rng, pool)
        yield bytes(data[:MAX_INPUT_BYTES])


def _mutate(data: bytearray, rng: random.Random, pool: Sequence[bytes]) -> None:
    at = rng.randrange(len(data) + 1)
    span = min(len(data) - at, rng.choice((1, 2, 4, 16, 64)))
    match rng.randrange(8):
        case 0 if at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        case 1 if at < len(data):
            data[at] = rng.choice(_EDGE_BYTES)
        case 2 if at < len(data):  # lengths live in bytes like these
            data[at] = (data[at] + rng.choice((-2, -1, 1, 2))) % 256
        case 3:
            del data[at : at + span]
        case 4:
            data[at:at] = data[at : at + span]
        case 5:
            data[at:at] = rng.randbytes(rng.choice((1, 2, 3, 8, 40)))
        case 6:  # the head of this, the tail of another
            other = rng.choice(pool)
            data[at:] = other[rng.randrange(len(other) + 1) :]
        case _:
            del data[at:]


def _run_mutations(one_input: OneInput, seeds: Sequence[bytes]) -> None:
    parser = argparse.ArgumentParser(description="Fuzz one target without atheris.")
    parser.add_argument("--count", type=int, default=int(os.environ.get("TAILHUB_FUZZ_COUNT", "100000")))
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("TAILHUB_FUZZ_SECONDS", "30")))
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options = parser.parse_args()
    print(f"atheris is not installed: random mutations, --seed {options.seed}")
    end = time.monotonic() + options.seconds
    done = 0
    for data in inputs(seeds, random.Random(options.seed)):
        if done >= options.count or time.monotonic() >= end:
            break
        try:
            one_input(data)
        except Exception:
            print(f"input {done} failed: {data.hex()}", file=sys.stderr)
            raise
        done += 1
    print(f"{done} inputs, no fault")
