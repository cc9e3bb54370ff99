"""Findings about a long-running measurement of relays."""

from __future__ import annotations
