"""In which language to speak: English or Chinese, by flag or by the locale in the environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Language = Literal["en", "zh"]


def choose_language(environ: Mapping[str, str], override: str | None = None) -> Language:
    """The language for people. `override` ("en" or "zh", what ``--lang`` takes) beats the locale.

    Raises `UsageError` for any other override. Of the locale's variables the first that is set counts, as in locale(7).
    """
    if override is not None:
        return _from_override(override)
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if locale := environ.get(name):
            return "zh" if locale.lower().startswith("zh") else "en"
    return "en"


def _from_override(override: str) -> Language:
    if override == "en":
        return "en"
    if override == "zh":
        return "zh"
    from tailhub.exceptions import UsageError
    from tailhub.findings.asking import bad_language

    raise UsageError(bad_language(override))
