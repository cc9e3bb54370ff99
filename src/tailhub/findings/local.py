"""Findings about the machine that a relay runs on, as a check there sees it."""

from __future__ import annotations
