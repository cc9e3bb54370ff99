"""The state directory: is it the one that clients know, is it whole, and will it be there tomorrow?"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tailhub import findings
from tailhub.certs.files import mode_and_owner, read_file
from tailhub.exceptions import FindingError, LocalError
from tailhub.findings import Finding
from tailhub.findings import local as local_findings
from tailhub.findings.remark import Remark
from tailhub.net.container import SYSTEM_CONTAINERS, container_user, detect_engine, outlives_container
from tailhub.net.listen_spec import ListenSpec, parse_public
from tailhub.server.listener_record import origin_of, read_listeners
from tailhub.server.pinned_pair import pair_paths
from tailhub.server.state import parse_relay_key, secret_findings
from tailhub.server.state_place import RELAY_KEY, may_have_state, other_states
from tailhub.server.state_swap import is_unfinished
from tailhub.tools.doctor.local.context import LocalContext
from tailhub.tools.doctor.local.one_step import say_together
from tailhub.tools.doctor.local.rights import may
from tailhub.tools.report import Judgement

__all__ = ["StateSeen", "check", "judge"]

_STEP = "state"


@dataclass(frozen=True, slots=True)
class StateSeen:
    """The directory at `path`: `troubles` are what is wrong with it and the files in it.

    `pinned_at` is when its pinned certificate was written (0: there is none); `rivals` are other directories with a
    pinned certificate for one of our ports, and when that was written. `running_elsewhere`: where a relay that was
    started by hand keeps its state, while `unit` has another place.
    """

    path: str
    exists: bool = False
    is_hidden: bool = False
    is_passing: bool = False
    troubles: tuple[Finding, ...] = ()
    pinned_at: float = 0.0
    rivals: Mapping[str, float] | None = None
    port: int = 0
    running_elsewhere: str = ""
    unit: str = ""


async def check(context: LocalContext) -> Judgement:
    """Look, and judge."""
    return judge(_look(context))


def _look(context: LocalContext) -> StateSeen:
    path = context.state_dir
    troubles: list[Finding] = []
    exists = is_hidden = False
    with contextlib.suppress(OSError):
        exists = path.is_dir()
    try:
        troubles += _trouble_of_directory(context)
        if exists:
            troubles += _trouble_of_files(context)
    except PermissionError:
        is_hidden = True
    ports = _pinned_ports(context)
    engine = detect_engine(context.root, context.environ)
    is_application = engine is not None and engine not in SYSTEM_CONTAINERS
    unit = context.unit.name if context.unit is not None and not context.is_running else ""
    rivals = dict(_rivals(context, ports))
    return StateSeen(
        path=str(path),
        exists=exists,
        is_hidden=is_hidden,
        is_passing=is_application and outlives_container(path, context.root) is False,
        troubles=tuple(troubles),
        pinned_at=_written(pair_paths(path, context.config.pin)[0]) if ports else 0.0,
        rivals=rivals,
        port=ports[0] if ports else 0,
        running_elsewhere=next((str(one) for one in context.others if str(one) in rivals), "") if unit else "",
        unit=unit,
    )


def _trouble_of_directory(context: LocalContext) -> Iterator[Finding]:
    """Can the relay's user have it? As a start would find it. Raises `PermissionError` where one may not look."""
    path = context.state_dir
    there = next(one for one in (path, *path.parents) if os.path.lexists(one))
    if not stat.S_ISDIR(there.stat().st_mode):
        yield findings.state_not_a_directory(str(there), movable=there.is_file() or there.is_symlink())
    elif context.account is None or _is_read_only(there) or _by_systemd(context):
        return
    elif may(context, there, "w") is False:
        mode, owner = mode_and_owner(there) if there == path else (None, "")
        yield findings.state_not_writable(str(path), context.account.name, mode, owner, container_user())


def _is_read_only(path: Path) -> bool:
    """Is its file system? Of which `disk` tells."""
    return hasattr(os, "statvfs") and bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def _by_systemd(context: LocalContext) -> bool:
    """Does systemd make this directory for its service, and give it to the user?"""
    return context.unit is not None and context.state_dir in context.unit.state_dirs


def _trouble_of_files(context: LocalContext) -> Iterator[Finding]:
    path, option = context.state_dir, "--state-dir"
    if is_unfinished(path):
        yield findings.state_unfinished(str(path))
    key = context.config.key_file or path / RELAY_KEY
    if key.exists() and os.access(key, os.R_OK):
        try:
            parse_relay_key(read_file(key, option))
        except LocalError as exc:
            yield findings.relay_key_malformed(str(key), str(exc))
        except FindingError as exc:
            if isinstance(exc.finding, Finding):
                yield exc.finding
        yield from secret_findings(key)


def _pinned_ports(context: LocalContext) -> list[int]:
    """The ports at which clients pin the certificate of this state."""
    ports = []
    for listener in context.config.listeners:
        with contextlib.suppress(FindingError):
            spec = parse_public(listener.listen, listener.place("listen"))
            if origin_of(listener) == "pinned" and isinstance(spec, ListenSpec) and spec.port:
                ports.append(spec.port)
    return ports


def _rivals(context: LocalContext, ports: Sequence[int]) -> Iterator[tuple[str, float]]:
    places = [*other_states(context.state_dir, context.environ), *context.others]
    places += other_states(context.state_dir, os.environ)  # whoever looks may have tried it out
    for other in dict.fromkeys(places):
        if other == context.state_dir or not may_have_state(other):
            continue
        for record in read_listeners(other):
            if record.origin == "pinned" and record.port in ports:
                at = _written(pair_paths(other, record.pin)[0])
                if at:
                    yield str(other), at


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def judge(seen: StateSeen) -> Judgement:
    """What it means."""
    judgement = Judgement()
    found = list(seen.troubles)
    if seen.is_passing:
        found.append(findings.state_not_a_mount(seen.path))
    if seen.running_elsewhere:
        found.append(local_findings.next_start_elsewhere(seen.running_elsewhere, seen.path, seen.unit))
    for other, at in (seen.rivals or {}).items():
        if other == seen.running_elsewhere:
            continue
        if not seen.pinned_at and not seen.is_hidden:
            found.append(findings.state_elsewhere(seen.path, other, seen.port))
        elif at < seen.pinned_at:
            found.append(findings.other_state(seen.path, other))
    if not say_together(judgement, _STEP, found):
        if seen.is_hidden:
            judgement.untested(_STEP, Remark("state_hidden"))
        else:
            judgement.ok(_STEP, Remark("state_here" if seen.exists else "state_new", {"path": seen.path}))
    return judgement
