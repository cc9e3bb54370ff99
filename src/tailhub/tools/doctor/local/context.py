"""What the check on the relay's machine goes by: its configuration and state, and where the machine's files are."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tailhub.exceptions import FindingError, MachineError
from tailhub.findings import Finding
from tailhub.server.config import RelayConfig
from tailhub.server.state_place import ADMIN_SOCKET, locate
from tailhub.server.state_swap import LOCK
from tailhub.settings.merge import CONFIG, Settings, load
from tailhub.tools.admin_socket import call, get, is_relay_running
from tailhub.tools.doctor.local.launch import Launch, find_processes, flags_of, home_of, launch_of_unit
from tailhub.tools.doctor.local.unit import Unit, find_units, read

__all__ = ["Account", "LocalContext", "RunningRelay", "local_context"]

ASK_S = 2.0  # how long the relay may take for an answer


@dataclass(frozen=True, slots=True)
class Account:
    """The user whose rights count: whose process the relay is, or would be. `groups` has all of its group ids."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RunningRelay:
    """What the relay that runs says over the socket in its state directory.

    `checkup` is its answer to the call of that name (`tailhub.server.checkup_actions`), empty where it has no such
    call. `derp_map` is the JSON of the map for clients elsewhere, empty while that is not known. `pid` is its first
    process, 0 where that cannot be told (it is in a container). `is_silent`: it has said nothing within `ASK_S`.
    """

    pid: int = 0
    checkup: Mapping[str, Any] = field(default_factory=dict)
    derp_map: bytes = b""
    is_silent: bool = False


@dataclass(frozen=True, slots=True)
class LocalContext:
    """`settings` are as a start would read them, `config` is what they come to.

    `is_running`: does a relay answer on the socket in `state_dir`? `root` is where /proc, /sys and /etc are: another
    one in tests of what a machine cannot be made to have.

    `account` is whose rights count, None where that is not known; who looks may be root or somebody else (`is_me`
    False). `unit` is what starts it, None without one. `environ` is what the relay is started with, as far as we know.
    `relay` is what runs; `is_hidden`: there is a socket, and this user may not ask it; `is_closed`: this user may not
    read the configuration, and `settings` are the defaults. `faults` are what is wrong with how it is started, `others`
    the state directories of relays that run here too; `has_contained`: there are some in containers of this machine.
    """

    settings: Settings
    config: RelayConfig
    state_dir: Path
    is_running: bool = False
    root: Path = Path("/")
    account: Account | None = None
    is_me: bool = True
    unit: Unit | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    relay: RunningRelay | None = None
    is_hidden: bool = False
    is_closed: bool = False
    faults: tuple[Finding, ...] = ()
    others: tuple[Path, ...] = ()
    has_contained: bool = False


def local_context(
    config_file: str | None = None, state_dir: Path | None = None, root: Path = Path("/")
) -> LocalContext:
    """What there is to look at: the relay that `config_file` and `state_dir` name, else the one that runs or would.

    Without either it is the relay of a systemd unit, else the only one that runs, else what this user would start.
    Blocks for some 100 ms, and `ASK_S` for each question to a relay that hangs. Raises `FindingError` for a file that
    is named and cannot be read.
    """
    me = os.geteuid() if hasattr(os, "geteuid") else None
    own = Launch(environ=os.environ, uid=me, directory=_here())
    unit = _choose_unit(root, config_file, state_dir)
    everything = list(find_processes(root))
    running = [one for one in everything if not one.is_contained]
    process = _choose_process(running, unit, config_file, state_dir, root)
    launch = process or (launch_of_unit(unit, root) if unit is not None else None) or own
    environ = _environ(launch)
    if launch.environ is None and unit is not None:
        environ = {**environ, **unit.environ(root)}
    settings, faults = _read(launch, environ, config_file, own)
    is_me = launch.uid == me
    is_closed = not is_me and any(fault.name == "file-unreadable" for fault in faults)
    config = settings.config()
    directory = locate(state_dir or config.state_dir, environ, launch.uid)
    context = LocalContext(
        settings=settings,
        config=config,
        state_dir=directory,
        root=root,
        account=_account(launch.uid),
        is_me=is_me,
        unit=unit,
        environ=environ,
        is_closed=is_closed,
        faults=() if is_closed else tuple(faults),
        others=tuple(_state_dir(one) for one in running if one is not process),
        has_contained=len(everything) > len(running),
    )
    return _asked(context, process.pid if process is not None else 0)


def _here() -> Path:
    try:
        return Path.cwd()
    except OSError:  # it was removed
        return Path("/")


def _choose_unit(root: Path, config_file: str | None, state_dir: Path | None) -> Unit | None:
    """The unit that is meant: of several the one with our own name, and none for another configuration or state."""
    found = [(unit, launch) for unit in find_units(root) if (launch := launch_of_unit(unit, root)) is not None]
    for unit, launch in sorted(found, key=lambda pair: pair[0].name != "tailhub"):
        named = flags_of(launch.words, launch.directory)[0].get(CONFIG) if not launch.is_original else None
        if config_file is not None and named != str(Path(config_file).absolute()):
            continue
        if state_dir is None or _state_dir(launch) == state_dir.absolute():
            return unit
    return None


def _choose_process(
    running: list[Launch], unit: Unit | None, config_file: str | None, state_dir: Path | None, root: Path
) -> Launch | None:
    """The relay that runs and is meant: that of the directory or the unit, else the only one."""
    if state_dir is not None:
        holder = read(state_dir / LOCK).strip()
        return next((one for one in running if str(one.pid) == holder or _state_dir(one) == state_dir.absolute()), None)
    if unit is not None:
        return next((one for one in running if f"/{unit.name}.service" in read(root / f"proc/{one.pid}/cgroup")), None)
    if config_file is not None:
        wanted = str(Path(config_file).absolute())
        return next((one for one in running if flags_of(one.words, one.directory)[0].get(CONFIG) == wanted), None)
    return running[0] if len(running) == 1 else None


def _environ(launch: Launch) -> Mapping[str, str]:
    return launch.environ if launch.environ is not None else home_of(launch.uid)


def _state_dir(launch: Launch) -> Path:
    """Where this one has its state, as far as it can be told."""
    environ = _environ(launch)
    try:
        config = _settings(launch, environ)[0].config()
        return locate(config.state_dir, environ, launch.uid)
    except FindingError:
        return locate(None, environ, launch.uid)


def _read(
    launch: Launch, environ: Mapping[str, str], config_file: str | None, own: Launch
) -> tuple[Settings, list[Finding]]:
    """The settings, and what is wrong with how they are given; the defaults where they cannot be read."""
    if config_file is not None and launch is own:
        return load({CONFIG: config_file}, environ, launch.uid, sys.platform, may_be_pipe=False), []
    try:
        return _settings(launch, environ)
    except FindingError as exc:
        return Settings(), [exc.finding] if isinstance(exc.finding, Finding) else []


def _settings(launch: Launch, environ: Mapping[str, str]) -> tuple[Settings, list[Finding]]:
    """Raises `FindingError`."""
    if launch.is_original:
        from tailhub.settings.original import read_original

        home = Path(environ.get("HOME", "/"))
        return read_original(launch.words, environ, launch.uid, home, may_be_pipe=False) or Settings(), []
    flags, faults = flags_of(launch.words, launch.directory)
    return load(flags, environ, launch.uid, sys.platform, may_be_pipe=False), faults


def _account(uid: int | None) -> Account | None:
    if uid is None:
        return None
    try:
        from pwd import getpwuid

        entry = getpwuid(uid)
        return Account(entry.pw_name, uid, entry.pw_gid, tuple(os.getgrouplist(entry.pw_name, entry.pw_gid)))
    except (ImportError, KeyError):  # a container without this user in its passwd file
        return Account(str(uid), uid, uid)


def _asked(context: LocalContext, pid: int) -> LocalContext:
    """With what the relay says, if one answers."""
    try:
        if not is_relay_running(context.state_dir):
            return context
    except MachineError:
        return replace(context, is_hidden=True)
    return replace(context, is_running=True, relay=_ask(context.state_dir, pid))


def _ask(state_dir: Path, pid: int) -> RunningRelay:
    checkup: Mapping[str, Any] = {}
    derp_map = b""
    try:
        checkup = call(state_dir, "GET", "checkup", timeout_s=ASK_S)
        status, body = get(state_dir / ADMIN_SOCKET, "/derpmap.json?view=public", timeout_s=ASK_S)
        derp_map = body if status == 200 else b""
    except FindingError as exc:
        if isinstance(exc.__cause__, TimeoutError):
            return RunningRelay(pid, is_silent=True)
        # else an older relay, or one that is just ending
    return RunningRelay(pid, checkup, derp_map)
