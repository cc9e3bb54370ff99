"""Telling clients, and the log, that the certificate that they pin will expire: a year ahead, for maps change slowly.

Every client of the listener that serves the certificate is told (`tailhub.relay.health`). No clock here but the
caller's.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from tailhub.certs.files import PIN_WARNING_DAYS, Certificate
from tailhub.log_event import log_event

__all__ = ["ExpiryWatch"]

_log = logging.getLogger("tailhub")


class ExpiryWatch:
    """Looks at the certificates by listener again and again, and says in the log when one comes within the year.

    `logs`: of several processes that serve the same certificates one says it.
    """

    __slots__ = ("_known", "_logs")

    def __init__(self, *, logs: bool = True) -> None:
        self._logs = logs
        self._known: set[str] | None = None  # texts of the last look; None before the first, of which the screen tells

    def look(self, certificates: Sequence[Certificate | None], now: datetime) -> dict[int, str]:
        """What clients are told, by the number of their listener; nothing for a listener where all is well."""
        texts = {number: _text(one, now) for number, one in enumerate(certificates) if one is not None}
        said = {text for text in texts.values() if text}
        for text in sorted(said - self._known) if self._known is not None and self._logs else ():
            _log.warning("%s; `tailhub cert renew` makes the next one", text, extra=log_event("certificate"))
        self._known = said
        return {number: text for number, text in texts.items() if text}


def _text(certificate: Certificate, now: datetime) -> str:
    """What users should know about their relay's certificate; empty when there is time or nobody pins it."""
    if not certificate.needs_pin or (certificate.not_after - now).days >= PIN_WARNING_DAYS:
        return ""
    date = f"{certificate.not_after:%Y-%m-%d}"
    if now >= certificate.not_after:
        return f"the certificate that clients pin has expired on {date}: get the relay's new map"
    return f"the certificate that clients pin expires on {date}: get the relay's new map before that day"
