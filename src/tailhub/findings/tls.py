"""Findings about the certificate and TLS that a relay shows to clients, and the web servers that stand before it."""

from __future__ import annotations
