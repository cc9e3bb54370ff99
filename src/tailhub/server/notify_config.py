"""Whom the settings name to send messages to, and what is wrong with that. Nothing of their addresses is ever shown.

Not here: sending (`tailhub.server.outbox`).
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tailhub import findings
from tailhub.alerts.events import EVENTS
from tailhub.certs.files import read_file
from tailhub.exceptions import LocalError, MachineError
from tailhub.findings import Finding
from tailhub.server.config import RelayConfig

__all__ = ["Target", "has_apprise", "notify_doubts", "notify_findings", "targets_of"]

LANGUAGES: Final = ("en", "zh")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/")


@dataclass(frozen=True, slots=True)
class Target:
    """An apprise URL, which is a secret; `place` is the setting or file that has it as number `number`, from 1."""

    url: str = field(repr=False)
    place: str
    number: int
    shown_number: int = 0  # among all targets

    @property
    def scheme(self) -> str:
        """What it begins with, in lower case."""
        match = _SCHEME.match(self.url)
        return match[1].lower() if match else ""

    @property
    def name(self) -> str:
        """For people: all that may be shown of it."""
        return f"{self.shown_number} ({self.scheme})"


def targets_of(config: RelayConfig) -> list[Target]:
    """All of them. Raises `MachineError` for a file that cannot be read or has none."""
    listed = [(url, str(config.place("notify"))) for url in _joined(config.notify)]
    path = config.notify_file
    if path is not None:
        place = config.place("notify_file")
        text = read_file(path, place).decode("utf-8", "replace")
        lines = [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]
        if not lines:
            raise MachineError(findings.notify_file_empty(str(path), place))
        listed += [(line, str(path)) for line in lines]
    targets: list[Target] = []
    for url, place_of in listed:
        number = 1 + sum(target.place == place_of for target in targets)
        targets.append(Target(url, place_of, number, len(targets) + 1))
    return targets


def _joined(parts: Sequence[str]) -> list[str]:
    """What was cut at commas, which a URL may have: a part that begins none goes on with the one before."""
    urls: list[str] = []
    for part in parts:
        if urls and not _SCHEME.match(part):
            urls[-1] += "," + part
        else:
            urls.append(part)
    return urls


def notify_findings(config: RelayConfig) -> Iterator[Finding]:
    """What is wrong, as far as it can be told without opening or importing anything."""
    for number, url in enumerate(_joined(config.notify), 1):
        if not _SCHEME.match(url):
            yield findings.bad_notify_url(config.place("notify"), number)
    if config.notify_language and config.notify_language not in LANGUAGES:
        yield findings.bad_choice(config.place("notify_language"), config.notify_language, LANGUAGES)
    for event in config.notify_events:
        if event not in EVENTS:
            yield findings.bad_choice(config.place("notify_events"), event, EVENTS)
    for name in ("notify_language", "notify_events", "update_check"):
        if getattr(config, name) and not config.notifies:
            yield findings.notify_missing(config.place(name))
    if config.update_check:
        from tailhub.verifiers.url import parse_url

        try:
            parse_url(config.update_index)
        except LocalError:
            default = RelayConfig.update_index
            yield findings.bad_api_url(config.place("update_index"), config.update_index, default)


def has_apprise() -> bool:
    """Is it installed? It is not imported: that takes 40 MB."""
    return importlib.util.find_spec("apprise") is not None


def notify_doubts(config: RelayConfig) -> Iterator[Finding]:
    """What is wrong with whom it names, as apprise sees it. Imports apprise. Raises as `targets_of` does."""
    if not config.notifies:
        return
    targets = targets_of(config)
    if config.notify_file is not None:
        from tailhub.server.state import secret_findings

        yield from secret_findings(config.notify_file)
    if not has_apprise():
        yield findings.notify_needs_apprise(config.place("notify" if config.notify else "notify_file"))
        return
    from tailhub.server.alert_sender import scheme_is_known, usable

    for target in targets:
        if not usable(target.url):
            unknown = "" if not target.scheme or scheme_is_known(target.scheme) else target.scheme
            yield findings.bad_notify_url(target.place, target.number, unknown)
