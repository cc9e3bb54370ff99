"""Test set-up shared by all kinds of tests: helper modules in ``tests/support`` are importable."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import support.require  # noqa: F401  # takes its variable out of what relays inherit
