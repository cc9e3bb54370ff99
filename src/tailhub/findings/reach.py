"""Findings about what lies between a client and the relay: names, addresses, TCP, UDP."""

from __future__ import annotations
