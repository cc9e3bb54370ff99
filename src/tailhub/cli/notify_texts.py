"""What ``tailhub notify`` prints, in English and Chinese."""

from __future__ import annotations

from tailhub.findings import Language

TEXTS: dict[Language, dict[str, str]] = {
    "en": {
        "accepted": "{target}: accepted",
        "failed": "{target}: not accepted: {reason}",
    },
    "zh": {
        "accepted": "{target}：已接受",
        "failed": "{target}：未被接受：{reason}",
    },
}
