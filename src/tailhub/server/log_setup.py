"""Where the process's log goes, from when on, in which form: standard error, by the settings of the relay.

Not here: the forms (`tailhub.server.log_format`), and who is looked at more closely (`tailhub.server.client_debug`).
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, TextIO

from tailhub import findings
from tailhub.findings import Finding
from tailhub.server.log_format import FORMATS, LogFormatter

if TYPE_CHECKING:
    from tailhub.server.config import RelayConfig

__all__ = ["LEVELS", "apply_log_settings", "current_level", "log_findings", "set_level", "set_up_log"]

LEVELS: Final = ("error", "warning", "info", "debug")

_logger = logging.getLogger("tailhub")


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Ours, among what others may have added."""


def set_up_log(config: RelayConfig) -> None:
    """Log to standard error from now on: our lines, and what other packages find worth a warning."""
    logging.getLogger().addHandler(_StderrHandler(sys.stderr))
    apply_log_settings(config)


def apply_log_settings(config: RelayConfig) -> None:
    """Log as these settings have it from now on: at the start, and when they have been read again.

    Whoever has clients then calls `ClientDebug.look_again`.
    """
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _StderrHandler):
            stream = handler.stream
            handler.setFormatter(
                LogFormatter(
                    config.log_format,
                    for_journal=is_journal(stream, os.environ),
                    ascii_only=(getattr(stream, "encoding", None) or "").lower().replace("-", "") != "utf8",
                )
            )
    set_level(config.log_level)


def set_level(level: str) -> None:
    """Log what is at least as grave as this one of the `LEVELS`."""
    _logger.setLevel(level.upper())


def current_level() -> str:
    """What is logged now."""
    return logging.getLevelName(_logger.getEffectiveLevel()).lower()


def log_findings(config: RelayConfig) -> Iterator[Finding]:
    """What is wrong with the settings."""
    for name, words in (("log_format", tuple(FORMATS)), ("log_level", LEVELS)):
        if (value := getattr(config, name)) not in words:
            yield findings.bad_choice(config.place(name), value, words)


def is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Does what is written there go to systemd's journal? It names the file in JOURNAL_STREAM (systemd.exec(5))."""
    named = environ.get("JOURNAL_STREAM", "")
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # closed, or no file
        return False
    return named == f"{status.st_dev}:{status.st_ino}"
