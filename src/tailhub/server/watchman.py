"""Looks at the relay again and again and has its owner told of what is worth it. Made only where somebody is named.

One in the process that has the pages (the desk, with several workers). What was told is kept in the state directory, so
that a restart tells nothing twice. Rules and words are `tailhub.alerts`; what is looked at `tailhub.server.watched`;
sending `tailhub.server.outbox`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tailhub import findings
from tailhub.alerts.condition import Look
from tailhub.alerts.events import EVENTS
from tailhub.alerts.ledger import Ledger
from tailhub.alerts.message import render
from tailhub.alerts.reach import Reach, SelfTest
from tailhub.alerts.rules import judge
from tailhub.exceptions import MachineError, RemoteError
from tailhub.findings import Finding, choose_language
from tailhub.log_event import log_event
from tailhub.server.config import RelayConfig
from tailhub.server.notify_config import has_apprise, targets_of
from tailhub.server.outbox import Outbox
from tailhub.server.state_files import write_files
from tailhub.server.watched import Watched
from tailhub.verifiers.verifier import trouble, words

__all__ = ["Watchman", "watch"]

LOOK_S: Final = 60.0
FIRST_LOOK_S: Final = 20.0  # what is not known right after the start is known by then
KEEP_S: Final = 1800.0  # between writings that are not for a message
UPDATE_S: Final = 86400.0
UPDATE_JITTER_S: Final = 7200.0
FILE: Final = "notifications.json"  # in the state directory

_log = logging.getLogger("tailhub")


async def watch(config: RelayConfig, watched: Watched, state_dir: Path) -> None:
    """Look until cancelled; end at once, with a finding in the log, where nobody can be told."""
    try:
        targets = targets_of(config)
    except MachineError as exc:
        if isinstance(finding := exc.finding, Finding):
            _log.warning("%s", finding)
        return
    if not has_apprise():
        _log.warning("%s", findings.notify_needs_apprise(config.place("notify" if config.notify else "notify_file")))
        return
    outbox = Outbox(targets)
    try:
        await Watchman(config, watched, outbox, state_dir / FILE).run()
    finally:
        await outbox.stop()


class Watchman:
    """`run` is a task. `clock` is seconds since 1970."""

    def __init__(
        self, config: RelayConfig, watched: Watched, outbox: Outbox, file: Path, clock: Callable[[], float] = time.time
    ) -> None:
        self._config = config
        self._watched = watched
        self._outbox = outbox
        self._file = file
        self._clock = clock
        self._events = config.notify_events or EVENTS
        self._lang = choose_language(os.environ, config.notify_language or None)
        self._ledger, self._reach = Ledger(), Reach(clock())
        self._self_test: SelfTest | None = None  # since it is quiet
        self._ignores_contact = False  # what came since the last look was our own test
        self._update_at = 0.0  # when the index was asked last
        self._has_told_of_index = False
        self._kept_at = clock()

    async def run(self) -> None:
        """Look again and again."""
        self.restore()
        pause_s = FIRST_LOOK_S
        checking = asyncio.get_running_loop().create_task(self._check_updates())
        try:
            while True:
                await asyncio.sleep(pause_s)
                pause_s = LOOK_S
                try:
                    await self.look()
                except Exception:  # ours: it must not be the last look
                    _log.exception("error while looking for what to tell")
        finally:
            checking.cancel()
            self._keep()

    async def look(self) -> None:
        """Look once, and have told what is to be."""
        now, watched = self._clock(), self._watched
        await watched.ask_silent(self._ledger.told("verifier"))
        found = [judge(await watched.look(now), now), await self._look_outside(now)]
        conditions = [one for look in found for one in look.conditions if one.event in self._events]
        look = Look(tuple(conditions), frozenset().union(*(look.unknown for look in found)))
        for one in self._ledger.take(look, now):
            message = render(one, watched.relay_name, self._lang)
            _log.info("notify  %s", message.title, extra=log_event("notify", title=message.title))
            self._outbox.put(message)
        if self._ledger.has_changed or not 0 <= now - self._kept_at < KEEP_S:
            await asyncio.to_thread(self._keep)

    async def _look_outside(self, now: float) -> Look:
        contact, came = self._watched.contact()
        if self._ignores_contact:
            contact, came, self._ignores_contact = False, 0, False
        self._reach.look(contact=contact, connections=came, now=now)
        if not self._reach.is_silent(now):
            self._self_test = None
        elif self._self_test is None:
            self._self_test = await self._watched.test_own_port()
            self._ignores_contact = True
        return self._reach.judge(now, self._self_test or SelfTest())

    # --- the package index --------------------------------------------------------------------------------------------

    async def _check_updates(self) -> None:
        """Ask once a day, at another time each day and for each relay."""
        if not self._config.update_check or "update" not in self._events:
            return
        from tailhub.server.update_check import newest_version
        from tailhub.verifiers.url import parse_url

        url = parse_url(self._config.update_index)
        while True:
            due_at = self._update_at + UPDATE_S + random.uniform(-UPDATE_JITTER_S, UPDATE_JITTER_S)
            wait_s = min(max(0.0, due_at - self._clock()), UPDATE_S + UPDATE_JITTER_S)  # the clock may have been set
            await asyncio.sleep(wait_s + random.uniform(0, FIRST_LOOK_S))
            self._update_at = self._clock()
            try:
                self._watched.newest = await newest_version(url) or self._watched.newest
                self._has_told_of_index = False
            except (OSError, RemoteError) as exc:
                self._index_failed(str(url), trouble(exc) if isinstance(exc, OSError) else words(exc))
            except Exception:  # ours
                _log.exception("error while asking for the newest version")

    def _index_failed(self, url: str, reason: str) -> None:
        if not self._has_told_of_index:
            self._has_told_of_index = True
            _log.warning("%s", findings.update_index_unusable(url, reason, self._config.place("update_index")))

    # --- what is kept -------------------------------------------------------------------------------------------------

    def _keep(self) -> None:
        """Write what was told, whole or not at all. If that fails, a restart may tell something twice."""
        self._ledger.has_changed, self._kept_at = False, self._clock()
        kept: dict[str, Any] = {"version": 1, "told": self._ledger.dump(), "reach": self._reach.dump()}
        kept |= {"newest": self._watched.newest, "update_at": self._update_at}
        with contextlib.suppress(OSError):
            write_files(self._file.parent, {self._file.name: json.dumps(kept, ensure_ascii=False).encode()})

    def restore(self) -> None:
        """Read that; a file that is damaged is as none."""
        try:
            kept = json.loads(self._file.read_bytes())
            ledger = Ledger.restored(kept["told"], self._events)
            reach = Reach.restored(kept["reach"], self._clock())
            self._watched.newest, self._update_at = str(kept["newest"]), float(kept["update_at"])
        except FileNotFoundError:
            return
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as exc:
            finding = findings.file_trouble(str(self._file), _reason(exc))
            _log.warning("%s", finding)
            return
        self._ledger, self._reach = ledger, reach


def _reason(exc: Exception) -> str:
    if isinstance(exc, OSError):
        return exc.strerror or str(exc)
    return "it is damaged; what was told may be told again"
