"""Has a running relay, of one process or as the desk of several, go by another configuration.

First everything is checked and opened (`Foundation.prepare`), then all of it is taken over; what fails on the way is
taken back. What differs is decided in `tailhub.server.reload`, each part takes over what is its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias

from tailhub import findings
from tailhub.exceptions import FindingError, MachineError, UsageError
from tailhub.findings import Finding
from tailhub.log_event import log_event
from tailhub.server.config import RelayConfig, config_findings
from tailhub.server.log_setup import apply_log_settings
from tailhub.server.reload import CONTENT, ReloadOutcome, plan_reload

if TYPE_CHECKING:
    from tailhub.server.foundation import Foundation, Standing
    from tailhub.server.listeners import ListenSpecs

__all__ = ["LoadConfig", "Reloads", "prepare_reload", "refusal_of", "report"]

LoadConfig: TypeAlias = Callable[[], tuple[RelayConfig, list[Finding]]]
"""Reads the settings anew: the configuration, and all that is wrong or doubtful. Raises `FindingError`."""

_log = logging.getLogger("tailhub")


def prepare_reload(
    foundation: Foundation,
    load: LoadConfig | None,
    check: Callable[[ListenSpecs, Standing], None] = lambda before, after: None,
) -> tuple[Standing, ReloadOutcome]:
    """Read and check all anew, and open what is new: nothing has changed yet. Without `load` files only are read again.

    `check` may still refuse it. Raises `FindingError`, also for a fault of ours, which must not end the relay. Blocks
    as long as files do.
    """
    try:
        return _prepare_reload(foundation, load, check)
    except FindingError:
        raise
    except Exception as exc:
        _log.exception("error while checking the new configuration")
        raise MachineError(findings.reload_failed(str(exc) or type(exc).__name__)) from exc


def _prepare_reload(
    foundation: Foundation, load: LoadConfig | None, check: Callable[[ListenSpecs, Standing], None]
) -> tuple[Standing, ReloadOutcome]:
    config, found = load() if load is not None else (foundation.config, config_findings(foundation.config))
    errors = [finding for finding in found if finding.severity == "error"]
    if errors:
        for finding in errors[1:]:
            _log.error("%s", finding)
        raise UsageError(errors[0] if len(errors) == 1 else findings.reload_refused(len(errors), str(errors[0])))
    plan = plan_reload(foundation.config, config)
    standing = foundation.prepare(plan.config)
    try:
        check(foundation.specs, standing)
        contents = _other_contents(foundation, standing)
    except BaseException:
        foundation.leave(standing)
        raise
    for finding in (*found, *standing.doubts):
        _log.warning("%s", finding)
    return standing, ReloadOutcome((*plan.outcome.changed, *contents), plan.outcome.needs_restart)


def _other_contents(foundation: Foundation, standing: Standing) -> list[str]:
    """The files that say something else than before, while their settings are the same."""
    before, after = foundation.config, standing.config
    found = []
    is_same = after.rate_config is not None and before.rate_config == after.rate_config
    if is_same and foundation.limits.of("").key != standing.limits.of("").key:
        found.append(f"rate_config {CONTENT}")
    if before.mesh_key_file == after.mesh_key_file and foundation.policy.mesh_keys != standing.policy.mesh_keys:
        found.append(f"mesh_key_file {CONTENT}")
    served = {
        source.place: loaded.certificates
        for source, loaded in zip(foundation.sources, foundation.loaded, strict=True)
        if source is not None and loaded is not None
    }
    for source, loaded in zip(standing.sources, standing.loaded, strict=True):
        if source is None or loaded is None or source.place not in served:
            continue
        if served[source.place] != loaded.certificates:
            found.append(f"{source.place} {CONTENT}")
    return list(dict.fromkeys(found))


def report(outcome: ReloadOutcome) -> None:
    """Say in the log what a reload came to."""
    changed, restart = ", ".join(outcome.changed), ", ".join(outcome.needs_restart)
    extra = log_event("reload", changed=changed, needs_restart=restart)
    _log.info("reloaded: %s", changed or "nothing has changed", extra=extra)
    if restart:
        _log.warning("these need a restart: %s", restart, extra=extra)


def refusal_of(exc: FindingError) -> Finding:
    """What a reload that could not be is answered with; the log says it too."""
    finding = exc.finding if isinstance(exc.finding, Finding) else findings.reload_failed(str(exc))
    extra = log_event("reload", code=finding.code)
    _log.error("the configuration stays as it is: %s", finding, extra=extra)
    return finding


class Follower(Protocol):
    """Who takes over what a foundation stands on now; it stood on `before`."""

    def follow(self, before: Standing) -> None:
        """Nothing of this should fail: what can has been checked."""


def follow_log(before: Standing, after: Standing) -> None:
    """Log as it is set now; a level that was chosen at run time stays while no other one is set."""
    sets_level = before.config.log_level != after.config.log_level
    if sets_level or before.config.log_format != after.config.log_format:
        apply_log_settings(after.config, sets_level=sets_level)


def take_over(foundation: Foundation, standing: Standing, follower: Follower) -> None:
    """Stand on this from now on, or on all as it was. Raises `MachineError`."""
    before = foundation.take(standing)
    try:
        follower.follow(before)
        follow_log(before, standing)
    except Exception as exc:  # ours
        _log.exception("error while taking over the new configuration")
        foundation.take(before)
        with contextlib.suppress(Exception):
            follower.follow(standing)
        foundation.leave(standing)
        raise MachineError(findings.reload_failed(str(exc) or type(exc).__name__)) from exc
    foundation.leave(before)


class Reloads:
    """Reloads of a relay of one process, one after the other: two that are asked for at a time are two."""

    def __init__(self, foundation: Foundation, load: LoadConfig | None, follower: Follower) -> None:
        self._foundation = foundation
        self._load = load
        self._follower = follower
        self._one = asyncio.Lock()

    async def run(self) -> ReloadOutcome:
        """Reload. Raises `FindingError`; nothing has changed then."""
        async with self._one:
            loop = asyncio.get_running_loop()
            try:
                # In a thread: files may lie on a disk that does not answer.
                standing, outcome = await loop.run_in_executor(None, prepare_reload, self._foundation, self._load)
                take_over(self._foundation, standing, self._follower)
            except FindingError as exc:
                finding = refusal_of(exc)
                raise (UsageError if isinstance(exc, UsageError) else MachineError)(finding) from exc
            await loop.run_in_executor(None, self._foundation.keep_listeners)
            report(outcome)
            return outcome
