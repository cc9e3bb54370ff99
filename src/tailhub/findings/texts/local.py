"""What the findings of `tailhub.findings.local` say."""

from __future__ import annotations

from tailhub.findings.text import Text

ENGLISH: dict[str, Text] = {}

CHINESE: dict[str, Text] = {}

REMARKS: dict[str, tuple[str, str]] = {}
