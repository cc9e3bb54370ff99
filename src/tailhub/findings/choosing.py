"""Findings about which region clients choose, and why."""

from __future__ import annotations
