"""Findings about logging in and relaying packets, as a check from outside sees them."""

from __future__ import annotations
