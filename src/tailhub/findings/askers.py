"""Findings about whoever is asked who may relay, as a check on the relay finds it, and what clients' logs say."""

from __future__ import annotations
