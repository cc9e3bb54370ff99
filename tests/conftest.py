"""Test set-up shared by all kinds of tests: helper modules in ``tests/support`` are importable."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

import support.require  # noqa: F401  # takes its variable out of what relays inherit

if sys.dont_write_bytecode:
    # Whoever wants no byte code beside the source has it in the tests' own cache: hundreds of programs are started
    # here, and each would compile all that it imports.
    sys.dont_write_bytecode = False
    sys.pycache_prefix = str(Path(__file__).parents[1] / ".pytest_cache" / "bytecode")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix

# How long an example takes says nothing here, and a busy machine would make the tests flicker.
settings.register_profile("tailhub", deadline=None)
settings.load_profile("tailhub")
