"""Findings about the checks themselves: what they were asked to look at."""

from __future__ import annotations
