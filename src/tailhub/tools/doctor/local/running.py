"""The relay that runs, if one does: its service, its version, and what its clients think of its certificate."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tailhub
from tailhub import findings
from tailhub.findings import local as local_findings
from tailhub.findings.remark import Remark
from tailhub.tools.doctor.local.context import LocalContext
from tailhub.tools.report import Judgement

__all__ = ["RunningSeen", "check", "judge"]

_STEP, _SERVICE, _CLIENTS = "relay", "service", "clients"
_LIMIT_S = 1.0  # for each program of systemd
_UP = frozenset({"active", "reloading"})


@dataclass(frozen=True, slots=True)
class RunningSeen:
    """What there is: `checkup` is what the relay says, None without one; `states` what systemd says of `unit`.

    `is_hidden`: a relay is there and this user may not ask it. `is_silent`: it takes connections and says nothing;
    `pid` is its process, 0 where that is not known. `last_words`: the last line that the service printed.
    `made`: the day of the pinned certificate; `others`: state directories of other relays that run here, and
    `has_contained`: some run in containers of this machine.
    """

    state_dir: str
    installed: str
    checkup: Mapping[str, Any] | None = None
    is_hidden: bool = False
    is_silent: bool = False
    pid: int = 0
    unit: str = ""
    states: Mapping[str, str] | None = None
    last_words: str = ""
    made: str = ""
    others: tuple[str, ...] = ()
    has_contained: bool = False


async def check(context: LocalContext) -> Judgement:
    """Look, and judge."""
    return judge(await asyncio.to_thread(_look, context))


def _look(context: LocalContext) -> RunningSeen:
    unit = context.unit.name if context.unit is not None else ""
    states: dict[str, str] | None = None
    words = ""
    if unit and (context.root / "run/systemd/system").exists():
        shown = _run(["systemctl", "show", f"{unit}.service", "--property=ActiveState,SubState,NRestarts"])
        states = dict(line.partition("=")[::2] for line in shown.splitlines()) if shown else None
        if states and not _is_up(states):
            words = _last_words(_run(["journalctl", "-u", f"{unit}.service", "-n", "30", "-o", "cat", "--no-pager"]))
    return RunningSeen(
        state_dir=str(context.state_dir),
        installed=tailhub.__version__,
        checkup=context.relay.checkup if context.relay is not None else None,
        is_hidden=context.is_hidden,
        is_silent=context.relay is not None and context.relay.is_silent,
        pid=context.relay.pid if context.relay is not None else 0,
        unit=unit,
        states=states,
        last_words=words,
        made=_made(context),
        others=tuple(dict.fromkeys(map(str, context.others))),
        has_contained=context.has_contained,
    )


def _run(words: list[str]) -> str:
    try:
        done = subprocess.run(words, capture_output=True, timeout=_LIMIT_S, check=False)  # noqa: S603  our own words
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


def _last_words(log: str) -> str:
    said = [line.strip() for line in log.splitlines() if line.startswith("tailhub: ")]
    return said[-1].removeprefix("tailhub: ").rstrip(".") if said else ""


def _made(context: LocalContext) -> str:
    """The day on which the pinned certificate was written, "" where that cannot be seen."""
    from datetime import UTC, datetime

    from tailhub.server.pinned_pair import pair_paths

    try:
        at = pair_paths(context.state_dir, context.config.pin)[0].stat().st_mtime
    except OSError:
        return ""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def _is_up(states: Mapping[str, str]) -> bool:
    if states.get("ActiveState") == "activating":  # again and again, perhaps
        return states.get("SubState") != "auto-restart" and states.get("NRestarts", "0") == "0"
    return states.get("ActiveState") in _UP


def judge(seen: RunningSeen) -> Judgement:
    """What it means."""
    judgement = Judgement()
    if seen.unit and seen.states is not None:
        state = f"{seen.states.get('ActiveState')}, {seen.states.get('SubState')}"
        if _is_up(seen.states):
            judgement.ok(_SERVICE, Remark("service_up", {"unit": seen.unit, "state": state}))
        else:
            judgement.found(_SERVICE, local_findings.service_not_running(seen.unit, state, seen.last_words))
    if seen.checkup is None:
        reason = "relay_hidden" if seen.is_hidden else "relay_contained" if seen.has_contained else "relay_none"
        values = {"path": seen.state_dir, "others": ", ".join(seen.others)}
        judgement.untested(_STEP, Remark(reason, values))
        return judgement
    if seen.is_silent:
        judgement.found(_STEP, local_findings.relay_silent(seen.state_dir, seen.pid, seen.unit))
        return judgement
    version = str(seen.checkup.get("version") or "")
    remark = Remark("relay_up", {"version": version or "?"})
    if version and version != seen.installed:
        judgement.found(_STEP, findings.relay_still_old(seen.installed, version), remark)
    else:
        judgement.ok(_STEP, remark)
    if seen.checkup:
        _judge_clients(judgement, seen, seen.checkup)
    return judgement


def _judge_clients(judgement: Judgement, seen: RunningSeen, checkup: Mapping[str, Any]) -> None:
    refusals, logins = int(checkup.get("certificate_rejections", 0)), int(checkup.get("logins", 0))
    remark = Remark("clients_here", {"clients": int(checkup.get("clients", 0)), "logins": logins})
    if refusals and not logins:
        judgement.found(_CLIENTS, local_findings.clients_refuse_certificate(refusals, seen.made), remark)
    else:
        judgement.ok(_CLIENTS, remark)
