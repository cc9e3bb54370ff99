from __future__ import annotations

import importlib.util
import random
import sys
from itertools import islice
from pathlib import Path
from types import ModuleType

import pytest

from support.fuzzing import MAX_INPUT_BYTES, inputs, run

FUZZ_DIR = Path(__file__).parents[2] / "fuzz"
TARGETS = sorted(path.stem for path in FUZZ_DIR.glob("*.py") if not path.stem.startswith("_"))
INPUTS_EACH = 400


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"fuzz_target_{name}", FUZZ_DIR / f"{name}.py")
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", TARGETS)
def test_target_takes_inputs_near_its_seeds(name: str) -> None:
    """A few hundred inputs derived from its seeds make no target raise."""
    target = load(name)
    for data in islice(inputs(target.SEEDS, random.Random(name)), INPUTS_EACH):
        target.one_input(data)


def test_targets_exist() -> None:
    """The fuzz targets are found where this test looks for them."""
    assert "preface" in TARGETS


def test_inputs_repeat() -> None:
    """The same seed number gives the same inputs, the seeds first."""
    seeds = [b"one", b"another", b""]
    first = list(islice(inputs(seeds, random.Random(7)), 200))
    assert first == list(islice(inputs(seeds, random.Random(7)), 200))
    assert first[:3] == seeds
    assert len(set(first)) > 100


def test_inputs_are_bounded() -> None:
    """No mutation makes an input longer than the limit."""
    seeds = [bytes(MAX_INPUT_BYTES)]
    assert all(len(data) <= MAX_INPUT_BYTES for data in islice(inputs(seeds, random.Random(1)), 50))


def without_atheris(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setitem(sys.modules, "atheris", None)
    monkeypatch.setattr(sys, "argv", ["target.py", *arguments])


def test_run_without_atheris(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without atheris a target is run on as many mutations as were asked for."""
    without_atheris(monkeypatch, "--count", "50", "--seconds", "60", "--seed", "3")
    seen: list[bytes] = []
    run(seen.append, [b"seed"])
    assert len(seen) == 50
    assert seen[0] == b"seed"
    assert "50 inputs, no fault" in capsys.readouterr().out


def test_run_shows_the_input_that_failed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An input that makes a target raise is shown in full, and the error goes on."""
    without_atheris(monkeypatch, "--count", "50", "--seconds", "60", "--seed", "3")

    def one_input(data: bytes) -> None:
        raise ValueError(data)

    with pytest.raises(ValueError, match="seed"):
        run(one_input, [b"seed"])
    assert b"seed".hex() in capsys.readouterr().err
