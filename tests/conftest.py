"""Test set-up shared by all kinds of tests: helper modules in ``tests/support`` are importable."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

import support.require  # noqa: F401  # takes its variable out of what relays inherit

# How long an example takes says nothing here, and a busy machine would make the tests flicker.
settings.register_profile("tailhub", deadline=None)
settings.load_profile("tailhub")
